"""Mask2Former's matching, and the losses of DETR's and of RF-DETR's masks, in PyTorch, in float32.

The operations are those of the authors' own code: facebookresearch/Mask2Former, `mask2former/modeling/matcher.py`;
facebookresearch/detr, `models/segmentation.py`; roboflow/rf-detr, `rfdetr/models/{matcher,criterion}.py`. Points are given. Masks
of targets are numbers of float32 already, which the authors' code makes of them in each step.
"""

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment

from criteria import GIOU, L1, Torch, corners, pairwise_giou

MASK, DICE = 5, 5


def sample(planes, points, **options):
    """`[N, C, H, W]` at points from 0 to 1, `[N, P, 2]`, as `[N, C, P]`."""
    found = F.grid_sample(planes, 2.0 * points.unsqueeze(2) - 1.0, align_corners=False, **options)
    return found.squeeze(3)


def pairwise_entropy(logits, labels):
    """Mean cross-entropy of all pairs of `[N, P]` and `[M, P]`, as `[N, M]`."""
    positive = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits), reduction="none")
    negative = F.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits), reduction="none")
    return (positive @ labels.T + negative @ (1 - labels).T) / logits.shape[1]


def pairwise_dice(logits, labels):
    """Dice of all pairs, likewise."""
    p = logits.sigmoid()
    return 1 - (2 * (p @ labels.T) + 1) / (p.sum(-1)[:, None] + labels.sum(-1)[None, :] + 1)


def dice_of(p, labels):
    """Dice of pairs, of probabilities and labels `[N, P]`, as `[N]`."""
    return 1 - (2 * (p * labels).sum(1) + 1) / (p.sum(1) + labels.sum(1) + 1)


def assign(block):
    """Query and target indices."""
    return tuple(torch.as_tensor(side, dtype=torch.int64) for side in linear_sum_assignment(block))


def queries_of_targets(pairs, count):
    """The query of each target."""
    queries = [-1] * count
    for query, target in zip(*(side.tolist() for side in pairs)):
        queries[target] = query
    return queries


class Targets:
    """The targets of a batch, by image."""

    def __init__(self, arrays, images):
        self.labels = arrays["labels"].long().view(images, -1).unbind()
        self.boxes = arrays["targetBoxes"].view(images, -1, 4).unbind()
        self.masks = arrays["targetMasks"].float().unbind()


class Mask2FormerMatching:
    """Costs and matching alone."""

    def __init__(self, arrays, _counts):
        self.layers = list(zip(arrays["logits"], arrays["masks"], arrays["maskCostPoints"]))
        self.targets = Targets(arrays, arrays["logits"].shape[1])

    @torch.no_grad()
    def match(self):
        """For each layer and image, costs `[Q, T]` and indices."""
        return [[self.match_image(*image) for image in self.images_of(*layer)] for layer in self.layers]

    def images_of(self, *fields):
        """What each image of a layer has, with its targets."""
        return zip(*fields, self.targets.labels, self.targets.masks)

    @staticmethod
    def match_image(logits, masks, points, labels, wanted):
        """Costs and indices of an image."""
        by_class = -logits.softmax(-1)[:, labels]
        targets = sample(wanted[:, None], points.repeat(len(wanted), 1, 1)).squeeze(1)
        predicted = sample(masks[:, None], points.repeat(len(masks), 1, 1)).squeeze(1)
        cost = 2 * by_class + MASK * pairwise_entropy(predicted, targets) + DICE * pairwise_dice(predicted, targets)
        cost = cost.reshape(len(logits), -1).cpu()
        return cost, assign(cost)

    def step(self):
        """One matching."""
        return self.match()

    def answer(self):
        """Matches, and the costs."""
        found = self.match()
        matches = [[queries_of_targets(pairs, cost.shape[1]) for cost, pairs in layer] for layer in found]
        costs = torch.cat([cost.T.flatten() for layer in found for cost, _ in layer])
        return {"layers": [], "matches": matches}, {"costs": costs}


