"""Writes the batches of __test__/fixtures/batches as users of NumPy and PyTorch write them, from cases of the golden fixtures.

Usage: python tools/batches/make.py, with the numpy of tools/golden/requirements.txt. Archives hold the time of their making, so that
their bytes differ from run to run, and their arrays do not.
"""

import io
import json
import zipfile
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).resolve().parents[2] / "__test__" / "fixtures"
OUT = FIXTURES / "batches"
CASE = json.loads((FIXTURES / "golden" / "detr-aux" / "typical.json").read_text())

LAYERS = CASE["layers"]
SHAPE = LAYERS[0]["shape"]
LOGITS = np.array([layer["logits"] for layer in LAYERS], np.float32).reshape(len(LAYERS), *SHAPE)
BOXES = np.array([layer["boxes"] for layer in LAYERS], np.float32).reshape(len(LAYERS), *SHAPE[:2], 4)
LABELS = [np.array(target["labels"], np.int64) for target in CASE["targets"]]
TARGET_BOXES = [np.array(target["boxes"], np.float32).reshape(-1, 4) for target in CASE["targets"]]
COUNTS = np.array([len(labels) for labels in LABELS])


def pytorch():
    """PyTorch's names; targets of all images one after the other."""
    np.savez(
        OUT / "pytorch.npz",
        pred_logits=LOGITS[-1],
        pred_boxes=BOXES[-1],
        aux_logits=LOGITS[:-1],
        aux_boxes=BOXES[:-1],
        labels=np.concatenate(LABELS),
        boxes=np.concatenate(TARGET_BOXES),
        counts=COUNTS,
        orig_sizes=np.array([[480, 640]] * len(LABELS)),
        image_id=np.arange(len(LABELS)),
    )


def numbered():
    """Our names, layers stacked, compressed; targets by keys that end in the image's number."""
    np.savez_compressed(
        OUT / "numbered.npz",
        logits=LOGITS,
        boxes=BOXES,
        **{f"labels_{i}": labels for i, labels in enumerate(LABELS)},
        **{f"boxes_{i}": boxes for i, boxes in enumerate(TARGET_BOXES)},
    )


def padded():
    """Targets padded to one length; other dtypes, byte orders and Fortran's order; earlier layers one by one."""
    length = COUNTS.max() + 2
    labels = np.full((len(LABELS), length), -1, np.int16)
    boxes = np.zeros((len(LABELS), length, 4))
    for i, count in enumerate(COUNTS):
        labels[i, :count] = LABELS[i]
        boxes[i, :count] = TARGET_BOXES[i]
    np.savez(
        OUT / "padded.npz",
        outputs_logits=np.asfortranarray(LOGITS[-1].astype(np.float64)),
        outputs_boxes=BOXES[-1].astype(">f4"),
        **{f"aux_outputs_{i}_pred_logits": np.asfortranarray(logits) for i, logits in enumerate(LOGITS[:-1])},
        **{f"aux_outputs_{i}_pred_boxes": boxes for i, boxes in enumerate(BOXES[:-1])},
        target_labels=labels,
        target_boxes=boxes,
        target_counts=COUNTS.astype(np.uint8),
    )


def as_json():
    """What DETR's criterion is called with, as lists."""
    targets = [
        {
            "labels": labels.tolist(),
            "boxes": boxes.tolist(),
            "image_id": [i],
            "iscrowd": [0] * len(labels),
            "area": [1.0] * len(labels),
            "orig_size": [480, 640],
        }
        for i, (labels, boxes) in enumerate(zip(LABELS, TARGET_BOXES))
    ]
    layer = lambda i: {"pred_logits": LOGITS[i].tolist(), "pred_boxes": BOXES[i].tolist()}
    outputs = layer(-1) | {"aux_outputs": [layer(i) for i in range(len(LAYERS) - 1)]}
    (OUT / "pytorch.json").write_text(json.dumps({"outputs": outputs, "targets": targets}))


def dtypes():
    """Every dtype that is read, and both orders."""
    values = np.array([[0, 1, 2], [3, 4, 100]])
    arrays = {code: values.astype(code) for code in "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8".split()}
    big = {f"big_{code}": values.astype(f">{code}") for code in "f2 f4 f8 i2 i8".split()}
    halves = np.array([0.1, -2.5, 65504, 2**-24, -0.0, np.inf, -np.inf, np.nan], np.float16)
    np.savez(
        OUT / "dtypes.npz",
        **arrays,
        **big,
        b1=values > 2,
        halves=halves,
        halves_as_float32=halves.astype(np.float32),
        scalar=np.int64(7),
        empty=np.zeros((0, 4), np.float32),
        fortran=np.asfortranarray(np.arange(24, dtype=np.float32).reshape(2, 3, 4)),
    )


def read_masks(criterion, case):
    """A case of masks: predictions as arrays, targets as a list of arrays."""
    case = json.loads((FIXTURES / "golden" / criterion / f"{case}.json").read_text())
    tensors = {name: np.array(t["data"], np.float32).reshape(t["shape"]) for name, t in case["inputs"]["tensors"].items()}
    targets = [
        {
            "labels": np.array(target["labels"], np.int64),
            "boxes": np.array(target["boxes"], np.float32).reshape(-1, 4),
            "masks": np.array(target["masks"], np.uint8).reshape(target["masks_shape"]),
        }
        for target in case["inputs"]["targets"]
    ]
    return tensors, targets


