"""Runs CPython's own tests of `concurrent.futures` against `Client`, and writes what became of each as JSON.

    python cpython_suite.py REPORT

The tests come from the `test` package of the running interpreter. Its mixins ask for an `executor_type`; here
it is a client with an embedded cluster.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
import unittest
from functools import partial
from pathlib import Path
from typing import Any

from isthmus import Client

_ITS_PROCESSES = "looks into the pool's own processes"

#: Tests that speak of something else than what a cluster's client promises.
NOT_APPLICABLE = {
    "test_interpreter_shutdown": "what tasks write is at their futures, or is tagged: test_watching.py",
    "test_hang_gh83386": "the same",
    "test_hang_gh94440": "is about the fork of a pool",
    "test_killed_child": f"{_ITS_PROCESSES}; an executor that dies ends its task and no other",
    "test_saturation": _ITS_PROCESSES,
    "test_idle_process_reuse_one": _ITS_PROCESSES,
    "test_idle_process_reuse_multiple": _ITS_PROCESSES,
    "test_ressources_gced_in_workers": "its objects belong to a multiprocessing.Manager",
    "test_max_tasks_per_child": "a parameter of ProcessPoolExecutor",
    "test_max_tasks_per_child_defaults_to_spawn_context": "the same",
    "test_max_tasks_early_shutdown": "the same",
    "test_python_finalization_error": "is about the threads of ProcessPoolExecutor",
    "test_gh105829_should_not_deadlock_if_wakeup_pipe_full": "the same",
    "test_shutdown_deadlock_pickle": "the same",
}

MIXINS = (
    "ExecutorTest",
    "WaitTests",
    "AsCompletedTests",
    "ExecutorShutdownTest",
    "InitializerMixin",
    "ProcessPoolExecutorTest",
    "ExecutorDeadlockTest",
)


def modules() -> list[Any]:
    """Where the mixins are: one module up to 3.11, a package since 3.12."""
    package = importlib.import_module("test.test_concurrent_futures")
    if not hasattr(package, "__path__"):
        return [package]
    names = ("util", "executor", "test_wait", "test_as_completed", "test_shutdown", "test_init")
    names += ("test_process_pool", "test_deadlock")
    return [importlib.import_module(f"test.test_concurrent_futures.{name}") for name in names]


def client(max_workers: int, mp_context: object = None, **arguments: Any) -> Client:
    """What the mixins use as `executor_type`."""
    return Client(max_workers=max_workers, **arguments)


def run_program(run: Any, flag: str, text: str) -> Any:
    """Run a program of a test with a client instead of the standard library's class."""
    text = text.replace("from concurrent.futures import", "from cpython_suite import")
    return run(flag, text, __isolated=False, PYTHONPATH=os.pathsep.join(sys.path))


def suite() -> unittest.TestSuite:
    """Each mixin with a client as its executor."""
    found = {name: value for module in reversed(modules()) for name, value in vars(module).items()}
    for module in modules():
        if hasattr(module, "assert_python_ok"):
            module.assert_python_ok = partial(run_program, module.assert_python_ok)
    executor = type(
        "ClientMixin",
        (found["ExecutorMixin"],),
        {"executor_type": staticmethod(client), "worker_count": 2, "get_context": lambda _: None},
    )
    tests = unittest.TestSuite()
    for name in MIXINS:
        # Those of process pools repeat those of all executors.
        seen = set(dir(found["ExecutorTest"])) if name == "ProcessPoolExecutorTest" else set()
        made = type(f"Client{name}", (found[name], executor, found["BaseTestCase"]), {})
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(made):
            if test.id().rpartition(".")[2] not in seen:
                tests.addTest(test)
    return tests


def main() -> None:
    """Run, and write the report."""
    outcomes: dict[str, str] = {}
    # Long tests are marked as costly; they are few.
    importlib.import_module("test.support").use_resources = ["walltime", "cpu"]
    for test in suite():
        assert isinstance(test, unittest.TestCase)
        name = test.id().rpartition(".")[2]
        title = f"{type(test).__name__}.{name}"
        if name in NOT_APPLICABLE:
            outcomes[title] = f"not applicable: {NOT_APPLICABLE[name]}"
            continue
        result = unittest.TestResult()
        try:
            test.run(result)
        except Exception:
            outcomes[title] = f"failed: {traceback.format_exc()}"
            continue
        bad = [text for _, text in result.failures + result.errors]
        skipped = [text for _, text in result.skipped]
        outcomes[title] = f"failed: {bad[0]}" if bad else f"skipped: {skipped[0]}" if skipped else "passed"
        print(title, outcomes[title].partition(":")[0], flush=True)
    Path(sys.argv[1]).write_text(json.dumps(outcomes))


if __name__ == "__main__":
    main()
