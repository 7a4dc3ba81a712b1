"""From bytes to a call: functions of a session, arguments, dependencies."""

from __future__ import annotations

import functools
import importlib
import pickle
import sys
import types
from typing import TYPE_CHECKING, Any

from isthmus_bridge import dependencies, namespaces, neutral
from isthmus_bridge._limits import SOURCE_MODULES_MAX
from isthmus_bridge.namespaces import loading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Buffer

__all__ = ["NEUTRAL", "PICKLE", "RAW", "ArgumentsError", "FunctionError", "Payload", "load_arguments"]

PICKLE = 1
NEUTRAL = 2
RAW = 3

Payload = tuple[int, "Buffer", "Sequence[Buffer]"]
"""Codec, main part, out-of-band buffers."""


class FunctionError(Exception):
    """The function of a task cannot be loaded here; the message says why and what to do."""


class ArgumentsError(Exception):
    """The arguments of a task cannot be loaded here; the message says why."""


def loading_failed(what: str, error: BaseException) -> str:
    """Words for a part of a task that cannot be loaded here, and what to do about it."""
    words = f"{what} cannot be loaded by {sys.executable}: {type(error).__name__}: {error}"
    if not isinstance(error, ModuleNotFoundError):
        return words
    return (
        f"{words}. Install the module there; or put its folder on the path (PYTHONPATH, sys.path) before the "
        "client that starts the cluster is made, or the worker is started; or have its functions and classes "
        "travel by value: cloudpickle.register_pickle_by_value(module)"
    )


def load_value(payload: Payload) -> Any:
    """Decode a payload that holds one value."""
    codec, data, buffers = payload
    if codec == PICKLE:
        return pickle.loads(data, buffers=buffers)
    if codec == NEUTRAL:
        return neutral.unpack(memoryview(data))
    return bytes(data)


def _load_dependency(payload: Payload) -> Any:
    """Decode the value of another task, whose functions have globals of their own."""
    session, loading.session = loading.session, None
    try:
        return load_value(payload)
    finally:
        loading.session = session


def load_arguments(
    session: int, payload: Payload, values: Sequence[Payload], *, with_callable: bool
) -> tuple[Callable[..., Any] | None, Sequence[Any], dict[str, Any]]:
    """Decode `(args, kwargs)`, or `(callable, args, kwargs)`, whose futures mean `values`.

    Raises `ArgumentsError`. When functions came along, `loading.found` says so: `Functions.share` is due.
    """
    codec, data, buffers = payload
    found = dependencies.Dependencies([functools.partial(_load_dependency, value) for value in values])
    loading.session = session
    before, dependencies.current.dependencies = dependencies.current.dependencies, found
    try:
        if codec == PICKLE:
            content = pickle.loads(data, buffers=buffers)
            return tuple(content) if with_callable else (None, *content)
        if codec == NEUTRAL and not with_callable:
            content = neutral.unpack(memoryview(data), dependency=found.value)
            if isinstance(content, dict) and content.keys() == {"args", "kwargs"}:
                return None, content["args"], content["kwargs"]
            return None, content, {}
        raise ValueError(f"codec {codec} holds no {'callable and ' * with_callable}arguments")
    except Exception as error:
        raise ArgumentsError(loading_failed("the arguments", error)) from error
    finally:
        loading.session = None
        dependencies.current.dependencies = before


class Functions:
    """The functions that sessions have defined, each loaded when it is first called."""

    def __init__(self) -> None:
        self.loaded: dict[tuple[int, int], Callable[..., Any]] = {}
        """What can be called at once."""
        self._parked: dict[tuple[int, int], Callable[..., Any]] = {}
        """What has to get back the globals that it brought before it is called again."""
        self._captures: dict[tuple[int, int], list[namespaces.Capture]] = {}
        self._definitions: dict[tuple[int, int], Payload] = {}

    def define(self, session: int, function: int, definition: Payload) -> None:
        """Remember a definition; nothing of it runs before the first call."""
        key = (session, function)
        self.forget(session, function)
        self._definitions[key] = definition

    def forget(self, session: int, function: int) -> None:
        """Drop a function that no later task names."""
        key = (session, function)
        self._definitions.pop(key, None)
        self.loaded.pop(key, None)
        self._parked.pop(key, None)
        self._captures.pop(key, None)

    def forget_session(self, session: int) -> None:
        """Drop all functions of a session, and their globals."""
        for key in [key for key in self._definitions if key[0] == session]:
            self.forget(*key)
        namespaces.forget_session(session)

    def load(self, session: int, function: int) -> Callable[..., Any]:
        """Give the callable. Raises `FunctionError`."""
        key = (session, function)
        if key in self.loaded:
            return self.loaded[key]
        if key in self._parked:
            self._enforce(session, self._captures[key])
            self.loaded[key] = self._parked.pop(key)
            return self.loaded[key]
        if key not in self._definitions:
            raise FunctionError(f"function {function} of the session was never defined here")
        loading.session = session
        try:
            call = _load_function(self._definitions[key])
        finally:
            loading.session = None
        captures = self.share(session)
        if captures:
            self._captures[key] = captures
        self.loaded[key] = call
        return call

    def share(self, session: int) -> list[namespaces.Capture]:
        """Put the globals that came with what was just loaded into force in its session."""
        captures = loading.end() if loading.found else []
        loading.reset()
        self._enforce(session, captures)
        return captures

    def _enforce(self, session: int, captures: list[namespaces.Capture]) -> None:
        if not namespaces.apply(captures):
            return
        for key in [key for key in self.loaded if key[0] == session and key in self._captures]:
            if not namespaces.in_force(self._captures[key]):
                self._parked[key] = self.loaded.pop(key)


