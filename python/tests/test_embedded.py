"""The life of an embedded cluster and of the client as a process: start, end, death, fork, interrupt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import client_tasks as tasks
import pytest
from client_support import HERE, ROOT, StandIns, eventually

import isthmus
from isthmus import Client

WAIT = 30.0


def is_alive(pid: int) -> bool:
    """Whether it holds anything still: what is open is closed with the last thread, not with the first."""
    process = Path(f"/proc/{pid}")
    try:
        has_ended = (process / "stat").read_text().rpartition(") ")[2][0] in "ZX"
        return not has_ended or len(list((process / "task").iterdir())) > 1
    except OSError:
        return False


def children_of(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def program(text: str) -> subprocess.Popen[str]:
    """A Python program that uses the client."""
    sources = [str(ROOT / "python" / "src"), str(ROOT / "bridge" / "src"), str(HERE)]
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(text)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sources)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=60)
    return out, err


def test_a_cluster_starts_and_leaves_nothing_behind() -> None:
    client = Client(slots=1)
    directory = Path(client.address.removeprefix("ipc://")).parent
    assert directory.stat().st_mode & 0o777 == 0o700
    assert Path(client.control).exists()
    pid = int(client.submit(os.getppid).result(WAIT))
    client.shutdown()
    assert not is_alive(pid)
    assert not directory.exists()


def test_arguments_are_checked_before_anything_starts() -> None:
    with pytest.raises(ValueError, match="slots must be greater than 0"):
        Client(slots=0)
    with pytest.raises(TypeError, match="initializer"):
        Client(initializer="print")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="isthmus worker"):
        Client("tcp://localhost:1", slots=2)


def test_a_missing_binary_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_BINARY", "/nowhere/isthmus")
    with pytest.raises(isthmus.ClusterError, match="ISTHMUS_BINARY"):
        Client()
    monkeypatch.delenv("ISTHMUS_BINARY")
    monkeypatch.setenv("PATH", "/nowhere")
    if not (Path(isthmus.__file__).parent / "bin" / "isthmus").exists():
        with pytest.raises(isthmus.ClusterError, match="make build"):
            Client()


def test_an_address_without_a_scheduler(tmp_path: Path) -> None:
    with pytest.raises(isthmus.ClusterError, match="no scheduler"):
        Client(f"ipc://{tmp_path}/scheduler.ipc")
    with pytest.raises(isthmus.ClusterError, match="needs keys"):
        Client("tcp://127.0.0.1:1")
    with pytest.raises(isthmus.ClusterError, match="not an address"):
        Client("localhost")


def test_a_killed_client_takes_its_cluster_with_it() -> None:
    process = program(
        """
        import os, time
        from isthmus import Client
        client = Client(slots=1)
        print("executor", client.submit(os.getpid).result(), flush=True)
        client.submit(time.sleep, 1000)
        time.sleep(1000)
        """
    )
    assert process.stdout is not None
    executor = int(process.stdout.readline().split()[1])
    family = children_of(process.pid)
    assert family
    assert is_alive(executor)
    process.kill()
    process.wait()
    eventually(lambda: not any(is_alive(pid) for pid in [executor, *family]), "the cluster is gone")
    process.communicate()


def test_a_program_that_never_calls_shutdown_gets_its_tasks_done(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    out, err = finished(
        program(
            f"""
            import atexit, client_tasks as tasks
            from isthmus import Client
            client = Client(slots=1)
            @atexit.register
            def late():
                try:
                    client.submit(id, None)
                except RuntimeError as error:
                    print(error)
            client.submit(tasks.nap, 0.3)
            client.submit(tasks.leave_a_trace, {str(trace)!r}, "done")
            print("leaving")
            """
        )
    )
    assert err == ""
    assert out.splitlines() == ["leaving", "cannot schedule new futures after shutdown"]
    assert trace.read_text() == "done\n"


def test_functions_of_main_travel_by_value() -> None:
    out, err = finished(
        program(
            """
            from isthmus import Client
            class Point:
                def __init__(self, x): self.x = x
            def double(point): return Point(2 * point.x)
            with Client(slots=1) as client:
                print(client.submit(double, Point(3)).result().x)
                print([p.x for p in client.map(double, [Point(1), Point(2)])])
            """
        )
    )
    assert err == ""
    assert out.splitlines() == ["6", "[2, 4]"]


def test_a_dead_cluster_fails_what_is_pending() -> None:
    client = Client(slots=1)
    future = client.submit(tasks.nap, 1000)
    [pid] = [child for child in children_of(os.getpid()) if "isthmus" in command_of(child)][-1:]
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(isthmus.ClusterError, match="SIGKILL"):
        future.result(WAIT)
    with pytest.raises(isthmus.ClusterError, match="SIGKILL"):
        client.submit(int, "1")
    client.shutdown()


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except OSError:
        return ""


def test_the_initializer_runs_before_the_first_task() -> None:
    with Client(slots=1, initializer=tasks.set_environment, initargs=("ISTHMUS_TEST", "ready")) as client:
        assert client.submit(tasks.environment, "ISTHMUS_TEST").result(WAIT) == "ready"


def test_a_failing_initializer_breaks_the_client() -> None:
    from concurrent.futures.process import BrokenProcessPool

    client = Client(slots=1, initializer=tasks.refuse, initargs=("no",))
    futures = [client.submit(int, "1") for _ in range(3)]
    for future in futures:
        with pytest.raises(BrokenProcessPool, match="initializer"):
            future.result(WAIT)
    with pytest.raises(BrokenProcessPool, match="initializer") as caught:
        client.submit(int, "1")
    assert str(caught.value).count("initializer") == 1
    client.shutdown()


def test_a_crash_is_found_in_its_chunk(cluster: Client) -> None:
    from functools import partial

    results = cluster.map(partial(tasks.die_at, 6), range(16), chunksize=8)
    assert [next(results) for _ in range(6)] == list(range(6))
    with pytest.raises(isthmus.ExecutorCrashed, match="7"):
        next(results)


def test_output_is_found_by_its_future(cluster: Client) -> None:
    future = cluster.submit(tasks.talk, "hello")
    assert isthmus.output(future).stdout == "said hello\n"
    assert "whispered hello" in future.output.stderr
    assert future.result(WAIT) == "hello"
    assert future.output.stdout == "said hello\n"


def test_a_timeout_ends_the_task(cluster: Client) -> None:
    future = cluster.options(timeout=0.2, grace=0.2).submit(time.sleep, 1000)
    with pytest.raises(isthmus.TaskTimeout, match=f"{future.task_id} .* timeout of 0.2 s"):
        future.result(WAIT)
    assert cluster.submit(int, "3").result(WAIT) == 3


def test_a_forked_child_is_told_so(stand_ins: StandIns) -> None:
    address = stand_ins.start()
    out, err = finished(
        program(
            f"""
            import os, warnings
            warnings.simplefilter("ignore")
            from isthmus import Client, ForkedClientError
            client = Client({address!r})
            pending = client.submit(pow, 2, 3)
            child = os.fork()
            if child == 0:
                for attempt in (lambda: client.submit(pow, 2, 2), ):
                    try:
                        attempt()
                    except ForkedClientError as error:
                        print("child:", "parent process" in str(error), flush=True)
                with Client({address!r}) as own:
                    print("own:", own.submit(pow, 2, 4).result(20), flush=True)
                os._exit(0)
            os.waitpid(child, 0)
            print("parent:", pending.result(20), client.submit(pow, 2, 5).result(20))
            client.shutdown()
            """
        )
    )
    assert out.splitlines() == ["child: True", "own: 16", "parent: 8 32"], err


def test_an_interrupt_loses_nothing(stand_ins: StandIns) -> None:
    """Ctrl-C may strike anywhere in the thread that drives the link, again and again."""
    address = stand_ins.start()
    out, err = finished(
        program(
            f"""
            import os, signal, threading, time
            from isthmus import Client
            client = Client({address!r})
            done, stop = 0, threading.Event()
            begin = threading.Event()
            def strike():
                begin.wait()
                while not stop.wait(0.003):
                    os.kill(os.getpid(), signal.SIGINT)
            futures, interrupted = [], 0
            for _ in range(3000):
                futures.append(client.submit(pow, 2, 3))
            striker = threading.Thread(target=strike)
            striker.start()
            index = 0
            while index < len(futures):
                try:
                    begin.set()
                    assert futures[index].result(30) == 8
                    futures[index] = client.submit(pow, 2, 3) if index % 3 == 0 and interrupted < 20 else None
                    if futures[index] is None:
                        index += 1
                except KeyboardInterrupt:
                    interrupted += 1
                    if interrupted >= 60:
                        break
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            stop.set()
            striker.join()
            rest = [f.result(30) for f in futures if f is not None]
            print("interrupted", interrupted > 5, set(rest) <= {{8}})
            print(client.submit(pow, 2, 5).result(30))
            client.shutdown()
            """
        )
    )
    assert out.splitlines() == ["interrupted True True", "32"], err


def interrupted(text: str, times: int) -> tuple[int, str, str, float]:
    """Send Ctrl-C after each line that the program prints; its exit code, output, and how long it took."""
    process = program("import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + text)
    assert process.stdout is not None
    lines = []
    for _ in range(times):
        lines.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
    started = time.monotonic()
    out, err = finished(process)
    return process.returncode, "".join(lines) + out, err, time.monotonic() - started


def test_an_interrupt_does_not_wait_for_what_is_queued() -> None:
    code, out, err, seconds = interrupted(
        textwrap.dedent(
            """
            import time
            from isthmus import Client
            try:
                with Client(slots=1) as client:
                    futures = [client.submit(time.sleep, 30) for _ in range(4)]
                    print("ready", flush=True)
                    futures[0].result()
            finally:
                print([future.cancelled() for future in futures])
            """
        ),
        1,
    )
    assert out.splitlines() == ["ready", str([True] * 4)], err
    assert code == -signal.SIGINT
    assert seconds < 15


def test_a_second_interrupt_ends_the_wait_at_exit() -> None:
    code, _, err, seconds = interrupted(
        textwrap.dedent(
            """
            import sys, threading, time
            from isthmus import Client
            client = Client(slots=1)
            future = client.submit(time.sleep, 30)
            close = client._engine.close
            def waits(wait, cancel=False):
                print("waits", flush=True)
                close(wait, cancel)
            client._engine.close = waits
            print("ready", flush=True)
            future.result()
            """
        ),
        2,
    )
    assert code == -signal.SIGINT
    assert err.count("Traceback") == 1, err
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert seconds < 15


def test_the_folder_of_a_killed_client_is_swept_by_the_next_one() -> None:
    process = program(
        """
        import time
        from isthmus import Client
        client = Client(slots=1)
        print(client.address, flush=True)
        time.sleep(1000)
        """
    )
    assert process.stdout is not None
    directory = Path(process.stdout.readline().strip().removeprefix("ipc://")).parent
    [cluster] = [child for child in children_of(process.pid) if "isthmus" in command_of(child)]
    os.utime(directory, (0, 0))
    with Client(slots=1):
        assert (directory / "scheduler.ipc").exists(), "a cluster that runs keeps its folder"
    processes = [cluster, *children_of(cluster)]
    process.kill()
    process.communicate()
    eventually(lambda: not any(map(is_alive, processes)), "the cluster and its executors are gone")
    assert directory.exists()
    os.utime(directory, (0, 0))
    with Client(slots=1):
        assert not directory.exists()
