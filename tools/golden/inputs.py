"""Inputs from a seed, of the kind that the fixtures have.

Logits are multiples of 2^-10, boxes of 2^-16 and points of 2^-9, so that float32 holds all of them exactly.
"""

import numpy

#: Queries, and the numbers of targets of the two images, by case.
CASES = {
    "typical": (10, [3, 4]),
    "more_targets_than_queries": (5, [7, 2]),
    "one_image_empty": (5, [2, 0]),
    "all_empty": (5, [0, 0]),
}
CLASSES = 4
#: Height and width of predicted masks.
PREDICTED = (6, 6)
COST = {"cls": 2, "l1": 5, "giou": 2, "alpha": 0.25, "gamma": 2, "log_eps": 1e-8, "kind": "sigmoid_focal"}
BOX_WEIGHTS = {"loss_bbox": 5, "loss_giou": 2}
NO_OBJECT = {"num_classes": CLASSES, "logits_width": CLASSES + 1, "no_object_index": CLASSES, "eos_coef": 0.1}
SIGMOID = {"num_classes": CLASSES, "logits_width": CLASSES, "cost": COST}


def softmax(random, name):
    """Three layers of DETR."""
    params = {
        **NO_OBJECT,
        "cost": {"kind": "softmax_prob", "cls": 1, "l1": 5, "giou": 2},
        "weights": {"loss_ce": 1, **BOX_WEIGHTS},
    }
    return params, layers_of(random, name, ["aux_0", "aux_1", "main"], CLASSES + 1), targets_of(random, name), []


def sigmoid(random, name):
    """Three layers of Deformable DETR."""
    params = {**SIGMOID, "weights": {"loss_ce": 2, **BOX_WEIGHTS}, "focal": {"alpha": 0.25, "gamma": 2}}
    return params, layers_of(random, name, ["aux_0", "aux_1", "main"], CLASSES), targets_of(random, name), []


def grouped(random, name):
    """LW-DETR with two groups of queries."""
    params = {
        **SIGMOID,
        "groups": 2,
        "weights": {"loss_ce": 1, **BOX_WEIGHTS},
        "iabce": {"alpha": 0.25, "gamma": 2, "min_quality": 0.01},
    }
    return params, layers_of(random, name, ["main"], CLASSES, times=2), targets_of(random, name), []


def varifocal(random, name):
    """Two layers of RT-DETR, and two of denoising with two groups, each of positives and as many negatives."""
    _, counts = CASES[name]
    most, groups = max(counts), 2
    params = {**SIGMOID, "weights": {"loss_vfl": 1, **BOX_WEIGHTS}, "vfl": {"alpha": 0.75, "gamma": 2}}
    layers = layers_of(random, name, ["aux_0", "main"], CLASSES)
    if most > 0:
        starts = [2 * most * group for group in range(groups)]
        params["num_dn_group"] = groups
        params["dn_positive_idx"] = [[start + i for start in starts for i in range(count)] for count in counts]
        shape = [len(counts), 2 * most * groups]
        layers |= {layer: layer_of(random, shape, CLASSES) for layer in ("dn_0", "dn_1")}
    return params, layers, targets_of(random, name), []


def distributions(random, name):
    """D-FINE: decoder layers with distributions of their edges, the first head, and the encoder's proposals."""
    bins = 8
    params = {
        **SIGMOID,
        "weights": {"loss_vfl": 1, **BOX_WEIGHTS, "loss_fgl": 0.15, "loss_ddf": 1.5},
        "vfl": {"alpha": 0.75, "gamma": 2},
        "reg_max": bins,
        "up": 0.5,
        "reg_scale": 4,
        "ddf_temperature": 5,
    }
    layers = layers_of(random, name, ["aux0", "main", "pre", "enc"], CLASSES)
    shape = layers["main"]["logits"].shape[:2]
    references = boxes_of(random, shape)
    for layer in ("aux0", "main"):
        layers[layer] |= {"corners": logits_of(random, [*shape, 4 * (bins + 1)]), "ref": references}
    return params, layers, targets_of(random, name), []


def masks(random, name):
    """MaskFormer, with targets of twice the size of the predictions and of two sizes."""
    params = {
        **NO_OBJECT,
        "cost": {"kind": "softmax_prob", "cls": 1, "mask": 20, "dice": 1, "target_resize": "nearest to predicted size"},
        "weights": {"loss_ce": 1, "loss_mask": 20, "loss_dice": 1},
        "mask": {"kind": "focal", "alpha": 0.25, "gamma": 2, "resize": "bilinear, align_corners false"},
    }
    return params, masked(random, name), targets_of(random, name, [(12, 12), (10, 12)]), []


def points(random, name):
    """Mask2Former, with the points that its matcher and its loss draw."""
    queries, counts = CASES[name]
    count, ratio, share = 16, 3, 0.75
    params = {
        **NO_OBJECT,
        "cost": {"kind": "softmax_prob", "cls": 2, "mask": 5, "dice": 5},
        "weights": {"loss_cross_entropy": 2, "loss_mask": 5, "loss_dice": 5},
        "mask": {"kind": "bce", "num_points": count, "oversample_ratio": ratio, "importance_sample_ratio": share},
    }
    pairs = sum(min(queries, targets) for targets in counts)
    shapes = [[1, count, 2]] * len(counts) + [[pairs, count * ratio, 2], [pairs, count - int(share * count), 2]]
    draws = [(2 * random.integers(0, 256, shape) + 1) / 512 for shape in shapes]
    return params, masked(random, name), targets_of(random, name, [(12, 12), (12, 12)]), draws


def layers_of(random, name, layers, classes, times=1):
    queries, counts = CASES[name]
    return {layer: layer_of(random, [len(counts), times * queries], classes) for layer in layers}


def layer_of(random, shape, classes):
    return {"logits": logits_of(random, [*shape, classes]), "boxes": boxes_of(random, shape)}


def masked(random, name):
    queries, counts = CASES[name]
    shape = [len(counts), queries]
    return {
        "main": {"logits": logits_of(random, [*shape, CLASSES + 1]), "masks": logits_of(random, [*shape, *PREDICTED])}
    }


def targets_of(random, name, sizes=None):
    """Labels and boxes of each image; with sizes also masks, each of which has its box filled."""
    targets = []
    for image, count in enumerate(CASES[name][1]):
        target = {"labels": random.integers(0, CLASSES, count), "boxes": boxes_of(random, [count])}
        if sizes is not None:
            target["masks"] = filled(target["boxes"], *sizes[image])
        targets.append(target)
    return targets


def filled(boxes, height, width):
    rows, columns = [(numpy.arange(size) + 0.5) / size for size in (height, width)]
    within = [
        (abs(places - boxes[:, axis, None]) <= boxes[:, axis + 2, None] / 2)
        for axis, places in ((1, rows), (0, columns))
    ]
    return (within[0][:, :, None] & within[1][:, None, :]).astype(float)


def logits_of(random, shape):
    return numpy.round(2 * random.standard_normal(shape) * 2**10) / 2**10


def boxes_of(random, shape):
    """Boxes cxcywh within the image."""
    sizes = random.uniform(0.05, 0.5, [*shape, 2])
    centres = sizes / 2 + (1 - sizes) * random.uniform(0, 1, [*shape, 2])
    return numpy.round(numpy.concatenate([centres, sizes], axis=-1) * 2**16) / 2**16
