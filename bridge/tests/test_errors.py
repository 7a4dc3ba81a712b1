"""How exceptions travel: as themselves whenever they can be made again, else as text."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest

from isthmus_bridge import calls, neutral, results
from isthmus_bridge._limits import EXCEPTION_BASES_MAX
from isthmus_bridge.chunks import run_neutral_chunk
from isthmus_bridge.errors import describe


class TwoArgumentsError(Exception):
    """Calls its base with one text made of two arguments."""

    def __init__(self, first: str, second: int) -> None:
        super().__init__(f"{first}{second}")
        self.second = second


class DefaultedError(Exception):
    """Python's own way rebuilds it without an error, and with another message."""

    def __init__(self, code: int, text: str = "unknown") -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class SlottedError(Exception):
    __slots__ = ("__hidden", "code", "unset")

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code
        self.__hidden = code + 1

    def hidden(self) -> int:
        return self.__hidden


class FileError(ValueError, OSError):
    """The layout is that of its second base, whose `__init__` fills `errno` and `filename`."""

    def __init__(self, code: int, path: str, extra: str) -> None:
        super().__init__(code, "no such thing", path)
        OSError.__init__(self, code, "no such thing", path)
        self.extra = extra


class OwnNewError(Exception):
    def __new__(cls, first: int, second: int) -> OwnNewError:  # noqa: PYI034
        return super().__new__(cls, first + second)

    def __init__(self, first: int, second: int) -> None:
        super().__init__(first + second)


class OwnReduceError(Exception):
    """Says itself how it is pickled."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(first + second)
        self.both = (first, second)

    def __reduce__(self) -> tuple[Any, ...]:
        return OwnReduceError, self.both


class SelfishError(Exception):
    """Refers to itself."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(first + second)
        self.me = self


