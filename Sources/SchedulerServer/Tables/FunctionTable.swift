import SchedulerCore
import TaskModel

/// A function that a client has defined, or one that exists without a definition.
struct FunctionEntry {
    /// The client's row, and its number for the function.
    let client: SessionSlot
    let number: UInt32
    let kind: ExecutorKind
    /// The define record; nil for function 0 (the arguments carry the callable) and for the conversion.
    let definition: StoredRecord?
    /// What a worker must have when the arguments are pickled, or neutral; nil: it cannot be called so.
    let whenPickled: RequirementID?
    let whenNeutral: RequirementID?
    /// Workers that were sent the definition.
    var knownBy = WorkerSet()
    /// Tasks that may still be assigned; a forgotten function goes with the last one.
    var tasks = 0
    var isForgotten = false
}

/// All functions of all sessions, by the dense number under which the core knows them.
struct FunctionTable: ~Copyable {
    /// A number rests this long before it names another function, so that the history of ended tasks shows
    /// the right name although it holds numbers only.
    private static let restingMin = 4_096

    private var rows: [FunctionEntry?] = []
    /// For listings: an import path or a registered name; empty for one pickled by value. Outlives the row.
    private var names: [String] = []
    private var kinds: [ExecutorKind] = []
    private var resting: [UInt32] = []
    private var restingHead = 0
    private(set) var count = 0

    mutating func insert(_ entry: FunctionEntry, name: String) -> FunctionKey {
        count += 1
        if resting.count - restingHead > Self.restingMin {
            let number = resting[restingHead]
            restingHead += 1
            if restingHead > Self.restingMin {
                resting.removeFirst(restingHead)
                restingHead = 0
            }
            rows[Int(number)] = entry
            names[Int(number)] = name
            kinds[Int(number)] = entry.kind
            return FunctionKey(number)
        }
        rows.append(entry)
        names.append(name)
        kinds.append(entry.kind)
        return FunctionKey(UInt32(rows.count - 1))
    }

    mutating func remove(_ key: FunctionKey) {
        rows[Int(key.rawValue)] = nil
        resting.append(key.rawValue)
        count -= 1
    }

    subscript(key: FunctionKey) -> FunctionEntry {
        get { rows[Int(key.rawValue)]! }
        _modify { yield &rows[Int(key.rawValue)]! }
    }

    func name(_ key: FunctionKey) -> String {
        Int(key.rawValue) < names.count ? names[Int(key.rawValue)] : ""
    }

    func kind(_ key: FunctionKey) -> ExecutorKind {
        Int(key.rawValue) < kinds.count ? kinds[Int(key.rawValue)] : .python
    }

    /// The row of a worker is free for another one, which knows nothing.
    mutating func forgetWorker(_ worker: WorkerSlot) {
        for row in rows.indices { rows[row]?.knownBy.remove(worker) }
    }
}
