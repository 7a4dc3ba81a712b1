"""What a task asks of its place and of its retries, from what a user writes to what the wire carries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from . import _limits as limits
from ._wire import FieldValue

_NAME: Final = re.compile(r"[A-Za-z0-9_.\-/]+", re.ASCII)
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([KMGT]i?)?B?", re.ASCII)
_UNITS: Final = {"": 1} | {f"{u}i": 1 << (10 * n) for n, u in enumerate("KMGT", 1)} | {
    u: 1000**n for n, u in enumerate("KMGT", 1)
}  # fmt: skip
_AMOUNT_MAX: Final = 2**63

#: A mapping as a value that can be hashed and compared.
Pairs = tuple[tuple[str, Any], ...]


def resources(value: Mapping[str, Any] | Pairs | None) -> Pairs | None:
    """Amounts by name, each as the wire counts it: memory in bytes, everything else in thousandths."""
    if value is None or isinstance(value, tuple):
        return value
    if not isinstance(value, Mapping):
        raise TypeError(f'resources is a dict like {{"cpu": 2, "memory": "1GiB"}}, not {value!r}')
    return tuple(sorted((_name("resources", name), _amount(name, amount)) for name, amount in value.items()))


def _amount(name: str, amount: Any) -> int:
    if name == "memory":
        return _bytes(amount)
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise TypeError(f"the resource {name} is a number, not {amount!r}")
    # The comparison is false for NaN too.
    if not 0 <= amount < _AMOUNT_MAX // 1000:
        raise ValueError(f"the resource {name} is a number from 0, not {amount!r}")
    thousandths = round(amount * 1000)
    if amount and not thousandths:
        raise ValueError(f"the resource {name} is counted in thousandths: {amount!r} is less than one")
    if name == "gpu" and thousandths > 1000 and thousandths % 1000:
        raise ValueError(
            f"the resource gpu is a whole number of gpus, or less than 1 for a share of one, not {amount!r}"
        )
    return thousandths


def _bytes(amount: Any) -> int:
    if isinstance(amount, int) and not isinstance(amount, bool):
        if not 0 <= amount < _AMOUNT_MAX:
            raise ValueError(f"the resource memory is a number of bytes from 0, not {amount!r}")
        return amount
    if not isinstance(amount, str):
        raise TypeError(f'the resource memory is a number of bytes or a text like "2GiB", not {amount!r}')
    found = _SIZE.fullmatch(amount.strip())
    if found is None:
        raise ValueError(f'the resource memory is a number of bytes or a text like "2GiB", not {amount!r}')
    return int(float(found[1]) * _UNITS[found[2] or ""])


def labels(option: str, value: Mapping[str, str] | Pairs | None) -> Pairs | None:
    """Labels of workers, by key."""
    if value is None or isinstance(value, tuple):
        return value
    if not isinstance(value, Mapping):
        raise TypeError(f'{option} is a dict of labels like {{"zone": "a"}}, not {value!r}')
    for key, label in value.items():
        if not isinstance(label, str):
            raise TypeError(f"{option}: the label {key!r} is a text, not {label!r}")
        if "\n" in label:
            raise ValueError(f"{option}: the label {key!r} must be one line, not {label!r}")
    return tuple(sorted((_name(option, key), label) for key, label in value.items()))


def _name(option: str, name: Any) -> str:
    longest = limits.FIELD_NAME_BYTES_MAX - len("resource.")
    if not isinstance(name, str):
        raise TypeError(f"{option}: a name is a text, not {name!r}")
    if not _NAME.fullmatch(name) or len(name) > longest:
        raise ValueError(
            f"{option}: a name has letters, digits and _ . - / and at most {longest} of them, not {name!r}"
        )
    return name


def exception_names(value: Any) -> tuple[str, ...] | None:
    """Names of exception classes as a traceback writes them; each also means its subclasses."""
    if value is None:
        return None
    wanted = value if isinstance(value, (tuple, list)) else (value,)
    if not wanted:
        raise ValueError("retry_on names no exception: leave it out to retry on every one, or set retries=0")
    return tuple(map(_exception_name, wanted))


def _exception_name(value: Any) -> str:
    if isinstance(value, type) and issubclass(value, BaseException):
        if value.__module__ in {"builtins", "__main__"}:
            return value.__qualname__
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, str) and value and "\n" not in value:
        # A traceback names no class of these with its module.
        return value.removeprefix("__main__.").removeprefix("builtins.") or value
    raise TypeError(f"retry_on has exception classes or their names, not {value!r}")


def fields(
    resources: Pairs | None, affinity: Pairs | None, anti_affinity: Pairs | None, retry_on: Any
) -> dict[str, FieldValue]:
    """As the wire names them."""
    found: dict[str, FieldValue] = {f"resource.{name}": amount for name, amount in resources or ()}
    for name, pairs in (("affinity", affinity), ("anti_affinity", anti_affinity)):
        if pairs:
            found[name] = "\n".join(f"{key}={label}" for key, label in pairs)
    if retry_on:
        found["retry_on"] = "\n".join(retry_on)
    return found
