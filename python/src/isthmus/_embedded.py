"""A cluster of one's own: `isthmus up` as a child that is gone when its client is gone.

The child watches its standard input. However this process ends, also by SIGKILL, the kernel closes the pipe,
and the child stops at once with everything that it started.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import select
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
import time
import weakref
from pathlib import Path
from typing import IO, Final

from . import _limits as limits
from .errors import ClusterError

_LOG_TAIL_BYTES: Final = 4_000


def find_binary() -> Path:
    """The executable `isthmus`: ISTHMUS_BINARY, then the one in this package, then the one on PATH."""
    named = os.environ.get("ISTHMUS_BINARY")
    if named:
        if not os.access(named, os.X_OK):
            raise ClusterError(f"ISTHMUS_BINARY names {named}, which is not an executable file")
        return Path(named)
    packaged = Path(__file__).with_name("bin") / "isthmus"
    if os.access(packaged, os.X_OK):
        return packaged
    on_path = shutil.which("isthmus")
    # The console script of this package would only look for the binary again.
    if on_path and Path(on_path).resolve() != Path(sys.prefix, "bin", "isthmus").resolve():
        return Path(on_path)
    raise ClusterError(
        "the executable `isthmus` is missing: run `make build` in the repository and install the package "
        "again with `pip install ./python`, or set ISTHMUS_BINARY to its path"
    )


def base_directory() -> Path:
    """Where the clusters of this user keep their sockets."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isdir(runtime) and os.access(runtime, os.W_OK):
        return Path(runtime) / "isthmus"
    return Path(tempfile.gettempdir()) / f"isthmus-{os.getuid()}"


def make_directory() -> Path:
    """A private folder for one cluster, with a path short enough for a socket."""
    longest = limits.SOCKET_PATH_BYTES_MAX - len("/embedded-01234567/scheduler.ipc")
    base = base_directory()
    if len(os.fsencode(base)) > longest:
        base = Path("/tmp") / f"isthmus-{os.getuid()}"
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = base.stat()
        if owner.st_uid != os.getuid() or owner.st_mode & 0o077:
            raise ClusterError(f"{base} must belong to you and to nobody else: `chmod 700 {base}`")
        sweep(base)
        directory = base / f"embedded-{secrets.token_hex(4)}"
        directory.mkdir(mode=0o700)
    except OSError as error:
        raise ClusterError(f"no folder for the sockets of a cluster: {error}") from None
    return directory


def sweep(base: Path) -> None:
    """Remove the folders of clusters whose client was killed and whose process is gone.

    `isthmus up` holds a lock on its log, and on its socket's lock file once it listens.
    """
    removed = 0
    with os.scandir(base) as entries:
        for entry in entries:
            if removed >= limits.SWEPT_FOLDERS_MAX:
                return
            if entry.name.startswith("embedded-") and entry.is_dir(follow_symlinks=False):
                try:
                    if _is_abandoned(Path(entry.path)):
                        shutil.rmtree(entry.path, ignore_errors=True)
                        removed += 1
                except OSError:
                    # It went away meanwhile, or is another user's.
                    continue


def _is_abandoned(directory: Path) -> bool:
    found = directory.lstat()
    # A folder is made a moment before anything in it is locked.
    if found.st_uid != os.getuid() or time.time() - found.st_mtime < limits.START_SECONDS:
        return False
    return not any(_is_locked(directory / name) for name in ("log", "scheduler.ipc.lock"))


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def import_path() -> str:
    """What this process can import and a plain start of its interpreter could not: for PYTHONPATH."""
    own = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    own |= {os.path.join(path, "lib-dynload") for path in own}
    own |= {*site.getsitepackages(), site.getusersitepackages()}
    archive = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    own |= {os.path.join(prefix, sys.platlibdir, archive) for prefix in (sys.prefix, sys.base_prefix)}
    paths = dict.fromkeys(map(os.path.abspath, sys.path))
    return os.pathsep.join(path for path in paths if path not in own)


_pipes: weakref.WeakSet[Cluster] = weakref.WeakSet()


class Cluster:
    """A running `isthmus up --embedded`."""

    def __init__(
        self, slots: int | None, python: str | os.PathLike[str] | None, swift: str | os.PathLike[str] | None
    ) -> None:
        binary = find_binary()
        self.directory = make_directory()
        self.log = self.directory / "log"
        command = [str(binary), "up", "--embedded", "--directory", str(self.directory)]
        self.slots = slots or len(os.sched_getaffinity(0))
        command += ["--slots", str(self.slots)]
        command += ["--python", os.fspath(python) if python is not None else sys.executable]
        if swift is not None:
            command += ["--swift", os.fspath(swift)]
        environment = os.environ | {"PYTHONPATH": import_path()}
        try:
            with self.log.open("wb") as log:
                # The child inherits the lock with the file: it is free when the child is gone.
                fcntl.flock(log, fcntl.LOCK_EX)
                # A session of its own: Ctrl-C on the terminal is for this process to handle.
                self.process: subprocess.Popen[bytes] = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment,
                    start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise ClusterError(f"{binary} cannot be started: {error.strerror}") from None
        _pipes.add(self)
        self.address = self.control = ""
        self.descriptor = -1

    def wait_until_ready(self) -> None:
        """Read the one line that says where the cluster listens. Raises `ClusterError`."""
        output = _stream(self.process.stdout)
        deadline = time.monotonic() + limits.START_SECONDS
        line = b""
        while not line.endswith(b"\n"):
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not select.select([output], [], [], remaining)[0]:
                self._give_up(f"did not become ready within {limits.START_SECONDS:.0f} s")
            chunk = os.read(output.fileno(), 4096)
            if not chunk:
                self.process.wait()
                self._give_up(self._ending())
            line += chunk
        try:
            ready = json.loads(line)
            self.address, self.control = str(ready["address"]), str(ready["control"])
        except (ValueError, KeyError, TypeError):
            self._give_up(f"did not say where it listens: {line[:200]!r}")
        self.descriptor = os.pidfd_open(self.process.pid)

    def say_why_it_ended(self) -> str:
        """Words for the death of the child."""
        self.process.wait()
        return f"the embedded cluster {self._ending()}{self._last_words()}"

    def stop(self) -> None:
        """End the child and remove its folder. Safe to call again."""
        process = self.process
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(limits.STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        shutil.rmtree(self.directory, ignore_errors=True)
        _pipes.discard(self)

    def _give_up(self, words: str) -> None:
        message = f"the embedded cluster {words}{self._last_words()}"
        self.process.kill()
        self.stop()
        raise ClusterError(message)

    def _ending(self) -> str:
        code = self.process.returncode
        if code is not None and code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def _last_words(self) -> str:
        try:
            tail = self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()
        except OSError:
            return ""
        return f". Its last words:\n{tail}" if tail else ""


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


def _close_pipes_in_child() -> None:
    """A forked child must not keep the pipe open after its parent has died."""
    for cluster in list(_pipes):
        if cluster.process.stdin is not None:
            os.close(cluster.process.stdin.fileno())
    _pipes.clear()


os.register_at_fork(after_in_child=_close_pipes_in_child)
