"""Waiting for tasks inside of a signal handler, which interrupts a thread that waits itself."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import client_tasks as tasks
import pytest
from client_support import eventually

from isthmus import Client, Future

WAIT = 30.0


class Signals:
    """Runs actions in the handler of a real signal."""

    def __init__(self) -> None:
        self._actions: list[Callable[[], None]] = []
        self._strikers: list[threading.Thread] = []
        self._before = signal.signal(signal.SIGUSR1, lambda *_: self._handle())

    def _handle(self) -> None:
        if not self._actions:
            return
        action = self._actions.pop()
        try:
            action()
        except RuntimeError:
            # The client was in the midst of a step, and has said so: the signal is sent again.
            self._actions.append(action)

    def strike(self, condition: Callable[[], Any], action: Callable[[], None]) -> None:
        """Have `action` run in a handler when `condition` is true. Its first wait may be refused."""
        ended = threading.Event()

        def until_taken() -> None:
            eventually(condition, "the moment of the signal")
            self._actions.append(action)
            while self._actions:
                os.kill(os.getpid(), signal.SIGUSR1)
                ended.wait(0.01)

        self._strikers.append(threading.Thread(target=until_taken))
        self._strikers[-1].start()

    def stop(self) -> None:
        """Give the signal back."""
        for striker in self._strikers:
            striker.join()
        signal.signal(signal.SIGUSR1, self._before)


@pytest.fixture
def signals() -> Iterator[Signals]:
    made = Signals()
    yield made
    made.stop()


def test_a_handler_waits_while_its_thread_waits(client: Client, tmp_path: Path, signals: Signals) -> None:
    gate = tmp_path / "gate"
    got = []

    def act() -> None:
        # Nobody but this frame can drive: the one that was interrupted goes on when this one returns.
        got.append(client.submit(pow, 2, 5).result(WAIT))
        got.append(list(client.map(abs, range(-3, 0))))
        gate.touch()

    waits = client.submit(tasks.until_file, str(gate), 7)
    signals.strike(lambda: client._engine.lead.is_taken, act)
    assert waits.result(WAIT) == 7
    assert got == [32, [3, 2, 1]]


def test_what_a_handler_receives_for_the_interrupted_wait_ends_it(
    client: Client, tmp_path: Path, signals: Signals
) -> None:
    gate = tmp_path / "gate"
    waits = client.submit(tasks.until_file, str(gate), 7)

    def act() -> None:
        client.submit(abs, -1).result(WAIT)
        gate.touch()
        assert waits.result(WAIT) == 7
        acted.set()

    acted = threading.Event()
    signals.strike(lambda: client._engine.lead.is_taken, act)
    # The sleep of the interrupted frame does not end with the handler: it has to be woken.
    assert waits.result(WAIT) == 7
    assert acted.is_set()


def test_a_handler_waits_while_another_thread_leads(client: Client, tmp_path: Path, signals: Signals) -> None:
    gate = tmp_path / "gate"
    got = []
    waits = client.submit(tasks.until_file, str(gate), 7)
    leader = threading.Thread(target=waits.result)
    leader.start()
    lead = client._engine.lead
    eventually(lambda: lead.is_taken, "the other thread leads")

    def act() -> None:
        got.append(client.submit(pow, 2, 5).result(WAIT))
        gate.touch()

    signals.strike(lambda: lead.followers, act)
    assert waits.result(WAIT) == 7
    assert got == [32]
    leader.join()


def test_a_handler_interrupts_a_handler(client: Client, tmp_path: Path, signals: Signals) -> None:
    gate = tmp_path / "gate"
    lead = client._engine.lead
    got: list[int] = []

    def first() -> None:
        got.append(client.submit(pow, 2, 6).result(WAIT))
        count = lead.count
        signals.strike(lambda: lead.count > count, second)
        got.append(waits.result(WAIT))

    def second() -> None:
        got.append(client.submit(pow, 2, 5).result(WAIT))
        gate.touch()

    waits = client.submit(tasks.until_file, str(gate), 7)
    signals.strike(lambda: lead.is_taken, first)
    assert waits.result(WAIT) == 7
    assert got == [64, 32, 7]


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("where", ["link", "outbox"])
def test_a_wait_that_cannot_end_is_refused(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, seen: bool
) -> None:
    """The interrupted step holds what the wait needs, and goes on only after the handler."""
    monkeypatch.setattr("isthmus._limits.GATE_SECONDS", 0.1)
    gate = tmp_path / "gate"
    waits = client.submit(tasks.until_file, str(gate), 7)
    engine = client._engine
    # Once there was a large value, a wait asks for its own at once.
    monkeypatch.setattr(engine.link.left, "seen", seen)
    before = signal.signal(signal.SIGUSR1, lambda *_: waits.result())
    try:
        with (
            engine._lock if where == "link" else engine.outbox.gate,
            pytest.raises(RuntimeError, match="signal handler"),
        ):
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    gate.touch()
    assert waits.result(WAIT) == 7


def test_signals_at_any_moment(client: Client) -> None:
    """Each wait in a handler ends with the value or is refused; what it interrupted goes on."""
    outcomes = []
    futures: list[Future[int]] = []

    def act(*_: object) -> None:
        try:
            outcomes.append(futures.pop().result(WAIT) if futures else 8)
        except RuntimeError:
            outcomes.append(None)

    before = signal.signal(signal.SIGUSR1, act)
    stop = threading.Event()

    def strike() -> None:
        while not stop.wait(0.001):
            os.kill(os.getpid(), signal.SIGUSR1)

    striker = threading.Thread(target=strike)
    striker.start()
    try:
        for number in range(500):
            futures.append(client.submit(pow, 2, 3))
            assert client.submit(abs, -number).result(WAIT) == number
    finally:
        stop.set()
        striker.join()
        signal.signal(signal.SIGUSR1, before)
    assert 8 in outcomes
    assert set(outcomes) <= {8, None}
