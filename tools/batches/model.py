"""Batches as a training writes them: predictions of a small DETR in PyTorch, random and untrained, saved by the recipe of
docs/guide/report.md, and its loss by PyTorch and SciPy.

    python3 model.py FOLDER

writes `model.npz` (float32, with earlier layers), `model-half.npz` (float16, compressed) and `model.pt` (torch.save, which is refused) and
prints the loss of `model.npz`. Made with PyTorch 1.13.1, NumPy 1.24.2 and SciPy 1.10.1; other versions draw other numbers.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import nn

QUERIES, CLASSES, WIDTH, LAYERS, COUNTS = 20, 5, 32, 3, [3, 0, 2]


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(QUERIES, WIDTH))
        self.memory = nn.Linear(3, WIDTH)
        decoder = [nn.TransformerDecoderLayer(WIDTH, 4, 64, batch_first=True) for _ in range(LAYERS)]
        self.layers = nn.ModuleList(decoder)
        self.classes = nn.Linear(WIDTH, CLASSES + 1)
        self.boxes = nn.Linear(WIDTH, 4)

    def forward(self, image):
        state, memory, outputs = self.queries.expand(len(image), -1, -1), self.memory(image), []
        for layer in self.layers:
            state = layer(state, memory)
            outputs.append({"pred_logits": self.classes(state), "pred_boxes": self.boxes(state).sigmoid()})
        return {**outputs[-1], "aux_outputs": outputs[:-1]}


def target(count):
    boxes = torch.cat([torch.rand(count, 2) * 0.4 + 0.3, torch.rand(count, 2) * 0.3 + 0.05], 1)
    return {"labels": torch.randint(0, CLASSES, (count,)), "boxes": boxes}


def arrays(outputs, targets):
    return {
        "pred_logits": outputs["pred_logits"].detach().cpu(),
        "pred_boxes": outputs["pred_boxes"].detach().cpu(),
        "labels": torch.cat([t["labels"] for t in targets]).cpu(),
        "boxes": torch.cat([t["boxes"] for t in targets]).cpu(),
        "counts": [len(t["labels"]) for t in targets],
    }


def giou(one, other):
    one, other = (torch.cat([b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2], -1) for b in (one, other))
    area = lambda box: (box[..., 2:] - box[..., :2]).prod(-1)
    low, high = torch.max(one[..., :2], other[..., :2]), torch.min(one[..., 2:], other[..., 2:])
    both = (high - low).clamp(min=0).prod(-1)
    union = area(one) + area(other) - both
    hull = (torch.max(one[..., 2:], other[..., 2:]) - torch.min(one[..., :2], other[..., :2])).prod(-1)
    return both / union - (hull - union) / hull


def loss_of(layer, targets):
    """DETR's: class 1 (no-object 0.1), L1 5, GIoU 2, in cost and loss."""
    labels, l1, overlap = torch.full(layer["pred_logits"].shape[:2], CLASSES), 0, 0
    for b, t in enumerate(targets):
        if len(t["labels"]) == 0:
            continue
        boxes = layer["pred_boxes"][b]
        cost = 5 * torch.cdist(boxes, t["boxes"], p=1) - 2 * giou(boxes[:, None], t["boxes"][None])
        cost -= layer["pred_logits"][b].softmax(-1)[:, t["labels"]]
        query, match = linear_sum_assignment(cost.detach())
        labels[b, query] = t["labels"][match]
        l1 = l1 + (boxes[query] - t["boxes"][match]).abs().sum()
        overlap = overlap + (1 - giou(boxes[query], t["boxes"][match])).sum()
    weights = torch.tensor([1.0] * CLASSES + [0.1], dtype=torch.float64)
    return F.cross_entropy(layer["pred_logits"].transpose(1, 2), labels, weights) + (5 * l1 + 2 * overlap) / max(1, sum(COUNTS))


def main(folder):
    torch.manual_seed(3)
    model = Detector()
    outputs, targets = model(torch.randn(len(COUNTS), 10, 3)), [target(count) for count in COUNTS]
    aux, batch = outputs["aux_outputs"], arrays(outputs, targets)
    more = {
        "aux_logits": torch.stack([a["pred_logits"] for a in aux]).detach().cpu(),
        "aux_boxes": torch.stack([a["pred_boxes"] for a in aux]).detach().cpu(),
    }
    np.savez(folder / "model.npz", **batch, **more)
    half = {name: batch[name].half() for name in ("pred_logits", "pred_boxes")}
    np.savez_compressed(folder / "model-half.npz", **{**batch, **half})
    torch.save({"outputs": outputs, "targets": targets}, folder / "model.pt")
    doubles = lambda layer: {name: layer[name].double() for name in ("pred_logits", "pred_boxes")}
    targets = [{**t, "boxes": t["boxes"].double()} for t in targets]
    print(f"loss {sum(float(loss_of(doubles(layer), targets)) for layer in [outputs, *aux]):.9f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
