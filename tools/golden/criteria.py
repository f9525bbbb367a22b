"""The criteria that transformers has, each under the names and in the layout of the fixtures.

To add one: a class with

- `module`, whose `linear_sum_assignment` its matcher calls, and `implementation`, as the fixtures will name it;
- `fields`, the tensors of a layer that get a gradient;
- `matched(case)`, the layers that are matched, in the order in which they are;
- `losses(case, layers, targets)`: the losses as tensors, unweighted and with the names that the fixtures have, and
  what else a fixture should hold;
- `omitted`, the losses of the published code that this one lacks, or defines otherwise;
- `make(random, name)`, inputs from a seed (see `inputs.py`);

and its place in `CRITERIA`.
"""

from types import SimpleNamespace

import torch
from transformers.loss import (
    loss_d_fine,
    loss_deformable_detr,
    loss_for_object_detection,
    loss_lw_detr,
    loss_rt_detr,
)
from transformers.models.mask2former import modeling_mask2former
from transformers.models.maskformer import modeling_maskformer

import inputs


def outputs_of(layer):
    """A layer as the criteria of detection take it."""
    return {"logits": layer["logits"], "pred_boxes": layer["boxes"]}


def objects(targets):
    """Targets as the criteria of detection take them."""
    return [{"class_labels": target["labels"], "boxes": target["boxes"]} for target in targets]


def costs_of(params, *names):
    return [params["cost"][name] for name in names]


class Detr:
    """DETR: softmax, L1 and GIoU, with auxiliary layers."""

    module = loss_for_object_detection
    implementation = "loss_for_object_detection.ImageLoss"
    fields = ("logits", "boxes")
    omitted = ("class_error",)
    make = staticmethod(inputs.softmax)

    def matched(self, case):
        return ["main", *(name for name in case.tensors if name.startswith("aux_"))]

    def criterion(self, params):
        matcher = self.module.HungarianMatcher(*costs_of(params, "cls", "l1", "giou"))
        return self.module.ImageLoss(
            matcher, params["num_classes"], params["eos_coef"], ["labels", "boxes", "cardinality"]
        )

    def losses(self, case, layers, targets):
        main, *auxiliary = [outputs_of(layers[name]) for name in self.matched(case)]
        found = self.criterion(case.params)({**main, "auxiliary_outputs": auxiliary}, objects(targets))
        return found, {}


class DeformableDetr(Detr):
    """Deformable DETR: sigmoid focal loss. Its cardinality counts probabilities above 0.5, unlike the published one."""

    module = loss_deformable_detr
    implementation = "loss_deformable_detr.DeformableDetrImageLoss"
    omitted = ("class_error", "cardinality_error")
    make = staticmethod(inputs.sigmoid)

    def criterion(self, params):
        matcher = self.module.DeformableDetrHungarianMatcher(*costs_of(params, "cls", "l1", "giou"))
        kinds = ["labels", "boxes", "cardinality"]
        return self.module.DeformableDetrImageLoss(matcher, params["num_classes"], params["focal"]["alpha"], kinds)


class LwDetr(Detr):
    """LW-DETR: IA-BCE, with queries in groups; the matchings come group by group."""

    module = loss_lw_detr
    implementation = "loss_lw_detr.LwDetrImageLoss, training"
    omitted = ()
    make = staticmethod(inputs.grouped)

    def criterion(self, params):
        matcher = self.module.LwDetrHungarianMatcher(*costs_of(params, "cls", "l1", "giou"))
        kinds = ["labels", "boxes", "cardinality"]
        alpha, groups = params["iabce"]["alpha"], params["groups"]
        return self.module.LwDetrImageLoss(matcher, params["num_classes"], alpha, kinds, groups)


def rt_detr_config(params, **more):
    """The configuration of RT-DETR's criterion and of those that build on it."""
    cost, weights = params["cost"], params["weights"]
    return SimpleNamespace(
        num_labels=params["num_classes"],
        use_focal_loss=True,
        matcher_class_cost=cost["cls"],
        matcher_bbox_cost=cost["l1"],
        matcher_giou_cost=cost["giou"],
        matcher_alpha=cost["alpha"],
        matcher_gamma=cost["gamma"],
        focal_loss_alpha=params["vfl"]["alpha"],
        focal_loss_gamma=params["vfl"]["gamma"],
        eos_coefficient=0.1,  # read, and not used
        **{f"weight_{name}": weight for name, weight in weights.items()},
        **more,
    )


class RtDetr(Detr):
    """RT-DETR and RT-DETRv2: varifocal loss, with auxiliary layers and denoising. Its losses come weighted."""

    module = loss_rt_detr
    implementation = "loss_rt_detr.RTDetrLoss"
    omitted = ()
    make = staticmethod(inputs.varifocal)

    def losses(self, case, layers, targets):
        params = case.params
        main, *auxiliary = [outputs_of(layers[name]) for name in self.matched(case)]
        outputs = {**main, "auxiliary_outputs": auxiliary}
        denoising = [outputs_of(layers[name]) for name in layers if name.startswith("dn_")]
        if denoising:
            positives = [torch.tensor(queries, dtype=torch.int64) for queries in params["dn_positive_idx"]]
            outputs["dn_auxiliary_outputs"] = denoising
            outputs["denoising_meta_values"] = {"dn_positive_idx": positives, "dn_num_group": params["num_dn_group"]}
        found = self.module.RTDetrLoss(rt_detr_config(params))(outputs, objects(targets))
        weights = params["weights"]
        kind_of = {name: next(kind for kind in weights if name.startswith(kind)) for name in found}
        return {name: loss / weights[kind_of[name]] for name, loss in found.items()}, {}


