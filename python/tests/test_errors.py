"""Words and attributes of every error class: as text, as repr, and after a journey through pickle."""

from __future__ import annotations

import concurrent.futures
import inspect
import pickle
import socket
import threading
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from isthmus import Client, NotSerializable, errors

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.IsthmusError) and kind.__module__ == errors.__name__
]


def made(kind: type[errors.IsthmusError]) -> errors.IsthmusError:
    if issubclass(kind, errors.RemoteError):
        return kind("ValueError", "what happened", "Traceback")
    if issubclass(kind, errors.SessionLost):
        return kind("what happened", "unreachable", "epoch", may_have_run=False)
    if issubclass(kind, errors.SessionRefused):
        return kind("what happened", "python", "version")
    return kind("what happened")


def attributes(error: BaseException) -> dict[str, Any]:
    return {name: value for name, value in vars(error).items() if not name.startswith("__")}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_reads_as_its_words(kind: type[errors.IsthmusError]) -> None:
    error = made(kind)
    assert str(error).endswith("what happened")
    assert not str(error).startswith("(")
    assert repr(error).startswith(f"{kind.__name__}('")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickle_with_all_it_says(kind: type[errors.IsthmusError]) -> None:
    error = made(kind)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        copy = pickle.loads(pickle.dumps(error, protocol))
        assert type(copy) is kind
        assert (str(copy), repr(copy), copy.args) == (str(error), repr(error), error.args)
        assert attributes(copy) == attributes(error)


@pytest.mark.parametrize(
    "kind",
    [errors.SessionRefused, errors.SessionLost, errors.VersionMismatch],
    ids=lambda kind: kind.__name__,
)
def test_a_refusal_says_what_differs(kind: type[errors.SessionRefused]) -> None:
    error = kind("no", "python", "version")
    assert (error.code, error.field) == ("python", "version")
    assert kind("no").field == ""


def test_a_lost_session_says_whether_the_task_may_have_run() -> None:
    assert errors.SessionLost("gone").may_have_run
    assert errors.SessionLost("gone").code == "session"
    assert not errors.SessionLost("gone", may_have_run=False).may_have_run


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (errors.SessionLost, (BrokenProcessPool, errors.ClusterError)),
        (errors.TaskLost, (BrokenProcessPool,)),
        (errors.TaskTimeout, (TimeoutError, concurrent.futures.TimeoutError)),
        (errors.NotSerializable, (pickle.PicklingError,)),
        (errors.LimitExceeded, (ValueError,)),
    ],
)
def test_a_user_of_the_standard_library_catches_it(
    kind: type[BaseException], bases: tuple[type[BaseException], ...]
) -> None:
    assert all(issubclass(kind, base) for base in bases)


def the_file(file: Any) -> Any:
    return file


def a_file(mode: str) -> Any:
    return Path(__file__).open(mode)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: a_file("r"), r"open file '.*test_errors\.py': open it where it is used"),
        (lambda: [{"nested": a_file("r")}], r"open file '.*test_errors\.py'"),
        (lambda: a_file("rb"), "BufferedReader"),
        (socket.socket, "socket"),
        (threading.Lock, "lock"),
        (lambda: (n for n in [1]), "generator"),
    ],
)
def test_what_belongs_to_this_process_is_named(cluster: Client, make: Any, words: str) -> None:
    value = make()
    with pytest.raises(NotSerializable, match=f"{words}.*argument 1 of the_file"):
        cluster.submit(the_file, value).result(30)
    with pytest.raises(NotSerializable, match=words):
        list(cluster.map(the_file, [value]))

    def captures() -> Any:
        return value

    with pytest.raises(NotSerializable, match=f"{words}.*variable 'value'"):
        cluster.submit(captures).result(30)


def test_an_open_file_as_a_result_is_named(cluster: Client) -> None:
    with pytest.raises(NotSerializable, match=r"open returned _io\.TextIOWrapper.*open file '/etc/"):
        cluster.submit(open, "/etc/hostname").result(30)
