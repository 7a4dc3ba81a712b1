import SchedulerCore
import TaskModel
import Wire

/// What a client may ask for a task beside its function and arguments. A set is sent once and named by
/// number.
struct SubmitOptions: Hashable, Sendable {
    /// nil: pickle for a Python function of a Python client, neutral otherwise.
    var resultCodec: Codec?
    var timeoutMilliseconds: UInt32 = 0
    var graceMilliseconds = UInt32(Limits.cancelGrace.nanoseconds / 1_000_000)
    var retries: UInt32 = 0
    /// Before the first retry, and the longest one.
    var backoffMilliseconds: UInt32 = 0
    var backoffMaxMilliseconds: UInt32 = 0
    /// Names of the exception classes that are tried again; empty: all.
    var retryOn: [String] = []
    /// From arrival to end.
    var deadlineMilliseconds: UInt32 = 0
    var idempotent = true
    var mode = ExecutionMode.process
    var name = ""
    var priority: Int8 = 0
    var wishes = PlacementWishes()
    /// The value is for other tasks only: its client is told that there is one, and nothing more.
    var quiet = false
}

/// The option sets of one session, by the client's number. Number 0 is the defaults.
struct OptionTable {
    private var sets: [Result<SubmitOptions, SubmitRefusal>] = []
    /// Client's number -> index. Numbers are few, and a task's set is usually that of the task before it.
    private var indexes: [UInt32: UInt32] = [0: 0]
    private var lastNumber: UInt32 = 0
    private var lastIndex: UInt32 = 0

    init() { sets.append(.success(SubmitOptions())) }

    /// The index under which the set can be read again, for as long as the session lives.
    mutating func index(of number: UInt32) -> UInt32? {
        if number == lastNumber { return lastIndex }
        guard let index = indexes[number] else { return nil }
        lastNumber = number
        lastIndex = index
        return index
    }

    subscript(index: UInt32) -> Result<SubmitOptions, SubmitRefusal> { sets[Int(index)] }

    /// The set at `index`, which was found usable when a task was admitted with it.
    func usable(_ index: UInt32) -> SubmitOptions {
        switch sets[Int(index)] {
        case .success(let options): options
        case .failure: SubmitOptions()
        }
    }

    /// Defines a set once; a number is never given a second meaning, since tasks in flight read the first.
    mutating func define(_ number: UInt32, _ fields: [Field]) throws(WireError) {
        guard number != 0 else { throw WireError("options 0 are the defaults and cannot be defined") }
        guard sets.count <= Limits.optionSetsPerSessionMax else {
            throw WireError("more than \(Limits.optionSetsPerSessionMax) option sets in one session")
        }
        let set = Self.read(fields)
        if let index = indexes[number] {
            guard sets[Int(index)] == set else {
                throw WireError("options \(number) are defined differently before")
            }
            return
        }
        indexes[number] = UInt32(sets.count)
        sets.append(set)
    }

    static func read(_ fields: [Field]) -> Result<SubmitOptions, SubmitRefusal> {
        var options = SubmitOptions()
        for field in fields {
            do throws(SubmitRefusal) {
                try read(field, into: &options)
            } catch {
                return .failure(error)
            }
        }
        return .success(options)
    }

    private static func read(_ field: Field, into options: inout SubmitOptions) throws(SubmitRefusal) {
        switch field.name {
        case "result": options.resultCodec = try codec(field)
        case "timeout_ms": options.timeoutMilliseconds = try milliseconds(field)
        case "grace_ms": options.graceMilliseconds = try milliseconds(field)
        case "retries":
            options.retries = UInt32(clamping: try expect(field, field.unsigned, "a whole number from 0"))
        case "backoff_ms": options.backoffMilliseconds = try milliseconds(field)
        case "backoff_max_ms": options.backoffMaxMilliseconds = try milliseconds(field)
        case "retry_on": options.retryOn = try names(field)
        case "deadline_ms": options.deadlineMilliseconds = try milliseconds(field)
        case "affinity": options.wishes.affinity = try labels(field)
        case "anti_affinity": options.wishes.avoids = try labels(field)
        case "spread": options.wishes.spread = try expect(field, field.flag, "true or false")
        case "idempotent": options.idempotent = try expect(field, field.flag, "true or false")
        case "mode": options.mode = try mode(field)
        case "name": options.name = try expect(field, field.string, "text")
        case "priority": options.priority = try priority(field)
        case "quiet": options.quiet = try expect(field, field.flag, "true or false")
        case let name where name.hasPrefix(PlacementWishes.prefix):
            let amount = try expect(field, field.unsigned, "a whole number")
            guard amount <= Limits.resourceAmountMax else {
                return try expect(field, nil, "at most \(Limits.resourceAmountMax)")
            }
            let resource = String(name.dropFirst(PlacementWishes.prefix.count))
            if resource == "gpu", !Resources.areDevices(asked: amount) {
                return try expect(
                    field, nil, "a multiple of 1000 (whole gpus) or less than that (a share of one)")
            }
            options.wishes.resources[resource] = amount
        default:
            guard field.matters else { return }
            throw SubmitRefusal(
                reason: .unknownOption,
                message:
                    "this scheduler does not know the option \(field.name); leave it out, or update the "
                    + "scheduler"
            )
        }
    }

    private static func expect<T>(_ field: Field, _ value: T?, _ what: String) throws(SubmitRefusal) -> T {
        guard let value else {
            throw SubmitRefusal(reason: .malformed, message: "the option \(field.name) must be \(what)")
        }
        return value
    }

    private static func priority(_ field: Field) throws(SubmitRefusal) -> Int8 {
        let range = Priority.range
        guard let priority = field.signed.flatMap({ Int8(exactly: $0) }), range.contains(priority) else {
            return try expect(field, nil, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return priority
    }

    /// Lines `key=value`.
    private static func labels(_ field: Field) throws(SubmitRefusal) -> [String] {
        let labels = WorkerPeer.names(try expect(field, field.string, "lines of key=value"))
        guard labels.count <= Limits.labelsPerWorkerMax, labels.allSatisfy({ $0.contains("=") }) else {
            return try expect(field, nil, "up to \(Limits.labelsPerWorkerMax) lines of key=value")
        }
        return labels.sorted()
    }

    private static func milliseconds(_ field: Field) throws(SubmitRefusal) -> UInt32 {
        UInt32(clamping: try expect(field, field.unsigned, "a whole number of milliseconds"))
    }

    private static func names(_ field: Field) throws(SubmitRefusal) -> [String] {
        try expect(field, field.string, "names of exception classes, one per line")
            .split(separator: "\n").map(String.init)
    }

    private static func codec(_ field: Field) throws(SubmitRefusal) -> Codec {
        switch field.string {
        case "pickle": return .pickle
        case "neutral": return .neutral
        case "raw": return .raw
        default: return try expect(field, nil, "pickle, neutral or raw")
        }
    }

    private static func mode(_ field: Field) throws(SubmitRefusal) -> ExecutionMode {
        switch field.string {
        case "process": return .process
        case "thread": return .thread
        case "asyncio": return .asyncio
        default: return try expect(field, nil, "process, thread or asyncio")
        }
    }
}
