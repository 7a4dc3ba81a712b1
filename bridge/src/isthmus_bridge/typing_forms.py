"""What annotations are made of and Python pickles as a name: `NewType`, `type X = ...`, `ParamSpec`, ...

In a program that is `__main__` here and another module at the other end, that name means nothing. Here they
travel by value, unless an importable module has them.
"""

from __future__ import annotations

import typing
from typing import Any

import cloudpickle.cloudpickle as base

__all__ = ["reduced"]


def _new_type(name: str, module: str | None, supertype: Any) -> Any:
    make: Any = typing.NewType
    made = make(name.rpartition(".")[2], supertype)
    made.__qualname__, made.__module__ = name, module
    return made


def _parameter(
    kind: str, name: str, module: str | None, constraints: Any, keywords: dict[str, Any], identity: str
) -> Any:
    """A `TypeVar`, `ParamSpec` or `TypeVarTuple`; the one that is known here, if there is one."""
    made = getattr(typing, kind)(name, *constraints, **keywords)
    made.__module__ = module
    return base._lookup_class_or_track(identity, made)


_pending: dict[int, list[Any]] = {}
"""Where the value of an alias goes that is being unpickled, by its `id`."""


def _alias(name: str, module: str | None) -> Any:
    """`type name = ...`, whose value comes later, since it may refer to the alias itself."""
    value: list[Any] = []
    space: dict[str, Any] = {"__name__": module, "_value": value}
    exec(f"type {name} = _value[0]", space)
    _pending[id(space[name])] = value
    return space[name]


def _set_alias(alias: Any, value: Any) -> None:
    _pending.pop(id(alias)).append(value)


def _generic_alias(name: str, module: str | None, parameters: tuple[Any, ...], value: Any) -> Any:
    space: dict[str, Any] = {"__name__": module, "value": value, "parameters": parameters}
    exec(
        f"from typing import TypeAliasType\nmade = TypeAliasType({name!r}, value, type_params=parameters)",
        space,
    )
    return space["made"]


def reduced(value: Any) -> Any:
    """How the pickler writes `value`; `NotImplemented` for everything that is none of these."""
    kind = type(value)
    if kind.__module__ != "typing" or kind.__name__ not in _KINDS or _is_importable(value):
        return NotImplemented
    module = getattr(value, "__module__", None)
    if kind.__name__ == "NewType":
        return _new_type, (value.__qualname__, module, value.__supertype__)
    if kind.__name__ == "TypeAliasType":
        if value.__type_params__:
            return _generic_alias, (value.__name__, module, value.__type_params__, value.__value__)
        return _alias, (value.__name__, module), value.__value__, None, None, _set_alias
    keywords: dict[str, Any] = {}
    if kind.__name__ != "TypeVarTuple":
        keywords["bound"] = value.__bound__
        # Variance that is inferred is written `T` and not `~T`, and excludes the other two.
        if getattr(value, "__infer_variance__", False):
            keywords["infer_variance"] = True
        else:
            keywords |= {"covariant": value.__covariant__, "contravariant": value.__contravariant__}
    if getattr(value, "has_default", bool)():
        keywords["default"] = value.__default__
    constraints = getattr(value, "__constraints__", ())
    identity = base._get_or_create_tracker_id(value)
    return _parameter, (kind.__name__, value.__name__, module, constraints, keywords, identity)


_KINDS = frozenset({"NewType", "TypeAliasType", "TypeVar", "ParamSpec", "TypeVarTuple"})


def _is_importable(value: Any) -> bool:
    from isthmus_bridge.by_value import is_importable

    return is_importable(value)
