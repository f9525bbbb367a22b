"""Where values differ from those of a fixture."""

import numpy

#: Largest difference that counts as none, relative to the number or, where that is less, to 1.
TOLERANCE = 1e-12
#: Metrics of the fixtures are partly float32, as the published code computes them.
METRICS = {"class_error": 1e-6, "cardinality_error": 1e-6}


def differences(found, expected, omitted):
    """What differs, as text, and the largest difference of all.

    Losses whose names begin as one of `omitted` are left out.
    """
    faults, largest = [], 0.0

    def compare(what, got, wanted, tolerance=TOLERANCE):
        nonlocal largest
        got, wanted = [numpy.asarray(value, dtype=float).ravel() for value in (got, wanted)]
        if got.shape != wanted.shape:
            faults.append(f"{what} has {got.size} numbers, not {wanted.size}")
            return
        distances = numpy.abs(got - wanted) / numpy.maximum(1, numpy.abs(wanted))
        distances[(got == wanted) | (numpy.isnan(got) & numpy.isnan(wanted))] = 0
        if distances.size == 0:
            return
        worst = int(numpy.nanargmax(numpy.where(numpy.isnan(distances), numpy.inf, distances)))
        if not distances[worst] <= tolerance:
            faults.append(f"{what}: {got[worst]} at {worst}, not {wanted[worst]}")
        if tolerance == TOLERANCE:
            largest = max(largest, float(distances[worst]))

    if found.matching.keys() != expected.matching.keys():
        faults.append(f"layers that are matched: {list(found.matching)}, not {list(expected.matching)}")
    is_same = True
    for layer, images in expected.matching.items():
        for i, (got, wanted) in enumerate(zip(found.matching.get(layer, []), images, strict=True)):
            place = f"layer {layer}, image {i}"
            compare(f"{place}: cost", got["cost"], wanted["cost"])
            compare(f"{place}: total cost", got["total_cost"], wanted["total_cost"])
            if (got["gap"] is None) != (wanted["gap"] is None) or got["tie"] != wanted["tie"]:
                faults.append(f"{place}: gap {got['gap']}, not {wanted['gap']}")
            elif got["gap"] is not None:
                compare(f"{place}: gap", got["gap"], wanted["gap"])
            pairs = [(of["pred"], of["tgt"]) for of in (got, wanted)]
            is_same &= pairs[0] == pairs[1]
            if pairs[0] != pairs[1] and not wanted["tie"]:
                faults.append(f"{place}: pairs {pairs[0]}, not {pairs[1]}")
    if not is_same:  # another of several optimal assignments has other losses and gradients
        return faults, largest

    kept = {name: loss for name, loss in expected.losses.items() if not name.startswith(omitted)}
    for name, wanted in kept.items():
        kind = next((metric for metric in METRICS if name.startswith(metric)), None)
        compare(name, found.losses.get(name, numpy.nan), wanted, METRICS.get(kind, TOLERANCE))
    compare("weighted_total", found.weighted_total, expected.weighted_total)
    for layer, fields in expected.gradients.items():
        for name, wanted in fields.items():
            compare(f"gradient of {name}, layer {layer}", found.gradients[layer][name], wanted)
    for name, wanted in expected.extra.items():
        got = found.extra.get(name)
        if name == "union_indices":
            if [sorted(zip(of["pred"], of["tgt"])) for of in got] != [
                sorted(zip(of["pred"], of["tgt"])) for of in wanted
            ]:
                faults.append(f"{name}: {got}, not {wanted}")
        else:
            compare(name, got["data"], wanted["data"])
    return faults, largest
