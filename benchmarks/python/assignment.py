"""Assignment solvers of Python for the benchmark, one in each process.

python3 assignment.py            prints which can be imported: {"versions": text, "solvers": {name: [form, ...]}};
                                 a dense solver is one of batches as well, in a loop
python3 assignment.py <solver>   answers requests, one a line, as benchmarks/assignment/host.js does

Needs numpy, and any of scipy, laprust, lapcpp and lapx.
"""

import importlib
import json
import platform
import sys
import time

from host import serve, take_samples

PACKAGES = {"numpy": "numpy", "scipy": "scipy", "laprust": "laprust", "lapcpp": "lapcpp", "lapx": "lap"}


def load():
    """The packages that can be imported, by name."""
    found = {}
    for name, module in PACKAGES.items():
        try:
            found[name] = importlib.import_module(module)
        except ImportError:
            continue
    if "lapx" in found and not hasattr(found["lapx"], "lapjvx"):
        del found["lapx"]  # the package lap, which has the same module name
    return found


def solvers(packages):
    """For each solver and form: a function of one matrix that gives (row indices, column indices)."""
    table = {}
    if "scipy" in packages:
        from scipy.optimize import linear_sum_assignment
        from scipy.sparse.csgraph import min_weight_full_bipartite_matching

        table["scipy"] = {"dense": linear_sum_assignment, "sparse": min_weight_full_bipartite_matching}
    for name in ("laprust", "lapcpp"):
        if name in packages:
            table[name] = {"dense": without_total(packages[name].lapjv, extend_cost=True)}
    if "lapx" in packages:
        lap = packages["lapx"]
        table["lapx lapjvx"] = {"dense": without_total(lap.lapjvx, extend_cost=True)}
        table["lapx lapjvs"] = {
            "dense": without_total(lap.lapjvs, extend_cost=True, jvx_like=True, prefer_float32=False)
        }
        table["lapx lapjvr"] = {"dense": without_total(lap.lapjvr, extend_cost=True)}
        table["lapx lapjvh"] = {"dense": without_total(lap.lapjvh, extend_cost=True)}
        if "scipy" in packages:
            table["lapx lapmod"] = {"sparse": lapmod(lap)}
    return table


def without_total(solve, **options):
    """A solver that gives (total, rows, columns), as one that gives (rows, columns)."""
    return lambda matrix: solve(matrix, **options)[1:]


def lapmod(lap):
    """lapx's solver of sparse square matrices, which gives (total, column of each row, row of each column)."""
    return lambda matrix: (
        range(matrix.shape[0]),
        lap.lapmod(matrix.shape[0], matrix.data, matrix.indptr, matrix.indices)[1],
    )


class Host:
    """Holds the problems: lists of matrices, of one or of a whole batch. Its methods answer requests."""

    def __init__(self, forms):
        self.forms = forms
        self.solve_one = None
        self.problems = []
        self.next = 0

    def prepare(self, instance):
        """Reads the matrices."""
        form = instance["form"]
        matrices = [read_matrix(form, instance["type"], matrix) for matrix in instance["matrices"]]
        self.solve_one = self.forms["dense" if form == "batch" else form]
        self.problems = [matrices] if form == "batch" else [[matrix] for matrix in matrices]
        self.next = 0
        return {}

    def solve(self, index):
        """Solves one problem once."""
        start = time.perf_counter()
        results = self.run(self.problems[index])
        seconds = time.perf_counter() - start
        pairs = zip(self.problems[index], results)
        return {"seconds": seconds, "columns": [column_of_row(matrix, *result) for matrix, result in pairs]}

    def sample(self, limits):
        """Seconds for one solve, several times, of all problems in turn."""
        return {"samples": take_samples(self.step, limits)}

    def step(self):
        """Solves the next problem."""
        self.run(self.problems[self.next])
        self.next = (self.next + 1) % len(self.problems)

    def run(self, problem):
        """Solves one problem; empty matrices of a batch are passed over."""
        if len(problem) == 1:
            return [self.solve_one(problem[0])]
        solve = self.solve_one
        return [solve(matrix) if matrix.size > 0 else ((), ()) for matrix in problem]


def read_matrix(form, value_type, matrix):
    """An array of numpy, or a sparse one of scipy, from files."""
    import numpy

    values = numpy.fromfile(matrix["files"]["values"], dtype=value_type)
    shape = (matrix["rows"], matrix["columns"])
    if form != "sparse":
        return values.reshape(shape)
    from scipy.sparse import csr_matrix

    indices = [numpy.fromfile(matrix["files"][name], dtype="int32") for name in ("columnIndices", "rowStarts")]
    return csr_matrix((values, *indices), shape=shape)


def column_of_row(matrix, rows, columns):
    """The column of each row, or −1."""
    found = [-1] * matrix.shape[0]
    for row, column in zip(rows, columns):
        found[int(row)] = int(column)
    return found


def main():
    """The list of solvers, or the host of one."""
    packages = load()
    table = solvers(packages) if "numpy" in packages else {}
    if len(sys.argv) < 2:
        versions = [f"Python {platform.python_version()}"]
        versions += [f"{name} {getattr(package, '__version__', '')}".strip() for name, package in packages.items()]
        forms = {name: list(solver) for name, solver in table.items()}
        print(json.dumps({"versions": ", ".join(versions), "solvers": forms}))
        return
    host = Host(table[sys.argv[1]])
    serve({"prepare": host.prepare, "solve": host.solve, "sample": host.sample})


if __name__ == "__main__":
    main()
