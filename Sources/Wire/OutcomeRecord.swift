package import TaskModel

/// The fixed part of an outcome, in front of its detail and parts.
package struct OutcomeHead: Hashable, Sendable, BitwiseCopyable {
    package static let bytes = 48

    package var attempt: AttemptID
    package var status: OutcomeStatus
    package var reason: OutcomeReason
    package var backend: UInt8 = 0
    package var parts: Int
    /// From acceptance to the start of the attempt.
    package var waitedMicroseconds: UInt32 = 0
    package var ranMicroseconds: UInt32 = 0
    package var worker: SessionID
    package var detailCount: Int
    /// Where the detail begins; the parts follow it.
    package var detailStart = 0

    package init(
        attempt: AttemptID, status: OutcomeStatus, reason: OutcomeReason, parts: Int, worker: SessionID,
        detailCount: Int = 0
    ) {
        self.attempt = attempt
        self.status = status
        self.reason = reason
        self.parts = parts
        self.worker = worker
        self.detailCount = detailCount
    }

    package var detail: Range<Int> { detailStart..<(detailStart + detailCount) }

    /// Leaves the reader behind the detail, at the first part.
    @_lifetime(body: copy body)
    package init(decoding body: inout ByteReader) throws(WireError) {
        let session = SessionID(try body.uint64("session"))
        let sequence = try body.uint64("sequence")
        let number = try body.uint32("attempt")
        attempt = AttemptID(task: TaskID(session: session, sequence: sequence), number: number)
        let rawStatus = try body.uint8("status")
        guard let status = OutcomeStatus(rawValue: rawStatus) else {
            throw WireError("unknown status \(rawStatus)")
        }
        self.status = status
        let rawReason = try body.uint8("reason")
        guard let reason = OutcomeReason(rawValue: rawReason) else {
            throw WireError("unknown reason \(rawReason)")
        }
        self.reason = reason
        backend = try body.uint8("backend")
        parts = Int(try body.uint8("number of parts"))
        waitedMicroseconds = try body.uint32("waited")
        ranMicroseconds = try body.uint32("ran")
        worker = SessionID(try body.uint64("worker"))
        detailCount = Int(try body.uint32("detail length"))
        try body.skip(4, "zero")
        detailStart = body.offset
        // For whoever it is passed on to: a worker's bytes must not end a client's session.
        if detailCount > 0 { _ = try body.string(detailCount, "detail") }
    }
}

/// One part of an outcome.
package struct OutcomePartView: Hashable, Sendable, BitwiseCopyable {
    package let kind: OutcomePart
    package let payload: PayloadView
}

extension ByteReader {
    @_lifetime(self: copy self)
    package mutating func outcomePart() throws(WireError) -> OutcomePartView {
        let rawKind = try uint8("part kind")
        guard let kind = OutcomePart(rawValue: rawKind) else { throw WireError("unknown part \(rawKind)") }
        try skip(7, "zero")
        return OutcomePartView(kind: kind, payload: try payload())
    }
}

extension ByteWriter {
    package mutating func outcomeHead(_ head: OutcomeHead) {
        uint64(head.attempt.task.session.rawValue)
        uint64(head.attempt.task.sequence)
        uint32(head.attempt.number)
        uint8(head.status.rawValue)
        uint8(head.reason.rawValue)
        uint8(head.backend)
        uint8(UInt8(head.parts))
        uint32(head.waitedMicroseconds)
        uint32(head.ranMicroseconds)
        uint64(head.worker.rawValue)
        uint32(UInt32(head.detailCount))
        uint32(0)
    }

    /// The 8 bytes in front of a part's payload.
    package mutating func outcomePartHead(_ kind: OutcomePart) {
        uint8(kind.rawValue)
        uint8(0)
        uint16(0)
        uint32(0)
    }

    /// A whole outcome without a value, for everything that the system itself has to say of a task.
    package mutating func outcomeRecord(
        _ type: RecordType, attempt: AttemptID, status: OutcomeStatus, reason: OutcomeReason, detail: String,
        worker: SessionID
    ) {
        let body = beginRecord(type)
        let head = OutcomeHead(
            attempt: attempt, status: status, reason: reason, parts: 0, worker: worker,
            detailCount: detail.utf8.count)
        outcomeHead(head)
        text(detail)
        endRecord(body)
    }
}
