"""Values to bytes, in a client.

The plain C pickler goes first. What it cannot do (lambdas, closures), and what it would do by naming
`__main__` (which is another module at the other end), cloudpickle does by value. Large buffers, as those of
NumPy arrays, are taken out of band and copied once, so that the values are those of the moment of the call.
"""

from __future__ import annotations

import pickle
import sys
import threading
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import cloudpickle

from isthmus_bridge import by_value
from isthmus_bridge.graphs import Listing

from . import _limits as limits
from .errors import LimitExceeded

if TYPE_CHECKING:
    from ._engine import Engine
    from .future import Future

PROTOCOL: Final = 5


class PickledByName:
    """A callable of ours whose pickle is its name, if it has one."""


#: What the C pickler writes as a name and nothing else.
_BY_NAME: Final = (types.FunctionType, type, types.MethodDescriptorType, PickledByName)


class Packed(NamedTuple):
    """A pickle with its out-of-band buffers and the tasks whose values it refers to."""

    data: bytes
    buffers: list[bytes]
    dependencies: list[int]

    @property
    def size(self) -> int:
        """Bytes of everything."""
        return len(self.data) + sum(map(len, self.buffers))


class _Pickling(threading.local):
    """What the pickle that is being made in this thread has met so far."""

    engine: Engine | None = None
    buffers: list[bytes] | None = None
    dependencies: dict[int, int] | None = None


#: Modules whose functions travel by value on a user's wish (`cloudpickle.register_pickle_by_value`).
registered: Final[set[str]] = cloudpickle.cloudpickle._PICKLE_BY_VALUE_MODULES

#: Whose proxies need the key of this process where they arrive.
_MANAGERS: Final = "multiprocessing.managers"

_current = _Pickling()
_dumps = pickle.dumps


def pack(engine: Engine, value: Any) -> Packed:
    """Pickle `value`; futures of `engine` inside become references to their tasks."""
    current = _current
    outer = current.engine, current.buffers, current.dependencies
    current.engine = engine
    current.buffers = current.dependencies = None
    try:
        try:
            data = b"__main__" if registered else _dumps(value, PROTOCOL, buffer_callback=_take_buffer)
        except Exception:
            data = b"__main__"
        if b"__main__" in data:
            current.buffers = current.dependencies = None
            data = by_value.dumps(value, _take_buffer, is_owner=True)
        if _MANAGERS in sys.modules and _MANAGERS.encode() in data:
            from . import _authkey

            _authkey.share(engine)
        buffers, dependencies = current.buffers, current.dependencies
        return Packed(data, buffers or [], list(dependencies) if dependencies else [])
    finally:
        current.engine, current.buffers, current.dependencies = outer


def neutral_arguments(engine: Engine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Packed:
    """Arguments in the form that Swift reads too. Raises `NeutralError`, naming type and place."""
    from isthmus_bridge import neutral

    from .future import Future

    found: dict[int, int] = {}

    def dependency(value: Any) -> int | None:
        if not isinstance(value, Future):
            return None
        return found.setdefault(value.sequence_in(engine), len(found))

    value: Any = {"args": list(args), "kwargs": kwargs} if kwargs else list(args)
    data = neutral.pack(value, dependency=dependency)
    return Packed(data, [], list(found))


def _take_buffer(buffer: pickle.PickleBuffer) -> bool:
    """Keep a large contiguous buffer out of the pickle; true leaves it inside."""
    try:
        view = buffer.raw()
    except BufferError:
        return True
    buffers = _current.buffers
    if buffers is None:
        buffers = _current.buffers = []
    if view.nbytes < limits.INLINE_BYTES_MAX or len(buffers) >= limits.ATTACHMENTS_PER_RECORD_MAX - 1:
        return True
    if view.nbytes > limits.PAYLOAD_BYTES_MAX:
        raise LimitExceeded(too_large(view.nbytes), view.nbytes)
    buffers.append(bytes(view))
    return False


def dependency_index(future: Future[Any]) -> int:
    """The place of a future among the dependencies of the pickle that is being made now.

    Raises `TypeError` outside of a submit.
    """
    engine = _current.engine
    if engine is None:
        raise TypeError("a future can be pickled only as an argument of submit or map of its own client")
    found = _current.dependencies
    if found is None:
        found = _current.dependencies = {}
    return found.setdefault(future.sequence_in(engine), len(found))


def is_importable(function: Callable[..., Any]) -> bool:
    """Whether a pickle of `function` is its name: then it never changes and is sent once."""
    if isinstance(function, types.BuiltinFunctionType):
        owner = function.__self__
        return owner is None or isinstance(owner, types.ModuleType)
    return isinstance(function, _BY_NAME) and getattr(function, "__module__", None) != "__main__"


def definition_by_name(function: Callable[..., Any]) -> bytes | None:
    """The pickle of an importable function, or None if it has to travel by value."""
    named = function.function if type(function) is Listing else function
    if not is_importable(named) or (registered and _is_registered(named)):
        return None
    try:
        data = _dumps(function, PROTOCOL)
    except Exception:
        return None
    return None if b"__main__" in data else data


def _is_registered(function: object) -> bool:
    """Whether its module, or a package around it, is one whose functions travel by value."""
    name = getattr(function, "__module__", None)
    while isinstance(name, str) and name:
        if name in registered:
            return True
        name = name.rpartition(".")[0]
    return False


def too_large(size: int) -> str:
    """Words for a payload beyond the limit."""
    return (
        f"the arguments take {size} bytes, more than payload_bytes_max ({limits.PAYLOAD_BYTES_MAX} bytes). "
        "Nothing was sent. Write it to a file that the workers can read and pass its path, or pass it in "
        "parts: the value of a task, and so of a future, has the same limit."
    )
