import SessionTransport
import TaskModel
import Wire
import WorkerCore

/// A record that is kept to be sent to executors later. Its bytes are copied, for the frame that it came in
/// may hold many tasks; a frame with attachments is kept.
struct KeptRecord {
    let bytes: [UInt8]
    private let frame: ReceivedFrame?
    private let firstAttachment: Int
    private let attachments: Int

    init(_ record: Record, of frame: ReceivedFrame) {
        bytes = frame.withBytes(of: 0) { $0.copied(record.whole) }
        self.frame = record.attachments > 0 ? frame : nil
        firstAttachment = record.firstAttachment
        attachments = record.attachments
    }

    func write(to output: inout ExecutorOutput) {
        output.tail.raw(bytes)
        guard let frame else { return }
        for attachment in 0..<attachments { output.attach(part: 1 + firstAttachment + attachment, of: frame) }
    }
}

/// What clients' sessions have defined, and how many attempts still use it.
///
/// A function or session that is forgotten stays in its place until no attempt needs it. Places are reused;
/// the version tells the occupants apart.
struct SessionTable: ~Copyable {
    struct Function {
        var version: UInt32
        var number: UInt32
        var session: Int
        /// Nil for function 0 (the arguments carry the callable), and before the definition has come.
        var definition: KeptRecord?
        var attempts = 0
        var isForgotten = false
    }

    /// What each executor runs once before its first attempt of the session.
    struct Setup {
        let record: KeptRecord
        /// Place of the function that it calls.
        let function: Int
    }

    struct Session {
        var id: SessionID
        var version: UInt32
        /// Places of its functions by number.
        var functions: [UInt32: Int] = [:]
        var setups: [Setup] = []
        var attempts = 0
        var isForgotten = false
        var isUsed = true
        /// An initializer ended an executor of this kind: what the session's attempts are told.
        var broken: (kind: ExecutorKind, words: String)?
    }

    /// Something that no attempt uses any more: executors that know it are to be told, and its place in the
    /// core is free.
    enum Gone {
        case function(place: Int, version: UInt32, session: SessionID, number: UInt32)
        case session(place: Int, version: UInt32, SessionID, functions: [Int])
    }

    private var gone: [Gone] = []
    private(set) var functions: [Function] = []
    private(set) var sessions: [Session] = []
    private var places: [SessionID: Int] = [:]
    private var freeSessions: [Int] = []
    private var version: UInt32 = 0
    /// The last answer of `place(of:in:)`: consecutive attempts mostly call one function.
    private var last: (session: SessionID, number: UInt32, place: Int)?

    private mutating func nextVersion() -> UInt32 {
        version &+= 1
        return version
    }

    mutating func session(_ id: SessionID) -> Int {
        if let place = places[id] { return place }
        let session = Session(id: id, version: nextVersion())
        let place: Int
        if let free = freeSessions.popLast() {
            place = free
            sessions[place] = session
        } else {
            place = sessions.count
            sessions.append(session)
        }
        places[id] = place
        return place
    }

    /// The place of a function, which is also its number in the core. `add` makes a place in the core.
    mutating func place(
        of number: UInt32, in id: SessionID, add: () -> FunctionSlot
    ) -> Int {
        if let last, last.session == id, last.number == number { return last.place }
        let session = session(id)
        if let place = sessions[session].functions[number] {
            last = (id, number, place)
            return place
        }
        let place = Int(add().rawValue)
        let function = Function(version: nextVersion(), number: number, session: session)
        if place < functions.count { functions[place] = function } else { functions.append(function) }
        precondition(place < functions.count, "the core hands out places without gaps")
        sessions[session].functions[number] = place
        last = (id, number, place)
        return place
    }

    /// A definition under a number that is used again replaces the older one.
    mutating func define(_ record: KeptRecord, at place: Int) {
        if functions[place].definition != nil { functions[place].version = nextVersion() }
        functions[place].definition = record
        functions[place].isForgotten = false
    }

    mutating func add(_ setup: Setup, session: Int) { sessions[session].setups.append(setup) }

    /// Attempts of this kind that come later would cost one executor each.
    mutating func breakSession(ofFunction place: Int, _ kind: ExecutorKind, because words: String) {
        sessions[functions[place].session].broken = (kind, words)
    }

    /// Why no attempt of this kind can run in a session; nil when it can.
    func whyBroken(_ id: SessionID, _ kind: ExecutorKind) -> String? {
        guard let place = places[id], let broken = sessions[place].broken, broken.kind == kind else {
            return nil
        }
        return broken.words
    }

    mutating func retain(_ place: Int) {
        functions[place].attempts += 1
        sessions[functions[place].session].attempts += 1
    }

    /// An attempt of this function is gone.
    mutating func release(_ place: Int) {
        let session = functions[place].session
        functions[place].attempts -= 1
        sessions[session].attempts -= 1
        if functions[place].isForgotten { drop(place) }
        if sessions[session].isForgotten, sessions[session].attempts == 0 { dropSession(session) }
    }

    /// No attempt that comes later uses the function.
    mutating func forget(_ number: UInt32, in id: SessionID) {
        guard let session = places[id], let place = sessions[session].functions[number] else { return }
        last = nil
        functions[place].isForgotten = true
        drop(place)
    }

    /// No attempt that comes later is of this session. Its functions go with its last attempt.
    mutating func forget(_ id: SessionID) {
        guard let place = places.removeValue(forKey: id) else { return }
        last = nil
        sessions[place].isForgotten = true
        if sessions[place].attempts == 0 { dropSession(place) }
    }

    var liveSessions: [SessionID] { sessions.filter { $0.isUsed && !$0.isForgotten }.map(\.id) }

    /// What is gone since the last call. Only now can its places be used again: before, an executor could not
    /// be told apart from one that knows the next occupant.
    mutating func takeGone() -> [Gone] {
        guard !gone.isEmpty else { return [] }
        let taken = gone
        gone = []
        for case .session(let place, _, _, _) in taken { freeSessions.append(place) }
        return taken
    }

    private mutating func drop(_ place: Int) {
        guard functions[place].attempts == 0 else { return }
        let session = functions[place].session
        let number = functions[place].number
        guard sessions[session].functions.removeValue(forKey: number) != nil else { return }
        functions[place].definition = nil
        let version = functions[place].version
        gone.append(.function(place: place, version: version, session: sessions[session].id, number: number))
    }

    private mutating func dropSession(_ place: Int) {
        guard sessions[place].isUsed else { return }
        let functions = sessions[place].functions.values.sorted()
        for function in functions { self.functions[function].definition = nil }
        let session = sessions[place]
        gone.append(.session(place: place, version: session.version, session.id, functions: functions))
        sessions[place].functions = [:]
        sessions[place].setups = []
        sessions[place].isUsed = false
    }
}
