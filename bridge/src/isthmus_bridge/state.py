"""What a task may change of its process, put back before the next one.

After each task the executor looks whether anything was changed. Changes of the process itself are noted by
libc's functions (`Sources/CProcessState`), so that the look costs next to nothing; the few things of Python's
own are compared. Only when something was changed is everything looked at, and put back.

What a session's initializer changes is meant for its tasks: it becomes the session's baseline.
"""

from __future__ import annotations

import fcntl
import gc
import io
import os
import resource
import signal
import sys
import threading
from _locale import LC_ALL, setlocale
from typing import TYPE_CHECKING, Any, NamedTuple

import _isthmus
from isthmus_bridge import authkey
from isthmus_bridge._limits import RECURSION_MAX
from isthmus_bridge.builtin_names import BuiltinNames, watch

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Baseline", "Keeper"]

_LIMITS = tuple(sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}))
_SIGNALS = tuple(sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}))
_ENVIRONMENT = 1
_STREAMS = (
    ("<stdin>", "r", "surrogateescape"),
    ("<stdout>", "w", "surrogateescape"),
    ("<stderr>", "w", "backslashreplace"),
)
_UNBUFFERED = bool(os.environ.get("PYTHONUNBUFFERED"))
_FIRST_KEPT = 200
"""Copies of descriptors are above those that a program uses and closes by number."""


class Baseline(NamedTuple):
    """How tasks find their process."""

    directory: int
    """A descriptor of the working directory, which may be renamed meanwhile."""
    place: tuple[int, int]
    """Its device and inode."""
    environment: dict[bytes, bytes]
    limits: tuple[tuple[int, int], ...]
    mask: int
    handlers: tuple[Any, ...]
    blocked: frozenset[int]
    locale: str
    cpus: frozenset[int]
    priority: int
    path: tuple[str, ...]
    streams: tuple[Any, Any, Any]
    recursion: int
    authkey: bytes | None
    hooks: tuple[Any, Any]
    """Of `sys.settrace` and `sys.setprofile`."""
    hooks_of_threads: tuple[Any, Any]
    """The same of `threading`."""
    collects: bool
    """Whether garbage is collected."""
    builtins: BuiltinNames


class Unfit(Exception):
    """Something cannot be put back; the message says what."""


