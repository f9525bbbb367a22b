"""The criteria of DETR and of Deformable DETR in PyTorch, in float32.

`Torch` computes in the operations that the authors' own code uses: facebookresearch/detr, `models/detr.py` and
`matcher.py`; fundamentalvision/Deformable-DETR, `models/deformable_detr.py` and `matcher.py`. The metrics that they log
are part of each step there, and so here. `Transformers` is the library transformers, which logs only the cardinality
error.
"""

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment

ALPHA, GAMMA = 0.25, 2
NO_OBJECT_WEIGHT = 0.1
L1, GIOU = 5, 2
CLASS = {"softmax": 1, "focal": 2}


def corners(boxes):
    """Boxes cxcywh as x1, y1, x2, y2."""
    cx, cy, w, h = boxes.unbind(-1)
    return torch.stack([cx - 0.5 * w, cy - 0.5 * h, cx + 0.5 * w, cy + 0.5 * h], dim=-1)


def pairwise_giou(predicted, wanted):
    """Generalised IoU of all pairs of boxes cxcywh, `[N, 4]` and `[M, 4]`, as `[N, M]`."""
    a, b = corners(predicted), corners(wanted)
    assert (a[:, 2:] >= a[:, :2]).all() and (b[:, 2:] >= b[:, :2]).all()
    area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    sides = (torch.min(a[:, None, 2:], b[:, 2:]) - torch.max(a[:, None, :2], b[:, :2])).clamp(min=0)
    overlap = sides[:, :, 0] * sides[:, :, 1]
    union = area_a[:, None] + area_b - overlap
    sides = (torch.max(a[:, None, 2:], b[:, 2:]) - torch.min(a[:, None, :2], b[:, :2])).clamp(min=0)
    hull = sides[:, :, 0] * sides[:, :, 1]
    return overlap / union - (hull - union) / hull


class Softmax:
    """DETR's class terms."""

    def __init__(self, classes):
        self.no_object = classes - 1  # the class of a query without target
        self.weights = torch.ones(classes)
        self.weights[-1] = NO_OBJECT_WEIGHT

    def cost(self, logits, labels):
        """Matching cost of `[N, C]` logits and `[M]` labels, weighted."""
        return -logits.softmax(-1)[:, labels]

    def loss(self, logits, wanted, _num_boxes):
        """The term for `[B, Q, C]` logits and the class of each query, `[B, Q]`."""
        return F.cross_entropy(logits.transpose(1, 2), wanted, self.weights)


class Focal:
    """Deformable DETR's class terms."""

    def __init__(self, classes):
        self.no_object = classes  # the class of a query without target

    def cost(self, logits, labels):
        """Matching cost of `[N, C]` logits and `[M]` labels, weighted."""
        p = logits.sigmoid()
        negative = (1 - ALPHA) * p**GAMMA * -(1 - p + 1e-8).log()
        positive = ALPHA * (1 - p) ** GAMMA * -(p + 1e-8).log()
        return CLASS["focal"] * (positive[:, labels] - negative[:, labels])

    def loss(self, logits, wanted, num_boxes):
        """The term for `[B, Q, C]` logits and the class of each query, `[B, Q]`."""
        images, queries, classes = logits.shape
        marks = torch.zeros([images, queries, classes + 1])
        marks.scatter_(2, wanted.unsqueeze(-1), 1)
        marks = marks[:, :, :-1]
        p = logits.sigmoid()
        entropy = F.binary_cross_entropy_with_logits(logits, marks, reduction="none")
        right = p * marks + (1 - p) * (1 - marks)
        alpha = ALPHA * marks + (1 - ALPHA) * (1 - marks)
        terms = alpha * entropy * (1 - right) ** GAMMA
        return terms.mean(1).sum() / num_boxes * queries


