"""What a function that travels by value has captured, and whether it is still that.

A `Watch` notes, by identity, everything that the pickle of a function holds: code, defaults, cells, the
globals that its code names, and the same for each function and class among them that travels by value too.
Looking again costs about a microsecond, pickling anew twenty times that. What is mutable is looked into, if
it is a small list, dict or set. For everything else that could change unseen there is no watch, and none for
a function that could itself keep something from call to call in a cell or a default: its calls stay apart.
"""

from __future__ import annotations

import abc
import dis
import functools
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from operator import attrgetter, is_
from typing import Any, Final

import cloudpickle.cloudpickle as base

from isthmus_bridge.by_value import is_importable

from . import _limits as limits
from ._task import TaskFunction

_MISSING: Final = object()
#: What cloudpickle takes along of the globals, whatever the code names.
_HEAD: Final = ("__package__", "__name__", "__path__", "__file__")

_plain_parts: Final = attrgetter("__code__", "__module__", "__name__", "__qualname__", "__doc__")
_function_parts: Final = attrgetter(
    *("__code__", "__module__", "__name__", "__qualname__", "__doc__"),
    *("__defaults__", "__kwdefaults__", "__dict__", "__annotations__"),
)
_content: Final = attrgetter("cell_contents")
_class_parts: Final = attrgetter("__bases__", "__name__", "__qualname__")

#: Types whose values never change and hold nothing else.
_LEAVES: Final = frozenset(
    {
        *(bool, int, float, complex, str, bytes, range, type(None), type(...), type(NotImplemented)),
        *(types.CodeType, types.GetSetDescriptorType, types.MemberDescriptorType),
        *(types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType),
    }
)

#: The same by name, so that nothing is imported here that the program has not.
_LEAVES_BY_NAME: Final = frozenset(
    {
        *("datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta", "datetime.timezone"),
        *("decimal.Decimal", "fractions.Fraction", "uuid.UUID", "re.Pattern", "zoneinfo.ZoneInfo"),
        *("pathlib.PosixPath", "pathlib.PurePosixPath"),
        *("pathlib._local.PosixPath", "pathlib._local.PurePosixPath"),
        *("logging.Logger", "numpy.ufunc", "numpy._ArrayFunctionDispatcher", "_abc._abc_data"),
        *("isthmus.options.TaskOptions", "isthmus.options.SwiftFunction"),
        *("_collections._tuplegetter", "collections._tuplegetter", "dataclasses._DataclassParams"),
        *("dataclasses._FIELD_BASE", "dataclasses._MISSING_TYPE"),
        *("dataclasses._KW_ONLY_TYPE", "dataclasses._HAS_DEFAULT_FACTORY_CLASS"),
    }
)

#: Objects that are what these attributes of theirs are.
_PARTS_BY_NAME: Final = {
    "builtins.staticmethod": attrgetter("__func__"),
    "builtins.classmethod": attrgetter("__func__"),
    "builtins.property": attrgetter("fget", "fset", "fdel", "__doc__"),
    "builtins.method": attrgetter("__func__", "__self__"),
    "functools.partial": attrgetter("func", "args", "keywords", "__dict__"),
    "functools.partialmethod": attrgetter("func", "args", "keywords"),
    "functools.cached_property": attrgetter("func", "attrname"),
    "functools._lru_cache_wrapper": attrgetter("__wrapped__", "__dict__"),
    "dataclasses.Field": attrgetter("name", "type", "default", "default_factory", "metadata", "_field_type"),
    "isthmus_bridge.graphs.Listing": attrgetter("function"),
    "isthmus._task.TaskFunction": attrgetter("_function", "_task_options", "_name"),
}


class Unwatchable(Exception):
    """Something was captured that can change unseen."""


