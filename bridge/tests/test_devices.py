"""Gpus: what tasks of an executor find in their environment."""

from __future__ import annotations

from typing import Any

from executor_driver import DEVICES, Executor, pickled


def seen(_: Any = None) -> tuple[Any, ...]:
    import ctypes
    import os

    from isthmus_bridge import devices

    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_char_p
    names = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
    return (
        [os.environ.get(name) for name in names],
        [libc.getenv(name.encode()) for name in names],
        devices.current(),
    )


def test_python_and_c_see_the_devices_of_the_attempt(executor: Executor) -> None:
    executor.devices("1,GPU-6a2f")
    text = "1,GPU-6a2f"
    assert executor.call(seen).value() == ([text, text], [text.encode()] * 2, ("1", "GPU-6a2f"))


def test_what_a_task_did_to_its_environment_is_undone_for_the_next(executor: Executor) -> None:
    def spoil() -> None:
        import os

        os.environ["CUDA_VISIBLE_DEVICES"] = "7"
        del os.environ["HIP_VISIBLE_DEVICES"]

    executor.devices("0")
    executor.call(spoil)
    executor.devices("0")
    assert executor.call(seen).value() == (["0", "0"], [b"0", b"0"], ("0",))


def test_an_initializer_sees_them_too(executor: Executor) -> None:
    def devices_then() -> str:
        import builtins

        return builtins.found_by_initializer  # type: ignore[attr-defined,no-any-return]

    executor.devices("3")
    source = "__import__('builtins').found_by_initializer = __import__('os').environ['CUDA_VISIBLE_DEVICES']"
    executor.setup(pickled((exec, (source,), {})))
    assert executor.call(devices_then).value() == "3"


def test_a_list_that_is_cut_short_ends_the_executor_and_not_its_task(executor: Executor) -> None:
    executor.send(DEVICES, b"\x09\0\0\0\0\0\0\x000")
    assert executor.process.wait(10) != 0
