internal import ExecutorRuntime
internal import TaskModel
internal import Wire

/// What `_isthmus.next()` answers with: `(kind, session, function, payload, rest)`. The bridge's
/// `_isthmus.pyi` describes them; the plain call, by far the most frequent, has None for `rest`.
struct WorkTuple {
    enum Kind: Int {
        case plainCall = 0
        case call = 1
        case function = 2
        case setup = 3
        case forgetSession = 4
        case forgetFunction = 5
        case devices = 6
        /// An attempt whose arguments found no memory.
        case noMemory = 7
    }

    let bufferType: AttachmentBuffer.TypeObject

    /// None at the end.
    func make(_ work: Work, _ python: borrowing Interpreter) throws(PythonError) -> PyRef {
        switch work {
        case .attempt(let attempt):
            return try call(attempt, python)
        case .function(let function):
            let rest = try python.tuple(2)
            try python.set(rest, 0, python.int(Int(function.definition.codec.rawValue)))
            try python.set(rest, 1, buffers(function.definition, function.record, python))
            return try tuple(
                .function, function.session, function.function,
                main(function.definition, function.record, python), rest, python)
        case .setup(let setup):
            let rest = try python.tuple(2)
            try python.set(rest, 0, python.int(Int(setup.arguments.codec.rawValue)))
            try python.set(rest, 1, buffers(setup.arguments, setup.record, python))
            return try tuple(
                .setup, setup.session, setup.function, main(setup.arguments, setup.record, python), rest,
                python)
        case .forgetSession(let session):
            return try tuple(.forgetSession, session, 0, python.none(), python.none(), python)
        case .forgetFunction(let session, let function):
            return try tuple(.forgetFunction, session, function, python.none(), python.none(), python)
        case .devices(let list):
            return try tuple(
                .devices, SessionID(0), 0, python.bytes(Array(list.utf8)[...]), python.none(), python)
        case .shutdown:
            return try python.none()
        }
    }

    private func call(_ attempt: ReceivedAttempt, _ python: borrowing Interpreter) throws(PythonError)
        -> PyRef
    {
        let assignment = attempt.assignment
        let session = assignment.attempt.task.session
        let missing = attempt.record.missing
        guard missing == 0 else {
            return try tuple(
                .noMemory, session, assignment.function, python.none(), python.int(missing), python)
        }
        let arguments = try main(attempt.arguments, attempt.record, python)
        let isPlain =
            attempt.dependencies.isEmpty && attempt.arguments.view.buffers == 0
            && attempt.arguments.codec == .pickle && assignment.resultCodec == .pickle
            && assignment.mode == .process
        if isPlain {
            return try tuple(.plainCall, session, assignment.function, arguments, python.none(), python)
        }
        let rest = try python.tuple(5)
        try python.set(rest, 0, python.int(Int(attempt.arguments.codec.rawValue)))
        try python.set(rest, 1, python.int(Int(assignment.resultCodec.rawValue)))
        try python.set(rest, 2, python.int(Int(assignment.mode.rawValue)))
        try python.set(rest, 3, buffers(attempt.arguments, attempt.record, python))
        let dependencies = try python.tuple(attempt.dependencies.count)
        for (index, dependency) in attempt.dependencies.enumerated() {
            let item = try python.tuple(3)
            try python.set(item, 0, python.int(Int(dependency.codec.rawValue)))
            try python.set(item, 1, main(dependency, attempt.record, python))
            try python.set(item, 2, buffers(dependency, attempt.record, python))
            try python.set(dependencies, index, item)
        }
        try python.set(rest, 4, dependencies)
        return try tuple(.call, session, assignment.function, arguments, rest, python)
    }

    private func tuple(
        _ kind: Kind, _ session: SessionID, _ function: UInt32, _ payload: consuming PyRef,
        _ rest: consuming PyRef, _ python: borrowing Interpreter
    ) throws(PythonError) -> PyRef {
        let tuple = try python.tuple(5)
        try python.set(tuple, 0, python.int(kind.rawValue))
        try python.set(tuple, 1, python.int(session.rawValue))
        try python.set(tuple, 2, python.int(Int(function)))
        try python.set(tuple, 3, payload)
        try python.set(tuple, 4, rest)
        return tuple
    }

    /// The main part of a payload: bytes, or a buffer over the attachment.
    private func main(
        _ payload: ReceivedPayload, _ record: ReceivedRecord, _ python: borrowing Interpreter
    ) throws(PythonError) -> PyRef {
        // The bridge says what it means for what needs it.
        guard record.missing == 0 else { return try python.none() }
        if let attachment = record.attached(payload) {
            return try AttachmentBuffer.make(attachment, bufferType, python)
        }
        return try python.bytes(record.body[payload.view.inline])
    }

    private func buffers(
        _ payload: ReceivedPayload, _ record: ReceivedRecord, _ python: borrowing Interpreter
    ) throws(PythonError) -> PyRef {
        let attachments = record.buffers(of: payload)
        let tuple = try python.tuple(attachments.count)
        for (index, attachment) in attachments.enumerated() {
            try python.set(tuple, index, AttachmentBuffer.make(attachment, bufferType, python))
        }
        return tuple
    }
}