class Torch:
    """The criterion in plain operations."""

    def __init__(self, classification, classes, targets):
        self.terms = {"softmax": Softmax, "focal": Focal}[classification](classes)
        self.class_weight = CLASS[classification]
        self.targets = targets

    def __call__(self, logits, boxes):
        """From each layer's `[B, Q, C]` and `[B, Q, 4]`: the loss, each layer's terms, and its pairs of each image."""
        num_boxes = torch.as_tensor([sum(len(labels) for labels, _ in self.targets)], dtype=torch.float)
        num_boxes = num_boxes.clamp(min=1).item()
        last = len(logits) - 1
        pairs = [self.match(*layer) for layer in zip(logits, boxes)]
        terms = [self.layer(logits[i], boxes[i], pairs[i], num_boxes, i == last) for i in range(len(logits))]
        loss = sum(self.class_weight * c + L1 * l1 + GIOU * giou for c, l1, giou in terms)
        return loss, terms, pairs

    @torch.no_grad()
    def match(self, logits, boxes):
        """Query and target indices of each image."""
        images, queries = logits.shape[:2]
        labels = torch.cat([labels for labels, _ in self.targets])
        wanted = torch.cat([boxes for _, boxes in self.targets])
        predicted = boxes.flatten(0, 1)
        cost = L1 * torch.cdist(predicted, wanted, p=1) + self.terms.cost(logits.flatten(0, 1), labels)
        cost = (cost - GIOU * pairwise_giou(predicted, wanted)).view(images, queries, -1).cpu()
        blocks = cost.split([len(labels) for labels, _ in self.targets], -1)
        found = [linear_sum_assignment(block[image]) for image, block in enumerate(blocks)]
        return [tuple(torch.as_tensor(side, dtype=torch.int64) for side in pair) for pair in found]

    def layer(self, logits, boxes, pairs, num_boxes, is_last):
        """One layer's terms; its metrics take their time, and are dropped."""
        place = (
            torch.cat([torch.full_like(queries, image) for image, (queries, _) in enumerate(pairs)]),
            torch.cat([queries for queries, _ in pairs]),
        )
        matched = torch.cat([labels[t] for (labels, _), (_, t) in zip(self.targets, pairs)])
        wanted = torch.full(logits.shape[:2], self.terms.no_object, dtype=torch.int64)
        wanted[place] = matched
        by_class = self.terms.loss(logits, wanted, num_boxes)
        if is_last:
            self.class_error(logits[place], matched)
        self.cardinality_error(logits)
        predicted = boxes[place]
        targets = torch.cat([boxes[t] for (_, boxes), (_, t) in zip(self.targets, pairs)], dim=0)
        l1 = F.l1_loss(predicted, targets, reduction="none").sum() / num_boxes
        giou = (1 - torch.diag(pairwise_giou(predicted, targets))).sum() / num_boxes
        return by_class, l1, giou

    @torch.no_grad()
    def class_error(self, logits, labels):
        """Percentage of matched queries whose largest logit is of another class."""
        if labels.numel() == 0:
            return torch.zeros([])
        _, best = logits.topk(1, 1, True, True)
        return 100 - best.t().eq(labels.view(1, -1)).view(-1).float().sum(0) * (100.0 / labels.numel())

    @torch.no_grad()
    def cardinality_error(self, logits):
        """Mean difference of the numbers of predicted and true objects."""
        counts = torch.as_tensor([len(labels) for labels, _ in self.targets])
        predicted = (logits.argmax(-1) != logits.shape[-1] - 1).sum(1)
        return F.l1_loss(predicted.float(), counts.float())


class Transformers:
    """The criterion of the library transformers."""

    def __init__(self, classification, classes, targets):
        from transformers.loss import loss_deformable_detr, loss_for_object_detection

        self.class_weight = CLASS[classification]
        costs = {"class_cost": self.class_weight, "bbox_cost": L1, "giou_cost": GIOU}
        losses = ["labels", "boxes", "cardinality"]
        if classification == "softmax":
            matcher = loss_for_object_detection.HungarianMatcher(**costs)
            self.criterion = loss_for_object_detection.ImageLoss(matcher, classes - 1, NO_OBJECT_WEIGHT, losses)
        else:
            matcher = loss_deformable_detr.DeformableDetrHungarianMatcher(**costs)
            self.criterion = loss_deformable_detr.DeformableDetrImageLoss(matcher, classes, ALPHA, losses)
        self.targets = [{"class_labels": labels, "boxes": boxes} for labels, boxes in targets]
        self.pairs = []
        matcher.register_forward_hook(lambda _module, _inputs, pairs: self.pairs.append(pairs))

    def __call__(self, logits, boxes):
        """As `Torch.__call__`."""
        self.pairs.clear()
        layers = [{"logits": x, "pred_boxes": b} for x, b in zip(logits, boxes)]
        found = self.criterion({**layers[-1], "auxiliary_outputs": layers[:-1]}, self.targets)
        names = [f"_{i}" for i in range(len(layers) - 1)] + [""]
        terms = [[found[f"loss_{kind}{name}"] for kind in ("ce", "bbox", "giou")] for name in names]
        loss = sum(self.class_weight * c + L1 * l1 + GIOU * giou for c, l1, giou in terms)
        return loss, terms, self.pairs[1:] + self.pairs[:1]  # the last layer is matched first