def _load_function(definition: Payload) -> Callable[..., Any]:
    codec, data, _ = definition
    try:
        if codec == RAW:
            return _builtin(bytes(data).decode())
        content = load_value(definition)
        if codec == NEUTRAL:
            if isinstance(content, str):
                return _imported(content)
            name = content["name"]
            found = _from_source(content["source"], name) if "source" in content else _imported(name)
            return functools.partial(_run_neutral_chunk, found) if content.get("chunks") else found
    except FunctionError:
        raise
    except Exception as error:
        raise FunctionError(loading_failed("the function", error)) from error
    return _callable(content, "the definition")


def _run_neutral_chunk(function: Callable[..., Any], columns: Sequence[Sequence[Any]]) -> Any:
    # Not imported by who maps nothing.
    from isthmus_bridge.chunks import run_neutral_chunk

    return run_neutral_chunk(function, columns)


def _callable(value: Any, what: str) -> Callable[..., Any]:
    if not callable(value):
        raise FunctionError(f"{what} is {type(value).__name__}, which cannot be called")
    return value  # type: ignore[no-any-return]


def _imported(path: str) -> Callable[..., Any]:
    module_name, colon, name = path.partition(":")
    if not colon or not module_name or not name:
        raise FunctionError(f"{path!r} names no function: write module:qualified.name")
    try:
        value: Any = importlib.import_module(module_name)
    except ModuleNotFoundError:
        raise
    except Exception as error:
        raise FunctionError(
            f"importing {module_name} in {sys.executable} raised {type(error).__name__}: {error}"
        ) from error
    try:
        for part in name.split("."):
            value = getattr(value, part)
    except AttributeError:
        raise FunctionError(f"module {module_name} of {sys.executable} has no {name}") from None
    return _callable(value, path)


_modules: dict[bytes, types.ModuleType] = {}


def _from_source(source: str, name: str) -> Callable[..., Any]:
    """Run the text in a module of its own, once per text, and give what it calls `name`."""
    import hashlib

    digest = hashlib.blake2b(source.encode(), digest_size=16).digest()
    module = _modules.get(digest)
    if module is None:
        title = f"isthmus_source_{digest.hex()}"
        module = types.ModuleType(title, "Source text that was submitted as a task's function.")
        filename = f"<isthmus source of {name}>"
        _show_in_tracebacks(filename, source)
        # The module has to be importable while its text runs: dataclasses and pickle look it up.
        sys.modules[title] = module
        try:
            exec(compile(source, filename, "exec"), module.__dict__)
        except BaseException as error:
            del sys.modules[title]
            raise FunctionError(
                f"the source text of {name} raised {type(error).__name__}: {error}"
            ) from error
        if len(_modules) >= SOURCE_MODULES_MAX:
            oldest = next(iter(_modules))
            sys.modules.pop(_modules.pop(oldest).__name__, None)
        _modules[digest] = module
    if not hasattr(module, name):
        raise FunctionError(f"the source text defines no {name}")
    return _callable(getattr(module, name), name)


def _show_in_tracebacks(filename: str, source: str) -> None:
    import linecache

    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)


def convert(value: Any) -> Any:
    """Give back what it gets: a pickled value goes in, the caller asks for a neutral one out."""
    return value


def _builtin(name: str) -> Callable[..., Any]:
    if name == "convert":
        return convert
    raise FunctionError(f"this executor has no built-in function {name!r}")
