"""Reference values of the criteria of transformers: checks the fixtures against them, or makes new ones.

    python tools/golden/make.py --check             every fixture whose criterion transformers has, number by number
    python tools/golden/make.py --out values        cases from a seed, of every criterion, into a folder

README.md beside this file says how to install what it needs, and how to add a criterion.
"""

import argparse
import importlib.metadata
import sys
from pathlib import Path

import numpy

import case as cases
from compare import differences
from compute import compute
from criteria import CRITERIA
from inputs import CASES

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "__test__" / "fixtures" / "golden"
PACKAGES = ("torch", "scipy", "numpy", "transformers")


def main():
    """Reads the command line; the exit code is 1 where a fixture differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="compare the fixtures with what transformers computes")
    what.add_argument(
        "--out", type=Path, metavar="FOLDER", help="make cases from a seed, and write them to this folder"
    )
    parser.add_argument(
        "--fixtures", type=Path, default=FIXTURES, metavar="FOLDER", help="check those of another folder"
    )
    parser.add_argument("--only", choices=sorted(CRITERIA), action="append", help="one criterion; may be repeated")
    parser.add_argument("--seed", type=int, default=1, help="of the cases that --out makes (default 1)")
    options = parser.parse_args()
    names = options.only or list(CRITERIA)
    if options.check:
        return check(options.fixtures, names)
    return make(options.out, names, options.seed)


def check(folder, names):
    """Compares the fixtures of these criteria, and counts those of others and those where the published code fails."""
    paths = sorted(folder.glob("*/*.json"))
    others = sum(path.parent.name not in CRITERIA for path in paths)
    equal, failing, worst, faults = 0, 0, 0.0, []
    for path in paths:
        if path.parent.name not in names:
            continue
        given, expected = cases.read(path)
        if expected is None:
            failing += 1
            continue
        criterion = CRITERIA[given.criterion]
        found, largest = differences(compute(criterion, given), expected, criterion.omitted)
        worst = max(worst, largest)
        faults += [f"{given.criterion}/{given.name}: {fault}" for fault in found]
        equal += not found
        print(f"{given.criterion}/{given.name}: {'differs' if found else 'equal'}, by {largest:.1e} at most")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(
        f"{equal} equal, by {worst:.1e} at most; {failing} are about how the published code fails and are left out, "
        f"as are {others} of criteria that transformers lacks."
    )
    return 1 if faults or equal == 0 else 0


def make(folder, names, seed):
    """Writes the cases of these criteria with their values."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    for criterion in names:
        for number, name in enumerate(CASES):
            random = numpy.random.default_rng([seed, number, *criterion.encode()])
            given = cases.Case(criterion, name, *CRITERIA[criterion].make(random, name))
            path = folder / criterion / f"{name}.json"
            implementation = f"transformers {versions['transformers']} {CRITERIA[criterion].implementation}"
            cases.write(path, given, compute(CRITERIA[criterion], given), implementation, versions)
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
