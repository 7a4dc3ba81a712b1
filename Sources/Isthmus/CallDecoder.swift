import ExecutorRuntime
import TaskModel
import Wire

/// Reads the positional arguments of an attempt, with the values of dependencies in their places.
struct CallDecoder {
    private let record: ReceivedRecord
    private let payload: ReceivedPayload
    private let dependencies: [ReceivedPayload]

    init(_ attempt: ReceivedAttempt) {
        record = attempt.record
        payload = attempt.arguments
        dependencies = attempt.dependencies
    }

    init(_ setup: ReceivedSetup) {
        record = setup.record
        payload = setup.arguments
        dependencies = []
    }

    func arguments() throws(NeutralError) -> [NeutralValue] {
        let call = try value(payload, "the arguments")
        switch call {
        case .array(let elements):
            // Nothing stands for anything else.
            if dependencies.isEmpty { return elements }
            var arguments: [NeutralValue] = []
            for element in elements { arguments.append(try resolved(element)) }
            return arguments
        case .map:
            guard case .array(let elements)? = call["args"], call["kwargs"] == .map([]) else {
                throw NeutralError("Swift functions take positional arguments only")
            }
            var arguments: [NeutralValue] = []
            for element in elements { arguments.append(try resolved(element)) }
            return arguments
        case .null, .bool, .int, .unsigned, .float, .string, .bytes, .ndArray, .uuid, .decimal,
            .instant, .dependency:
            throw NeutralError("the arguments are \(call.kind) instead of a list")
        }
    }

    private func value(_ payload: ReceivedPayload, _ what: String) throws(NeutralError) -> NeutralValue {
        switch payload.codec {
        case .neutral:
            if let attachment = record.attached(payload) {
                return try attachment.withBytes { bytes in
                    Result { () throws(NeutralError) in try NeutralValue(decoding: bytes) }
                }.get()
            }
            return try NeutralValue(decoding: record.bytes(of: payload))
        case .raw: return .bytes(record.bytes(of: payload))
        case .pickle: throw NeutralError("\(what) are pickled, which Swift does not read")
        }
    }

    private func resolved(_ value: NeutralValue) throws(NeutralError) -> NeutralValue {
        switch value {
        case .dependency(let index):
            guard index < dependencies.count else {
                throw NeutralError("there is no dependency \(index)")
            }
            return try self.value(dependencies[Int(index)], "the value of dependency \(index)")
        case .array(let elements):
            var all: [NeutralValue] = []
            for element in elements { all.append(try resolved(element)) }
            return .array(all)
        case .map(let pairs):
            var all: [NeutralPair] = []
            for pair in pairs { all.append(NeutralPair(try resolved(pair.key), try resolved(pair.value))) }
            return .map(all)
        case .null, .bool, .int, .unsigned, .float, .string, .bytes, .ndArray, .uuid, .decimal, .instant:
            return value
        }
    }
}
