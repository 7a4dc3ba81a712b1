"""Lines of source in remote tracebacks, for code that only this process has.

A function of a notebook or of a prompt travels as code. The executor that formats its traceback finds no
file of its name; here `linecache` has the lines, as IPython and `python -i` put them there. So has the file
of a script, when the worker is on another machine.
"""

from __future__ import annotations

import linecache
import re
import sys
from typing import Final

_FRAME: Final = re.compile(r'^( *)File "([^"\n]+)", line (\d+)(?:, in .*)?$')


def with_source(traceback: str) -> str:
    """The same traceback, with a line of source behind each frame that had none and is of this program."""
    if 'File "' not in traceback:
        return traceback
    lines = traceback.splitlines(keepends=True)
    made: list[str] = []
    for number, line in enumerate(lines):
        made.append(line)
        frame = _FRAME.match(line.rstrip("\n"))
        if frame is None or not line.endswith("\n") or not _is_ours(frame[2]):
            continue
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if following.startswith(frame[1] + "  ") and not _FRAME.match(following.rstrip("\n")):
            continue
        source = linecache.getline(frame[2], int(frame[3])).strip()
        if source:
            made.append(f"{frame[1]}  {source}\n")
    return "".join(made)


def _is_ours(file: str) -> bool:
    """Whether the code of this name is what this process has: of its main program, or of no file at all."""
    if file == getattr(sys.modules.get("__main__"), "__file__", None):
        return True
    known = linecache.cache.get(file)
    # The second item of an entry is when the file was changed; there is none where there is no file.
    return known is not None and len(known) == 4 and known[1] is None
