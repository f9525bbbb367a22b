"""Cases: inputs and values of one batch, read from fixtures and written as fixtures.

There are two layouts. Criteria of boxes list their layers, each with logits, boxes, matching and gradients; all others
name their tensors, `<layer>_<field>`, or `<field>` where there is only one layer.
"""

import json
import math
from dataclasses import dataclass, field

import numpy

NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass
class Case:
    """What goes in: `tensors[layer][field]` and, for each image, labels, boxes and masks; `draws` are random points."""

    criterion: str
    name: str
    params: dict
    tensors: dict
    targets: list
    draws: list = field(default_factory=list)


@dataclass
class Values:
    """What comes out: unweighted losses, their weighted sum, for each layer its matching and its gradients."""

    losses: dict
    weighted_total: float
    matching: dict
    gradients: dict
    extra: dict = field(default_factory=dict)


def read(path):
    """A fixture as (Case, Values); the values are None where the case is about how the published code fails."""
    text = json.loads(path.read_text(), object_hook=lambda entry: {key: finite(value) for key, value in entry.items()})
    inputs = text.get("inputs", text)
    read_layers = listed_layers if "layers" in inputs else named_layers
    tensors, gradients, matching = read_layers(text, inputs)
    targets = [read_target(target) for target in inputs["targets"]]
    case = Case(path.parent.name, path.stem, text["params"], tensors, targets, read_draws(text))
    if path.stem.startswith("error_"):
        return case, None
    extra = {name: text[name] for name in ("union_indices", "loss_points") if name in text}
    return case, Values(text["losses"], text["weighted_total"], matching, gradients, extra)


def finite(value):
    """A value with the numbers that JSON lacks."""
    if isinstance(value, list):
        return [finite(entry) for entry in value]
    return NOT_FINITE.get(value, value) if isinstance(value, str) else value


def listed_layers(_, inputs):
    tensors, gradients, matching = {}, {}, {}
    for layer in inputs["layers"]:
        shapes = {"logits": layer["shape"], "boxes": [*layer["shape"][:2], 4]}
        tensors[layer["name"]] = {name: array(layer[name], shape) for name, shape in shapes.items()}
        if "grad_logits" in layer:
            gradients[layer["name"]] = {name: array(layer[f"grad_{name}"], shape) for name, shape in shapes.items()}
        if layer.get("images"):
            matching[layer["name"]] = layer["images"]
    return tensors, gradients, matching


def named_layers(text, inputs):
    tensors, gradients = {}, {}
    for name, tensor in inputs["tensors"].items():
        layer, _, kind = name.rpartition("_")
        tensors.setdefault(layer or "main", {})[kind] = array(tensor["data"], tensor["shape"])
        if name in text.get("grads", {}):
            found = text["grads"][name]
            data = found["data"] if isinstance(found, dict) else found
            gradients.setdefault(layer or "main", {})[kind] = array(data, tensor["shape"])
    return tensors, gradients, text.get("matching", {})


def read_target(target):
    read_one = {
        "labels": numpy.asarray(target["labels"], dtype=numpy.int64),
        "boxes": array(target["boxes"], [-1, 4]) if target["boxes"] else numpy.zeros((0, 4)),
    }
    if "masks" in target:
        read_one["masks"] = array(target["masks"], target["masks_shape"])
    return read_one


def read_draws(text):
    """The points that were drawn, in the order in which they are asked for."""
    if "matcher_points" not in text:
        return []
    matcher = [array(points, [1, -1, 2]) for points in text["matcher_points"]]
    return matcher + [array(text[name]["data"], text[name]["shape"]) for name in ("oversample_points", "random_points")]


def array(data, shape):
    return numpy.asarray(data, dtype=numpy.float64).reshape(shape)


def write(path, case, values, implementation, versions):
    """Writes a case and its values as a fixture."""
    head = {
        "criterion": case.criterion,
        "case": case.name,
        "implementation": implementation,
        "versions": versions,
        "dtype": "float64",
        "params": case.params,
        "tie": any(image["tie"] for images in values.matching.values() for image in images),
    }
    fields = {name for layer in case.tensors.values() for name in layer}
    body = list_layers(case, values) if fields <= {"logits", "boxes"} else name_layers(case, values)
    text = {**head, **body, **values.extra, "losses": values.losses, "weighted_total": values.weighted_total}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(spelled(text), allow_nan=False) + "\n")


def list_layers(case, values):
    layers = []
    for name, fields in case.tensors.items():
        layer = {"name": name, "shape": fields["logits"].shape, **fields, "images": values.matching.get(name, [])}
        gradients = {f"grad_{kind}": gradient for kind, gradient in values.gradients[name].items()}
        layers.append({**layer, **gradients})
    targets = [{"labels": target["labels"], "boxes": target["boxes"].tolist()} for target in case.targets]
    return {"targets": targets, "layers": layers}


def name_layers(case, values):
    def named(layers):
        prefix = {name: f"{name}_" if len(layers) > 1 else "" for name in layers}
        return {prefix[name] + kind: entry for name, fields in layers.items() for kind, entry in fields.items()}

    targets = []
    for target in case.targets:
        shape = {"masks_shape": target["masks"].shape} if "masks" in target else {}
        targets.append({**target, **shape})
    tensors = {name: {"shape": tensor.shape, "data": tensor} for name, tensor in named(case.tensors).items()}
    text = {"inputs": {"tensors": tensors, "targets": targets}, "matching": values.matching}
    if case.draws:
        *matcher, oversample, random = case.draws
        text["matcher_points"] = matcher
        for name, points in (("oversample_points", oversample), ("random_points", random)):
            text[name] = {"shape": points.shape, "data": points}
    return {**text, "grads": named(values.gradients)}


def spelled(value):
    """A value as JSON has it: arrays flat, whole numbers short, and the numbers that JSON lacks as text."""
    if isinstance(value, dict):
        return {key: spelled(entry) for key, entry in value.items()}
    if isinstance(value, numpy.ndarray):
        value = value.ravel().tolist()
    if isinstance(value, (list, tuple)):
        return [spelled(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return next(
            name for name, number in NOT_FINITE.items() if number == value or math.isnan(number) and math.isnan(value)
        )
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
