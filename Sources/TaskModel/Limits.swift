/// Every bound of the system, with its reason. A peer that would exceed one is told its name.
package enum Limits {
    // MARK: Frames and payloads

    /// Payload bytes of one task. Below libzmq's and the executor socket's 32-bit lengths, and small enough
    /// that eight of them fit into a worker beside its executors.
    package static let payloadBytesMax = 256 << 20
    /// Bytes of an outcome beside its value: output, log, traceback and summary, each of which is cut to
    /// 64 Ki characters or bytes.
    package static let outcomeTextBytesMax = 2 << 20
    /// From here on bytes travel as a message part of their own instead of being copied into the frame.
    package static let inlineBytesMax = 64 << 10
    /// A frame is closed at this size: large enough to amortise a send over hundreds of small tasks, small
    /// enough that one task still waiting pins little memory.
    package static let frameBytesMax = 128 << 10
    /// No frame larger than this is decoded. A frame is closed soon after `frameBytesMax`; one record adds
    /// at most its dependencies and inline payloads.
    package static let frameBytesAcceptedMax = 16 << 20
    /// A frame is closed at so many bytes of attachments, so that one lost connection repeats little.
    package static let attachedBytesPerFrame = 8 << 20
    /// Message parts of one frame that are accepted: those of one record beyond a frame about to be closed.
    package static let attachmentsPerFrameMax = 2_048
    /// A received frame up to this size is copied out of libzmq's 8 KiB receive buffer, which one small
    /// task that waits would else keep alive.
    package static let frameBytesCopiedMax = 4 << 10
    /// One message from a peer with all its parts: twice what all unfinished tasks of a session may hold.
    package static let messageBytesMax = 1 << 30
    /// A command of ZMTP (the transport below the frames): its longest useful one is a handshake of about 50.
    package static let commandBytesMax = 4 << 10
    /// What one read takes from a Unix socket: a third of the system's buffer for it.
    package static let socketReadBytesMax = 64 << 10
    /// What waits in the system for a peer that does not read: enough that the sender of a large message does
    /// not take turns with its reader hundreds of times, and little enough for all sessions at once.
    package static let socketSendBufferBytes = 1 << 20
    /// A message part of which so much is missing is read right into its own memory instead.
    package static let socketDirectBytesMin = 16 << 10
    /// And so much of it in one go, so that a large one does not keep the loop from its other peers.
    package static let socketDirectBytesMax = 1 << 20
    /// What a loop takes from its sockets before it decides and sends: frames, and bytes of frames.
    package static let framesPerTurnMax = 256
    package static let frameBytesPerTurnMax = 4 << 20
    package static let recordsPerFrameMax = 65_536
    package static let attachmentsPerRecordMax = 1_024
    package static let dependenciesPerTaskMax = 100_000
    package static let fieldsMax = 256
    package static let fieldNameBytesMax = 64
    package static let fieldValueBytesMax = 64 << 10
    /// Lists and maps inside each other in a neutral value: a decoder's recursion fits any thread's stack.
    package static let neutralDepthMax = 128

    // MARK: Sessions

    /// Unfinished tasks of one session. 300 bytes each are 75 MB: a scheduler of 300 MB serves it and others.
    package static let sessionTasksMax = 250_000
    /// Larger values stay with the scheduler until somebody asks for them. Asking costs a round trip, which
    /// is little beside moving and decoding so many bytes.
    package static let valueBytesUnaskedMax = 1 << 20
    /// Output of tasks that waits to be printed by their client. What comes faster is left out.
    package static let forwardedBytesMax = 64 << 20
    /// Payload bytes of unfinished tasks of one session; beyond it `submit` blocks.
    package static let sessionPayloadBytesMax = 512 << 20
    /// A key file, or the allow-list with a line of about 60 bytes for each key.
    package static let keyFileBytesMax = 1 << 20
    package static let sessionsMax = 4_096
    /// Tasks that a scheduler knows at once, ended ones that a client still holds included: about 600 MB of
    /// its memory, payloads aside.
    package static let tasksMax = 4 << 20
    package static let functionsPerSessionMax = 16_384
    package static let optionSetsPerSessionMax = 4_096
    /// Different things that functions ask of a worker: Python versions and names of Swift functions.
    package static let requirementsMax = 65_536
    /// `setup` records of one session.
    package static let setupsPerSessionMax = 64
    /// How long an acceptance waits for an outcome with which it can travel: a client that waits for a single
    /// short task is woken once instead of twice.
    package static let acceptDelay = Interval.milliseconds(5)
    /// Frames sent and not yet acknowledged on one link. More than one round trip's worth at any rate seen.
    package static let unacknowledgedFramesMax = 4_096
    package static let unacknowledgedBytesMax = 1 << 30

    // MARK: Liveness

    package static let heartbeatInterval = Interval.milliseconds(1_000)
    /// A worker silent for this long has lost its lease: five heartbeats, so that one stall is not a death.
    package static let workerLease = Interval.milliseconds(5_000)
    /// A client silent for this long over tcp is gone, unless it asked for another time. Longer than a
    /// worker's: a client may be stopped, or its network may be, and a wrong guess here throws work away
    /// instead of repeating it.
    package static let clientLease = Interval.seconds(60)
    /// What a client may ask for, unless the operator allows another time: a night on a closed laptop.
    package static let clientLeaseMax = Interval.seconds(24 * 3_600)
    /// A client over a Unix socket is never gone while its connection is there: the kernel ends that with
    /// the process. Without one it comes back at once, or has this long.
    package static let detachedClientLease = Interval.seconds(15)
    package static let handshakeTimeout = Interval.milliseconds(5_000)
    /// How long a received frame may wait for its acknowledgement, unless a frame goes back anyway.
    package static let acknowledgeDelay = Interval.milliseconds(100)
    /// So many frames are acknowledged at once.
    package static let acknowledgeFrames = 64
    /// How long a goodbye may take to leave after its sender has ended.
    package static let goodbyeLinger = Interval.milliseconds(500)
    /// libzmq's own pings to a peer; a connection without an answer for three of them is dropped.
    package static let connectionHeartbeat = Interval.seconds(5)
    package static let connectionBacklog = 1_024
    /// Connections to one Unix socket, for each session that there may be: its own, and one that is in its
    /// handshake or was left by a session that has moved on.
    package static let connectionsPerSessionMax = 2
    /// A connection whose peer takes nothing of what waits for it for this long is closed: a silent one is
    /// kept as long.
    package static let connectionStallMax = connectionHeartbeat * 3
    /// How long nobody is accepted after the system has refused to open one more connection.
    package static let acceptPause = Interval.milliseconds(100)
    /// While the system refuses to open more descriptors, nobody is accepted over tcp for this long.
    package static let listenPause = Interval.seconds(1)
    /// Descriptors that a scheduler sets aside and lets go of when none are left, so that its control API
    /// can still be asked.
    package static let descriptorsReserved = 16
    /// Origins of refused keys that one turn tells of.
    package static let strangersToldMax = 64
    /// How often the same trouble of the door is logged.
    package static let doorLogInterval = Interval.seconds(10)
    package static let reconnectDelayMin = Interval.milliseconds(20)
    package static let reconnectDelayMax = Interval.milliseconds(1_000)

    // MARK: Order

    /// A task that waits this long while more urgent ones are placed counts as one priority more, and a
    /// session that waits this long for its turn has it: long beside a task, short for a person.
    package static let agingInterval = Interval.seconds(10)
    /// Of so many placements one goes to what has aged: what is urgent keeps the rest of the workers, and
    /// what has aged gets through in four times the time.
    package static let agedPlacementEvery = 4
    /// Requirements whose tasks wait for a free slot, in one turn, for which others are not held ahead: the
    /// first in order; each is asked about whenever a task would be held ahead.
    package static let heldUpRequirementsMax = 16
    /// Time of slots that a session may be behind the others without losing its claim to it.
    package static let fairShareLagMax = Interval.seconds(1)

    // MARK: Attempts

    /// An attempt lost with its executor is repeated this often, then the task is quarantined as poison.
    package static let executorCrashesMax = 2
    /// A task that ran on so many workers when they died, or may have, is not given to another one.
    package static let workerLossesMax = 3
    /// An attempt lost because its worker was silent for too long is repeated without blame, not for ever.
    package static let workerAbsencesMax = 20
    /// Charges of tasks with the end of a worker that can be taken back when it returns: those of a hundred
    /// workers or so. What is forgotten stays charged.
    package static let chargesKeptMax = 8_192
    /// Workers that died lately, by the life of their process: one that returns is known again.
    package static let departedWorkersKeptMax = 4_096
    /// Longest delay between two attempts when the task names none: a service that is down for long is asked
    /// twice a minute.
    package static let backoffMax = Interval.seconds(30)
    /// Deadlines and delays that are dealt with in one turn, so that a million of them at one instant do not
    /// silence the scheduler.
    package static let timersPerTurnMax = 4_096
    /// Steps in which the tasks of a closed session are dropped in one turn, an edge or a task each: about a
    /// millisecond.
    package static let dropsPerTurnMax = 4_096
    /// Time between the exception inside a task and the kill of its executor.
    package static let cancelGrace = Interval.milliseconds(1_000)

    /// A ready task that none of the connected workers can run is refused after this time: a worker that
    /// is just starting or reconnects comes within a few seconds, a misspelt name never.
    package static let unservableGrace = Interval.seconds(10)
    /// Tasks refused in one turn for that reason, so that no turn is long.
    package static let refusalsPerTurnMax = 4_096

    // MARK: Workers and executors

    /// Kinds of resources: cpu, memory, gpu and what operators name. The vector of a worker is compared for
    /// each task that asks for resources, so it is short.
    package static let resourceKindsMax = 16
    /// Of one kind, in its unit: a worker's attempts together stay far from 64 bits.
    package static let resourceAmountMax: UInt64 = 1 << 50
    /// Gpus of one worker: which of them an attempt has is a word of 64 bits.
    package static let devicesPerWorkerMax = 64
    /// Different combinations of resources and labels that tasks ask for. Each is compared with each worker
    /// once; a client that computes a different amount for each task should round it.
    package static let refinementsMax = 4_096
    /// Workers looked at for one task that asks for resources, so that one decision stays short.
    package static let placementProbesMax = 64
    /// Workers that are kept free at once for tasks that find no room.
    package static let reservationsMax = 16
    package static let labelsPerWorkerMax = 64
    /// Different labels that a scheduler has met.
    package static let labelsMax = 65_536

    package static let workersMax = 65_535
    package static let slotsPerWorkerMax = 1_024
    /// Of an executor's memory limit: what CPython takes before it runs anything, and some for the task.
    package static let executorMemoryMin: UInt64 = 32 << 20
    /// Attempts that a worker holds beyond those running, per slot, when tasks are short.
    package static let prefetchPerSlotMax = 512
    /// How much work, in time, is worth holding ready per slot: it hides the round trip to the scheduler.
    package static let prefetchTarget = Interval.milliseconds(4)
    /// Tasks that run at least this long are not held ahead: the round trip is lost in them, and one that
    /// waits behind another would wait long.
    package static let prefetchRunTimeMax = Interval.milliseconds(100)
    /// Work that waits in front of a busy worker is worth taking back for an idle one from here on: a few
    /// round trips.
    package static let stealWorkMin = Interval.microseconds(500)
    /// How often one task is taken back from a worker before it stays where it is.
    package static let stealsPerTaskMax = 3
    /// Attempts taken back in one turn, so that no turn is long.
    package static let stealsPerTurnMax = 1_024
    /// Values of at least this size are held by workers, so that they cross to each one once. A reference,
    /// its share of a later `forget values` and the account of both cost as much as moving a few hundred.
    package static let heldValueBytesMin = 4 << 10
    /// Values that one worker holds for tasks to come, half of them made there and half sent there: each half
    /// takes one value of the largest size. Beyond it values travel with each task that needs them.
    package static let heldValuesBytesMax = 2 * payloadBytesMax
    /// Workers that are known to hold one value. Far more than will run its dependants at once; each costs
    /// the scheduler some 60 bytes.
    package static let holdersPerValueMax = 4_096
    /// Dependencies, and holders of each, that are looked at to find the worker that holds most of what a
    /// task needs, so that one decision stays short.
    package static let localityDependenciesMax = 32
    package static let localityHoldersMax = 8
    /// Tasks that are left waiting at the worker which has their values, before nothing more is taken back
    /// from it in this turn: what lies there mostly came for the same values.
    package static let stayingProbesMax = 4
    /// How fast values are expected to move when a worker is chosen: what a network of 10 Gbit/s gives, and
    /// two Unix sockets of one machine.
    package static let valueBytesPerMicrosecond: Int64 = 1_000
    /// Output of one task that is kept, per stream; the newest is kept, for it holds the last words.
    package static let outputBytesPerTaskMax = 64 << 10
    /// How often an attempt that waits in front of an executor is overtaken by more urgent ones: it was
    /// placed to start within milliseconds, and that stays nearly true.
    package static let overtakenMax: UInt8 = 4
    /// An executor that does not say `ready` for this long is killed and started again.
    package static let executorStartTimeout = Interval.seconds(60)
    /// An executor that is in a session's initializer for this long is killed: time to load a model of a few
    /// gigabytes. A worker may be given another value.
    package static let initializerTimeout = Interval.seconds(60)
    /// An executor that has nothing to do before its next attempt and does not begin with it for this long is
    /// killed: what an earlier task left behind (a destructor, a stream of its own) holds it up.
    package static let attemptTakeTimeout = Interval.seconds(30)
    /// Between two looks at what an executor is doing: time for an outcome that is on its way.
    package static let executorLookInterval = Interval.seconds(1)
    /// An executor whose start failed is tried again after a delay that doubles up to this.
    package static let executorRestartDelayMax = Interval.seconds(10)
    package static let executorRestartDelayMin = Interval.milliseconds(100)
    /// After this many starts in a row have failed, what waits for that kind of executor is failed with its
    /// words; one failure may be a machine short of memory, three are an environment that cannot work.
    package static let executorStartFailuresMax = 3
    /// Work that an executor holds in its pipeline: hides the two hops of its socket behind short tasks, and
    /// is little enough that nobody misses it on another slot.
    package static let lookaheadTarget = Interval.milliseconds(1)
    package static let lookaheadMax = 64
    /// An idle slot takes unstarted attempts from a pipeline that holds at least this much work, or whose
    /// first attempt has run for this long: about ten times what moving them costs.
    package static let rebalanceAfter = Interval.microseconds(500)
    /// An attempt that runs for this long is reported as started; a shorter one is not worth a record.
    package static let startedReportAfter = Interval.milliseconds(5)
    /// Attempts that a worker holds at once; beyond it they are given back.
    package static let attemptsPerWorkerMax = 1 << 20
    /// How often the resident size of an executor that runs something is compared with its limit.
    package static let memoryPollInterval = Interval.milliseconds(100)
    /// A worker that has not heard of its scheduler for this long stops what runs: nobody waits for it any
    /// more, or it runs elsewhere. A scheduler that is started again takes seconds.
    package static let giveUpAfter = Interval.seconds(60)
    /// How often a worker reports its load.
    package static let workerReportInterval = Interval.milliseconds(1_000)
    /// Lines of an executor's last output that an error quotes.
    package static let outputTailLinesMax = 20
    package static let outputTailBytesMax = 4 << 10
    /// The shared page in which an executor keeps the results that it has not yet written.
    package static let executorJournalBytes = 256 << 10

    /// Digits of a decimal number in a neutral value. Its longest users count money and time; reading more
    /// would take time that grows with the square.
    package static let neutralDecimalDigitsMax = 1_000

    // MARK: Swift clients

    /// A client that is not welcomed for this long gives up. Its scheduler may just be starting.
    package static let connectTimeout = Interval.seconds(10)
    /// `isthmus up` that is not ready for this long has failed. Half a second is usual; a cold disk is slow.
    package static let embeddedStartTimeout = Interval.seconds(60)
    /// An outage shorter than this is not worth a warning.
    package static let outageWarningDelay = Interval.seconds(1)
    /// Time for the goodbye of a client that closes.
    package static let closeTimeout = Interval.seconds(1)
    /// Elements of a `map` that are submitted ahead of the one that is awaited.
    package static let mapWindowMax = 1_024
    /// Bytes that an embedded cluster may say before it is ready.
    package static let announcementBytesMax = 64 << 10

    // MARK: History

    /// Ended tasks that `isthmus tasks` and `explain` still know.
    package static let endedTasksKeptMax = 10_000
    /// Refused submissions of one client whose reason is kept for what depends on them: as many as are likely
    /// to be on their way when the first refusal reaches the client.
    package static let refusedTasksKeptMax = 4_096
    /// Rows of the task table that one page of a listing looks at, so that listing a million tasks does not
    /// stop the loop.
    package static let listedRowsMax = 16_384
    /// Captured output of ended tasks that is kept for `isthmus output`, over all tasks; the oldest goes
    /// first.
    package static let outputBytesKeptMax = 32 << 20

    // MARK: Control

    /// Requests of operators that wait for the loop; beyond it they are told to try again.
    package static let controlRequestsMax = 256
    /// Tasks in one page of a listing.
    package static let controlPageMax = 1_000
    /// Events kept for a watcher that reads slowly; then the oldest are dropped.
    package static let controlEventsMax = 1_024
    package static let controlWatchersMax = 64
    /// Tasks in a page when the caller does not say.
    package static let controlPageDefault = 100
    /// One request of the control API: a few names and ids.
    package static let controlRequestBytesMax = 64 << 10
    /// A token file holds two short lines.
    package static let tokenFileBytesMax = 4 << 10
    /// Shorter tokens can be guessed: 16 random bytes in hexadecimal have 32 characters.
    package static let tokenBytesMin = 32
    /// Different metrics (name and labels) of one process; what is beyond is counted nowhere.
    package static let metricsMax = 1_024
    /// A connection to the control API over TCP whose TLS handshake is not over is closed.
    package static let controlHandshakeTimeout = handshakeTimeout
    /// A connection to the control API on which no call is made is closed. A watcher's call goes on.
    package static let controlIdleTimeout = Interval.seconds(300)
    /// How long a ready line may take to leave: whoever started the process reads it.
    package static let announcementTimeout = Interval.seconds(5)
    /// A call of the command line to its scheduler.
    package static let controlCallTimeout = Interval.seconds(10)
    /// From the second signal, or the end of an embedded cluster's client, to the end of the process.
    package static let forcedStopTimeout = Interval.seconds(2)
}