class Losses:
    """What the criteria with gradients have in common: `run` gives the loss, the terms and the pairs of each layer."""

    FIELDS = ()

    def __init__(self, arrays, counts):
        # layers are tensors of their own, which spares the gradients a copy
        self.leaves = {name: [layer.clone().requires_grad_() for layer in arrays[name]] for name in self.FIELDS}
        self.points = {name: arrays[name] for name in ("maskCostPoints", "maskLossPoints") if name in arrays}
        self.counts = counts
        self.targets = Targets(arrays, arrays["logits"].shape[1])
        self.num_boxes = max(sum(len(labels) for labels in self.targets.labels), 1)

    def step(self):
        """One step, with the gradients in the leaves."""
        for leaf in sum(self.leaves.values(), []):
            leaf.grad = None
        loss, terms, pairs = self.run()
        loss.backward()
        return loss.item(), terms[-1]["class"].item(), terms, pairs

    def answer(self):
        """Loss, terms and matches, and the gradients."""
        loss, _, terms, pairs = self.step()
        counts = [len(labels) for labels in self.targets.labels]
        return {
            "loss": loss,
            "layers": [{name: term.item() for name, term in layer.items()} for layer in terms],
            "matches": [[queries_of_targets(*image) for image in zip(layer, counts)] for layer in pairs],
        }, {name: torch.stack([leaf.grad for leaf in leaves]) for name, leaves in self.leaves.items()}

    def places(self, pairs):
        """Image and query of each pair, image by image."""
        images = torch.cat([torch.full_like(queries, image) for image, (queries, _) in enumerate(pairs)])
        return images, torch.cat([queries for queries, _ in pairs])

    def wanted(self, values, pairs):
        """What the targets of the pairs have, image by image."""
        return torch.cat([own[targets] for own, (_, targets) in zip(values, pairs)])


class DetrMasks(Losses):
    """DETR's boxes and whole masks; its last layer alone has masks, and there is but one."""

    FIELDS = ("logits", "boxes", "masks")

    def __init__(self, arrays, counts):
        super().__init__(arrays, counts)
        targets = list(zip(self.targets.labels, self.targets.boxes))
        self.boxes = Torch("softmax", arrays["logits"].shape[-1], targets)

    def run(self):
        """Loss, terms and pairs."""
        loss, ((by_class, l1, giou),), (pairs,) = self.boxes(self.leaves["logits"], self.leaves["boxes"])
        predicted = self.leaves["masks"][0][self.places(pairs)]
        wanted = self.wanted(self.targets.masks, pairs)
        predicted = F.interpolate(predicted[:, None], size=wanted.shape[-2:], mode="bilinear", align_corners=False)
        predicted, wanted = predicted[:, 0].flatten(1), wanted.flatten(1)
        focal = self.focal(predicted, wanted)
        dice = dice_of(predicted.sigmoid(), wanted).sum() / self.num_boxes
        terms = {"class": by_class, "l1": l1, "giou": giou, "maskFocal": focal, "maskDice": dice}
        return loss + focal + dice, [terms], [pairs]

    def focal(self, logits, labels):
        """Sigmoid focal loss, the mean of each pair."""
        p = logits.sigmoid()
        entropy = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        right = p * labels + (1 - p) * (1 - labels)
        alpha = 0.25 * labels + 0.75 * (1 - labels)
        return (alpha * entropy * (1 - right) ** 2).mean(1).sum() / self.num_boxes


