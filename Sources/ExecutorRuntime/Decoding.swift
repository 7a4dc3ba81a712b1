internal import TaskModel
internal import Wire

extension ReceivedRecord {
    /// What the runner is to do about a record; nil for one that is not the runner's to handle.
    func work() throws(WireError) -> Work? {
        var reader = unsafe ByteReader(body.span.bytes)
        switch type {
        case .assign: return .attempt(try attempt(&reader))
        case .function: return .function(try function(&reader))
        case .workerSetup: return .setup(try setup(&reader))
        case .forgetSession: return .forgetSession(SessionID(try reader.uint64("session")))
        case .forgetWorkerFunction:
            let session = SessionID(try reader.uint64("session"))
            return .forgetFunction(session, try reader.uint32("function"))
        case .devices:
            let count = Int(try reader.uint32("text length"))
            try reader.skip(4, "zero")
            return .devices(try reader.string(count, "text"))
        case .shutdown: return .shutdown
        case .retract, .stop: return nil
        case .defineFunction, .forgetFunction, .defineOptions, .submit, .cancel, .release, .setup, .want,
            .accepted,
            .outcome, .started, .workerFinished, .workerStarted, .returned, .report, .drain, .value,
            .forgetValues, .greeting, .ready, .failed:
            throw WireError("record \(type) on an executor's socket")
        }
    }

    private func attempt(_ reader: inout ByteReader) throws(WireError) -> ReceivedAttempt {
        let assignment = try Assignment(decoding: &reader, flags: flags)
        var taken = 0
        let arguments = try payload(&reader, &taken)
        var dependencies: [ReceivedPayload] = []
        for _ in 0..<assignment.dependencies { dependencies.append(try payload(&reader, &taken)) }
        return ReceivedAttempt(
            assignment: assignment, record: self, arguments: arguments, dependencies: dependencies)
    }

    private func function(_ reader: inout ByteReader) throws(WireError) -> ReceivedFunction {
        let session = SessionID(try reader.uint64("session"))
        let definition = try FunctionDefinition(decoding: &reader)
        let payload = ReceivedPayload(view: definition.definition, firstAttachment: 0)
        try check(definition.definition.attachments)
        return ReceivedFunction(
            session: session, function: definition.function, kind: definition.kind, record: self,
            definition: payload)
    }

    private func setup(_ reader: inout ByteReader) throws(WireError) -> ReceivedSetup {
        let session = SessionID(try reader.uint64("session"))
        let function = try reader.uint32("function")
        try reader.skip(4, "zero")
        var taken = 0
        return ReceivedSetup(
            session: session, function: function, record: self, arguments: try payload(&reader, &taken))
    }

    private func payload(
        _ reader: inout ByteReader, _ taken: inout Int
    ) throws(WireError) -> ReceivedPayload {
        let payload = ReceivedPayload(view: try reader.payload(), firstAttachment: taken)
        taken += payload.view.attachments
        try check(taken)
        return payload
    }

    private func check(_ taken: Int) throws(WireError) {
        guard taken <= attachments.count else {
            throw WireError("payloads of \(taken) attachments in a record that has \(attachments.count)")
        }
    }
}
