"""Records what pycocotools makes of polygons and of random masks, in __test__/fixtures/masks.json.

    python3 -m venv target/masks && target/masks/bin/pip install -r tools/masks/requirements.txt
    target/masks/bin/python tools/masks/record.py && git diff --stat __test__/fixtures/masks.json    # nothing
"""
import base64
import json
import random
from pathlib import Path

import numpy as np
from pycocotools import mask as coco

OUT = Path(__file__).resolve().parents[2] / "__test__/fixtures/masks.json"


def record(name, size, code, polygons=None):
    """A case: the mask in pycocotools' code, as run lengths, as bits, its area and its box."""
    pixels = coco.decode(code)
    runs = np.flatnonzero(np.diff(np.concatenate([[0], pixels.ravel(order="F"), [2]])))
    counts = np.diff(np.concatenate([[0], runs])).tolist()
    bits = np.packbits(np.ascontiguousarray(pixels), bitorder="little")
    return {
        "name": name,
        "size": size,
        **({"polygons": polygons} if polygons is not None else {}),
        "code": code["counts"].decode(),
        "counts": counts,
        "bits": base64.b64encode(bits.tobytes()).decode(),
        "box": coco.toBbox(code).tolist(),
    }


def drawn(name, size, polygons):
    return record(name, size, coco.merge(coco.frPyObjects(polygons, *size)), polygons)


NAMED = [
    ("a triangle", [8, 10], [[1.2, 1, 8.7, 2.3, 4.1, 7.6]]),
    ("a square on the grid", [6, 6], [[1, 1, 4, 1, 4, 4, 1, 4]]),
    ("a square on the grid, the other way round", [6, 6], [[1, 1, 1, 4, 4, 4, 4, 1]]),
    ("the whole image", [5, 7], [[0, 0, 7, 0, 7, 5, 0, 5]]),
    ("far beyond the image", [5, 7], [[-100, -50, 200, -50, 200, 50, -100, 50]]),
    ("some vertices outside", [9, 9], [[-3.5, 4, 4, -2.25, 12.75, 5, 3, 14]]),
    ("all of it left of the image", [9, 9], [[-8, 1, -2, 1, -2, 6]]),
    ("all of it below the image", [9, 9], [[1, 10, 6, 11, 4, 20]]),
    ("crossing itself", [12, 12], [[1, 1, 10, 10, 10, 1, 1, 10]]),
    ("a star", [20, 20], [[10, 1, 15, 18, 1, 7, 19, 7, 5, 18]]),
    ("a line", [10, 10], [[1, 1, 8, 8, 1, 1]]),
    ("an upright line", [10, 10], [[3, 1, 3, 8, 3, 4]]),
    ("a level line", [10, 10], [[1, 3, 8, 3, 4, 3]]),
    ("a point", [10, 10], [[4.5, 4.5, 4.5, 4.5, 4.5, 4.5]]),
    ("repeated points", [10, 10], [[1, 1, 1, 1, 8, 2, 8, 2, 8, 2, 4, 9, 1, 1]]),
    ("thinner than a pixel", [10, 10], [[4.3, 0, 4.6, 0, 4.6, 9, 4.3, 9]]),
    ("two apart", [10, 12], [[1, 1, 4, 1, 4, 4, 1, 4], [6, 5, 11, 5, 8, 9]]),
    ("two overlapping", [10, 12], [[1, 1, 8, 1, 8, 8, 1, 8], [4, 4, 11, 4, 11, 9, 4, 9]]),
    ("one twice", [10, 12], [[1, 1, 8, 1, 8, 8], [1, 1, 8, 1, 8, 8]]),
    ("a row of pixels", [1, 17], [[2, 0, 9, 0, 9, 1, 2, 1]]),
    ("a column of pixels", [17, 1], [[0, 2, 1, 2, 1, 9, 0, 9]]),
    ("one pixel", [1, 1], [[0, 0, 1, 0, 1, 1, 0, 1]]),
    ("one pixel, missed", [1, 1], [[0, 0, 0.2, 0, 0.2, 0.2]]),
    ("coordinates of float32", [30, 30], [[float(np.float32(x)) for x in (3.1, 2.7, 25.3, 4.9, 20.2, 28.6, 2.2, 19.7)]]),
]


def main():
    random.seed(18)
    cases = [drawn(*case) for case in NAMED]
    for i in range(120):
        size = [random.choice([1, 2, 3, 7, 16, 33]), random.choice([1, 2, 5, 8, 21, 40])]
        digits = random.choice([0, 1, 2, 12])

        def corner(side):
            return round(random.uniform(-0.4 * side - 1, 1.4 * side + 1), digits)

        def polygon():
            points = random.choice([3, 3, 4, 5, 9])
            return [corner(size[(k + 1) % 2]) for k in range(2 * points)]

        cases.append(drawn(f"random {i}", size, [polygon() for _ in range(random.choice([1, 1, 1, 2, 3]))]))
    for i, (size, share) in enumerate([([1, 1], 0), ([1, 1], 1), ([3, 4], 0), ([3, 4], 1), ([13, 7], 0.5), ([40, 64], 0.02)]):
        pixels = np.asfortranarray(np.random.default_rng(i).random(size) < share, dtype=np.uint8)
        cases.append(record(f"pixels {i}", size, coco.encode(pixels)))
    # one long run after another, for numbers of several characters and large negative differences
    pixels = np.zeros(64 * 1000, dtype=np.uint8)
    pixels[40000:40001] = 1
    pixels[40003:63000] = 1
    cases.append(record("long runs", [64, 1000], coco.encode(np.asfortranarray(pixels.reshape((64, 1000), order="F")))))
    source = "pycocotools 2.0.11 with numpy 2.4.6, by tools/masks/record.py"
    lines = ",\n".join("    " + json.dumps(case) for case in cases)
    OUT.write_text(f'{{\n  "source": "{source}",\n  "cases": [\n{lines}\n  ]\n}}\n')


main()
