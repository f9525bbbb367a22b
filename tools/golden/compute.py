"""Computes the values of a case by running the code of transformers, in float64, with every assignment on record."""

from contextlib import contextmanager
from unittest import mock

import numpy
import torch
from scipy.optimize import linear_sum_assignment

from case import Values

#: Totals that differ by less are as good, relative to the total.
TIE = 1e-9


def compute(criterion, case):
    """The values of a case."""
    assignments = []

    def record(cost):
        cost = numpy.asarray(cost)
        pairs = linear_sum_assignment(cost)
        assignments.append(describe(cost, *pairs))
        return pairs

    with float64(), mock.patch.object(criterion.module, "linear_sum_assignment", record), drawing(case.draws):
        leaves = {
            layer: {name: torch.tensor(value, requires_grad=name in criterion.fields) for name, value in fields.items()}
            for layer, fields in case.tensors.items()
        }
        targets = [{name: torch.tensor(value) for name, value in target.items()} for target in case.targets]
        losses, extra = criterion.losses(case, leaves, targets)
        weights = case.params["weights"]
        total = sum((weight_of(weights, name) * loss for name, loss in losses.items()), start=torch.zeros([]))
        wanted = [leaves[layer][name] for layer in leaves for name in criterion.fields if name in leaves[layer]]
        found = iter(torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True))
        gradients = {
            layer: {name: next(found).numpy() for name in criterion.fields if name in leaves[layer]} for layer in leaves
        }
    count = len(assignments) // max(1, len(criterion.matched(case)))
    matching = {layer: assignments[i * count : (i + 1) * count] for i, layer in enumerate(criterion.matched(case))}
    return Values({name: loss.item() for name, loss in losses.items()}, total.item(), matching, gradients, extra)


def weight_of(weights, name):
    """The weight of a loss, whose name may end with that of a layer; metrics have none."""
    return next((weight for kind, weight in weights.items() if name == kind or name.startswith(f"{kind}_")), 0)


def describe(cost, rows, columns):
    """An assignment with its total, and by how much the next best is dearer, which lacks at least one of its pairs."""
    total = cost[rows, columns].sum()
    others = []
    for pair in zip(rows, columns):
        without = cost.copy()
        without[pair] = numpy.inf
        try:
            others.append(without[linear_sum_assignment(without)].sum())
        except ValueError:  # there is no assignment without this pair
            continue
    gap = min(others) - total if others else None
    return {
        "rows": cost.shape[0],
        "cols": cost.shape[1],
        "cost": cost.ravel().tolist(),
        "pred": rows.tolist(),
        "tgt": columns.tolist(),
        "total_cost": float(total),
        "gap": None if gap is None else float(gap),
        "tie": gap is not None and bool(gap <= TIE * max(1, abs(total))),
    }


@contextmanager
def float64():
    """All that is made or cast to the default type, or by `float()`, is float64."""
    torch.set_default_dtype(torch.float64)
    try:
        with mock.patch.object(torch.Tensor, "float", torch.Tensor.double):
            yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def drawing(draws):
    """Random points are those that the case gives."""
    left = iter(draws)

    def rand(*shape, **_):
        points = torch.tensor(next(left))
        if list(points.shape) != list(shape):
            raise ValueError(f"The case has points of the shape {list(points.shape)}, and {list(shape)} are asked for.")
        return points

    with mock.patch.object(torch, "rand", rand):
        yield
