"""What a task gets and gives: functions, arguments, dependencies, results, exceptions."""

from __future__ import annotations

import functools
import pickle
import subprocess
from typing import TYPE_CHECKING

import executor_driver as driver
from executor_driver import NEUTRAL, PICKLE, RAW, Executor, Payload, pickled

from isthmus_bridge import chunks, dependencies, neutral
from isthmus_bridge.errors import Failure

if TYPE_CHECKING:
    from pathlib import Path

FUNCTION_NOT_LOADABLE, ARGUMENTS_NOT_LOADABLE, NOT_SERIALIZABLE, INITIALIZER_FAILED = 13, 16, 7, 6


def neutral_function(path: str) -> Payload:
    return Payload(NEUTRAL, neutral.pack(path))


def arguments(*args: object, **kwargs: object) -> Payload:
    return pickled((args, kwargs))


class TestFunctions:
    def test_a_pickled_function_is_loaded_once_and_called_by_number(self, executor: Executor) -> None:
        executor.define(1, Payload(PICKLE, pickle.dumps(pow)))
        tasks = [executor.assign(arguments(2, n), 1) for n in range(200)]
        assert [executor.outcome(task).value() for task in tasks] == [2**n for n in range(200)]
        assert executor.order == tasks

    def test_a_function_travels_with_its_arguments(self, executor: Executor) -> None:
        task = executor.assign(pickled((divmod, (7, 2), {})))
        assert executor.outcome(task).value() == (3, 1)

    def test_an_import_path_takes_and_gives_neutral_values(self, executor: Executor) -> None:
        executor.define(1, neutral_function("math:hypot"))
        task = executor.assign(Payload(NEUTRAL, neutral.pack([3.0, 4.0])), 1, result=NEUTRAL)
        outcome = executor.outcome(task)
        assert outcome.parts[0].codec == NEUTRAL
        assert neutral.unpack(outcome.parts[0].data) == 5.0
        named = Payload(NEUTRAL, neutral.pack({"args": ["10"], "kwargs": {"base": 2}}))
        executor.define(2, neutral_function("builtins:int"))
        assert executor.outcome(executor.assign(named, 2)).value() == 2

    def test_source_text_runs_once_in_a_module_of_its_own(self, executor: Executor) -> None:
        source = "import dataclasses\ncount = 0\n@dataclasses.dataclass\nclass P:\n    x: int\n"
        source += "def bump(by):\n    global count\n    count += by\n    return P(count).x\n"
        definition = Payload(NEUTRAL, neutral.pack({"source": source, "name": "bump"}))
        executor.define(1, definition)
        executor.define(2, definition)
        assert executor.outcome(executor.assign(arguments(1), 1)).value() == 1
        assert executor.outcome(executor.assign(arguments(5), 2)).value() == 6

    def test_a_missing_module_is_named_with_the_interpreter(self, executor: Executor, python: Path) -> None:
        executor.define(1, neutral_function("no_such_module:f"))
        outcome = executor.outcome(executor.assign(arguments(), 1))
        assert (outcome.status, outcome.reason) == (driver.EXCEPTION, FUNCTION_NOT_LOADABLE)
        assert "no_such_module" in outcome.detail
        assert str(python) in outcome.detail
        assert isinstance(outcome.value(), ModuleNotFoundError)

    def test_a_missing_name_and_broken_source_are_named(self, executor: Executor) -> None:
        executor.define(1, neutral_function("math:no_such_name"))
        assert "no_such_name" in executor.outcome(executor.assign(arguments(), 1)).detail
        executor.define(2, Payload(NEUTRAL, neutral.pack({"source": "def f(:", "name": "f"})))
        assert "SyntaxError" in executor.outcome(executor.assign(arguments(), 2)).detail
        executor.define(3, Payload(PICKLE, b"not a pickle"))
        outcome = executor.outcome(executor.assign(arguments(), 3))
        assert outcome.reason == FUNCTION_NOT_LOADABLE

    def test_what_was_forgotten_or_is_another_sessions_is_not_found(self, executor: Executor) -> None:
        executor.define(1, neutral_function("math:hypot"))
        executor.send(
            driver.FORGET_FUNCTION, (driver.SESSION).to_bytes(8, "little") + (1).to_bytes(4, "little")
        )
        assert executor.outcome(executor.assign(arguments(), 1)).reason == FUNCTION_NOT_LOADABLE
        executor.define(2, neutral_function("math:hypot"), session=9)
        assert executor.outcome(executor.assign(arguments(), 2)).reason == FUNCTION_NOT_LOADABLE

    def test_convert_turns_a_pickled_value_into_a_neutral_one(self, executor: Executor) -> None:
        executor.define(1, Payload(RAW, b"convert"))
        call = Payload(PICKLE, pickle.dumps(((_Dependency(0),), {})))
        task = executor.assign(call, 1, result=NEUTRAL, dependencies=[pickled({"a": (1, 2)})])
        assert neutral.unpack(executor.outcome(task).parts[0].data) == {"a": [1, 2]}


