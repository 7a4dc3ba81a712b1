"""The client in an event loop, as in a notebook or a service."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import client_tasks as tasks
import pytest
from client_support import StandIns, eventually

from isthmus import Client

WAIT = 30.0


async def until(condition: Any, what: str) -> None:
    """Waits for a condition without holding up the event loop."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.005)


def test_submit_waits_for_credit_in_an_event_loop_as_in_a_script(stand_ins: StandIns) -> None:
    with Client(stand_ins.start("--credit", "10")) as client:

        async def cell(count: int) -> list[int]:
            futures = [client.submit(int, str(n)) for n in range(count)]
            return list(await asyncio.gather(*futures))

        for count in (300, 20):
            assert asyncio.run(cell(count)) == list(range(count))


def test_a_callback_may_submit_more_than_the_credit(stand_ins: StandIns) -> None:
    with Client(stand_ins.start("--credit", "10")) as client:
        found: list[int] = []

        def callback(_: Any) -> None:
            futures = [client.submit(int, str(n)) for n in range(100)]
            found.append(sum(future.result(WAIT) for future in futures))

        client.submit(int, "1").add_done_callback(callback)
        eventually(lambda: found == [4950], "the callback is done")


def test_submit_async_does_not_hold_up_the_event_loop(stand_ins: StandIns, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with Client(stand_ins.start("--credit", "4")) as client:

        async def run() -> list[Any]:
            waiting = [
                asyncio.ensure_future(client.submit_async(tasks.until_file, str(gate), n)) for n in range(12)
            ]
            await until(lambda: sum(task.done() for task in waiting) == 4, "those with credit are submitted")
            assert not gate.exists()
            gate.touch()
            return [await (await task) for task in waiting]

        assert asyncio.run(run()) == list(range(12))

        async def with_options() -> Any:
            return await (await client.options(name="sum").submit_async(tasks.add, 1, right=2))

        assert asyncio.run(with_options()) == 3


def test_who_is_cancelled_while_waiting_stops_the_task(cluster: Client) -> None:
    async def run() -> None:
        stopped = [cluster.submit(time.sleep, 1_000) for _ in range(2)]
        await until(stopped[0].running, "it runs")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(stopped[0], 0.01)
        waits = asyncio.ensure_future(_await(stopped[1]))
        await until(stopped[1].running, "it runs")
        await asyncio.sleep(0)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        assert [future.cancelled() for future in stopped] == [True, True]
        # Their slots are free: two tasks run at once.
        assert await asyncio.gather(*[cluster.submit(tasks.add, n, 1) for n in range(4)]) == [1, 2, 3, 4]

    asyncio.run(run())


@pytest.mark.parametrize("how", ["wrap_future", "run_in_executor", "await", "gather"])
def test_every_future_of_asyncio_stops_its_task_when_it_is_cancelled(cluster: Client, how: str) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        if how == "run_in_executor":
            waits = loop.run_in_executor(cluster, time.sleep, 1_000)
            await until(lambda: any(f.running() for f in cluster._engine.table.values()), "it runs")
        else:
            future = cluster.submit(time.sleep, 1_000)
            await until(future.running, "it runs")
            waits = {
                "wrap_future": lambda: asyncio.wrap_future(future),
                "await": lambda: asyncio.ensure_future(_await(future)),
                "gather": lambda: asyncio.gather(asyncio.wrap_future(future)),
            }[how]()
            await asyncio.sleep(0)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        await until(lambda: not cluster._engine.table, "the task is given up")
        # Its slot is free: two tasks run at once.
        assert await asyncio.gather(*[cluster.submit(tasks.add, n, 1) for n in range(4)]) == [1, 2, 3, 4]

    asyncio.run(run())


def test_a_task_that_runs_outlives_a_plain_cancel(cluster: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    future = cluster.submit(tasks.until_file, str(gate), "done")
    eventually(future.running, "it runs")
    assert not future.cancel()
    gate.touch()
    assert future.result(WAIT) == "done"


@pytest.mark.parametrize("how", ["one after another", "all at once"])
def test_many_submits_let_the_event_loop_run(stand_ins: StandIns, how: str) -> None:
    count = 20_000

    async def run(client: Client) -> list[float]:
        pauses, stop = [], False

        async def tick() -> None:
            last = time.monotonic()
            while not stop:
                await asyncio.sleep(0)
                pauses.append(time.monotonic() - last)
                last = time.monotonic()

        ticks = asyncio.ensure_future(tick())
        if how == "one after another":
            futures = [await client.submit_async(abs, -n) for n in range(count)]
        else:
            futures = await asyncio.gather(*[client.submit_async(abs, -n) for n in range(count)])
        stop = True
        await ticks
        assert [future.result(WAIT) for future in futures[::1_000]] == list(range(0, count, 1_000))
        return pauses

    with Client(stand_ins.start()) as client:
        pauses = asyncio.run(run(client))
    # In steps that are short, apart from a few that met another process: never all in one.
    assert len([pause for pause in pauses if pause < 0.1]) >= 10
    assert sorted(pauses)[-3] < sum(pauses) / 3


async def _await(future: Any) -> Any:
    return await future


def test_a_shielded_task_goes_on(cluster: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    async def run() -> None:
        future = cluster.submit(tasks.until_file, str(gate), "done")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(_await(future)), 0.05)
        gate.touch()
        assert await future == "done"

    asyncio.run(run())


def test_everything_can_be_cancelled(cluster: Client, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    futures = [cluster.submit(time.sleep, 1_000) for _ in range(2)]
    eventually(lambda: all(future.running() for future in futures), "they run")
    futures += [cluster.submit(tasks.leave_a_trace, str(trace), n) for n in range(10)]
    cluster.cancel_all()
    assert [future.cancelled() for future in futures] == [False] * 2 + [True] * 10
    cluster.cancel_all(running=True)
    assert all(future.cancelled() for future in futures)
    assert cluster.submit(tasks.add, 1, 1).result(WAIT) == 2
    assert not trace.exists()
