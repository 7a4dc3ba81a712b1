// What clients' sessions have defined, how many attempts still use it, and what executors were told of it.
//
// An executor knows functions and sessions by the names that clients gave them. The worker knows them by
// places: a function or session that is forgotten stays in its place until no attempt needs it, and may come
// back meanwhile under the same name, in another place (a worker that the scheduler did not hear of for a
// while begins anew, and is then given what it had before). So the order in which executors are told decides:
//
//     what is forgotten is told before anything is defined under its name again, and never after
//
// `needs` and `takeNews` are all that is written to executors, and what an executor is believed to know is
// changed there and nowhere else. The server writes what `takeNews` says before it lets the core decide, and
// again behind the actions of a turn. Places are reused; the version tells the occupants apart.

package import TaskModel

package struct Definitions: ~Copyable {
    struct Function {
        var version: UInt32
        var number: UInt32
        var session: Int
        var attempts = 0
        var isForgotten = false
        var isUsed = true
    }

    struct Session {
        var id: SessionID
        var version: UInt32
        /// Places of its functions by number.
        var functions: [UInt32: Int] = [:]
        /// What each executor runs once before its first attempt of the session: places of functions.
        var setups: [Int] = []
        var attempts = 0
        /// No attempt that comes later is of this session.
        var isForgotten = false
        /// Executors were told to forget it.
        var isTold = false
        var isUsed = true
    }

    /// Something that an executor lacks for its next attempt; it is to be written in front of that.
    package enum Need: Hashable, Sendable, BitwiseCopyable {
        case function(place: Int)
        /// A setup of the session in this place, by its number.
        case setup(session: Int, Int)
    }

    /// What nobody needs any more, in the order in which it is to be acted on.
    package enum News: Hashable, Sendable, BitwiseCopyable {
        case forgetFunction(SessionID, UInt32, tell: ExecutorIndex)
        case forgetSession(SessionID, tell: ExecutorIndex)
        /// Nothing uses what was kept for the place; it may name another function from now on.
        case functionGone(place: Int)
        case sessionGone(place: Int)
    }

    private(set) var functions: [Function] = []
    private(set) var sessions: [Session] = []
    private var known: [KnownDefinitions]
    private var places: [SessionID: Int] = [:]
    private var freeSessions: [Int] = []
    private var news: [News] = []
    private var version: UInt32 = 0
    /// The last answer of `place(of:in:)`: consecutive attempts mostly call one function.
    private var last: (session: SessionID, number: UInt32, place: Int)?

    package init(executors: Int) {
        known = [KnownDefinitions](repeating: KnownDefinitions(), count: executors)
    }

    private mutating func nextVersion() -> UInt32 {
        version &+= 1
        return version
    }

    /// Sessions of which something is kept.
    package var sessionCount: Int { sessions.count { $0.isUsed } }

    // MARK: From the scheduler

    /// The place of a session.
    package mutating func session(_ id: SessionID) -> Int {
        if let place = places[id] { return place }
        // It was forgotten and is back before its last attempt is gone. That attempt's end must not take
        // along what is defined from now on.
        for old in sessions.indices where sessions[old].id == id && sessions[old].isUsed { tell(old) }
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
    package mutating func place(of number: UInt32, in id: SessionID, add: () -> FunctionSlot) -> Int {
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

    /// A definition has come; one under a number that is used again replaces the older one.
    package mutating func define(_ place: Int) {
        functions[place].version = nextVersion()
        functions[place].isForgotten = false
    }

    /// An initializer has come, which calls this function: it is the next setup of the session.
    package mutating func addSetup(calling function: Int, session: Int) {
        sessions[session].setups.append(function)
    }

    /// No attempt that comes later uses the function.
    package mutating func forget(_ number: UInt32, in id: SessionID) {
        guard let session = places[id], let place = sessions[session].functions[number] else { return }
        last = nil
        functions[place].isForgotten = true
        drop(place)
    }

    /// No attempt that comes later is of this session. Its functions go with its last attempt.
    package mutating func forget(_ id: SessionID) {
        guard let place = places.removeValue(forKey: id) else { return }
        last = nil
        sessions[place].isForgotten = true
        if sessions[place].attempts == 0 { dropSession(place) }
    }

    /// The scheduler knows nothing of this worker any more, and tells it everything anew.
    package mutating func forgetAll() {
        for place in sessions.indices where sessions[place].isUsed && !sessions[place].isForgotten {
            forget(sessions[place].id)
        }
    }

    // MARK: Attempts

    package mutating func retain(_ place: Int) {
        functions[place].attempts += 1
        sessions[functions[place].session].attempts += 1
    }

    /// An attempt of this function is gone.
    package mutating func release(_ place: Int) {
        let session = functions[place].session
        functions[place].attempts -= 1
        sessions[session].attempts -= 1
        if functions[place].isForgotten { drop(place) }
        if sessions[session].isForgotten, sessions[session].attempts == 0 { dropSession(session) }
    }

    // MARK: Executors

    /// A new process knows nothing.
    package mutating func started(_ executor: ExecutorIndex) { known[executor.int] = KnownDefinitions() }

    /// What is to be written to the executor in front of an attempt of this function; it counts as known
    /// from now on.
    package mutating func needs(
        of function: Int, at executor: ExecutorIndex, into needs: inout [Need]
    ) {
        addFunction(function, at: executor, into: &needs)
        let place = functions[function].session
        let count = sessions[place].setups.count
        let first = known[executor.int].firstSetup(place, version: sessions[place].version, count: count)
        for number in first..<max(first, count) {
            addFunction(sessions[place].setups[number], at: executor, into: &needs)
            needs.append(.setup(session: place, number))
        }
    }

    /// The place of the function that a setup calls.
    package func function(ofSetup number: Int, in session: Int) -> Int { sessions[session].setups[number] }

    private mutating func addFunction(
        _ place: Int, at executor: ExecutorIndex, into needs: inout [Need]
    ) {
        guard known[executor.int].needsFunction(place, version: functions[place].version) else { return }
        needs.append(.function(place: place))
    }

    /// What is gone since the last call.
    package mutating func takeNews(into all: inout [News]) {
        guard !news.isEmpty else { return }
        all += news
        for case .sessionGone(let place) in news { freeSessions.append(place) }
        news.removeAll(keepingCapacity: true)
    }

    // MARK: Dropping

    private mutating func drop(_ place: Int) {
        guard functions[place].attempts == 0, functions[place].isUsed else { return }
        let (session, number) = (functions[place].session, functions[place].number)
        guard sessions[session].functions.removeValue(forKey: number) != nil else { return }
        functions[place].isUsed = false
        for executor in known.indices
        where known[executor].hasFunction(place, version: functions[place].version) {
            news.append(
                .forgetFunction(sessions[session].id, number, tell: ExecutorIndex(executor)))
        }
        news.append(.functionGone(place: place))
    }

    private mutating func dropSession(_ place: Int) {
        guard sessions[place].isUsed else { return }
        tell(place)
        for function in functions.indices
        where functions[function].isUsed && functions[function].session == place {
            functions[function].isUsed = false
            news.append(.functionGone(place: function))
        }
        news.append(.sessionGone(place: place))
        sessions[place].functions = [:]
        sessions[place].setups = []
        sessions[place].isUsed = false
    }

    /// Once in the life of a session: an executor that is told later may know another one under its name.
    private mutating func tell(_ place: Int) {
        if sessions[place].isTold { return }
        sessions[place].isTold = true
        let (id, version) = (sessions[place].id, sessions[place].version)
        for executor in known.indices where known[executor].hasSession(place, version: version) {
            news.append(.forgetSession(id, tell: ExecutorIndex(executor)))
        }
    }
}

/// Which definitions an executor was sent in this life, by place.
struct KnownDefinitions {
    /// Per place: the version of the function that was sent; 0 for none.
    private var functions: [UInt32] = []
    /// Per place of a session: its version and how many of its setups were sent.
    private var setups: [(version: UInt32, sent: Int)] = []

    /// True when the function has yet to be sent; it counts as sent from now on.
    mutating func needsFunction(_ place: Int, version: UInt32) -> Bool {
        while functions.count <= place { functions.append(0) }
        if functions[place] == version { return false }
        functions[place] = version
        return true
    }

    func hasFunction(_ place: Int, version: UInt32) -> Bool {
        place < functions.count && functions[place] == version
    }

    /// The first setup that has yet to be sent; all count as sent from now on.
    mutating func firstSetup(_ place: Int, version: UInt32, count: Int) -> Int {
        while setups.count <= place { setups.append((0, 0)) }
        let sent = setups[place].version == version ? setups[place].sent : 0
        setups[place] = (version, count)
        return sent
    }

    func hasSession(_ place: Int, version: UInt32) -> Bool {
        place < setups.count && setups[place].version == version
    }
}
