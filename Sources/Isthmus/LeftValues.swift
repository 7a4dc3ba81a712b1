import Posix
import Synchronization
import TaskModel
import Wire

/// Values that stay with the scheduler, because they are large, until somebody asks for them.
///
/// A task whose value was left there has ended: its outcome is known. Who awaits the value has it sent. The
/// first large value of a session is asked for when its outcome is there; from then on whoever waits for a
/// value says so at once, and it comes with the outcome. As long as no value is large, nothing is said: a
/// scheduler that leaves nothing out need not know the request.
struct LeftValues: ~Copyable {
    struct Left {
        let entry: TaskEntry
        var isAsked: Bool
        /// Another task takes it.
        var isArgument: Bool
    }

    /// Whether a value of this session was ever left out.
    private(set) var isSeen = false
    /// Of the tasks that have a handle; by their sequence.
    private var values: [UInt64: Left] = [:]
    /// How many of them were asked for.
    private(set) var asked = 0

    /// - Parameter isAsked: the scheduler was told that somebody wants it.
    mutating func leave(_ entry: TaskEntry, isAsked: Bool, isArgument: Bool) {
        isSeen = true
        values[entry.id.sequence] = Left(entry: entry, isAsked: isAsked, isArgument: isArgument)
        if isAsked { asked += 1 }
    }

    subscript(_ sequence: UInt64) -> TaskEntry? { values[sequence]?.entry }

    mutating func isArgument(_ sequence: UInt64) { values[sequence]?.isArgument = true }

    /// What is the result of a program: it went to no other task.
    var results: [UInt64] { values.filter { !$0.value.isArgument }.map(\.key).sorted() }

    /// Answers whether the scheduler is to be told.
    mutating func ask(_ sequence: UInt64) -> Bool {
        guard values[sequence]?.isAsked == false else { return false }
        values[sequence]?.isAsked = true
        asked += 1
        return true
    }

    /// The value is here, or will not come, or nobody can ask for it any more.
    mutating func remove(_ sequence: UInt64) -> TaskEntry? {
        guard let left = values.removeValue(forKey: sequence) else { return nil }
        if left.isAsked { asked -= 1 }
        return left.entry
    }

    /// All of them, at the end of the session.
    mutating func takeAll() -> [TaskEntry] {
        defer { (values, asked, isSeen) = ([:], 0, false) }
        return values.values.map(\.entry)
    }
}

extension ClientSession {
    /// Somebody waits for the value of a task: it is to be sent, now or when there is one.
    func want(_ task: TaskID) {
        let mustWake = state.withLock { state in
            task.session == state.id && state.want(task.sequence) && state.mustWake()
        }
        if mustWake { wake.signal() }
    }
}

extension ClientSession.State {
    /// Answers whether the scheduler has to be told.
    fileprivate mutating func want(_ sequence: UInt64) -> Bool {
        guard left.isSeen, case .open = phase else { return false }
        if entries[sequence]?.isWanted == false {
            entries[sequence]?.isWanted = true
        } else if !left.ask(sequence) {
            return false
        }
        outbox.append(.want(sequence))
        return true
    }

    mutating func isArgument(_ sequence: UInt64) {
        entries[sequence]?.isArgument = true
        left.isArgument(sequence)
    }

    /// The session is being ended in order: have sent what somebody may still await then. Answers whether the
    /// scheduler has to be told.
    mutating func wantResults() -> Bool {
        var isAsked = false
        for sequence in left.results where want(sequence) { isAsked = true }
        return isAsked
    }

    /// The outcome of a task came without its value.
    mutating func leave(_ unfinished: ClientSession.Unfinished) {
        let isNeeded = unfinished.entry.isValueAwaited || isClosing && !unfinished.isArgument
        let isNew = isNeeded && !unfinished.isWanted
        if isNew { outbox.append(.want(unfinished.entry.id.sequence)) }
        left.leave(
            unfinished.entry, isAsked: unfinished.isWanted || isNew, isArgument: unfinished.isArgument)
    }

    /// The session ends with what it has left with the scheduler.
    mutating func takeLeft(_ why: String) -> [(TaskEntry, IsthmusError)] {
        left.takeAll().map { entry in
            let error = IsthmusError.sessionLost(
                "task \(entry.id) (\(entry.function)) has ended with a value of more than "
                    + "\(Limits.valueBytesUnaskedMax) bytes, which stays in the cluster until somebody "
                    + "awaits it, and cannot be had any more: \(why)", mayHaveRun: true)
            return (entry, error)
        }
    }
}
