"""One file per engine; all answer the same small protocol."""

from __future__ import annotations

import importlib

from .base import Engine

#: In the order of the table. `isthmus` comes first: the other columns are divided by it.
NAMES = ("isthmus", "processpool", "ray", "dask")


def load(name: str, slots: int) -> Engine:
    """The engine of that name, not started yet."""
    module = importlib.import_module(f"{__name__}.{name}_engine")
    engine: Engine = module.make(slots)
    return engine
