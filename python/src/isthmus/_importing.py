"""What must not happen while a module is imported that another process needs: it would happen there again.

An executor imports the modules of the functions that it runs. A module that starts a cluster or submits tasks
at its top level, and not under `if __name__ == "__main__":`, would do so in each executor, whose executors
would import it again, without end. So would the main script in a child of `multiprocessing`.
"""

from __future__ import annotations

import multiprocessing.process
import sys
from types import FrameType

from .errors import ClusterError


def check(what: str) -> None:
    """Raise `ClusterError` if this is called while an executor, or a new child process, imports a module."""
    in_executor = "_isthmus" in sys.modules
    if not in_executor and not getattr(multiprocessing.process.current_process(), "_inheriting", False):
        return
    module = _imported(sys._getframe())
    if module is None:
        return
    where = "an executor, which needs it to run its functions," if in_executor else "a child process"
    raise ClusterError(
        f"module {module!r} {what} while {where} imports it: each process that imports it would do so again, "
        f'without end. Put that part of {module!r} under `if __name__ == "__main__":`, or into a '
        "function that nothing calls at the import"
    )


def _imported(frame: FrameType | None) -> str | None:
    """The module whose top level calls this."""
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            name = str(frame.f_globals.get("__name__"))
            # The bootstrap of an executor or of a child is no module of a user.
            return None if name == "__main__" else name
        frame = frame.f_back
    return None
