"""Functions that travel by value, pickled once: each has a number in its session as long as nothing changes.

The first call of a function takes it along, as most functions of a loop are called once. With the second one
it is defined, and later calls name its number, until its watch says that something captured has changed.
One that changes again and again is given longer and longer pauses, in which its calls take it along.
"""

from __future__ import annotations

import functools
import threading
import types
from collections.abc import Callable
from typing import Any, Final

from isthmus_bridge.graphs import Listing

from . import _limits as limits
from ._pickling import Packed
from ._watching import DISPATCHES, Watch


class Known:
    """A definition of this session."""

    __slots__ = ("number", "options", "size", "watch")

    def __init__(self, number: int, size: int, watch: Watch) -> None:
        self.number = number
        self.size = size
        self.watch = watch
        #: Numbers of options, and of the same ones with the function's name.
        self.options: dict[int, int] = {}


class _Source:
    """A code object, and how often what it captures has changed."""

    __slots__ = ("code", "latest", "pause", "strikes")

    def __init__(self, code: Any) -> None:
        self.code = code
        self.latest: Known | None = None
        self.pause = 1
        self.strikes = 0

    def strike(self) -> None:
        self.strikes += 1
        self.pause = min(1 << min(self.strikes, 16), limits.UNWATCHED_SUBMITS_MAX)


class ValueFunctions:
    """The functions by value that one session has defined.

    The caller pickles, defines and forgets; `changing` is held while this changes.
    """

    def __init__(
        self,
        pickle: Callable[[Any], Packed],
        define: Callable[[Packed], int],
        forget: Callable[[int], None],
        changing: threading.Lock,
    ) -> None:
        self._pickle = pickle
        self._define = define
        self._forget = forget
        #: By `id` of the function.
        self._known: dict[int, Known] = {}
        #: By `id` of the code, and the kind of what wraps it.
        self._sources: dict[tuple[int, type], _Source] = {}
        self._bytes = 0
        self._clearings = 0
        self._changing = changing

    def find(self, function: Callable[..., Any]) -> Known | None:
        """The definition by which the cluster knows the function as it is now; None: it has to come along."""
        known = self._known.get(id(function))
        if known is not None and known.watch.function is function:
            if known.watch.holds(function):
                return known
            with self._changing:
                self._drop(id(function))
            source = self._source(function)
            if source is not None:
                source.strike()
            return None
        source = self._source(function)
        if source is None:
            return None
        latest = source.latest
        if latest is not None and latest.watch.holds(function):
            return latest
        if source.pause:
            source.pause -= 1
            return None
        return self._learn(function, source)

    def _source(self, function: Any) -> _Source | None:
        inner, kind = function, type(function)
        while True:
            if type(inner) is functools.partial:
                inner = inner.func
            elif type(inner) is Listing:
                inner = inner.function
            elif type(inner) is _CACHED or getattr(inner, "__code__", None) is DISPATCHES:
                inner = inner.__wrapped__
            else:
                break
        if type(inner) is not types.FunctionType:
            return None
        code = inner.__code__
        source = self._sources.get((id(code), kind))
        if source is None or source.code is not code:
            with self._changing:
                if len(self._sources) >= 4 * limits.VALUES_KEPT_MAX:
                    self._sources.pop(next(iter(self._sources)))
                source = self._sources[id(code), kind] = _Source(code)
        return source

    def _learn(self, function: Callable[..., Any], source: _Source) -> Known | None:
        clearings = self._clearings
        try:
            watch = Watch(function)
            packed = self._pickle(function)
        except Exception:
            # If it cannot be pickled at all, its next call says so.
            source.strike()
            return None
        if packed.dependencies or packed.size > limits.PAYLOAD_BYTES_MAX or not watch.holds(function):
            source.strike()
            return None
        known = Known(self._define(packed), packed.size, watch)
        with self._changing:
            if self._clearings != clearings:
                self._forget(known.number)
                return None
            self._drop(id(function))
            self._known[id(function)] = known
            self._bytes += known.size
            if source.latest is not None:
                source.strike()
            source.latest = known
            self._make_room()
        return known

    def clear(self) -> None:
        """Forget all of them: what travels by value has changed."""
        with self._changing:
            self._clearings += 1
            for identity in list(self._known):
                self._drop(identity)

    def _make_room(self) -> None:
        while len(self._known) > limits.VALUES_KEPT_MAX or (
            self._bytes > limits.VALUE_BYTES_KEPT_MAX and len(self._known) > 1
        ):
            self._drop(next(iter(self._known)))

    def _drop(self, identity: int) -> None:
        known = self._known.pop(identity, None)
        if known is None:
            return
        self._bytes -= known.size
        for source in self._sources.values():
            if source.latest is known:
                source.latest = None
                break
        self._forget(known.number)


_CACHED: Final = type(functools.lru_cache(len))