class HopelessError(Exception):
    """Holds what no pickle can."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(first + second)
        self.lock = threading.Lock()


class SilentError(Exception):
    def __init__(self, first: int, second: int) -> None:
        super().__init__(first + second)

    def __str__(self) -> str:
        raise RuntimeError("no words")


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def travelled(error: BaseException) -> Any:
    pickled = describe(raised(error)).pickled
    assert pickled is not None
    restored = pickle.loads(pickled)
    assert type(restored) is type(error)
    assert restored.args == error.args
    return restored


def test_a_constructor_with_other_parameters_than_args() -> None:
    restored = travelled(TwoArgumentsError("a", 2))
    assert str(restored) == "a2"
    assert restored.second == 2


def test_a_constructor_that_would_change_the_message() -> None:
    restored = travelled(DefaultedError(5))
    assert str(restored) == "5: unknown"
    assert restored.code == 5


def test_attributes_in_slots() -> None:
    restored = travelled(SlottedError(7))
    assert (restored.code, restored.hidden()) == (7, 8)
    assert not hasattr(restored, "unset")


def test_what_a_built_in_base_keeps_outside_of_args() -> None:
    error = FileError(2, "/missing", "more")
    restored = travelled(error)
    assert (restored.errno, restored.filename, restored.extra) == (2, "/missing", "more")
    assert str(restored) == str(error)


def test_a_new_of_its_own() -> None:
    assert str(travelled(OwnNewError(1, 2))) == "3"


def test_a_class_that_knows_how_is_left_alone() -> None:
    assert travelled(OwnReduceError(1, 2)).both == (1, 2)


def test_a_reference_to_itself() -> None:
    restored = travelled(SelfishError(1, 2))
    assert restored.me is restored


def test_a_message_that_cannot_be_made() -> None:
    assert travelled(SilentError(1, 2)).args == (3,)


def test_exceptions_among_the_arguments_of_another() -> None:
    pickled = describe(raised(ValueError(TwoArgumentsError("in", 1)))).pickled
    assert pickled is not None
    (inner,) = pickle.loads(pickled).args
    assert (type(inner), str(inner), inner.second) == (TwoArgumentsError, "in1", 1)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups and notes came with Python 3.11")
def test_groups_and_notes() -> None:
    inner = TwoArgumentsError("in", 1)
    inner.add_note("a note")  # type: ignore[attr-defined]
    group = ExceptionGroup("many", [inner, SlottedError(3)])  # noqa: F821
    group.add_note("another")
    pickled = describe(raised(group)).pickled
    assert pickled is not None
    restored = pickle.loads(pickled)
    assert restored.message == "many"
    assert restored.__notes__ == ["another"]
    assert [type(error) for error in restored.exceptions] == [TwoArgumentsError, SlottedError]
    assert restored.exceptions[0].__notes__ == ["a note"]
    assert restored.exceptions[1].code == 3


def test_causes_are_in_the_text() -> None:
    failure = describe(raised(TwoArgumentsError("a", 2), raised(KeyError("the cause"))))
    assert "KeyError: 'the cause'" in failure.traceback
    assert "direct cause" in failure.traceback
    assert failure.pickled is not None
    restored = pickle.loads(failure.pickled)
    assert "TwoArgumentsError: a2" in "".join(traceback.format_exception(type(restored), restored, None))


def test_what_cannot_be_rebuilt_is_text() -> None:
    failure = describe(raised(HopelessError(1, 2)))
    assert failure.pickled is None
    assert failure.class_name.endswith("HopelessError")
    assert failure.message == "3"
    assert "in raised" in failure.traceback


class LeavingError(Exception):
    def __reduce__(self) -> Any:
        return sys.exit, (3,)

    def __str__(self) -> str:
        return sys.exit(4)


def test_a_class_whose_methods_leave_the_program_is_text() -> None:
    failure = describe(raised(LeavingError()))
    assert failure.pickled is None
    assert failure.class_name.endswith("LeavingError")
    assert failure.message == "<no message: its str() raised SystemExit>"


def test_a_class_that_only_the_sender_has() -> None:
    class LocalError(TwoArgumentsError):
        pass

    pickled = describe(raised(LocalError("a", 2))).pickled
    assert pickled is not None
    restored: Any = pickle.loads(pickled)
    assert (type(restored).__name__, str(restored), restored.second) == ("LocalError", "a2", 2)


def test_a_class_of_the_main_module_travels_by_value() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from isthmus_bridge.errors import describe\n"
        "class E(Exception):\n"
        "    def __init__(self, a, b):\n"
        "        super().__init__(f'{a}{b}')\n"
        "sys.stdout.buffer.write(describe(E('x', 1)).pickled)\n"
    )
    bridge = str(Path(__file__).resolve().parents[1] / "src")
    done = subprocess.run([sys.executable, "-c", program, bridge], capture_output=True, check=True)
    assert str(pickle.loads(done.stdout)) == "x1"


def test_the_bases_of_an_exception_are_named_for_whoever_cannot_load_its_class() -> None:
    parts = {kind: data for kind, _, data, _ in results.exception_parts(FileError(2, "/missing", "more"))}
    summary = neutral.unpack(memoryview(parts[results.SUMMARY_PART]))
    assert summary["class"] == f"{__name__}.FileError"
    assert summary["bases"] == [
        f"{__name__}.FileError",
        "ValueError",
        "OSError",
        "Exception",
        "BaseException",
    ]


def test_the_bases_that_are_named_are_bounded() -> None:
    kind: type[Exception] = Exception
    for number in range(100):
        kind = type(f"Deep{number}", (kind,), {})
    bases = describe(kind()).bases
    assert len(bases) == EXCEPTION_BASES_MAX
    assert bases[0].endswith("Deep99")


def test_a_user_sees_no_frame_of_the_bridge_in_causes_either() -> None:
    functions = calls.Functions()
    functions.define(1, 1, (calls.NEUTRAL, neutral.pack("no_such_module:f"), ()))
    with pytest.raises(calls.FunctionError) as caught:
        functions.load(1, 1)
    told = describe(caught.value).traceback
    assert "isthmus_bridge/" not in told
    assert "ModuleNotFoundError: No module named 'no_such_module'" in told


@pytest.mark.parametrize("count", [0, 1, 15, 16, 70_000])
def test_a_chunk_for_another_language(count: int) -> None:
    packed = neutral.pack(run_neutral_chunk(abs, [[-n for n in range(count)]]))
    assert neutral.unpack(packed) == [list(range(count)), None]


def test_a_chunk_for_another_language_tells_what_failed() -> None:
    values, failure = neutral.unpack(neutral.pack(run_neutral_chunk(int, [["1", "2", "x", "4"]])))
    assert values == [1, 2]
    assert (failure["class"], failure["problem"]) == ("ValueError", False)
    assert "invalid literal" in failure["traceback"]
    made: list[object] = [1, {2}, 3]
    values, failure = neutral.unpack(neutral.pack(run_neutral_chunk(lambda n: made[n], [[0, 1, 2]])))
    assert values == [1]
    assert failure["problem"] is True
    assert "set has no neutral form" in failure["message"]
