"""Options of tasks, and functions that are not Python's."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

from . import _asking as asking
from . import _limits as limits
from ._wire import FieldValue

if TYPE_CHECKING:
    from .future import Future

#: Milliseconds travel in 32 bits.
_MILLISECONDS_MAX: Final = 2**32 - 1

ResultCodec = Literal["pickle", "neutral", "raw"]
Mode = Literal["process", "thread", "asyncio"]


ExceptionName = type[BaseException] | str


class Options(TypedDict, total=False):
    """The options of `Client.options` and `task`, for type checkers; None means: as the cluster does."""

    timeout: float | None
    deadline: float | None
    grace: float | None
    retries: int | None
    retry_on: ExceptionName | tuple[ExceptionName, ...] | None
    backoff: float | None
    backoff_max: float | None
    idempotent: bool | None
    name: str | None
    result: ResultCodec | None
    priority: int | None
    mode: Mode | None
    resources: Mapping[str, float | str] | None
    affinity: Mapping[str, str] | None
    anti_affinity: Mapping[str, str] | None
    spread: bool | None


@dataclass(frozen=True)
class TaskOptions:
    """What `Client.options` accepts. None means: as the cluster does by default."""

    timeout: float | None = None
    grace: float | None = None
    retries: int | None = None
    idempotent: bool | None = None
    name: str | None = None
    result: ResultCodec | None = None
    priority: int | None = None
    mode: Mode | None = None
    deadline: float | None = None
    backoff: float | None = None
    backoff_max: float | None = None
    retry_on: Any = None
    resources: Any = None
    affinity: Any = None
    anti_affinity: Any = None
    spread: bool | None = None
    #: Not for users: the value is for other tasks only, and is not sent to the client.
    quiet: bool | None = None

    def __post_init__(self) -> None:
        """Refuse values that cannot be meant, here and not at some worker."""
        _check_seconds("timeout", self.timeout)
        for name in ("grace", "deadline", "backoff", "backoff_max"):
            _check_seconds(name, getattr(self, name))
        _check_integer("retries", self.retries, 0, 2**31)
        _check_integer("priority", self.priority, -limits.PRIORITY_MAX, limits.PRIORITY_MAX + 1)
        _check_choice("result", self.result, ("pickle", "neutral", "raw"))
        _check_choice("mode", self.mode, ("process", "thread", "asyncio"))
        for name in ("idempotent", "spread"):
            flag = getattr(self, name)
            if flag is not None and not isinstance(flag, bool):
                raise TypeError(f"{name} is True or False, not {flag!r}")
        if self.name is not None and not isinstance(self.name, str):
            raise TypeError(f"name is a string, not {self.name!r}")
        # As values that can be hashed: equal options are one set on the wire.
        set_once = object.__setattr__
        set_once(self, "retry_on", asking.exception_names(self.retry_on))
        set_once(self, "resources", asking.resources(self.resources))
        for name in ("affinity", "anti_affinity"):
            set_once(self, name, asking.labels(name, getattr(self, name)))

    def changed(self, changes: dict[str, Any], asked: str = "options") -> TaskOptions:
        """A copy with some options replaced; an unknown one is a `TypeError` in the name of `asked`."""
        for name in changes:
            if name not in _NAMES:
                raise TypeError(f"{asked}() has no option {name!r}{_instead_of(name)}")
        return replace(self, **changes)

    def over(self, base: TaskOptions) -> TaskOptions:
        """These options, and those of `base` where these say nothing."""
        said = {name: value for name, value in vars(self).items() if value is not None}
        return replace(base, **said) if said else base

    def limit(self, future: Future[Any]) -> None:
        """Let a future know how long its task may take, for the words of an error."""
        if self.timeout is not None or self.deadline is not None:
            future._limits = self.timeout, self.deadline

    def fields(self) -> dict[str, FieldValue]:
        """As the wire names them; empty when all are defaults."""
        values = {
            "result": self.result,
            "retries": self.retries,
            "idempotent": self.idempotent,
            "mode": self.mode,
            "name": self.name,
            "priority": self.priority,
            "spread": self.spread or None,
            "quiet": self.quiet or None,
        }
        fields: dict[str, FieldValue] = {n: value for n, value in values.items() if value is not None}
        # A limit of 0 would mean none.
        for name, seconds, least in (
            ("timeout_ms", self.timeout, 1),
            ("grace_ms", self.grace, 0),
            ("deadline_ms", self.deadline, 1),
            ("backoff_ms", self.backoff, 0),
            ("backoff_max_ms", self.backoff_max, 0),
        ):
            if seconds is not None:
                fields[name] = max(least, round(seconds * 1000))
        return fields | asking.fields(self.resources, self.affinity, self.anti_affinity, self.retry_on)


#: What users may name.
_NAMES: Final = tuple(field.name for field in fields(TaskOptions) if field.name != "quiet")


def _instead_of(name: str) -> str:
    """What may have been meant."""
    near = difflib.get_close_matches(name, _NAMES, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(_NAMES)}"


def _check_seconds(name: str, value: float | None) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is a number of seconds, not {value!r}")
    if not 0 <= value * 1000 <= _MILLISECONDS_MAX:
        raise ValueError(f"{name} is between 0 and {_MILLISECONDS_MAX // 1000} seconds, not {value!r}")


def _check_integer(name: str, value: int | None, lowest: int, highest: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is an integer, not {value!r}")
    if not lowest <= value < highest:
        raise ValueError(f"{name} is between {lowest} and {highest - 1}, not {value}")


def _check_choice(name: str, value: str | None, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise ValueError(f"{name} is one of {', '.join(choices)}, not {value!r}")


@dataclass(frozen=True)
class SwiftFunction:
    """A function that a Swift executable has registered under this name."""

    name: str

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Only an executor can call it."""
        raise TypeError(
            f"swift({self.name!r}) runs in a Swift executor only: client.submit(swift({self.name!r}), ...)"
        )


def swift(name: str) -> SwiftFunction:
    """Name a registered Swift function, to be given to `submit` or `map` in place of a callable.

    Its arguments and result travel in the neutral form: None, bool, int, float, str, bytes, list, dict and
    n-dimensional arrays.
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"swift() takes the name of a registered function, not {name!r}")
    return SwiftFunction(name)