class Watch:
    """What `function` captured at one moment. Raises `Unwatchable`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self._modules = 0
        self._token: Any = None
        #: What is looked at again: attributes, then what is inside of dicts, other containers and cells.
        self._parts: list[tuple[Callable[[Any], Iterable[Any]], Any, tuple[Any, ...]]] = []
        self._empty: list[Any] = []
        self._mappings: list[tuple[Mapping[Any, Any], tuple[Any, ...], tuple[Any, ...]]] = []
        self._items: list[tuple[Any, tuple[Any, ...]]] = []
        self._cells: list[tuple[Any, tuple[Any, ...]]] = []
        walk = _Walk(self)
        walk.see(function, is_kept=True)
        self._globals = [
            (space.get, tuple(names), (_MISSING,) * len(names), tuple(names.values()))
            for space, names in walk.names.values()
        ]

    def holds(self, function: Callable[..., Any]) -> bool:
        """Whether the pickle of `function` would say now what that of the watched one said.

        `function` is that one, or one that was made by the same code.
        """
        if function is not self.function and not _is_alike(function, self.function):
            return False
        for get, names, missing, values in self._globals:
            if not all(map(is_, map(get, names, missing), values)):
                return False
        for parts, value, before in self._parts:
            if not all(map(is_, parts(value), before)):
                return False
        return not any(self._empty) and self._contents_hold()

    def _contents_hold(self) -> bool:
        for mapping, keys, values in self._mappings:
            if not _is_same(mapping, keys) or not all(map(is_, mapping.values(), values)):
                return False
        for container, values in self._items:
            if not _is_same(container, values):
                return False
        for cells, values in self._cells:
            if not _have(cells, values):
                return False
        if self._modules and len(sys.modules) != self._modules:
            return False
        return self._token is None or abc.get_cache_token() == self._token


def _is_same(container: Any, items: tuple[Any, ...]) -> bool:
    return len(container) == len(items) and all(map(is_, container, items))


def _have(cells: Any, values: tuple[Any, ...]) -> bool:
    try:
        return all(map(is_, map(_content, cells), values))
    except ValueError:
        return False


def _is_alike(one: Any, other: Any) -> bool:
    """Whether two functions of one code, as of a `lambda` in a loop, captured the same."""
    if type(one) is not types.FunctionType or one.__globals__ is not other.__globals__:
        return False
    if not all(map(is_, _plain_parts(one), _plain_parts(other))):
        return False
    if not _is_same(one.__defaults__ or (), other.__defaults__ or ()):
        return False
    for mine, its in (
        (one.__kwdefaults__ or {}, other.__kwdefaults__ or {}),
        (one.__dict__, other.__dict__),
        (one.__annotations__, other.__annotations__),
    ):
        if not _is_same(mine, tuple(its)) or not all(map(is_, mine.values(), its.values())):
            return False
    cells = one.__closure__ or ()
    try:
        return all(map(is_, map(_content, cells), map(_content, other.__closure__ or ())))
    except ValueError:
        return False


class _Walk:
    """Goes through what a function captured, and notes in its watch what has to be looked at again."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.names: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
        #: By `id`; kept, so that no other object gets its number meanwhile.
        self._seen: dict[int, Any] = {}
        self._room = limits.WATCHED_ITEMS_MAX

    def see(self, value: Any, *, is_kept: bool) -> None:
        """Note `value`. `is_kept`: an executor may keep what is mutable of it from one call to the next."""
        kind = type(value)
        if kind in _LEAVES:
            return
        if not is_kept and kind in _MUTABLE:
            raise Unwatchable(kind)
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
        self._count(1)
        if kind is types.FunctionType:
            self._function(value)
        elif isinstance(value, type):
            self._class(value)
        elif kind is tuple or kind is frozenset:
            self._all(value, is_kept=is_kept)
        elif kind in _MUTABLE:
            self._contents(value)
        elif not self._is_module_or_method(value):
            self._other(value, kind, is_kept=is_kept)

    def _all(self, values: Iterable[Any], *, is_kept: bool) -> None:
        for value in values:
            self.see(value, is_kept=is_kept)

    def _count(self, more: int) -> None:
        self._room -= more
        if self._room < 0:
            raise Unwatchable("too much")

    def _function(self, function: types.FunctionType) -> None:
        watch = self.watch
        if base._should_pickle_by_reference(function) and function is not watch.function:
            return
        # What the standard library keeps in a wrapper, as a dataclass to see that its repr is recursive.
        is_library = _is_of_the_library(function)
        if not is_library and _may_assign(function.__code__, frozenset(function.__code__.co_freevars)):
            raise Unwatchable(function)
        watch._parts.append((_function_parts, function, _function_parts(function)))
        if function.__code__ is DISPATCHES:
            # What its dispatch has found so far follows from its registry, wherever it is.
            cache = function._clear_cache.__self__  # type: ignore[attr-defined]
            self._seen[id(cache)] = cache
        self._all(function.__defaults__ or (), is_kept=False)
        for mapping in (function.__kwdefaults__, function.__dict__):
            if mapping is not None:
                self._mapping(mapping, is_kept=is_library)
        self._mapping(function.__annotations__, is_kept=True)
        if getattr(function, "__type_params__", ()):
            self.see(function.__type_params__, is_kept=True)  # type: ignore[attr-defined]
        if function.__closure__:
            try:
                contents = tuple(map(_content, function.__closure__))
            except ValueError:
                raise Unwatchable("an empty cell") from None
            watch._cells.append((function.__closure__, contents))
            self._all(contents, is_kept=is_library)
        space = function.__globals__
        _, names = self.names.setdefault(id(space), (space, {}))
        for name in (*_HEAD, *base._extract_code_globals(function.__code__)):
            if name not in names:
                names[name] = space.get(name, _MISSING)
                if names[name] is not _MISSING:
                    self.see(names[name], is_kept=True)

    def _class(self, kind: Any) -> None:
        if kind in base._BUILTIN_TYPE_NAMES or base._should_pickle_by_reference(kind):
            return
        own = kind.__dict__
        self.watch._parts.append((_class_parts, kind, _class_parts(kind)))
        if isinstance(kind, abc.ABCMeta):
            self.watch._token = abc.get_cache_token()
        if issubclass(kind, Enum):
            # Its own tables are made with it; what a program changes is among the other attributes.
            self._note(own, tuple(own), tuple(own.values()))
            own = {name: value for name, value in own.items() if name not in _TABLES_OF_ENUMERATIONS}
            self._all([vars(member) for member in kind.__members__.values()], is_kept=True)
            self._all(own.values(), is_kept=True)
        else:
            self._mapping(own, is_kept=True)
        self._all((type(kind), *kind.__bases__), is_kept=True)

    def _mapping(self, mapping: Any, *, is_kept: bool) -> None:
        if not mapping:
            self.watch._empty.append(mapping)
            return
        keys, values = tuple(mapping), tuple(mapping.values())
        self._note(mapping, keys, values)
        self._all(keys, is_kept=is_kept)
        self._all(values, is_kept=is_kept)

    def _note(self, mapping: Any, keys: tuple[Any, ...], values: tuple[Any, ...]) -> None:
        self._count(len(keys))
        self.watch._mappings.append((mapping, keys, values))

    def _contents(self, container: Any) -> None:
        if isinstance(container, (dict, types.MappingProxyType)):
            self._mapping(container, is_kept=True)
        elif container:
            items = tuple(container)
            self._count(len(items))
            self.watch._items.append((container, items))
            self._all(items, is_kept=True)
        else:
            self.watch._empty.append(container)

    def _is_module_or_method(self, value: Any) -> bool:
        if isinstance(value, types.ModuleType):
            if not base._should_pickle_by_reference(value):
                raise Unwatchable(value)
            if hasattr(value, "__path__"):
                # Its submodules that the code names are imported at the other end, if they are here.
                self.watch._modules = len(sys.modules)
            return True
        if isinstance(value, types.BuiltinFunctionType):
            if value.__self__ is not None and not isinstance(value.__self__, types.ModuleType):
                self.see(value.__self__, is_kept=False)
            return True
        return False

    def _other(self, value: Any, kind: Any, *, is_kept: bool) -> None:
        name = f"{kind.__module__}.{kind.__qualname__}"
        parts = _PARTS_BY_NAME.get(name)
        if name in _LEAVES_BY_NAME or _is_scalar(value, kind):
            return
        if kind in _BY_NAME_OR_PARTS and value is not self.watch.function and is_importable(value):
            return
        if parts is not None:
            own = parts(value)
            own = own if type(own) is tuple else (own,)
            if len(own) > 1:
                self.watch._parts.append((parts, value, own))
            is_kept = is_kept and name not in _HOLDS_STATE
            self._all([one for one in own if not isinstance(one, dict)], is_kept=is_kept)
            for one in own:
                if isinstance(one, dict):
                    self._mapping(one, is_kept=is_kept)
        elif isinstance(value, Enum):
            self._class(kind)
        elif kind.__module__ in {"typing", "types"} and name not in _MUTABLE_OF_TYPES:
            self._typing(value)
        else:
            raise Unwatchable(value)

    def _typing(self, value: Any) -> None:
        """A form of an annotation: what it is made of."""
        try:
            for name in (
                "__origin__",
                "__args__",
                "__supertype__",
                "__bound__",
                "__constraints__",
                "__value__",
            ):
                self.see(getattr(value, name, None), is_kept=True)
        except NameError:
            raise Unwatchable(value) from None