class _Dependency:
    """Pickles itself as a client's future does."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return dependencies.dependency, (self.index,)


class TestArguments:
    def test_dependencies_are_found_at_any_depth_and_loaded_once(self, executor: Executor) -> None:
        def look(first: list[int], nested: dict[str, list[list[int]]]) -> bool:
            return first is nested["deep"][0] and first == [1, 2]

        executor.define(1, Payload(NEUTRAL, neutral.pack({"source": _source(look), "name": "look"})))
        call = arguments(_Dependency(0), {"deep": [_Dependency(0)]})
        assert executor.outcome(executor.assign(call, 1, dependencies=[pickled([1, 2])])).value() is True

    def test_a_neutral_dependency_of_a_neutral_call(self, executor: Executor) -> None:
        executor.define(1, neutral_function("builtins:sum"))
        call = Payload(NEUTRAL, neutral.pack([[1, _Dependency(0)]], dependency=lambda value: value.index))
        task = executor.assign(call, 1, dependencies=[Payload(NEUTRAL, neutral.pack(41))])
        assert executor.outcome(task).value() == 42

    def test_arguments_that_cannot_be_unpickled_harm_their_own_task_only(self, executor: Executor) -> None:
        executor.define(1, neutral_function("builtins:abs"))
        bad = executor.assign(Payload(PICKLE, b"\x80\x05cno_such_module\nX\n."), 1)
        good = executor.assign(arguments(-1), 1)
        outcome = executor.outcome(bad)
        assert (outcome.status, outcome.reason) == (driver.EXCEPTION, ARGUMENTS_NOT_LOADABLE)
        assert "no_such_module" in outcome.detail
        assert executor.outcome(good).value() == 1

    def test_numpy_arrays_arrive_over_the_attachment_writable(self, executor: Executor) -> None:
        import numpy as np

        def look(array):  # type: ignore[no-untyped-def]
            array += 1
            base = array
            while getattr(base, "base", None) is not None:
                base = base.base
            owner = base.obj if isinstance(base, memoryview) else base
            return array * 2, type(owner).__module__, type(owner).__name__, array.flags.writeable

        array = np.arange(100_000, dtype="<f8")
        result, module, name, writable = executor.call(look, array).value()
        assert (module, name, writable) == ("_isthmus", "Buffer", True)
        assert (result == (array + 1) * 2).all()

    def test_an_array_outlives_its_task(self, executor: Executor) -> None:
        import numpy as np

        def keep(array):  # type: ignore[no-untyped-def]
            import sys

            sys.kept_array = array

        def look():  # type: ignore[no-untyped-def]
            import sys

            return float(sys.kept_array.sum())

        executor.call(keep, np.ones(100_000))
        for _ in range(3):
            executor.call(_noise, np.zeros(100_000))
        assert executor.call(look).value() == 100_000.0

    def test_a_large_payload_there_and_back(self, executor: Executor) -> None:
        def echo(data: bytes) -> bytes:
            return data

        data = bytes(range(256)) * (64 << 10)
        assert executor.call(echo, data).value() == data


def _noise(array):  # type: ignore[no-untyped-def]
    return array.shape


class TestResults:
    def test_results_that_cannot_travel_name_type_and_function(self, executor: Executor) -> None:
        def lock():  # type: ignore[no-untyped-def]
            import threading

            return threading.Lock()

        outcome = executor.call(lock)
        assert (outcome.status, outcome.reason) == (driver.EXCEPTION, NOT_SERIALIZABLE)
        assert "lock returned _thread.lock" in outcome.detail
        assert isinstance(outcome.value(), TypeError)
        executor.define(1, neutral_function("builtins:set"))
        outcome = executor.outcome(executor.assign(arguments(), 1, result=NEUTRAL))
        assert outcome.reason == NOT_SERIALIZABLE
        assert "returned set" in outcome.detail
        outcome = executor.outcome(executor.assign(arguments(), 1, result=RAW))
        assert outcome.reason == NOT_SERIALIZABLE

    def test_raw_results_are_the_bytes(self, executor: Executor) -> None:
        executor.define(1, neutral_function("builtins:bytes"))
        outcome = executor.outcome(executor.assign(arguments(b"abc"), 1, result=RAW))
        assert (outcome.parts[0].codec, outcome.parts[0].data) == (RAW, b"abc")

    def test_functions_and_classes_made_in_a_task_travel_by_value(self, executor: Executor) -> None:
        def make():  # type: ignore[no-untyped-def]
            import cloudpickle

            def inner(x: int) -> int:
                return x + 1

            return cloudpickle.loads(cloudpickle.dumps(inner))(1), lambda: 7

        outcome = executor.call(make)
        assert outcome.status == driver.VALUE, outcome.traceback

    def test_the_time_that_a_task_ran_is_told(self, executor: Executor) -> None:
        def wait() -> None:
            import time

            time.sleep(0.05)

        assert 45_000 < executor.call(wait).ran < 5_000_000


class TestExceptions:
    def test_an_exception_arrives_as_itself_with_the_tasks_frames_only(self, executor: Executor) -> None:
        def fail() -> None:
            raise KeyError("missing")

        outcome = executor.call(fail)
        assert (outcome.status, outcome.reason) == (driver.EXCEPTION, 0)
        error = outcome.value()
        assert type(error) is KeyError
        assert error.args == ("missing",)
        assert 'raise KeyError("missing")' in outcome.traceback
        assert "isthmus_bridge" not in outcome.traceback
        assert neutral.unpack(outcome.parts[5].data) == {
            "class": "KeyError",
            "message": "'missing'",
            "bases": ["KeyError", "LookupError", "Exception", "BaseException"],
        }

    def test_an_exception_whose_constructor_wants_more_than_its_args_arrives_as_itself(
        self, executor: Executor
    ) -> None:
        def fail() -> None:
            import subprocess

            raise subprocess.TimeoutExpired(["sleep"], 5)

        error = executor.call(fail).value()
        assert (type(error), error.timeout) == (subprocess.TimeoutExpired, 5)

    def test_an_exception_that_does_not_survive_pickling_arrives_as_text(self, executor: Executor) -> None:
        def fail() -> None:
            import threading

            class OddError(Exception):
                def __init__(self, a: int, b: int) -> None:
                    super().__init__(f"{a} and {b}")
                    self.lock = threading.Lock()

            raise OddError(1, 2)

        outcome = executor.call(fail)
        assert outcome.status == driver.EXCEPTION
        assert 0 not in outcome.parts
        summary = neutral.unpack(outcome.parts[5].data)
        assert summary["class"].endswith("OddError")
        assert summary["message"] == "1 and 2"
        assert "OddError: 1 and 2" in outcome.traceback

    def test_system_exit_and_keyboard_interrupt_end_the_task_not_the_executor(
        self, executor: Executor
    ) -> None:
        def leave() -> None:
            import sys

            sys.exit(7)

        def interrupt() -> None:
            raise KeyboardInterrupt

        def interrupt_main() -> None:
            import _thread
            import time

            _thread.interrupt_main()
            time.sleep(5)

        outcome = executor.call(leave)
        assert type(outcome.value()) is SystemExit
        assert outcome.value().code == 7
        assert type(executor.call(interrupt).value()) is KeyboardInterrupt
        assert type(executor.call(interrupt_main).value()) is KeyboardInterrupt
        assert executor.call(leave).status == driver.EXCEPTION

    def test_hostile_exceptions_do_no_harm(self, executor: Executor) -> None:
        def fail() -> None:
            class HostileError(Exception):
                def __str__(self) -> str:
                    raise RuntimeError("no text")

                def __reduce__(self) -> str:
                    raise RuntimeError("no pickle")

            raise HostileError

        outcome = executor.call(fail)
        assert outcome.status == driver.EXCEPTION
        assert "no message" in neutral.unpack(outcome.parts[5].data)["message"]


class TestInitializers:
    def test_it_runs_before_the_first_task(self, executor: Executor) -> None:
        executor.setup(pickled((exec, ("import sys; sys.set_up = 5",), {})))
        executor.define(1, neutral_function("builtins:eval"))
        task = executor.assign(arguments("__import__('sys').set_up"), 1)
        assert executor.outcome(task).value() == 5

    def test_its_failure_breaks_its_session_only(self, executor: Executor) -> None:
        executor.setup(pickled((divmod, (1, 0), {})), session=1)
        executor.define(1, neutral_function("builtins:abs"), session=1)
        executor.define(1, neutral_function("builtins:abs"), session=2)
        for _ in range(2):
            broken = executor.outcome(executor.assign(arguments(-1), 1, session=1))
            assert (broken.status, broken.reason) == (driver.LOST, INITIALIZER_FAILED)
            assert "ZeroDivisionError" in broken.detail
            assert "ZeroDivisionError" in broken.traceback
        assert executor.outcome(executor.assign(arguments(-1), 1, session=2)).value() == 1
        executor.send(driver.FORGET_SESSION, (1).to_bytes(8, "little"))
        executor.define(1, neutral_function("builtins:abs"), session=1)
        assert executor.outcome(executor.assign(arguments(-1), 1, session=1)).value() == 1


class TestCoroutines:
    def test_they_run_to_their_end(self, executor: Executor) -> None:
        source = "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x + 1\n"
        executor.define(1, Payload(NEUTRAL, neutral.pack({"source": source, "name": "f"})))
        tasks = [executor.assign(arguments(n), 1, mode=2) for n in range(3)]
        assert [executor.outcome(task).value() for task in tasks] == [1, 2, 3]

    def test_a_function_that_is_no_coroutine_is_named(self, executor: Executor) -> None:
        executor.define(1, neutral_function("builtins:abs"))
        outcome = executor.outcome(executor.assign(arguments(-1), 1, mode=2))
        assert "abs" in str(outcome.value())
        assert isinstance(outcome.value(), TypeError)


class TestChunks:
    def test_all_elements_of_a_chunk(self, executor: Executor) -> None:
        executor.define(1, Payload(PICKLE, pickle.dumps(functools.partial(chunks.run_chunk, divmod))))
        task = executor.assign(arguments([[7, 8], [2, 3]]), 1)
        assert executor.outcome(task).value() == ([(3, 1), (2, 2)], None)

    def test_elements_before_an_exception_are_delivered(self, executor: Executor) -> None:
        executor.define(1, Payload(PICKLE, pickle.dumps(functools.partial(chunks.run_chunk, int))))
        values, failure = executor.outcome(executor.assign(arguments([["1", "2", "x", "4"]]), 1)).value()
        assert values == [1, 2]
        assert isinstance(failure, Failure)
        assert failure.class_name == "ValueError"
        assert "'x'" in failure.message
        assert failure.pickled is not None
        assert isinstance(pickle.loads(failure.pickled), ValueError)


def _source(function: object) -> str:
    import inspect
    import textwrap

    return textwrap.dedent(inspect.getsource(function))  # type: ignore[arg-type]
