"""A main program that pickles by value what it defines, and another one that has nothing of it.

`by_value_program.py write FILE CASES` runs each source of CASES (JSON, name to source) in `__main__`, pickles
its function `check`, and prints what `check()` returns. `read FILE` prints what it returns over there.
"""

from __future__ import annotations

import json
import pickle
import sys
import warnings
from pathlib import Path


def write(file: str, cases: str) -> None:
    """Run the cases and pickle their functions."""
    from isthmus_bridge import by_value

    pickles, values = {}, {}
    for name, source in json.loads(Path(cases).read_text()).items():
        exec(compile(source, f"<{name}>", "exec"), globals())
        try:
            pickles[name] = by_value.dumps(globals()["check"], is_owner=True)
        except Exception as error:
            values[name] = f"cannot be pickled: {type(error).__name__}: {error}"
            continue
        values[name] = repr(globals()["check"]())
    Path(file).write_bytes(pickle.dumps(pickles))
    print(json.dumps(values))


def read(file: str) -> None:
    """Unpickle the functions and call them."""
    values = {}
    for name, data in pickle.loads(Path(file).read_bytes()).items():
        try:
            values[name] = repr(pickle.loads(data)())
        except Exception as error:
            values[name] = f"{type(error).__name__}: {error}"
    print(json.dumps(values))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    {"write": write, "read": read}[sys.argv[1]](*sys.argv[2:])