class RfDetrSeg(Losses):
    """RF-DETR's classes, boxes and masks, these as factors: every layer is matched by itself."""

    FIELDS = ("logits", "boxes", "maskFeatures", "maskQueries", "maskBias")

    def run(self):
        """Loss, terms and pairs."""
        layers = [dict(zip(self.leaves, fields)) for fields in zip(*self.leaves.values())]
        pairs = [self.match(layer, points) for layer, points in zip(layers, self.points["maskCostPoints"])]
        terms = [self.layer(*of) for of in zip(layers, pairs, self.points["maskLossPoints"])]
        weights = {"class": 1, "l1": L1, "giou": GIOU, "maskBce": MASK, "maskDice": DICE}
        return sum(weights[name] * term for layer in terms for name, term in layer.items()), terms, pairs

    @torch.no_grad()
    def match(self, layer, points):
        """Query and target indices of each image; all queries of the batch are compared with all targets."""
        logits, boxes = layer["logits"].flatten(0, 1), layer["boxes"].flatten(0, 1)
        labels, wanted = torch.cat(self.targets.labels), torch.cat(self.targets.boxes)
        p = logits.sigmoid()
        negative = 0.75 * p**2 * -F.logsigmoid(-logits)
        positive = 0.25 * (1 - p) ** 2 * -F.logsigmoid(logits)
        cost = 2 * (positive[:, labels] - negative[:, labels]) + L1 * torch.cdist(boxes, wanted, p=1)
        cost = cost - GIOU * pairwise_giou(boxes, wanted)
        features = layer["maskFeatures"]
        at = sample(features, points.expand(len(features), -1, -1), padding_mode="border")
        predicted = torch.einsum("bkp,bqk->bqp", at, layer["maskQueries"]).flatten(0, 1) + layer["maskBias"]
        masks = torch.cat(self.targets.masks)[:, None]
        labels = sample(masks, points.expand(len(masks), -1, -1), mode="nearest", padding_mode="border").squeeze(1)
        cost = cost + MASK * pairwise_entropy(predicted, labels) + DICE * pairwise_dice(predicted, labels)
        blocks = cost.view(len(features), -1, cost.shape[1]).cpu().split([len(own) for own in self.targets.labels], -1)
        return [assign(block[image]) for image, block in enumerate(blocks)]

    def layer(self, layer, pairs, points):
        """The terms of a layer."""
        place = self.places(pairs)
        boxes, wanted = layer["boxes"][place], self.wanted(self.targets.boxes, pairs)
        giou = (1 - torch.diag(pairwise_giou(boxes, wanted))).sum() / self.num_boxes
        entropy, dice = self.masks(layer, pairs, points)
        return {
            "class": self.by_class(layer["logits"], place, self.wanted(self.targets.labels, pairs), boxes, wanted),
            "l1": F.l1_loss(boxes, wanted, reduction="none").sum() / self.num_boxes,
            "giou": giou,
            "maskBce": entropy,
            "maskDice": dice,
        }

    def by_class(self, logits, place, labels, boxes, wanted):
        """Cross-entropy with labels of quality."""
        overlaps = torch.diag(pairwise_iou(boxes.detach(), wanted))
        p = logits.sigmoid()
        cells = (*place, labels)
        positive, negative = torch.zeros_like(logits), p**2
        quality = (p[cells] ** 0.25 * overlaps**0.75).clamp(min=0.01).detach()
        positive[cells], negative[cells] = quality, 1 - quality
        return (-positive * F.logsigmoid(logits) - negative * F.logsigmoid(-logits)).sum() / self.num_boxes

    def masks(self, layer, pairs, points):
        """Cross-entropy and dice at points."""
        rows = [
            torch.einsum("khw,nk->nhw", features, own[queries]) + layer["maskBias"]
            for features, own, (queries, _) in zip(layer["maskFeatures"], layer["maskQueries"], pairs)
        ]
        predicted, wanted = torch.cat(rows)[:, None], self.wanted(self.targets.masks, pairs)[:, None]
        with torch.no_grad():
            points = self.choose(predicted, points)
            labels = sample(wanted, points, mode="nearest", padding_mode="border").squeeze(1)
        logits = sample(predicted, points, padding_mode="border").squeeze(1)
        entropy = F.binary_cross_entropy_with_logits(logits, labels, reduction="none").mean(1).sum() / self.num_boxes
        return entropy, dice_of(logits.sigmoid(), labels).sum() / self.num_boxes

    def choose(self, predicted, points):
        """Of the candidates the least certain ones, and the points beside them."""
        candidates, others = points.split([self.counts["drawn"], self.counts["fresh"]], 1)
        doubt = -sample(predicted, candidates, padding_mode="border").squeeze(1).abs()
        chosen = doubt.topk(self.counts["kept"], dim=1).indices
        return torch.cat([candidates.gather(1, chosen[:, :, None].expand(-1, -1, 2)), others], 1)


def pairwise_iou(predicted, wanted):
    """IoU of all pairs of boxes cxcywh."""
    a, b = corners(predicted), corners(wanted)
    sides = (torch.min(a[:, None, 2:], b[:, 2:]) - torch.max(a[:, None, :2], b[:, :2])).clamp(min=0)
    overlap = sides.prod(-1)
    area_a, area_b = ((box[:, 2:] - box[:, :2]).prod(-1) for box in (a, b))
    return overlap / (area_a[:, None] + area_b - overlap)


CRITERIA = {"mask2Former": Mask2FormerMatching, "detrMasks": DetrMasks, "rfDetrSeg": RfDetrSeg}
