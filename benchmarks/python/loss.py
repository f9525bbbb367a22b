"""PyTorch's criteria for the benchmark of the loss, one in each process, on one thread.

python3 loss.py               prints what there is: {"versions": text, "contenders": [name, ...]}, and why there is none
python3 loss.py <contender>   answers requests, one a line (see `Host`)

Needs torch, numpy and scipy; with transformers also that library's criteria.
"""

import importlib
import json
import platform
import sys

from host import serve, take_samples

try:
    import numpy
    import torch

    import criteria

    MISSING = None
except ImportError as error:
    MISSING = str(error)


class Host:
    """Holds the inputs of one case. Its methods answer requests.

    - {"prepare": {"classification", "shape": [L, B, Q, C], "counts", "files"}} -> {}
    - {"answer": {"logits": file, "boxes": file}} -> {"loss", "layers", "matches"}: each layer's unweighted terms, and
      for each layer and image the query of each target, or -1; the gradients go to the files
    - {"sample": limits} -> {"samples"}: seconds for one step, which ends with loss and class term as numbers
    """

    def __init__(self, criterion):
        self.criterion_class = criterion
        self.criterion = self.leaves = self.counts = None

    def prepare(self, case):
        """Reads the inputs."""
        layers, images, queries, classes = case["shape"]
        read = {name: torch.from_numpy(numpy.fromfile(file, kind)) for name, (kind, file) in case["files"].items()}
        logits = read["logits"].view(layers, images, queries, classes)
        boxes = read["boxes"].view(layers, images, queries, 4)
        # layers are tensors of their own, which spares the gradients a copy
        self.leaves = [[layer.clone().requires_grad_() for layer in tensor] for tensor in (logits, boxes)]
        self.counts = case["counts"]
        labels = read["labels"].long().split(self.counts)
        targets = list(zip(labels, read["targetBoxes"].view(-1, 4).split(self.counts)))
        self.criterion = self.criterion_class(case["classification"], classes, targets)
        return {}

    def step(self):
        """One step, with the gradients in `self.leaves`."""
        for leaf in sum(self.leaves, []):
            leaf.grad = None
        loss, terms, pairs = self.criterion(*self.leaves)
        loss.backward()
        return loss.item(), terms[-1][0].item(), terms, pairs

    def answer(self, files):
        """The results of a step."""
        loss, _, terms, pairs = self.step()
        for name, leaves in zip(("logits", "boxes"), self.leaves):
            torch.stack([leaf.grad for leaf in leaves]).numpy().tofile(files[name])
        layers = [dict(zip(("class", "l1", "giou"), (term.item() for term in layer))) for layer in terms]
        return {"loss": loss, "layers": layers, "matches": [self.queries_of_targets(layer) for layer in pairs]}

    def queries_of_targets(self, layer):
        """For each image the query of each target, or -1."""
        found = [[-1] * count for count in self.counts]
        for queries_of, (queries, targets) in zip(found, layer):
            for query, target in zip(queries.tolist(), targets.tolist()):
                queries_of[target] = query
        return found

    def sample(self, limits):
        """Seconds for one step, several times."""
        return {"samples": take_samples(self.step, limits)}


def describe():
    """Which contenders there are, with the versions of all that take part."""
    versions = [f"Python {platform.python_version()}"]
    for name in ("torch", "scipy", "transformers"):
        try:
            versions.append(f"{name} {importlib.import_module(name).__version__}")
        except ImportError:
            continue
    able = [] if MISSING else ["torch"]
    if able and versions[-1].startswith("transformers"):
        able.append("transformers")
    return {"versions": ", ".join(versions), "contenders": able, "missing": MISSING}


def main():
    """The list of contenders, or the host of one."""
    if len(sys.argv) < 2:
        print(json.dumps(describe()))
        return
    torch.set_num_threads(1)
    host = Host({"torch": criteria.Torch, "transformers": criteria.Transformers}[sys.argv[1]])
    serve({"prepare": host.prepare, "answer": host.answer, "sample": host.sample})


if __name__ == "__main__":
    main()
