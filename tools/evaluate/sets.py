"""Random sets of images, the same for the same seed here and in `__test__/support/evaluations.ts`: change both or none.

Only additions, products, quotients and floors, which have the same bits in both languages.
"""

import math

MASK = 0xFFFFFFFF


def random_numbers(seed):
    """A stream of numbers in [0, 1), mulberry32."""
    state = seed & MASK

    def random():
        nonlocal state
        state = (state + 0x6D2B79F5) & MASK
        t = ((state ^ (state >> 15)) * (1 | state)) & MASK
        t = ((t + (((t ^ (t >> 7)) * (61 | t)) & MASK)) & MASK) ^ t
        return (t ^ (t >> 14)) / 4294967296

    return random


def make_set(seed):
    """Options and images. `seed`: from 0."""
    random = random_numbers(1000 + seed)

    def below(count):
        return math.floor(random() * count)

    kind = seed % 10
    is_grid = seed % 2 == 0
    classes = [1, 3, 5, 12][below(4)]
    images = 40 if kind == 9 else 1 + below(8)
    options = {"numClasses": classes}
    if kind == 3:
        options["iouThresholds"] = [0.3, 0.5, 0.75, 1]
        options["areas"] = {"all": [0, 400], "narrow": [100, 100], "small": [0, 99.5]}
    if kind == 4:
        options["recallThresholds"] = [0, 0.5, 1]
        options["maxDetections"] = [2]
    if kind == 5:
        options["iouThresholds"] = [(i + 1) / 70 for i in range(70)]
        options["maxDetections"] = [1, 3, 5, 7]
    if kind == 6:
        options["classAgnostic"] = True
    if kind == 7:
        options["iouThresholds"] = [0.55]
        options["recallThresholds"] = [0.015625, 0.25, 0.75]

    def box():
        if is_grid:
            return [below(12), below(12), below(8), below(8)]
        return [random() * 300, random() * 300, 4 + random() * 180, 4 + random() * 180]

    def score():
        if is_grid:
            return below(5) / 4 - 0.25
        return random()

    # sparse, and not in order
    ids = [7 * ((11 * i + 5) % (images if images % 11 else images + 1)) + below(7) for i in range(images)]
    entries = []
    for image in range(images):
        targets = []
        count = 0 if random() < 0.15 else below(9)
        for _ in range(count):
            its = box()
            label = below(classes)
            # a class without targets where there are several
            if classes > 1 and label == 1:
                label = 0
            area = its[2] * its[3]
            which = below(6)
            if which == 0:
                area = area * 0.75
            if which == 1:
                area = 1024
            if which == 2:
                area = [9216, 400, 99.5][below(3)]
            targets.append({"box": its, "label": label, "area": area, "ignore": 1 if random() < 0.12 else 0})
        detections = []
        for target in targets:
            copies = below(4)
            for _ in range(copies):
                its = list(target["box"])
                how = below(4)
                if how == 1:
                    its = [its[0] + 1, its[1], its[2], its[3]]
                if how == 2:
                    its = [its[0], its[1], its[2] * 2, its[3]]
                if how == 3:
                    its = [its[0] + random(), its[1] + random(), its[2] * (0.5 + random()), its[3] * (0.5 + random())]
                label = target["label"] if random() < 0.85 else below(classes)
                detections.append({"box": its, "label": label, "score": score()})
        others = 130 if kind == 8 and image < 3 else below(8)
        for _ in range(others):
            its = box()
            label = 0 if kind == 8 else below(classes)
            detections.append({"box": its, "label": label, "score": score()})
        if random() < 0.1:
            detections = []
        entries.append({"id": ids[image], "targets": targets, "detections": detections})
    return options, entries
