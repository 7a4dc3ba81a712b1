"""Bounds of the bridge, each with its reason. Those of the wire have the values of `Limits.swift`."""

INLINE_BYTES_MAX = 64 << 10
"""From here on bytes travel outside of a pickle and outside of a record, without a copy."""

PAYLOAD_BYTES_MAX = 256 << 20
"""Bytes of one task's arguments or result: what a scheduler and a worker are built to hold."""

ATTACHMENTS_MAX = 1_000
"""Out-of-band buffers of one pickle; the protocol allows 1,024 attachments for a whole record."""

NEUTRAL_DEPTH_MAX = 128
"""Lists and dicts inside each other in a neutral value: fits the stack of every reader."""

NEUTRAL_DECIMAL_DIGITS_MAX = 1_000
"""Digits of a decimal number in a neutral value: reading more would take time that grows with the square."""

LOG_BYTES_PER_TASK_MAX = 64 << 10
"""Log records of one task that are kept; the newest are kept, for they hold the last words."""

SOURCE_MODULES_MAX = 1_024
"""Modules made from source text that are kept; beyond it the oldest is dropped and would be made anew."""

NAMESPACES_MAX = 1_024
"""Globals of clients that are kept; a program has one, and one more for each `exec` in a dict of its own."""

RECURSION_MAX = 200_000
"""What `sys.setrecursionlimit` sets at most: a frame takes about 500 bytes, and since Python 3.11 they are
not on the stack, so that a runaway recursion with no limit ends when all memory is gone, after a minute."""

TRACEBACK_FRAMES_MAX = 2_000
"""Frames of a traceback that are written down; only a recursion has more, and they are all alike."""

EXCEPTION_BASES_MAX = 32
"""Base classes of an exception that are named; hierarchies are deeper only by generated code."""

TEXT_BYTES_MAX = 64 << 10
"""Length of one message or traceback text on its way to the client; the middle is cut out beyond it."""