def masks():
    """Masks: all images' one after the other as bool, or by image with Hugging Face's names, and as JSON beside boxes."""
    tensors, targets = read_masks("maskformer", "same_size")
    np.savez(
        OUT / "masks.npz",
        pred_logits=tensors["logits"],
        pred_masks=tensors["masks"],
        labels=np.concatenate([target["labels"] for target in targets]),
        masks=np.concatenate([target["masks"] for target in targets]).astype(bool),
        has_mask=np.ones(sum(len(target["labels"]) for target in targets), bool),
        void=np.zeros((len(targets), *targets[0]["masks"].shape[1:]), np.uint8),
        counts=[len(target["labels"]) for target in targets],
    )
    np.savez_compressed(
        OUT / "masks-numbered.npz",
        class_queries_logits=tensors["logits"],
        masks_queries_logits=tensors["masks"],
        **{f"class_labels_{i}": target["labels"] for i, target in enumerate(targets)},
        **{f"mask_labels_{i}": target["masks"].astype(np.float32) for i, target in enumerate(targets)},
    )
    tensors, targets = read_masks("detr-masks", "upsample_2x")
    outputs = {f"pred_{name}": tensor.tolist() for name, tensor in tensors.items()}
    listed = [{name: values.tolist() for name, values in target.items()} for target in targets]
    (OUT / "masks.json").write_text(json.dumps({"outputs": outputs, "targets": listed}))


def words():
    """Targets of words: positive maps and the captions' columns, all images' one after the other, padded, or by image."""
    case = json.loads((FIXTURES / "golden" / "grounding-dino" / "absent_columns_finite.json").read_text())
    tensors = {name: np.array(t["data"], np.float32).reshape(t["shape"]) for name, t in case["inputs"]["tensors"].items()}
    columns = tensors["main_logits"].shape[-1]
    maps = [np.array(t["positive_map"], np.float32).reshape(-1, columns) for t in case["inputs"]["targets"]]
    boxes = [np.array(t["boxes"], np.float32).reshape(-1, 4) for t in case["inputs"]["targets"]]
    predictions = {"pred_logits": tensors["main_logits"], "pred_boxes": tensors["main_boxes"]}
    mask = tensors["text_mask"].astype(bool)
    counts = [len(own) for own in maps]
    np.savez(
        OUT / "words.npz",
        **predictions,
        positive_map=np.concatenate(maps).astype(np.uint8),
        boxes=np.concatenate(boxes),
        text_mask=mask,
        exhaustive=np.ones(len(maps), bool),
        counts=counts,
    )
    length = max(counts) + 1
    pad = lambda rows: np.stack([np.pad(own, ((0, length - len(own)), (0, 0))) for own in rows])
    np.savez_compressed(
        OUT / "words-padded.npz", **predictions, positives=pad(maps), target_boxes=pad(boxes), columns=mask, counts=counts
    )
    np.savez_compressed(
        OUT / "words-numbered.npz",
        **predictions,
        **{f"positives_{i}": own for i, own in enumerate(maps)},
        **{f"boxes_{i}": own for i, own in enumerate(boxes)},
        **{f"columns_{i}": own for i, own in enumerate(mask)},
    )


def weighed():
    """Weights of targets, queries and layers, images that are not exhaustive, and targets without a box."""
    total = int(COUNTS.sum())
    queries = SHAPE[1]
    np.savez(
        OUT / "weighed.npz",
        logits=LOGITS,
        boxes=BOXES,
        query_weights=np.arange(len(LABELS) * queries).reshape(len(LABELS), queries) % 3,
        layer_weights=np.arange(1, len(LAYERS) + 1) / len(LAYERS),
        labels=np.concatenate(LABELS),
        target_boxes=np.concatenate(TARGET_BOXES),
        weights=np.arange(total) + 0.5,
        has_box=np.arange(total) > 0,
        is_exhaustive=np.arange(len(LABELS)) > 0,
        counts=COUNTS,
    )


def unreadable():
    """What is refused: pickled objects, structured and text arrays, and an archive as torch.save lays it out."""
    ragged = np.empty(2, object)
    ragged[:] = [{"labels": labels} for labels in LABELS[:2]]
    np.savez(OUT / "objects.npz", pred_logits=LOGITS[-1], pred_boxes=BOXES[-1], targets=ragged)
    np.savez(OUT / "structured.npz", logits=np.zeros(2, [("a", "f4"), ("b", "i4")]))
    np.savez(OUT / "text.npz", logits=np.array(["a", "bc"]))
    np.save(OUT / "single.npy", LOGITS)
    with zipfile.ZipFile(OUT / "torch.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/version", b"3\n")
    with zipfile.ZipFile(OUT / "others.zip", "w") as archive:
        archive.writestr("readme.txt", "no arrays")
    buffer = io.BytesIO()
    np.savez(buffer, weights=np.zeros(3), bias=np.zeros(3))
    (OUT / "other-keys.npz").write_bytes(buffer.getvalue())


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for make in (pytorch, numbered, padded, as_json, dtypes, masks, words, weighed, unreadable):
        make()
