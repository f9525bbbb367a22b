"""A contender's process: requests and answers in lines of JSON, and samples taken as in JavaScript."""

import json
import math
import sys
import time


def serve(handlers):
    """Answers requests of one key each, by the handler of that name, until the input ends."""
    for line in sys.stdin:
        try:
            ((kind, argument),) = json.loads(line).items()
            answer = handlers[kind](argument)
        except Exception as error:  # whatever a contender does wrong is reported, and the benchmark goes on
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def take_samples(step, limits):
    """Seconds for one call, several times, as benchmarks/sample.js takes them."""
    calls, spent = 1, seconds_of(step, 1)
    while spent < limits["minTime"]:
        calls = math.ceil(calls * min(10, 1.2 * limits["minTime"] / spent))
        spent = seconds_of(step, calls)
    samples, left = [], limits["maxTime"]
    while len(samples) < limits["minSamples"] or left > 0:
        spent = seconds_of(step, calls)
        left -= spent
        samples.append(spent / calls)
    return samples


def seconds_of(step, calls):
    """Seconds for some calls."""
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return time.perf_counter() - start
