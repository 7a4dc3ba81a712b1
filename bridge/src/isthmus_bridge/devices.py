"""Gpus that tasks of this process may use.

A process serves one set of them for its whole life: libraries read the environment once. So it is set before
the first task, and its session's initializer, and stays.
"""

from __future__ import annotations

import os

__all__ = ["VARIABLES", "current", "use"]

VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
"""`ROCR_VISIBLE_DEVICES` is left out: HIP counts within what it leaves, and numbers would count twice."""

_current: tuple[str, ...] = ()


def use(names: str) -> None:
    """From now on tasks have these, as `CUDA_VISIBLE_DEVICES` lists them."""
    global _current  # noqa: PLW0603 - one set per process is the point
    _current = tuple(names.split(","))
    for variable in VARIABLES:
        if os.environ.get(variable) != names:
            os.environ[variable] = names


def current() -> tuple[str, ...]:
    """What the tasks of this process have."""
    return _current
