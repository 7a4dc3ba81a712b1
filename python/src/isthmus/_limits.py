"""Every bound of the client, with its reason. Those of the wire have the same names in Limits.swift."""

from __future__ import annotations

from typing import Final

# Frames and payloads, as on the other side.
PAYLOAD_BYTES_MAX: Final = 256 << 20
INLINE_BYTES_MAX: Final = 64 << 10
FRAME_BYTES_ACCEPTED_MAX: Final = 16 << 20
RECORDS_PER_FRAME_MAX: Final = 65_536
ATTACHMENTS_PER_RECORD_MAX: Final = 1_024
DEPENDENCIES_PER_TASK_MAX: Final = 100_000
FIELDS_MAX: Final = 256
FIELD_NAME_BYTES_MAX: Final = 64
FIELD_VALUE_BYTES_MAX: Final = 64 << 10
MESSAGE_PARTS_MAX: Final = 1 << 20
FUNCTIONS_PER_SESSION_MAX: Final = 16_384
OPTION_SETS_PER_SESSION_MAX: Final = 4_096

#: Urgent tasks go first, strictly; a few levels are enough to say so.
PRIORITY_MAX: Final = 10

#: A frame is closed and sent at this size. Half of what the other side aims at: the scheduler begins to
#: work on the first tasks of a burst while the rest is still being pickled.
FRAME_BYTES: Final = 64 << 10

#: A lone submit goes out at once; within this time after a send, further ones are gathered.
GATHER_SECONDS: Final = 100e-6

#: For how long `submit_async` may hold up its event loop before it lets others run.
LOOP_SECONDS: Final = 5e-3

#: After so many tasks since it last looked, the background thread leaves the link alone for a moment.
BURST_TASKS: Final = 32
BURST_SECONDS: Final = 1e-3

#: Nobody holds the gate of the outbox for so long, except for a frame that a signal handler interrupted.
GATE_SECONDS: Final = 2.0

#: Until a scheduler has said what it grants.
CREDIT_TASKS_DEFAULT: Final = 250_000
CREDIT_BYTES_DEFAULT: Final = 512 << 20

#: Larger values stay with the scheduler until somebody asks for them. Asking costs a round trip, which is
#: little beside moving and unpickling so many bytes.
VALUE_BYTES_UNASKED_MAX: Final = 1 << 20

#: Frames handled before others get a chance to use the link.
FRAMES_PER_TURN_MAX: Final = 64

#: Importable functions whose definition the scheduler keeps for this client; the oldest is forgotten.
FUNCTIONS_KEPT_MAX: Final = 4_096

#: Functions that travel by value whose definition the scheduler keeps, and bytes of their pickles; beyond
#: these the oldest is forgotten. Each holds on to the values that it captured.
VALUES_KEPT_MAX: Final = 256
VALUE_BYTES_KEPT_MAX: Final = 64 << 20

#: Objects that are looked at before a function by value is taken for unchanged: beyond it pickling is faster.
WATCHED_ITEMS_MAX: Final = 512

#: Submits of a function that changes all the time, until it is worth another try to send it once.
UNWATCHED_SUBMITS_MAX: Final = 64

#: Names that functions which travel by value get in listings; each is a set of options. Later ones get none.
TASK_NAMES_MAX: Final = 1_024

#: Decorated functions whose options are kept together with those of the view that submitted them.
MERGED_OPTIONS_MAX: Final = 4_096

#: Outcomes that nobody can ask for any more are given back in batches of about this many, or after this time:
#: with the next task, or later on their own. A value of `INLINE_BYTES_MAX` and more is given back at once.
RELEASES_GATHERED_MAX: Final = 4_096
RELEASE_SECONDS: Final = 5e-3
RELEASE_SECONDS_MAX: Final = 10e-3

#: Output of tasks that waits to be printed by `forward_output`; what comes beyond it is not printed.
FORWARDED_BYTES_MAX: Final = 64 << 20

#: How often the background thread looks whether a waiting thread still drives the link.
TICK_SECONDS: Final = 2e-3
TICK_SECONDS_MAX: Final = 0.25

#: How often a thread that waits while another one drives looks whether that one has left.
FOLLOW_SECONDS: Final = 0.05

#: Tasks of one graph that are on their way at once, counted from the oldest one that has not ended: enough
#: for thousands of slots, and what is kept of a graph here and in the cluster does not grow with it.
GRAPH_TASKS_MAX: Final = 32_768

#: Graphs of Dask's up to this size are submitted in Dask's order, which keeps fewer values at a time. To find
#: it costs about 30 microseconds per node, as much as the task; larger ones go depth first.
ORDERED_NODES_MAX: Final = 20_000

# `map` chooses its chunks between these bounds.
CHUNK_SECONDS: Final = 5e-3
CHUNK_ELEMENTS_MAX: Final = 16_384
CHUNK_BYTES_MAX: Final = 1 << 20
#: Elements that `map` has taken from its iterables and not yet handed out.
LOOKAHEAD_ELEMENTS_MAX: Final = 200_000
LOOKAHEAD_BYTES_MAX: Final = 64 << 20
LOOKAHEAD_CHUNKS_MAX: Final = 512

#: What to do about a key that is refused.
KEY_ADVICE: Final = (
    "Is the key on the scheduler's list (`authorized` in the folder of its --keys, read when it starts)?"
)

# Patience.
CONNECT_SECONDS: Final = 10.0
#: Without a connection for this long, the client fails its tasks; an option of the client. The scheduler lets
#: go of a client over tcp at about the same time.
RECONNECT_SECONDS: Final = 60.0
#: An outage shorter than this is not worth a warning.
OUTAGE_WARNING_SECONDS: Final = 1.0
#: Who has not looked for this long, though it should have each second, knows nothing of the time between.
OUTAGE_GAP_SECONDS: Final = 3.0
#: What a client may ask of the scheduler as its lease: from a few heartbeats to about three weeks.
LEASE_SECONDS_MIN: Final = 3.0
LEASE_SECONDS_MAX: Final = 2_000_000.0
#: How often a client over tcp asks libzmq what has become of the connection.
MONITOR_SECONDS: Final = 0.1
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0
#: Folders of killed clients that the start of an embedded cluster removes.
SWEPT_FOLDERS_MAX: Final = 64
#: How long `shutdown(cancel_futures=True)` waits for the scheduler to have what was submitted.
HAND_OVER_SECONDS: Final = 0.25
#: What is queued has this long to go out when a connection is closed: a goodbye, no more.
LINGER_MILLISECONDS: Final = 200

#: The path of a Unix socket must fit into `sockaddr_un`, with room for the names that we add.
SOCKET_PATH_BYTES_MAX: Final = 100