#: The code of all functions that `functools.singledispatch` makes.
DISPATCHES: Final = functools.singledispatch(len).__code__  # type: ignore[attr-defined]

_MUTABLE: Final = frozenset({list, dict, set, types.MappingProxyType})
_MUTABLE_OF_TYPES: Final = frozenset({"types.SimpleNamespace", "types.ModuleType"})
_HOLDS_STATE: Final = frozenset({"functools.partial", "builtins.method"})
_BY_NAME_OR_PARTS: Final = frozenset({type(functools.lru_cache(len)), TaskFunction, typing.NewType})
_TABLES_OF_ENUMERATIONS: Final = frozenset(
    {"_member_names_", "_member_map_", "_value2member_map_", "_hashable_values_", "_unhashable_values_"}
    | {"_unhashable_values_map_"}
)


def _is_scalar(value: Any, kind: Any) -> bool:
    """Whether it is a number or a type of NumPy's."""
    if kind.__module__ == "numpy.dtypes":
        return True
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, (numpy.number, numpy.bool_, numpy.dtype))


def _is_of_the_library(function: types.FunctionType) -> bool:
    name = function.__globals__.get("__name__")
    if name not in sys.stdlib_module_names or name == "__main__":
        return False
    return getattr(sys.modules.get(name), "__dict__", None) is function.__globals__


def _may_assign(code: types.CodeType, names: frozenset[str]) -> bool:
    """Whether running the code may give one of these variables of an outer function another value."""
    if not names:
        return False
    for step in dis.get_instructions(code):
        if step.opname in {"STORE_DEREF", "DELETE_DEREF"} and step.argval in names:
            return True
    inner = (one for one in code.co_consts if isinstance(one, types.CodeType))
    return any(_may_assign(one, names & frozenset(one.co_freevars)) for one in inner)
