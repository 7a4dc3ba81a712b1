"""Exceptions that steer Python itself, raised by a task: an error of that task, never an endless wait."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib.util
import pickle
import re
import sys
import traceback
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import client_tasks as tasks
import pytest
from client_support import eventually

import isthmus
from isthmus import Client

WAIT = 30.0
STEERING = [StopIteration, StopAsyncIteration, GeneratorExit, asyncio.CancelledError]
LEAVING = [KeyboardInterrupt, SystemExit]


@pytest.mark.parametrize("kind", STEERING)
def test_what_would_end_the_caller_arrives_as_a_runtime_error(client: Client, kind: type) -> None:
    future = client.submit(tasks.throw, kind)
    with pytest.raises(RuntimeError, match=f"the task raised {kind.__name__}") as caught:
        future.result(WAIT)
    assert type(caught.value.__cause__) is kind
    assert future.exception() is caught.value
    assert not future.cancelled()
    [done] = concurrent.futures.as_completed([client.submit(tasks.throw, kind)], WAIT)
    assert isinstance(done.exception(), RuntimeError)


@pytest.mark.parametrize("kind", STEERING)
def test_neither_an_event_loop_nor_a_callback_waits_for_ever(client: Client, kind: type) -> None:
    async def run() -> None:
        for wait in (lambda future: future, asyncio.wrap_future):
            with pytest.raises(RuntimeError, match=kind.__name__):
                await asyncio.wait_for(wait(client.submit(tasks.throw, kind)), WAIT)

    asyncio.run(run())
    found: list[Any] = []
    client.submit(tasks.throw, kind).add_done_callback(lambda future: found.append(future.exception()))
    eventually(lambda: found, "the callback is called")
    assert isinstance(found[0], RuntimeError)


@pytest.mark.parametrize("kind", STEERING)
@pytest.mark.parametrize("retries", [None, 0])
def test_map_never_ends_without_a_word(client: Client, kind: type, retries: int | None) -> None:
    view = client if retries is None else client.options(retries=retries)
    results = view.map(tasks.throw_at_two, [kind] * 5, range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(RuntimeError, match=f"the task raised {kind.__name__}") as caught:
        next(results)
    assert type(caught.value.__cause__) is kind
    shown = "".join(traceback.format_exception(caught.value))
    assert re.search(r'client_tasks\.py", line \d+, in throw_at_two\n +raise kind', shown)


def test_a_runtime_error_of_a_mapped_function_is_its_own(client: Client) -> None:
    for function, rows in ((tasks.exhaust, [[1]]), (next, [iter([])]), (tasks.exhaust_chained, [[1]])):
        with pytest.raises(RuntimeError) as caught:
            list(client.map(function, rows))
        own = function is tasks.exhaust_chained
        assert isinstance(caught.value.__cause__, StopIteration) != own
        assert str(caught.value) == ("the function's own" if own else "the task raised StopIteration")


@pytest.mark.parametrize("kind", LEAVING)
def test_what_ends_a_program_arrives_as_itself(client: Client, kind: type) -> None:
    future = client.submit(tasks.throw, kind)
    assert type(future.exception(WAIT)) is kind
    with pytest.raises(kind):
        future.result()

    async def run() -> Any:
        await client.submit(tasks.throw, kind)

    with pytest.raises(kind):
        asyncio.run(run())
    results = client.map(tasks.throw_at_two, [kind] * 5, range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(kind):
        next(results)
    assert client.submit(tasks.add, 1, 1).result(WAIT) == 2


def test_a_cancellation_that_a_task_raised_is_no_cancellation_of_the_task(client: Client) -> None:
    future = client.submit(tasks.throw, concurrent.futures.CancelledError)
    assert isinstance(future.exception(WAIT), concurrent.futures.CancelledError)
    assert not future.cancelled()

    async def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(client.submit(tasks.throw, concurrent.futures.CancelledError), WAIT)

    asyncio.run(run())


@pytest.mark.parametrize("kind", [SystemExit, GeneratorExit, StopIteration, ValueError])
def test_whatever_is_raised_while_a_result_is_read_is_the_error_of_its_future(
    client: Client, kind: type
) -> None:
    for size in (1, 100_000):
        error = client.submit(tasks.unpicklable_here, kind, size).exception(WAIT)
        assert isinstance(error, pickle.PicklingError)
        assert type(error.__cause__) is kind
    with pytest.raises(pickle.PicklingError):
        list(client.map(tasks.unpicklable_here, [kind] * 3, [1] * 3))


@pytest.mark.parametrize("kind", [SystemExit, ValueError])
def test_arguments_that_cannot_be_read_are_the_error_of_their_task(cluster: Client, kind: type) -> None:
    for future in (
        cluster.submit(id, tasks.Throws(kind)),
        cluster.submit(id, [tasks.Throws(kind), bytes(100_000)]),
        cluster.options(retries=0).submit(id, tasks.Throws(kind)),
    ):
        error = future.exception(WAIT)
        assert isinstance(error, isthmus.TaskNotLoadable)
        assert isinstance(error, BrokenProcessPool)
        assert type(error.__cause__) is kind
        assert "tasks.py" in str(error.__cause__.__cause__)
    assert cluster.submit(tasks.add, 1, 1).result(WAIT) == 2


def test_a_missing_module_is_told_with_what_to_do(cluster: Client, tmp_path: Path) -> None:
    (tmp_path / "late_module.py").write_text("def one(): return 1\nclass Box: pass\n")
    specification = importlib.util.spec_from_file_location("late_module", tmp_path / "late_module.py")
    assert specification is not None
    assert specification.loader is not None
    module = sys.modules["late_module"] = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
        for future in (cluster.submit(module.one), cluster.submit(id, module.Box())):
            with pytest.raises(ModuleNotFoundError, match=r"late_module.*sys\.path.*by_value") as caught:
                future.result(WAIT)
            assert caught.value.name == "late_module"
            assert isinstance(caught.value, isthmus.TaskNotLoadable)
    finally:
        del sys.modules["late_module"]
