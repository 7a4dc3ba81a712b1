"""What a client gives back, and when: values, descriptors, threads, memory; and what a fork leaves."""

from __future__ import annotations

import gc
import os
import signal
import textwrap
import threading
from pathlib import Path
from typing import Any

import client_tasks as tasks
import pytest
from client_support import StandIns, eventually
from test_embedded import finished, interrupted, program

from isthmus import Client

WAIT = 30.0


@pytest.mark.parametrize("value", [1, bytes(1 << 20)], ids=["small", "large"])
def test_values_are_given_back_while_somebody_waits(client: Client, tmp_path: Path, value: Any) -> None:
    gate = tmp_path / "gate"
    slow = client.submit(tasks.until_file, str(gate))
    waits = threading.Thread(target=slow.result)
    waits.start()
    engine = client._engine
    eventually(lambda: engine.lead.is_taken, "the thread waits")
    for _ in range(10):
        future = client.submit(tasks.nap, 0, value)
        eventually(future.done, "it ends")
        del future
    eventually(lambda: not engine.released and not engine.outbox, "all are given back")
    assert waits.is_alive()
    gate.touch()
    waits.join(WAIT)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_clients_leave_nothing_behind(stand_ins: StandIns) -> None:
    address = stand_ins.start()
    kept: list[Any] = []

    def use_some(count: int) -> None:
        for _ in range(count):
            with Client(address) as client:
                assert client.submit(abs, -1).result(WAIT) == 1
                kept.append(client)

    use_some(20)
    kept.clear()
    gc.collect()
    before = descriptors(), threading.active_count(), resident_bytes()
    use_some(100)
    # Also of clients that somebody still refers to.
    assert (descriptors(), threading.active_count()) == before[:2]
    kept.clear()
    gc.collect()
    assert resident_bytes() - before[2] < 8 << 20


def test_an_embedded_cluster_leaves_no_descriptor_behind() -> None:
    for _ in range(3):
        before = descriptors()
        with Client(slots=1) as client:
            assert client.submit(abs, -1).result(WAIT) == 1
        # Counted with the client still there.
        assert descriptors() == before


def test_no_lock_survives_a_fork(stand_ins: StandIns, tmp_path: Path) -> None:
    gate = str(tmp_path / "gate")
    out, err = finished(
        program(
            f"""
            import os, signal, threading, warnings
            warnings.simplefilter("ignore")
            import client_tasks as tasks
            import cloudpickle.cloudpickle
            import isthmus.future
            from isthmus_bridge import classes
            from isthmus import Client, ForkedClientError
            class Box: pass
            client = Client({stand_ins.start()!r})
            done, pending = client.submit(pow, 2, 3), client.submit(tasks.until_file, {gate!r}, 16)
            done.result(20)
            engine = client._engine
            results = client.map(tasks.until_file, [{gate!r}] * 100, range(100))
            [feed] = engine.feeds
            locks = [engine.lead._lock, engine._lock, engine.outbox.gate, isthmus.future.making]
            locks += [engine.outbox.changing, classes._making]
            locks += [cloudpickle.cloudpickle._DYNAMIC_CLASS_TRACKER_LOCK]
            locks += [done._condition, pending._condition, feed._lock]
            held, forked = threading.Event(), threading.Event()
            def hold():
                for lock in locks:
                    lock.acquire()
                held.set()
                forked.wait()
                for lock in reversed(locks):
                    lock.release()
            holder = threading.Thread(target=hold)
            holder.start()
            held.wait()
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                for attempt in (
                    lambda: client.submit(pow, 2, 2), lambda: client.submit(lambda: Box()),
                    lambda: pending.result(), lambda: list(results),
                ):
                    try:
                        attempt()
                    except ForkedClientError as error:
                        print("told", flush=True)
                done.add_done_callback(lambda future: print("called", future.result(), flush=True))
                pending.add_done_callback(lambda future: print("called", flush=True))
                pending.cancel()
                client.shutdown()
                with Client({stand_ins.start()!r}) as own:
                    print("own:", own.submit(lambda: [Box(), 16][1]).result(10), flush=True)
                os._exit(0)
            forked.set()
            open({gate!r}, "w").close()
            status = os.waitpid(child, 0)[1]
            holder.join()
            print("child:", status, "parent:", pending.result(20), list(results)[:3])
            client.shutdown()
            """
        )
    )
    assert out.splitlines() == [
        "told", "told", "told", "told", "called 8", "called", "own: 16", "child: 0 parent: 16 [0, 1, 2]",
    ], err  # fmt: skip


ASYNC = """
    import asyncio, time
    from isthmus import Client
    async def main():
        with Client(slots=1) as client:
            future = client.submit(time.sleep, 40)
            print("ready", flush=True)
            {wait}
    try:
        asyncio.run(main())
    finally:
        print("left", flush=True)
"""


@pytest.mark.parametrize(
    "wait",
    ["await future", "future.result()", "pass", "list(client.map(time.sleep, [40]))"],
    ids=["await", "result", "exit", "map"],
)
def test_an_interrupt_under_asyncio_does_not_wait_for_tasks(wait: str) -> None:
    _, out, err, seconds = interrupted(textwrap.dedent(ASYNC.format(wait=wait)), 1)
    assert out.splitlines() == ["ready", "left"], err
    assert "KeyboardInterrupt" in err
    assert seconds < 20


def test_an_interrupt_while_map_reads_a_slow_input_is_prompt() -> None:
    code, out, err, seconds = interrupted(
        textwrap.dedent(
            """
            import time
            from isthmus import Client
            def source():
                yield 1
                print("reading", flush=True)
                time.sleep(40)
                yield 2
            with Client(slots=1) as client:
                print(list(client.map(abs, source())))
            """
        ),
        1,
    )
    assert (code, out.splitlines()) == (-signal.SIGINT, ["reading"]), err
    assert seconds < 20
