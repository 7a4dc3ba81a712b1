"""What an interrupt means: Ctrl-C, or the stop button of a notebook, while a client waits or submits.

In a script it means the program, which may handle it and go on: tasks are left to it. At a prompt and in a
notebook it means the work that was typed: what was waited for is cancelled, also if it runs, and so is
everything else that the same cells submitted (at a prompt: the same statements). That is one rule for every
wait of this package, and for `submit`. Tasks of other cells go on.
"""

from __future__ import annotations

import sys
import threading
from bisect import bisect_left
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._engine import Engine
    from .future import Future


def is_interactive() -> bool:
    """Whether somebody types here: in a notebook, in IPython, or at Python's own prompt."""
    return "ps1" in vars(sys)


class Cells:
    """Which tasks of a session each cell has submitted."""

    def __init__(self) -> None:
        self._cell: Any = None
        #: For each cell that submitted something, the number of the last task before it.
        self._starts: list[int] = []

    def note(self, last: int) -> None:
        """A task is about to be submitted; `last` is the number of the one before it."""
        # Other threads' tasks count as those of the cell that was run meanwhile.
        if threading.current_thread() is threading.main_thread():
            cell = _cell()
            if cell != self._cell:
                self._cell = cell
                self._starts.append(last)

    def of(self, sequence: int) -> range:
        """The numbers of all tasks that came from the same cell as this one; there may be later ones."""
        place = bisect_left(self._starts, sequence)
        if not place:
            # It comes from a script that was run first.
            return range(sequence, sequence + 1)
        end = self._starts[place] + 1 if place < len(self._starts) else sys.maxsize
        return range(self._starts[place - 1] + 1, end)


def _cell() -> Any:
    """What is run now: IPython's count of cells, or the code of a statement."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        return shell.execution_count
    main = vars(sys.modules["__main__"])
    outermost = None
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals is main:
            outermost = frame.f_code
        frame = frame.f_back  # type: ignore[assignment]
    return outermost


def interrupted(engine: Engine, sequences: Iterable[int]) -> None:
    """A wait for these tasks was interrupted."""
    if not is_interactive():
        return
    waited = set(sequences)
    cells = {cell for cell in map(engine.outbox.cells.of, waited) if len(cell) > 1}
    unfinished = list(engine.table)
    engine.cancel_all([one for one in unfinished if one in waited or any(one in cell for cell in cells)])


def submit_interrupted(engine: Engine, future: Future[Any] | None, error: BaseException) -> None:
    """A submit ended with `error`. Nobody has got the future, if there is one already."""
    if future is not None:
        engine.cancel(future, True)
    if isinstance(error, KeyboardInterrupt):
        interrupted(engine, [engine.outbox.sequence])


def waits_interrupted(futures: Iterable[Any]) -> None:
    """A wait for these futures was interrupted; there may be some of other executors among them."""
    from .future import Future

    by_engine: dict[Engine, list[int]] = {}
    for future in futures:
        if isinstance(future, Future):
            by_engine.setdefault(future._engine, []).append(future._sequence)
    for engine, sequences in by_engine.items():
        interrupted(engine, sequences)
