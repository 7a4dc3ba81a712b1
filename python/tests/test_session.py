"""The session replays the scenarios that Swift's session core is tested by."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from isthmus import Client
from isthmus._session import MILLISECOND, Session, SessionPolicy

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "SessionCoreTests" / "Scenarios"


def first_line(path: Path) -> str:
    return next(line for line in path.read_text().splitlines() if not line.startswith("#"))


CONNECTING = [path for path in sorted(FOLDER.glob("*.txt")) if "connecting" in first_line(path).split()]

WORDS = {
    "hello": "send hello received={}",
    "goodbye": "send goodbye",
    "acknowledge": "send acknowledge last={}",
    "resend": "send resend {}",
    "transmit": "transmit {}",
    "drop": "drop through {}",
    "ended": "ended {}",
}


def in_words(name: str, value: object) -> str:
    if name == "established":
        return f"established resumed={'true' if value else 'false'}"
    return WORDS.get(name, name).format(value)


class Story:
    """Performs the commands of a scenario and writes down what the session asks for."""

    def __init__(self, line: str) -> None:
        bounds = named(line.split())
        policy = SessionPolicy(
            acknowledge_frames=bounds.get("acknowledge_frames", 64),
            unacknowledged_frames_max=bounds.get("frames_max", 4_096),
            unacknowledged_bytes_max=bounds.get("bytes_max", 1 << 30),
        )
        self.now = 0
        self.session = Session(1, policy, 0)
        self.transcript: list[str] = []

    def perform(self, line: str) -> None:
        self.transcript.append(line)
        verb, *words = line.split()
        values = named(words)
        number = int(words[0]) if words and words[0].isdigit() else 0
        acknowledged, epoch, session, now = (
            values.get("ack", 0),
            values.get("epoch", 1),
            self.session,
            self.now,
        )
        if verb == "wait":
            self.wait(now + number * MILLISECOND)
        elif verb == "open":
            session.opened(now)
        elif verb == "lost":
            session.connection_lost(now)
        elif verb == "welcome":
            received, version = values.get("received", 0), values.get("version", 1)
            session.welcome_received(epoch, received, version, now, values.get("begun", 1))
        elif verb == "refusal":
            session.refusal_received("hello" in words, now)
        elif verb == "frame":
            session.frame_closed(number, now)
        elif verb == "data":
            session.data_received(number, acknowledged, epoch, now)
        elif verb == "acknowledge":
            session.acknowledge_received(values.get("last", 0), acknowledged, epoch, now)
        elif verb == "resend":
            session.resend_received(number, acknowledged, epoch, now)
        elif verb == "goodbye":
            session.goodbye_received(epoch)
        elif verb == "close":
            session.close_requested()
        else:
            pytest.fail(f"unknown command: {line}")
        self.note()

    def wait(self, end: int) -> None:
        while True:
            self.now = max(self.now, min(end, self.session.wake_up))
            self.session.decide(self.now)
            self.note()
            if self.session.wake_up > end:
                break
        self.now = end

    def note(self) -> None:
        self.transcript += [f"  {in_words(*action)}" for action in self.session.actions]
        self.session.actions.clear()


def named(words: list[str]) -> dict[str, int]:
    return {name: int(value) for name, _, value in (w.partition("=") for w in words) if value}


def test_there_are_scenarios() -> None:
    assert len(CONNECTING) >= 10


@pytest.mark.parametrize("path", CONNECTING, ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    commands, expected = path.read_text().split("\n----\n")
    first, *rest = [line for line in commands.splitlines() if line and not line.startswith("#")]
    story = Story(first)
    for line in rest:
        story.perform(line)
    assert story.transcript == expected.splitlines()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_submit_may_be_interrupted_at_any_moment() -> None:
    """No number of a task is left out, none is used twice, and nothing that nobody holds runs on."""

    struck, raised = 0, 0

    def interrupt(*_: object) -> None:
        nonlocal struck
        struck += 1
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with Client(slots=1) as client:
            for round_ in range(60):
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.001 + 0.0005 * round_)
                    # Python drops what is raised while it finalizes an object, here a future.
                    while struck == round_:
                        client.submit(abs, -1)
                        client.submit(len, bytes(70_000))
                except KeyboardInterrupt:
                    raised += 1
                assert client.submit(abs, -3).result(30) == 3
        assert raised > 45
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