class DFine(Detr):
    """D-FINE: its terms by transformers, the union matching of the published code, which transformers lacks, by us."""

    module = loss_rt_detr  # of the matcher
    implementation = "loss_d_fine.DFineLoss, each term by itself, with the union matching of the published code"
    fields = ("logits", "boxes", "corners", "ref")  # the references get zeros
    omitted = ()
    make = staticmethod(inputs.distributions)
    suffixes = {"main": "", "aux0": "_aux_0", "pre": "_pre", "enc": "_enc_0"}

    def matched(self, case):
        return [name for name in self.suffixes if name in case.tensors]

    def losses(self, case, layers, targets):
        params, targets = case.params, objects(targets)
        more = {"max_num_bins": params["reg_max"], "reg_scale": params["reg_scale"], "up": params["up"]}
        criterion = loss_d_fine.DFineLoss(rt_detr_config(params, **more))
        names = self.matched(case)
        pairs = {name: criterion.matcher(outputs_of(layers[name]), targets) for name in names}
        union = union_of(list(pairs.values()))
        divisors = [
            max(1, sum(len(of[kind]) for of in images)) for images, kind in ((targets, "class_labels"), (union, 0))
        ]
        teacher = {"teacher_corners": layers["main"]["corners"], "teacher_logits": layers["main"]["logits"]}
        losses = {}
        for name in names:
            outputs = outputs_of(layers[name])
            found = criterion.get_loss("vfl", outputs, targets, pairs[name], divisors[0])
            found |= criterion.get_loss("boxes", outputs, targets, union, divisors[1])
            if "corners" in layers[name]:
                edges = {"pred_corners": layers[name]["corners"], "ref_points": layers[name]["ref"], **teacher}
                found |= criterion.loss_local(
                    {**outputs, **edges}, targets, union, divisors[1], T=params["ddf_temperature"]
                )
            losses |= {kind + self.suffixes[name]: loss for kind, loss in found.items()}
        losses.pop("loss_ddf")  # the last layer is its own teacher
        return losses, {"union_indices": [{"pred": p.tolist(), "tgt": t.tolist()} for p, t in union]}


def union_of(matchings):
    """For each image the pairs of all matchings, the most frequent first, of which the first of each query is kept."""
    union = []
    for images in zip(*matchings):
        pairs = torch.cat([torch.stack(image, dim=1) for image in images])
        distinct, counts = torch.unique(pairs, return_counts=True, dim=0)
        kept = {}
        for query, target in distinct[torch.argsort(counts, descending=True)].tolist():
            kept.setdefault(query, target)
        union.append(
            (torch.tensor(list(kept), dtype=torch.int64), torch.tensor(list(kept.values()), dtype=torch.int64))
        )
    return union


class MaskFormer:
    """MaskFormer: softmax, focal and dice losses of whole masks."""

    module = modeling_maskformer
    implementation = "models.maskformer.modeling_maskformer.MaskFormerLoss"
    fields = ("logits", "masks")
    omitted = ()
    make = staticmethod(inputs.masks)

    def matched(self, case):
        return ["main"]

    def criterion(self, params):
        matcher = self.module.MaskFormerHungarianMatcher(*costs_of(params, "cls", "mask", "dice"))
        return self.module.MaskFormerLoss(params["num_classes"], matcher, params["weights"], params["eos_coef"])

    def losses(self, case, layers, targets):
        main = layers["main"]
        labels, masks = [[target[name] for target in targets] for name in ("labels", "masks")]
        found = self.criterion(case.params)(main["masks"], main["logits"], masks, labels)
        return {{"loss_cross_entropy": "loss_ce"}.get(name, name): loss for name, loss in found.items()}, {}


class Mask2Former(MaskFormer):
    """Mask2Former: softmax, cross-entropy and dice at points that are drawn."""

    module = modeling_mask2former
    implementation = "models.mask2former.modeling_mask2former.Mask2FormerLoss"
    make = staticmethod(inputs.points)

    def criterion(self, params):
        config = SimpleNamespace(
            num_labels=params["num_classes"],
            no_object_weight=params["eos_coef"],
            class_weight=params["cost"]["cls"],
            mask_weight=params["cost"]["mask"],
            dice_weight=params["cost"]["dice"],
            train_num_points=params["mask"]["num_points"],
            oversample_ratio=params["mask"]["oversample_ratio"],
            importance_sample_ratio=params["mask"]["importance_sample_ratio"],
        )
        return self.module.Mask2FormerLoss(config, params["weights"])

    def losses(self, case, layers, targets):
        main, used = layers["main"], []
        labels, masks = [[target[name] for target in targets] for name in ("labels", "masks")]
        criterion = self.criterion(case.params)
        choose = criterion.sample_points_using_uncertainty
        criterion.sample_points_using_uncertainty = lambda *arguments: used.append(choose(*arguments)) or used[-1]
        found = criterion(main["masks"], main["logits"], masks, labels)
        return found, {"loss_points": {"shape": list(used[0].shape), "data": used[0].ravel().tolist()}}


#: By the names of the fixtures' folders.
CRITERIA = {
    "detr": Detr(),
    "detr-aux": Detr(),
    "deformable": DeformableDetr(),
    "deformable-aux": DeformableDetr(),
    "lwdetr-group": LwDetr(),
    "rtdetr-vfl": RtDetr(),
    "dfine": DFine(),
    "maskformer": MaskFormer(),
    "mask2former": Mask2Former(),
}
