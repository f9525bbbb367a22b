"""COCO's evaluation in Python for the benchmark of the evaluation, one package in each process.

python3 evaluation.py               prints what there is: {"versions": text, "contenders": [name, ...]}
python3 evaluation.py <contender>   answers requests, one a line (see `Host`)

The contenders are pycocotools and faster-coco-eval, those of them that can be imported.
"""

import contextlib
import importlib.metadata
import io
import json
import platform
import sys

from host import serve, take_samples


def pycocotools(dataset, results):
    """The twelve numbers."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    coco = COCO()
    coco.dataset = dataset
    coco.createIndex()
    evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
    return run(evaluation)


def faster_coco_eval(dataset, results):
    """Likewise."""
    from faster_coco_eval import COCO, COCOeval_faster

    coco = COCO(dataset)
    return run(COCOeval_faster(coco, coco.loadRes(results), "bbox"))


def run(evaluation):
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return [float(value) for value in evaluation.stats[:12]]


CONTENDERS = {"pycocotools": pycocotools, "faster-coco-eval": faster_coco_eval}


class Host:
    """Holds the inputs of one case. Its methods answer requests.

    - {"prepare": {"dataset": file, "results": file}} -> {}: parses both files
    - {"answer": {}} -> {"numbers": [...]}
    - {"sample": limits} -> {"samples"}: seconds for one evaluation, from parsed objects to the twelve numbers
    """

    def __init__(self, evaluate):
        self.evaluate = evaluate
        self.dataset = self.results = None

    def prepare(self, files):
        """Reads the inputs."""
        with open(files["dataset"]) as file:
            self.dataset = json.load(file)
        with open(files["results"]) as file:
            self.results = json.load(file)
        return {}

    def step(self):
        """One evaluation, without what it prints."""
        with contextlib.redirect_stdout(io.StringIO()):
            return self.evaluate(self.dataset, self.results)

    def answer(self, _):
        """The twelve numbers."""
        return {"numbers": self.step()}

    def sample(self, limits):
        """Seconds for one evaluation, several times."""
        return {"samples": take_samples(self.step, limits)}


def describe():
    """Which contenders there are, with the versions of all that take part."""
    versions, able = [f"Python {platform.python_version()}"], []
    for name in ("numpy", *CONTENDERS):
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
        if name in CONTENDERS:
            able.append(name)
    return {"versions": ", ".join(versions), "contenders": able}


def main():
    """The list of contenders, or the host of one."""
    if len(sys.argv) < 2:
        print(json.dumps(describe()))
        return
    host = Host(CONTENDERS[sys.argv[1]])
    serve({"prepare": host.prepare, "answer": host.answer, "sample": host.sample})


if __name__ == "__main__":
    main()
