"""A script in a real terminal (a pseudo-terminal with job control): Ctrl-C, Ctrl-Z, and what is shown."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from client_support import HERE, ROOT, eventually

DEADLINE_SECONDS = 60.0
CTRL_C, CTRL_Z = b"\x03", b"\x1a"
#: An interrupt is prompt when nobody would press the keys a second time.
PROMPT_SECONDS = 5.0


class Terminal:
    """A script that was started in a terminal of its own."""

    def __init__(self, script: Path | None = None, python: str = sys.executable) -> None:
        sources = [str(ROOT / "python" / "src"), str(ROOT / "bridge" / "src"), str(HERE)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sources)}
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            arguments = [python, str(script)] if script is not None else [python, "-q"]
            os.execve(python, arguments, environment)
        self.screen = ""

    def shows(self, text: str) -> None:
        """Waits until the screen contains `text`."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while text not in self.screen:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} is not on the screen:\n{self.screen}"
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.screen += os.read(self.master, 65_536).decode(errors="replace")
                except OSError:  # the last process has left the terminal
                    assert text in self.screen, f"{text!r} is not on the screen:\n{self.screen}"

    def types(self, line: str) -> None:
        """Types a line at the prompt."""
        os.write(self.master, line.encode() + b"\r")

    def press(self, key: bytes) -> None:
        os.write(self.master, key)

    def ended(self) -> int:
        """Waits for the end of the script; its exit status, negative for a signal."""
        status = eventually(lambda: os.waitpid(self.pid, os.WNOHANG)[1:] if self._gone() else None, "the end")
        return os.waitstatus_to_exitcode(status[0])

    def _gone(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def is_stopped(self) -> bool:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2][0] == "T"


@pytest.fixture
def terminals() -> Iterator[Callable[..., Terminal]]:
    started: list[Terminal] = []

    def start(*arguments: Any) -> Terminal:
        started.append(Terminal(*arguments))
        return started[-1]

    yield start
    for terminal in started:
        try:
            os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(terminal.master)


@pytest.fixture
def start(terminals: Callable[..., Terminal], tmp_path: Path) -> Callable[[str], Terminal]:
    def run(text: str) -> Terminal:
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(text))
        return terminals(script)

    return run


def ctrl_c_ends(terminal: Terminal) -> None:
    """The program ends with a `KeyboardInterrupt`, and soon."""
    pressed = time.monotonic()
    terminal.press(CTRL_C)
    terminal.shows("KeyboardInterrupt")
    assert terminal.ended() != 0
    assert time.monotonic() - pressed < PROMPT_SECONDS


def test_ctrl_c_ends_a_script_that_waits_for_a_task(start: Callable[[str], Terminal]) -> None:
    terminal = start("""
        import time, isthmus
        def work():
            time.sleep(600)
        if __name__ == "__main__":
            with isthmus.Client(slots=1) as client:
                future = client.submit(work)
                print("waits", flush=True)
                future.result()
    """)
    terminal.shows("waits")
    ctrl_c_ends(terminal)


def test_ctrl_c_ends_a_script_whose_map_reads_a_slow_input(start: Callable[[str], Terminal]) -> None:
    terminal = start("""
        import time, isthmus
        def slow():
            print("reads", flush=True)
            for n in range(1_000_000):
                time.sleep(0.5)
                yield n
        if __name__ == "__main__":
            with isthmus.Client(slots=1) as client:
                for value in client.map(abs, slow()):
                    pass
    """)
    terminal.shows("reads")
    ctrl_c_ends(terminal)


def test_ctrl_c_ends_a_program_of_asyncio(start: Callable[[str], Terminal]) -> None:
    terminal = start("""
        import asyncio, time, isthmus
        def work():
            time.sleep(600)
        async def main():
            with isthmus.Client(slots=1) as client:
                future = client.submit(work)
                print("waits", flush=True)
                await future
        if __name__ == "__main__":
            asyncio.run(main())
    """)
    terminal.shows("waits")
    ctrl_c_ends(terminal)


def test_ctrl_c_at_a_prompt_cancels_what_was_typed(
    terminals: Callable[..., Terminal], tmp_path: Path
) -> None:
    terminal = terminals()
    terminal.types("from wait_watch import when_waiting")
    terminal.types("import isthmus, os, time; client = isthmus.Client(slots=2)")
    terminal.types("other = client.submit(abs, -7)")
    for n, wait in enumerate(
        ["[f.result() for f in futures]", "isthmus.wait(futures)", "list(isthmus.as_completed(futures))"]
    ):
        terminal.types("futures = [client.submit(time.sleep, 600) for _ in range(6)]")
        terminal.types(f"when_waiting(lambda: print('wai' + 'ts {n}', flush=True)); {wait}")
        terminal.shows(f"waits {n}")
        terminal.press(CTRL_C)
        terminal.types(f"print('ended', {n}, [f.cancelled() for f in futures], other.result())")
        terminal.shows(f"ended {n} {[True] * 6} 7")
    terminal.types("client.shutdown(); print('is' + ' shut'); exit()")
    terminal.shows("is shut")
    assert terminal.ended() == 0


def test_ctrl_z_and_fg_go_on_where_it_was(start: Callable[[str], Terminal], tmp_path: Path) -> None:
    """The script is the session leader of its terminal, whose kernel ignores Ctrl-Z for it: the signal that
    a shell's job would get is sent by hand."""
    terminal = start(f"""
        import os, time, isthmus
        def work():
            open({str(tmp_path / "begun")!r}, "w").close()
            while not os.path.exists({str(tmp_path / "go")!r}):
                time.sleep(0.01)
            return "the value"
        if __name__ == "__main__":
            with isthmus.Client(slots=1) as client:
                print(client.submit(work).result(), flush=True)
    """)
    eventually((tmp_path / "begun").exists, "the task runs")
    os.kill(terminal.pid, signal.SIGSTOP)
    eventually(terminal.is_stopped, "the script is stopped")
    (tmp_path / "go").touch()
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.shows("the value")
    assert terminal.ended() == 0


def test_what_tasks_print_is_seen_when_asked(start: Callable[[str], Terminal]) -> None:
    terminal = start("""
        import isthmus
        if __name__ == "__main__":
            with isthmus.Client(slots=1, forward_output=True) as client:
                client.submit(print, "at work").result()
    """)
    terminal.shows("at work")
    assert terminal.ended() == 0
