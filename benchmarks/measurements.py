"""The measurements. Each takes a started engine and returns numbers; none knows which engine it has."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from . import accounting
from .engines.base import Engine
from .graphs import graphs
from .work import add_one, echo, nothing, report_speed, spin

Figures = dict[str, float]

#: Time that one sample of a throughput measurement should take, so that slow engines end too.
SAMPLE_SECONDS = 1.5
ARRAY_BYTES = 10_000_000
#: Durations at which efficiency is measured, from long to short (Task Bench's sweep).
GRANULARITIES = [0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5]
METG_SECONDS = 0.5
METG_TASKS_MIN = 16


def rate(run: Callable[[int], Any], smallest: int, largest: int) -> tuple[float, float]:
    """Tasks per second and CPU microseconds per task, in a run sized to take `SAMPLE_SECONDS`."""
    started = time.perf_counter()
    run(smallest)
    estimate = smallest / (time.perf_counter() - started)
    count = max(smallest, min(largest, int(estimate * SAMPLE_SECONDS)))
    cpu = accounting.cpu_seconds()
    started = time.perf_counter()
    run(count)
    seconds = time.perf_counter() - started
    return count / seconds, 1e6 * (accounting.cpu_seconds() - cpu) / count


def submit_and_gather(engine: Engine) -> Figures:
    per_second, cpu = rate(lambda n: engine.submit_and_gather(nothing, range(n)), 500, 200_000)
    return {"submit_gather_per_s": per_second, "submit_gather_cpu_us": cpu}


def own_function(engine: Engine) -> Figures:
    """A function of the main program, with a constant and another function, as people write them."""
    if not getattr(engine, "runs_own_functions", True):
        return {}
    own: Callable[[int], int] = vars(sys.modules["__main__"])["own"]
    per_second, _ = rate(lambda n: engine.submit_and_gather(own, range(n)), 500, 200_000)
    return {
        "own_submit_per_s": per_second,
        "own_round_trip_p50_us": round_trip(engine, own)["round_trip_p50_us"],
    }


def mapping(engine: Engine) -> Figures:
    per_second, cpu = rate(lambda n: engine.map(nothing, range(n)), 500, 1_000_000)
    return {"map_per_s": per_second, "map_cpu_us": cpu}


def swift_mapping(engine: Engine) -> Figures:
    """`map` of a Swift function and of the same in Python, in turns; only isthmus has the former."""
    swift_map = getattr(engine, "swift_map", None)
    if swift_map is None:
        return {}
    # Its cluster starts with the first call, which is not to be measured.
    swift_map(range(500))
    swift, _ = rate(lambda n: swift_map(range(n)), 500, 1_000_000)
    python, _ = rate(lambda n: engine.map(add_one, range(n)), 500, 1_000_000)
    return {"swift_map_per_s": swift, "python_map_per_s": python}


def chain(engine: Engine) -> Figures:
    """Each task takes the value of the one before it: steps per second."""
    per_second, _ = rate(engine.chain, 100, 20_000)
    return {"chain_per_s": per_second}


def round_trip(engine: Engine, function: Callable[[int], int] = nothing) -> Figures:
    samples: list[float] = []
    deadline = time.perf_counter() + 2 * SAMPLE_SECONDS
    while len(samples) < 5_000 and time.perf_counter() < deadline:
        started = time.perf_counter()
        engine.call(function, 1)
        samples.append(time.perf_counter() - started)
    samples = sorted(samples[len(samples) // 10 :])
    return {
        "round_trip_p50_us": 1e6 * statistics.median(samples),
        "round_trip_p99_us": 1e6 * samples[int(0.99 * (len(samples) - 1))],
    }


def array(engine: Engine) -> Figures:
    import numpy as np

    data = np.arange(ARRAY_BYTES // 8, dtype=np.float64)
    samples = []
    for _ in range(12):
        started = time.perf_counter()
        back = engine.call(echo, data)
        samples.append(time.perf_counter() - started)
        assert back[-1] == data[-1]
    return {"array_10mb_ms": 1e3 * statistics.median(samples[2:])}


def efficiency(engine: Engine, seconds_per_task: float, speed: float) -> float:
    """Useful work divided by what the slots could have done in the time that passed."""
    count = max(METG_TASKS_MIN, int(METG_SECONDS * engine.slots / seconds_per_task))
    iterations = max(1, int(seconds_per_task * speed))
    started = time.perf_counter()
    engine.submit_and_gather(spin, [iterations] * min(count, 100_000))
    wall = time.perf_counter() - started
    return min(count, 100_000) * iterations / speed / (wall * engine.slots)


def granularity(engine: Engine) -> Figures:
    """METG(50 %) and METG(95 %) as Task Bench defines them (Slaughter et al., SC'20), no dependencies.

    The peak is what the same loop reaches when each slot is a bare process, measured beside this engine. Of
    two samples the better one counts, of the peak as of each granularity: noise of the machine only slows.
    """
    speed = max(bare_speed(engine.slots) for _ in range(2))
    curve: list[tuple[float, float]] = []
    for seconds in GRANULARITIES:
        curve.append((seconds, max(efficiency(engine, seconds, speed) for _ in range(2))))
        if curve[-1][1] < 0.25:
            break
    ten = [value for seconds, value in curve if seconds == 0.01]
    return {
        "metg50_us": 1e6 * smallest(curve, 0.50),
        "metg95_us": 1e6 * smallest(curve, 0.95),
        "overhead_10ms_percent": 100 * (1 / ten[0] - 1) if ten else float("nan"),
    }


def bare_speed(slots: int) -> float:
    """Iterations per second of one process while one runs on every slot, without any engine."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    together, speeds = context.Barrier(slots), context.SimpleQueue()
    processes = [context.Process(target=report_speed, args=(together, speeds)) for _ in range(slots)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return statistics.mean(float(speeds.get()) for _ in processes)


def smallest(curve: list[tuple[float, float]], wanted: float) -> float:
    """Where the curve last falls below the wanted efficiency, interpolated between its points."""
    import math

    previous: tuple[float, float] | None = None
    for seconds, value in curve:
        if value < wanted:
            if previous is None:
                return float("nan")
            share = (previous[1] - wanted) / (previous[1] - value)
            low, high = math.log(seconds), math.log(previous[0])
            return math.exp(high - share * (high - low))
        previous = (seconds, value)
    return curve[-1][0]


def start(make: Callable[[], Engine]) -> tuple[Engine, Figures]:
    """From nothing to the first result, and the memory of the idle cluster beside this process."""
    started = time.perf_counter()
    engine = make()
    engine.start()
    engine.call(nothing, 1)
    seconds = time.perf_counter() - started
    return engine, {
        "start_s": seconds,
        "idle_mb": accounting.proportional_bytes(leave_out=os.getpid()) / 1e6,
    }


ALL: dict[str, Callable[[Engine], Figures]] = {
    "submit": submit_and_gather,
    "own": own_function,
    "map": mapping,
    "swift": swift_mapping,
    "chain": chain,
    "roundtrip": round_trip,
    "array": array,
    "metg": granularity,
    "graphs": graphs,
}
