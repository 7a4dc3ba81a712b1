// The scheduler's one loop: poll, take all waiting frames, absorb each, decide once, run the actions, flush,
// sleep. The core decides and the acceptor moves bytes; what lies between them is spread over the files of
// this folder as extensions of this type:
//
//     Door/      peers and their records become events of the core; payloads go into the tables
//     Tables/    what the server keeps beside the core, by the core's slots
//     Actions/   actions of the core become records for peers
//     Control/   questions of operators are answered between two turns

import Logging
import Posix
import SchedulerCore
import SessionTransport
import StateStore
import TaskModel
import Wire

/// Everything that belongs to the loop's thread.
struct SchedulerLoop: ~Copyable {
    let configuration: SchedulerConfiguration
    let acceptor: Acceptor
    let mailbox: Mailbox<ControlRequest>
    let signal: StopSignal
    let logger: Logger
    let startedAt: Instant

    var core = Scheduler()
    var store = MemoryRecordStore()
    var recordedUpTo: UInt64 = 0
    /// What the core has asked for and was not yet done, in order; `running` is its twin while it is run.
    var actions: [Action] = []
    var running: [Action] = []

    var peers = PeerTable()
    var tasks = TaskSlab()
    var functions = FunctionTable()
    var requirements = RequirementTable()
    var outputs = OutputHistory()
    /// Workers that died while a task ran there, or may have; `Limits.workerLossesMax` per task.
    var blames: [TaskID: [Blame]] = [:]
    /// Workers that count as dead, by the life of their process, in case they come back.
    var departed = BoundedTable<UInt64, WorkerSlot>(capacity: Limits.departedWorkersKeptMax)
    /// Names that tasks were given by an option, for as long as the core's history knows the tasks: it keeps
    /// numbers of functions only, and a session's options go with the session.
    var endedNames = BoundedTable<TaskID, String>(capacity: Limits.endedTasksKeptMax)
    /// Peers with lists to send at the end of the turn.
    var dirtyClients: [ClientPeer] = []
    var dirtyWorkers: [WorkerPeer] = []
    /// When an acceptance that waits for company leaves without.
    var acceptDue = Instant.distantFuture
    /// Something was posted since the mailbox was last looked into.
    private var hasLetters = true

    var counters = ServerCounters()
    var meters = SchedulerMeters()
    var doorLog = DoorLog()
    var watchers = Watchers()
    var requests: [ControlRequest] = []
    var stop = StopProgress.serving
    /// Frames in both directions at the last turn: whether there is something new to count.
    var framesSeen: UInt64 = 0
    var now: Instant

    /// Used again and again, so that the loop does not allocate.
    var sequences: [UInt64] = []
    var dependencies: [TaskSlot] = []
    var routes: [ValueRoute] = []

    init(
        configuration: SchedulerConfiguration, acceptor: Acceptor, mailbox: Mailbox<ControlRequest>,
        signal: StopSignal, logger: Logger
    ) {
        self.configuration = configuration
        self.acceptor = acceptor
        self.mailbox = mailbox
        self.signal = signal
        self.logger = logger
        now = MonotonicClock.now
        startedAt = now
        core.unservableGrace = configuration.unservableGrace
        core.strategy = configuration.placement
        for offer in configuration.expected { expect(offer) }
    }

    private static var mailboxToken: UInt64 { 1 }

    /// Serves until a stop was asked for and has come to its end.
    mutating func run() throws(PosixError) {
        var poller = try Poller()
        try poller.watch(acceptor.pollDescriptor, for: .readable, token: 0)
        try poller.watch(mailbox.pollDescriptor, for: .readable, token: Self.mailboxToken)
        while !stop.isDone {
            turn()
            now = MonotonicClock.now
            let wakeUp = wakeUp
            if wakeUp > now {
                let ready = try poller.wait(until: wakeUp, now: now)
                hasLetters = ready.contains { $0.token == Self.mailboxToken }
            } else {
                hasLetters = true
            }
        }
        Self.close(mailbox)
        watchers.finish()
    }

    /// Whoever asked and was not answered learns that nobody will.
    static func close(_ mailbox: Mailbox<ControlRequest>) {
        mailbox.close()
        var unanswered: [ControlRequest] = []
        mailbox.takeAll(into: &unanswered)
        for request in unanswered { request.abandon() }
    }

    /// One turn, without sleep.
    mutating func turn() {
        now = MonotonicClock.now
        counters.turns &+= 1
        while let event = acceptor.next(now: now) { take(event) }
        if hasLetters { takeRequests() }
        settle()
        core.decide(now: now, into: &actions)
        settle()
        sendLists()
        proceedWithStop()
        acceptor.flush(now: now)
        observe()
    }

    private var wakeUp: Instant {
        var wakeUp = min(acceptor.wakeUp, core.wakeUp ?? .distantFuture)
        wakeUp = min(wakeUp, stop.wakeUp, meters.wakeUp, acceptDue)
        return wakeUp
    }

    /// Runs everything that the core asks for, and tells it what the store has taken, until both are quiet.
    mutating func settle() {
        while true {
            runActions()
            let recorded = store.recordedUpTo
            guard recorded > recordedUpTo else { return }
            recordedUpTo = recorded
            core.absorb(.recorded(upTo: recorded), now: now, into: &actions)
        }
    }

    private mutating func take(_ event: AcceptorEvent) {
        switch event {
        case .opened(let handle, let hello):
            open(handle, hello)
        case .received(let handle, let frame):
            receive(frame, from: handle)
        case .resumed(let handle):
            heard(handle)
        case .unblocked(let handle):
            if case .client(let client) = peers[handle] { deliverDeferred(client) }
        case .lost(let handle):
            leave(handle, .silent)
        case .gone(let handle):
            leave(handle, .gone)
        case .closed(let handle):
            leave(handle, .closed)
        case .troubled(let trouble):
            doorLog.note(trouble, logger, now)
        }
    }
}
