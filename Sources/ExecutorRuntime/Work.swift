package import TaskModel
package import Wire

/// What an executor is asked to do next, in the order in which its worker said it.
package enum Work: Sendable {
    /// A definition that later attempts name by number.
    case function(ReceivedFunction)
    /// To be run once, before the first attempt of its session.
    case setup(ReceivedSetup)
    /// To be run now, and ended with `ExecutorChannel.finish`.
    case attempt(ReceivedAttempt)
    case forgetSession(SessionID)
    case forgetFunction(SessionID, UInt32)
    /// Gpus of the attempts that follow, as `CUDA_VISIBLE_DEVICES` lists them.
    case devices(String)
    /// Leave: nothing more will come.
    case shutdown
}

/// A record as it came out of the socket, with its attachments.
package struct ReceivedRecord: Sendable {
    package let type: RecordType
    package let flags: UInt8
    package let body: [UInt8]
    package let attachments: [Attachment]
}

/// A payload of a record: its view into the body, and which attachments are its own.
package struct ReceivedPayload: Sendable, BitwiseCopyable {
    package let view: PayloadView
    let firstAttachment: Int

    package var codec: Codec { view.codec }
}

/// One attempt with everything that it needs to run.
package struct ReceivedAttempt: Sendable {
    package let assignment: Assignment
    package let record: ReceivedRecord
    package let arguments: ReceivedPayload
    /// The values of the tasks that this one depends on; the n-th is what `dependency(n)` means.
    package let dependencies: [ReceivedPayload]

    package var attempt: AttemptID { assignment.attempt }
}

/// A function of a session, as its client defined it.
package struct ReceivedFunction: Sendable {
    package let session: SessionID
    package let function: UInt32
    package let kind: ExecutorKind
    package let record: ReceivedRecord
    package let definition: ReceivedPayload
}

/// An initializer of a session and its arguments.
package struct ReceivedSetup: Sendable {
    package let session: SessionID
    /// 0: the arguments carry the callable.
    package let function: UInt32
    package let record: ReceivedRecord
    package let arguments: ReceivedPayload
}

extension ReceivedRecord {
    /// Bytes that came and for which there was no memory; 0 when all of it is here.
    package var missing: Int { attachments.reduce(0) { $0 + $1.missing } }

    /// Attachments that hold the out-of-band buffers of a pickle, without its main part.
    package func buffers(of payload: ReceivedPayload) -> ArraySlice<Attachment> {
        let first = payload.firstAttachment + (payload.view.form == .attached ? 1 : 0)
        return attachments[first..<(first + payload.view.buffers)]
    }

    /// The attachment that is the main part; nil when the bytes are inline.
    package func attached(_ payload: ReceivedPayload) -> Attachment? {
        payload.view.form == .attached ? attachments[payload.firstAttachment] : nil
    }

    /// A copy of the main part, wherever it is. Empty for a payload that holds nothing.
    package func bytes(of payload: ReceivedPayload) -> [UInt8] {
        if let attachment = attached(payload) { return attachment.copy() }
        return Array(body[payload.view.inline])
    }
}
