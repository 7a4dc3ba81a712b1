"""The key of this process's `multiprocessing`, for executors that are given a proxy of a manager."""

from __future__ import annotations

import multiprocessing.process
import pickle
from typing import TYPE_CHECKING

from isthmus_bridge import authkey

from . import _wire as wire

if TYPE_CHECKING:
    from ._engine import Engine


def share(engine: Engine) -> None:
    """Send the key to the executors of this session, once, and only to those of this machine."""
    outbox = engine.outbox
    if outbox.shares_authkey or not engine.link.channel.address.startswith("ipc:"):
        return
    key = bytes(multiprocessing.process.current_process().authkey)
    payload, _ = wire.payload(wire.PICKLE, pickle.dumps(((key,), {}), 5), ())
    with outbox.gate:
        if outbox.shares_authkey:
            return
        outbox.shares_authkey = True
        number = outbox.define(wire.KIND_PYTHON, wire.PICKLE, pickle.dumps(authkey.use, 5), [])
        outbox.add(wire.setup(number, payload, 0), [])
