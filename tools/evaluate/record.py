"""Writes what pycocotools gives for the random sets of `sets.py`: `python tools/evaluate/record.py`.

Of each set the twelve numbers, and a digest of the bits of precision, scores and recall.
"""

import contextlib
import hashlib
import io
import json
import pathlib

import numpy
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from sets import make_set

SETS = 300
OUT = pathlib.Path(__file__).parents[2] / "__test__/fixtures/evaluation.json"


def as_coco(dataset):
    coco = COCO()
    coco.dataset = dataset
    coco.createIndex()
    return coco


def evaluate(options, entries):
    """Runs pycocotools; gives the evaluation."""
    category = lambda label: 3 * label + 1
    dataset = {
        "images": [{"id": entry["id"]} for entry in entries],
        "categories": [{"id": category(label)} for label in range(options["numClasses"])],
    }
    annotations = [
        {
            "image_id": entry["id"],
            "category_id": category(target["label"]),
            "bbox": target["box"],
            "area": target["area"],
            "iscrowd": target["ignore"],
        }
        for entry in entries
        for target in entry["targets"]
    ]
    results = [
        {
            "image_id": entry["id"],
            "category_id": category(detection["label"]),
            "bbox": detection["box"],
            "area": detection["box"][2] * detection["box"][3],
            "score": detection["score"],
            "iscrowd": 0,
        }
        for entry in entries
        for detection in entry["detections"]
    ]
    for number, annotation in enumerate(annotations + results):
        annotation["id"] = number + 1
    coco = as_coco({**dataset, "annotations": annotations})
    evaluation = COCOeval(coco, as_coco({**dataset, "annotations": results}), "bbox")
    params = evaluation.params
    if "iouThresholds" in options:
        params.iouThrs = numpy.array(options["iouThresholds"])
    if "recallThresholds" in options:
        params.recThrs = numpy.array(options["recallThresholds"])
    if "maxDetections" in options:
        params.maxDets = options["maxDetections"]
    if "areas" in options:
        params.areaRngLbl = list(options["areas"])
        params.areaRng = list(options["areas"].values())
    if options.get("classAgnostic"):
        params.useCats = 0
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def numbers(evaluation):
    """The twelve, with the largest maximum of detections where `COCOeval.summarize` has 100."""
    params, precision, recall = evaluation.params, evaluation.eval["precision"], evaluation.eval["recall"]

    def mean(values):
        values = values[values > -1]
        return float(numpy.mean(values)) if len(values) else -1.0

    def area(name):
        return [i for i, label in enumerate(params.areaRngLbl) if label == name]

    def ap(name="all", threshold=None):
        values = precision if threshold is None else precision[numpy.where(params.iouThrs == threshold)[0]]
        return mean(values[:, :, :, area(name), [len(params.maxDets) - 1]])

    def ar(name="all", most=None):
        chosen = [len(params.maxDets) - 1] if most is None else [i for i, m in enumerate(params.maxDets) if m == most]
        return mean(recall[:, :, area(name), chosen])

    precisions = [ap(), ap(threshold=0.5), ap(threshold=0.75), ap("small"), ap("medium"), ap("large")]
    return precisions + [ar(most=1), ar(most=10), ar(most=100), ar("small"), ar("medium"), ar("large")]


def digest(array):
    return hashlib.sha256(numpy.ascontiguousarray(array, "<f8").tobytes()).hexdigest()[:16]


def record(seed):
    options, entries = make_set(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = evaluate(options, entries)
        found = numbers(evaluation)
        if not set(options) - {"numClasses", "classAgnostic"}:
            evaluation.summarize()
            assert found == [float(value) for value in evaluation.stats], seed
    of = evaluation.eval
    digests = [digest(of["precision"][..., -1]), digest(of["scores"][..., -1]), digest(of["recall"])]
    return {"numbers": found, "digests": digests}


def main():
    lines = [json.dumps(record(seed)) for seed in range(SETS)]
    OUT.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{len(lines)} sets")


if __name__ == "__main__":
    main()