class Keeper:
    """Knows the baselines of this process, and puts back what tasks have changed."""

    def __init__(self) -> None:
        self._environ = os.environ
        self._path = sys.path
        self._descriptors = [(number, *_copied(number)) for number in (0, 1, 2)]
        self.current = self._taken()
        self._default = self.current
        self.sessions: dict[int, Baseline] = {}
        """Of those whose initializers have changed something."""
        _limit_recursion()
        _isthmus.watch_state()

    def look(self) -> bool:
        """Whether a task has changed something that libc does not know; for each task, so it is short."""
        current = self.current
        return (
            sys.stdout is not current.streams[1]
            or sys.stderr is not current.streams[2]
            or sys.getrecursionlimit() != current.recursion
            or sys.path is not self._path
            or len(sys.path) != len(current.path)
            or os.environ is not self._environ
            or threading._trace_hook is not None  # type: ignore[attr-defined]
            or threading._profile_hook is not None
            or watch.changed
        )

    def end_setup(self, session: int) -> None:
        """It has ended: what it has changed is its session's baseline."""
        self._mend_descriptors()
        taken = self._taken()
        if taken[1:] == self._default[1:]:
            os.close(taken.directory)
            self.sessions.pop(session, None)
            self.current = self._default
        else:
            before = self.sessions.get(session)
            if before is not None:
                os.close(before.directory)
            self.sessions[session] = self.current = taken
        _isthmus.watch_state()

    def use(self, session: int) -> None:
        """A task of a session is about to run."""
        wanted = self.sessions.get(session, self._default)
        if wanted is not self.current:
            self.current = wanted
            self.mend(_ENVIRONMENT)

    def forget_session(self, session: int) -> None:
        """No task of a session comes any more."""
        gone = self.sessions.pop(session, None)
        if gone is None:
            return
        if gone is self.current:
            self.current = self._default
            self.mend(_ENVIRONMENT)
        os.close(gone.directory)

    def rebase(self, change: Callable[[], object]) -> None:
        """Do something whose effect is for all tasks."""
        self.current = self._default
        self.mend(_ENVIRONMENT)
        change()
        self._default = self.current = self._taken()
        _isthmus.watch_state()

    def mend(self, changed: int | None) -> None:
        """Put everything back. `changed` is what was noted. Raises `Unfit` when something stays changed."""
        base = self.current
        self._mend_descriptors()
        self._mend_process(base)
        self._mend_environment(base, bool((changed or 0) & _ENVIRONMENT))
        self._mend_python(base)
        _isthmus.watch_state()

    def mend_streams(self) -> None:
        """Make descriptors 1 and 2 those of the executor again, so that buffers can be emptied."""
        self._mend_descriptors()

    def mend_first(self) -> None:
        """Put back what would run in, or instead of, our own code: trace functions and builtins."""
        trace, profile = self.current.hooks
        while True:
            try:
                if sys.gettrace() is not trace or sys.getprofile() is not profile:
                    sys.settrace(None)
                    sys.setprofile(None)
                    sys.settrace(trace)
                    sys.setprofile(profile)
                self.current.builtins.put_back()
                return
            except BaseException:
                # One of them raised while it was put away, and Python has dropped it for that.
                trace = profile = None

    def _taken(self) -> Baseline:
        directory = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        mask = os.umask(0o22)
        os.umask(mask)
        place = os.fstat(directory)
        return Baseline(
            directory=directory,
            place=(place.st_dev, place.st_ino),
            environment=dict(os.environb),
            limits=tuple(map(resource.getrlimit, _LIMITS)),
            mask=mask,
            handlers=tuple(map(signal.getsignal, _SIGNALS)),
            blocked=frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
            locale=setlocale(LC_ALL, None),
            cpus=frozenset(os.sched_getaffinity(0)),
            priority=os.getpriority(os.PRIO_PROCESS, 0),
            path=tuple(sys.path),
            streams=(sys.stdin, sys.stdout, sys.stderr),
            recursion=sys.getrecursionlimit(),
            authkey=authkey.current(),
            hooks=(sys.gettrace(), sys.getprofile()),
            hooks_of_threads=(threading.gettrace(), threading.getprofile()),
            collects=gc.isenabled(),
            builtins=BuiltinNames(),
        )

    def _mend_descriptors(self) -> None:
        for number, copy, identity in self._descriptors:
            if _identity(number) != identity:
                os.dup2(copy, number)

    def _mend_process(self, base: Baseline) -> None:
        for which, limits in zip(_LIMITS, base.limits, strict=True):
            if resource.getrlimit(which) != limits:
                _try(f"resource limit {which}", resource.setrlimit, which, limits)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in zip(_SIGNALS, base.handlers, strict=True):
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, base.blocked)
        if _place() != base.place:
            _try("the working directory", os.fchdir, base.directory)
        os.umask(base.mask)
        if frozenset(os.sched_getaffinity(0)) != base.cpus:
            _try("the cpus", os.sched_setaffinity, 0, base.cpus)
        if os.getpriority(os.PRIO_PROCESS, 0) != base.priority:
            _try("the priority", os.setpriority, os.PRIO_PROCESS, 0, base.priority)
        if setlocale(LC_ALL, None) != base.locale:
            setlocale(LC_ALL, base.locale)

    def _mend_environment(self, base: Baseline, anew: bool) -> None:
        os.environ = self._environ  # noqa: B003 - the object itself, which a task has replaced
        kept = os.environb
        if anew:
            # Also what C code has set behind Python's back.
            _isthmus.clear_environment()
        for name in [name for name in kept if name not in base.environment]:
            del kept[name]
        for name, value in base.environment.items():
            if anew or kept.get(name) != value:
                kept[name] = value

    def _mend_python(self, base: Baseline) -> None:
        sys.path = self._path
        if tuple(sys.path) != base.path:
            sys.path[:] = base.path
        if sys.getrecursionlimit() != base.recursion:
            sys.setrecursionlimit(base.recursion)
        authkey.put(base.authkey)
        self.mend_first()
        trace, profile = base.hooks_of_threads
        threading.settrace(trace)
        threading.setprofile(profile)
        if gc.isenabled() != base.collects:
            (gc.enable if base.collects else gc.disable)()
        sys.stdin, sys.stdout, sys.stderr = base.streams
        if any(map(_is_closed, base.streams)):
            self._reopen(base.streams)

    def _reopen(self, streams: tuple[Any, Any, Any]) -> None:
        """New streams over the descriptors, for all baselines that have the closed ones."""
        now = {
            id(stream): _stream(number) if _is_closed(stream) else stream
            for number, stream in enumerate(streams)
        }

        def renewed(base: Baseline) -> Baseline:
            stdin, stdout, stderr = (now.get(id(stream), stream) for stream in base.streams)
            return base._replace(streams=(stdin, stdout, stderr))

        renewals = {
            id(base): renewed(base) for base in (self._default, self.current, *self.sessions.values())
        }
        self.sessions = {session: renewals[id(base)] for session, base in self.sessions.items()}
        self._default, self.current = renewals[id(self._default)], renewals[id(self.current)]
        sys.stdin, sys.stdout, sys.stderr = self.current.streams


def _try(what: str, action: Callable[..., object], *args: Any) -> None:
    try:
        action(*args)
    except (OSError, ValueError) as error:
        raise Unfit(f"a task has changed {what}, which cannot be put back: {error}") from error


def _copied(number: int) -> tuple[int, tuple[int, int] | None]:
    """A descriptor to put back from, and what it is; a closed one stays as it is found."""
    identity = _identity(number)
    if identity is None:
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), _identity(number)
    return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _FIRST_KEPT), identity


def _identity(number: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(number)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _place() -> tuple[int, int] | None:
    try:
        found = os.stat(".")
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_closed(stream: Any) -> bool:
    try:
        return bool(stream.closed)
    except ValueError:
        # Its buffer was detached.
        return True
    except AttributeError:
        return False


def _stream(number: int) -> Any:
    """As the interpreter makes its own."""
    name, mode, errors = _STREAMS[number]
    raw: Any = io.FileIO(number, mode, closefd=False)
    raw.name = name
    buffer: Any = raw
    if mode == "r":
        buffer = io.BufferedReader(raw)
    elif not _UNBUFFERED:
        buffer = io.BufferedWriter(raw)
    stream = io.TextIOWrapper(buffer, "utf-8", errors, line_buffering=number == 2, write_through=_UNBUFFERED)
    if number == 1:
        sys.__stdout__ = stream  # type: ignore[misc]
    elif number == 2:
        sys.__stderr__ = stream  # type: ignore[misc]
    return stream


def _limit_recursion() -> None:
    """Keep `sys.setrecursionlimit` below what would take all memory before it ends a runaway recursion."""
    plain = sys.setrecursionlimit

    def setrecursionlimit(limit: int, /) -> None:
        plain(min(limit, RECURSION_MAX))

    setrecursionlimit.__doc__ = plain.__doc__
    sys.setrecursionlimit = setrecursionlimit
