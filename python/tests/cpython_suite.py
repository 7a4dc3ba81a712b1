"""Runs CPython's own tests of `concurrent.futures` against `Client`, and writes what became of each as JSON.

    python cpython_suite.py REPORT

The tests come from the `test` package of the running interpreter. Its mixins ask for an `executor_type`; here
it is a client with an embedded cluster.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
import unittest
from pathlib import Path
from typing import Any

from isthmus import Client

#: Tests that speak of something else than what a cluster's client promises.
NOT_APPLICABLE = {
    "test_max_workers_negative": "the parameter is called slots; test_embedded.py checks it",
    "test_interpreter_shutdown": "starts a program with concurrent.futures' own class; see test_embedded.py",
    "test_submit_after_interpreter_shutdown": "the same; see test_embedded.py",
    "test_hang_gh83386": "the same; see test_embedded.py",
    "test_hang_gh94440": "the same, about the fork of a pool",
}

MIXINS = ("ExecutorTest", "WaitTests", "AsCompletedTests", "ExecutorShutdownTest", "InitializerMixin")


def modules() -> list[Any]:
    """Where the mixins are: one module up to 3.11, a package since 3.12."""
    package = importlib.import_module("test.test_concurrent_futures")
    if not hasattr(package, "__path__"):
        return [package]
    names = ("util", "executor", "test_wait", "test_as_completed", "test_shutdown", "test_init")
    return [importlib.import_module(f"test.test_concurrent_futures.{name}") for name in names]


def client(max_workers: int, **arguments: Any) -> Client:
    """What the mixins use as `executor_type`."""
    return Client(slots=max_workers, **arguments)


def suite() -> unittest.TestSuite:
    """Each mixin with a client as its executor."""
    found = {name: value for module in reversed(modules()) for name, value in vars(module).items()}
    executor = type(
        "ClientMixin",
        (found["ExecutorMixin"],),
        {"executor_type": staticmethod(client), "worker_count": 2},
    )
    tests = unittest.TestSuite()
    for name in MIXINS:
        made = type(f"Client{name}", (found[name], executor, found["BaseTestCase"]), {})
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(made):
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
