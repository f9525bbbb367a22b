"""PyTorch's criteria for the benchmark of masks, one in each process.

python3 masks.py             prints what there is: {"versions": text, "contenders": [name, ...]}, and why there is none
python3 masks.py <threads>   answers requests, one a line (see `Host`), on so many threads

Needs torch, numpy and scipy.
"""

import importlib
import json
import platform
import sys

from host import serve, take_samples

try:
    import numpy
    import torch

    import mask_criteria

    MISSING = None
except ImportError as error:
    MISSING = str(error)


class Host:
    """Holds the inputs of one case. Its methods answer requests.

    - {"prepare": {"criterion", "counts", "arrays"}} -> {}, where the arrays have types, files and shapes, those of predictions
      with the axes of layers and images in front
    - {"answer": {field: file}} -> {"loss", "layers", "matches"}: each layer's unweighted terms, and for each layer and image the
      query of each target; gradients by the fields, or the costs, go to the files
    - {"sample": limits} -> {"samples"}: seconds for one step
    """

    def __init__(self):
        self.criterion = None

    def prepare(self, case):
        """Reads the inputs."""
        self.criterion = None  # lets the old ones go first
        arrays = {
            name: torch.from_numpy(numpy.fromfile(file, kind)).view(shape)
            for name, (kind, file, shape) in case["arrays"].items()
        }
        self.criterion = mask_criteria.CRITERIA[case["criterion"]](arrays, case["counts"])
        return {}

    def step(self):
        """One step, which ends with loss and class term as numbers, or with a matching."""
        return self.criterion.step()

    def answer(self, files):
        """The results of a step."""
        answer, arrays = self.criterion.answer()
        for name, file in files.items():
            arrays[name].numpy().tofile(file)
        return answer

    def sample(self, limits):
        """Seconds for one step, several times."""
        return {"samples": take_samples(self.step, limits)}


def describe():
    """Which numbers of threads there are contenders for, with the versions of all that take part."""
    versions = [f"Python {platform.python_version()}"]
    for name in ("torch", "scipy"):
        try:
            versions.append(f"{name} {importlib.import_module(name).__version__}")
        except ImportError:
            continue
    return {"versions": ", ".join(versions), "contenders": [] if MISSING else ["1", "2"], "missing": MISSING}


def main():
    """The list of contenders, or the host of one."""
    if len(sys.argv) < 2:
        print(json.dumps(describe()))
        return
    torch.set_num_threads(int(sys.argv[1]))
    host = Host()
    serve({"prepare": host.prepare, "answer": host.answer, "sample": host.sample})


if __name__ == "__main__":
    main()
