"""What a person at a terminal or notebook sees of tasks: prints, bars, and how objects show themselves."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest

import isthmus
from isthmus import Client


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


def test_prints_of_tasks_arrive_with_names_and_in_order() -> None:
    done = run(
        """
        import sys
        from isthmus import Client

        def talk(n):
            print("line one of", n)
            print("no end", n, end="")
            print("trouble", n, file=sys.stderr)

        with Client(slots=1, forward_output=True) as client:
            for n in range(20):
                client.submit(talk, n).result()
            client.options(name="tea").submit(print, "is ready").result()
            client.submit(print, "plain").result()
            list(client.map(print, ["from", "map"]))
        """
    )
    lines = done.stdout.splitlines()
    expected = [f"[talk] {words} {n}" for n in range(20) for words in ("line one of", "no end")]
    assert lines == [*expected, "[tea] is ready", "[print] plain", "[print] from", "[print] map"]
    assert done.stderr.splitlines() == [f"[talk] trouble {n}" for n in range(20)]


def test_prints_do_not_hold_anything_up() -> None:
    # Nobody reads the pipe until the tasks have ended.
    read, write = os.pipe()
    program = """
        import os, sys
        from isthmus import Client
        client = Client(slots=1, forward_output=True)
        sum([client.submit(len, "ab").result()])
        for future in [client.submit(print, "x" * 10_000) for _ in range(100)]:
            future.result()
        print("all have ended", file=sys.stderr, flush=True)
        client.shutdown()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    assert process.stderr is not None
    assert process.stderr.readline() == "all have ended\n"
    with open(read) as output:
        assert output.read() == f"[print] {'x' * 10_000}\n" * 100
    assert process.wait(60) == 0


def test_without_being_asked_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with Client(slots=1) as client:
        client.submit(print, "hidden").result()
    assert "hidden" not in capfd.readouterr().out


def test_bars_count_what_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with Client(slots=1) as client:
        assert list(client.map(abs, [-1, -2, -3], progress=True)) == [1, 2, 3]
        assert list(client.options(retries=1).map(abs, iter([-1]), progress="endless")) == [1]
        futures = [client.submit(int, text) for text in ("1", "two", "3")]
        assert isthmus.progress(futures, title="numbers") == futures
    told = capsys.readouterr().err
    assert "abs: 100%" in told
    assert "3/3" in told
    assert "endless: 1it" in told
    assert "numbers: 100%" in told
    assert "failed=1" in told


def test_without_tqdm_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name.startswith("tqdm"):
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", missing)
    with Client(slots=1) as client:
        with pytest.raises(ImportError, match=r"pip install 'isthmus\[progress\]'"):
            client.map(abs, [1], progress=True)
        with pytest.raises(ImportError, match=r"pip install 'isthmus\[progress\]'"):
            isthmus.progress([client.submit(abs, 1)])


def test_notebooks_show_clients_and_futures_as_tables() -> None:
    with Client(slots=1) as client:
        future = client.submit(abs, -1)
        future.result()
        shown = client._repr_html_()
        assert client.address in shown
        assert "<table>" in shown
        shown = future._repr_html_()
        assert future.task_id in shown
        assert "finished" in shown
        assert "value" in shown


def test_max_workers_are_slots() -> None:
    with Client(max_workers=1) as client:
        pids = {client.submit(os.getpid).result() for _ in range(4)}
        assert len(pids) == 1
    for wrong in (0, -1):
        with pytest.raises(ValueError, match=r"^max_workers must be greater than 0$"):
            Client(max_workers=wrong)
    with pytest.raises(TypeError, match="another name of slots"):
        Client(slots=1, max_workers=1)
