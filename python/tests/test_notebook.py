"""A real Jupyter kernel: what a notebook's user types, cell by cell."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from client_support import HERE, ROOT, eventually
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CELL_SECONDS = 60


class Notebook:
    """Cells that run one after another in one kernel."""

    def __init__(self) -> None:
        self.book = nbformat.v4.new_notebook()
        self.client = NotebookClient(self.book, timeout=CELL_SECONDS, kernel_name="python3")

    def run(self, source: str) -> str:
        """Runs a cell and returns what it shows; its exception is raised as `CellExecutionError`."""
        cell = nbformat.v4.new_code_cell(source)
        self.book.cells.append(cell)
        self.client.execute_cell(cell, len(self.book.cells) - 1)
        return shown(cell)

    def interrupt(self) -> None:
        """What the stop button does. Called from another thread while a cell runs."""
        os.kill(int(self.client.km.provisioner.pid), 2)


def shown(cell: nbformat.NotebookNode) -> str:
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            texts.append(output.text)
        elif output.output_type in {"execute_result", "display_data"}:
            texts.append(output.data.get("text/html") or output.data.get("text/plain", ""))
    return "".join(texts)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    sources = [str(ROOT / "python" / "src"), str(ROOT / "bridge" / "src"), str(HERE)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sources))
    monkeypatch.setenv("JUPYTER_PATH", str(Path(sys.prefix) / "share" / "jupyter"))
    made = Notebook()
    with made.client.setup_kernel():
        made.run("import isthmus, os, time\nclient = isthmus.Client(slots=2)")
        yield made
        made.run("client.cancel_all(running=True)\nclient.shutdown()")


def test_a_cell_that_is_run_again_counts_from_then_on(notebook: Notebook) -> None:
    notebook.run(
        "rate = 2\ndef price(n):\n    return n * rate\ndef twice(n):\n    return price(n) + price(n)"
    )
    assert notebook.run("client.submit(twice, 10).result()") == "40"
    notebook.run("rate = 3")
    assert notebook.run("client.submit(twice, 10).result()") == "60"
    notebook.run("def price(n):\n    return n + rate")
    assert notebook.run("client.submit(twice, 10).result()") == "26"
    assert notebook.run("list(client.map(twice, [1, 2]))") == "[8, 10]"


def test_an_exception_shows_the_line_of_its_cell(notebook: Notebook) -> None:
    notebook.run("def fail(text):\n    number = int(text)  # the guilty line\n    return number")
    with pytest.raises(CellExecutionError) as caught:
        notebook.run("client.submit(fail, 'seven').result()")
    assert caught.value.ename == "ValueError"
    assert "the guilty line" in str(caught.value)
    assert notebook.run("client.submit(fail, '7').result()") == "7"


def test_futures_can_be_awaited_and_a_plain_result_works_beside_them(notebook: Notebook) -> None:
    assert notebook.run("await client.submit(pow, 2, 10)") == "1024"
    assert notebook.run("client.submit(pow, 2, 11).result()") == "2048"


def test_a_cell_that_submits_more_than_fits_waits_as_a_script_does(notebook: Notebook) -> None:
    notebook.run("block = bytes(50_000_000)\nfutures = [client.submit(len, block) for _ in range(30)]")
    assert notebook.run("sum(future.result() for future in futures)") == str(30 * 50_000_000)
    notebook.run("many = [client.submit(abs, n) for n in range(300_000)]")
    assert notebook.run("sum(future.result() for future in many)") == str(sum(range(300_000)))
    assert notebook.run("client.submit(abs, -1).result()") == "1"


def pressed(notebook: Notebook, cell: str, folder: Path, first: str = "") -> None:
    """Press stop when the task runs that `cell` waits for; returns when the task has been stopped.

    `first` is a cell that is run before.
    """
    folder.mkdir()
    begun, waits, left = folder / "begun", folder / "waits", folder / "left"
    notebook.run(
        f"from wait_watch import when_waiting\n"
        f"def wait_begins(): when_waiting(lambda: open({str(waits)!r}, 'w').close())\n"
        f"def work(*_):\n"
        f"    open({str(begun)!r}, 'w').close()\n"
        f"    try:\n"
        f"        time.sleep(600)\n"
        f"    finally:\n"
        f"        open({str(left)!r}, 'w').close()\n"
    )

    def press() -> None:
        eventually(lambda: begun.exists() and waits.exists(), "the task runs, and is waited for")
        notebook.interrupt()

    notebook.run(first)
    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(CellExecutionError) as caught:
        notebook.run(cell)
    presser.join()
    assert caught.value.ename == "KeyboardInterrupt"
    eventually(left.exists, f"the task is stopped that was waited for with {cell}")
    assert notebook.run("client.submit(abs, -1).result()") == "1"


def test_the_stop_button_ends_the_task_that_a_cell_waits_for(notebook: Notebook, tmp_path: Path) -> None:
    pressed(notebook, "future = client.submit(work); wait_begins(); future.result()", tmp_path / "result")
    pressed(
        notebook, "future = client.submit(work); wait_begins(); future.exception()", tmp_path / "exception"
    )
    pressed(notebook, "results = client.map(work, range(1)); wait_begins(); list(results)", tmp_path / "map")
    pressed(
        notebook,
        "results = client.options(retries=1).map(work, range(5)); wait_begins(); list(results)",
        tmp_path / "each",
    )


SUBMITS = "futures = [client.submit(work) for _ in range(6)]"


@pytest.mark.parametrize(
    "wait",
    [
        "[future.result() for future in futures]",
        "isthmus.wait(futures)",
        "list(isthmus.as_completed(futures))",
        "futures[0].output",
    ],
)
def test_the_stop_button_ends_all_that_was_typed(notebook: Notebook, tmp_path: Path, wait: str) -> None:
    notebook.run("other = client.submit(abs, -7)")
    pressed(notebook, f"{SUBMITS}; wait_begins(); {wait}", tmp_path / "one cell")
    assert notebook.run("[future.cancelled() for future in futures] == [True] * 6") == "True"
    pressed(notebook, f"wait_begins(); {wait}", tmp_path / "two cells", SUBMITS)
    assert notebook.run("[future.cancelled() for future in futures] == [True] * 6") == "True"
    assert notebook.run("other.result()") == "7"


def test_a_task_of_another_cell_goes_on(notebook: Notebook, tmp_path: Path) -> None:
    go = tmp_path / "go"
    notebook.run(
        f"def until_go():\n    while not os.path.exists({str(go)!r}): time.sleep(0.01)\n    return 7\n"
        "other = client.submit(until_go)"
    )
    pressed(notebook, f"{SUBMITS}; wait_begins(); futures[-1].result()", tmp_path / "cell")
    go.touch()
    assert notebook.run("other.result()") == "7"


def test_the_stop_button_ends_a_submit(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run("block = bytes(50_000_000)")
    pressed(
        notebook, "wait_begins(); kept = [client.submit(work, block) for _ in range(30)]", tmp_path / "one"
    )
    # What the cell had submitted has gone with it: both slots are free, and so is the credit.
    assert (
        notebook.run("[client.submit(len, block).result() for _ in range(30)] == [50_000_000] * 30") == "True"
    )


def test_client_and_future_are_shown_as_html(notebook: Notebook) -> None:
    assert "<" in notebook.run("client")
    assert "<" in notebook.run("future = client.submit(abs, -1)\nfuture.result()\nfuture")


def test_what_tasks_print_reaches_the_cell_when_asked(notebook: Notebook) -> None:
    notebook.run("loud = isthmus.Client(slots=1, forward_output=True)")
    text = notebook.run("loud.submit(print, 'at work').result()\nloud.shutdown()")
    assert "at work" in text
