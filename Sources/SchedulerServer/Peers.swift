import SchedulerCore
import SessionTransport
import TaskModel
import Wire

/// What every peer said of itself, for listings.
struct PeerDescription {
    let session: SessionID
    let name: String
    let host: String
    let processID: UInt64
    let python: String?
    let cloudpickle: String?
    let connectedAt: Instant

    init(_ hello: Hello, now: Instant) {
        session = hello.session
        name = hello.fields["name"]?.string ?? hello.keyName ?? ""
        host = hello.fields["host"]?.string ?? ""
        processID = hello.fields["pid"]?.unsigned ?? 0
        python = hello.fields["python"]?.string
        cloudpickle = hello.fields["cloudpickle"]?.string
        connectedAt = now
    }
}

/// An initializer of a session: run once in each executor of its language before its first task there.
struct SessionSetup {
    let function: FunctionKey
    let record: StoredRecord
    var sentTo = WorkerSet()
}

/// One client and what it has said once for all of its tasks.
final class ClientPeer {
    let handle: SessionHandle
    let slot: SessionSlot
    let link: OutgoingLink
    let about: PeerDescription
    /// Larger values go to it when it wants them.
    let valueBytesMax: UInt64
    var lastHeard: Instant

    var options = OptionTable()
    /// The client's number of a function -> ours.
    var functions: [UInt32: FunctionKey] = [:]
    /// The function of the last submit: most tasks have that of the one before.
    var lastFunctionNumber: UInt32 = .max
    var lastFunction = FunctionKey(0)
    /// For function 0 and for conversions, made when first needed.
    var callable: FunctionKey?
    var conversion: FunctionKey?
    var setups: [SessionSetup] = []

    /// Payload bytes of its unfinished tasks.
    var payloadBytes = 0
    /// Said at the end of a turn: one record, however many tasks.
    var acceptedUpTo: UInt64 = 0
    var acceptedSent: UInt64 = 0
    var started: [AttemptID] = []
    var isDirty = false
    /// Requirements of the option sets that it has used with wishes for their placement.
    var refinements: [RefinementKey: RequirementID] = [:]
    /// Something else goes to it in this turn.
    var hasMail = false
    /// Its session is over; workers were told to forget all of it.
    var isClosed = false
    /// Outcomes that wait until the link takes more.
    var deferred: [TaskSlot] = []
    /// Why submissions did not become tasks, for what is submitted later and depends on them: they have no
    /// row.
    var refused = BoundedTable<UInt64, FirstCause>(capacity: Limits.refusedTasksKeptMax)

    init(
        handle: SessionHandle, slot: SessionSlot, link: OutgoingLink, about: PeerDescription,
        valueBytesMax: UInt64, now: Instant
    ) {
        self.handle = handle
        self.slot = slot
        self.link = link
        self.about = about
        self.valueBytesMax = valueBytesMax
        lastHeard = now
    }
}

/// One worker.
final class WorkerPeer {
    let handle: SessionHandle
    let slot: WorkerSlot
    let link: OutgoingLink
    let about: PeerDescription
    let pythonExecutable: String?
    let swiftFunctions: [String]
    let labels: String
    let slots: UInt32
    let memoryLimit: UInt64
    /// Of its process: the same in all of its sessions.
    let life: UInt64?
    /// What its attempts share.
    let resources: Resources
    let gpuNames: [String]
    var lastHeard: Instant

    var reportedRunning = 0
    var reportedQueued = 0
    var residentBytes: UInt64 = 0
    var isDraining = false

    /// Lists that leave as one record each at the end of the turn.
    var retracts: [AttemptID] = []
    var stops: [AttemptID] = []
    /// Tasks whose values it need not hold any longer.
    var forgottenValues: [TaskID] = []
    var isDirty = false

    init(
        handle: SessionHandle, slot: WorkerSlot, link: OutgoingLink, about: PeerDescription, hello: Hello,
        slots: UInt32, resources: Resources, now: Instant
    ) {
        self.resources = resources
        self.handle = handle
        self.slot = slot
        self.link = link
        self.about = about
        self.slots = slots
        pythonExecutable = hello.fields["python_executable"]?.string
        swiftFunctions = WorkerPeer.names(hello.fields["swift"]?.string)
        labels = hello.fields["labels"]?.string ?? ""
        gpuNames = WorkerPeer.names(hello.fields["gpus"]?.string)
        memoryLimit = hello.fields["memory"]?.unsigned ?? 0
        life = hello.fields["life"]?.unsigned
        lastHeard = now
    }

    static func names(_ text: String?) -> [String] {
        (text ?? "").split(separator: "\n").map(String.init)
    }
}

/// Who is on the other side of a session of the transport.
enum Peer {
    case client(ClientPeer)
    case worker(WorkerPeer)
}

/// The peers by the three numbers under which others know them.
struct PeerTable: ~Copyable {
    private var byHandle: [Peer?] = []
    private var clients: [ClientPeer?] = []
    private var workers: [WorkerPeer?] = []
    private(set) var clientCount = 0
    private(set) var workerCount = 0

    mutating func insert(_ client: ClientPeer) {
        Self.place(client, at: client.slot.index, in: &clients)
        Self.place(.client(client), at: client.handle.index, in: &byHandle)
        clientCount += 1
    }

    mutating func insert(_ worker: WorkerPeer) {
        Self.place(worker, at: worker.slot.index, in: &workers)
        Self.place(.worker(worker), at: worker.handle.index, in: &byHandle)
        workerCount += 1
    }

    mutating func remove(_ client: ClientPeer) {
        clients[Int(client.slot.index)] = nil
        byHandle[Int(client.handle.index)] = nil
        clientCount -= 1
    }

    mutating func remove(_ worker: WorkerPeer) {
        workers[Int(worker.slot.index)] = nil
        byHandle[Int(worker.handle.index)] = nil
        workerCount -= 1
    }

    subscript(handle: SessionHandle) -> Peer? {
        let index = Int(handle.index)
        guard index < byHandle.count, let peer = byHandle[index] else { return nil }
        switch peer {
        case .client(let client): return client.handle == handle ? peer : nil
        case .worker(let worker): return worker.handle == handle ? peer : nil
        }
    }

    func client(_ slot: SessionSlot) -> ClientPeer? {
        let index = Int(slot.index)
        guard index < clients.count, let client = clients[index], client.slot == slot else { return nil }
        return client
    }

    func worker(_ slot: WorkerSlot) -> WorkerPeer? {
        let index = Int(slot.index)
        guard index < workers.count, let worker = workers[index], worker.slot == slot else { return nil }
        return worker
    }

    /// In the order of their rows.
    func allClients() -> [ClientPeer] { clients.compactMap(\.self) }
    func allWorkers() -> [WorkerPeer] { workers.compactMap(\.self) }

    private static func place<T>(_ value: T, at index: UInt32, in rows: inout [T?]) {
        while rows.count <= Int(index) { rows.append(nil) }
        rows[Int(index)] = value
    }
}
