// Reading a stored record again. It was checked at the door, so it cannot fail here.

import SessionTransport
import TaskModel
import Wire

extension StoredRecord {
    /// Lends a reader at the start of the body, and the bytes of the whole frame.
    func withBody<R>(_ read: (inout ByteReader, RawSpan) throws(WireError) -> R) -> R {
        do throws(WireError) {
            return try frame.withBytes(of: 0) { (bytes: RawSpan) throws(WireError) in
                var body = ByteReader(bytes.extracting(0..<self.body.upperBound), at: Int(bodyStart))
                return try read(&body, bytes)
            }
        } catch {
            preconditionFailure("a record that was checked when it came cannot be read again: \(error)")
        }
    }

    /// The fixed part of an outcome.
    func head() -> OutcomeHead {
        withBody { (body, _) throws(WireError) in try OutcomeHead(decoding: &body) }
    }

    /// Calls `visit` with each part of an outcome, and a function that copies its bytes.
    func forEachPart(_ visit: (OutcomePartView, () -> [UInt8]) -> Void) {
        withBody { (body, bytes) throws(WireError) in
            let head = try OutcomeHead(decoding: &body)
            var attachment = Int(firstAttachment)
            for _ in 0..<head.parts {
                let part = try body.outcomePart()
                let first = attachment
                attachment += part.payload.attachments
                visit(part) {
                    guard part.payload.form == .attached else { return bytes.copied(part.payload.inline) }
                    return frame.withBytes(of: 1 + first) { $0.copied(0..<$0.byteCount) }
                }
            }
        }
    }

    /// The value of an outcome, and the frame's attachment with which it begins; nil if it has none.
    func value() -> (payload: PayloadView, firstAttachment: Int)? {
        withBody { (body, _) throws(WireError) in
            let head = try OutcomeHead(decoding: &body)
            var attachment = Int(firstAttachment)
            for _ in 0..<head.parts {
                let part = try body.outcomePart()
                if part.kind == .value { return (part.payload, attachment) }
                attachment += part.payload.attachments
            }
            return nil
        }
    }

    /// The parts of an outcome of these kinds, each with the frame's attachment with which it begins.
    func parts(
        _ isTaken: (OutcomePart) -> Bool
    ) -> [(view: OutcomePartView, firstAttachment: Int)] {
        withBody { (body, _) throws(WireError) in
            let head = try OutcomeHead(decoding: &body)
            var attachment = Int(firstAttachment)
            var parts: [(view: OutcomePartView, firstAttachment: Int)] = []
            for _ in 0..<head.parts {
                let part = try body.outcomePart()
                if isTaken(part.kind) { parts.append((part, attachment)) }
                attachment += part.payload.attachments
            }
            return parts
        }
    }

    /// Size of a value.
    func byteCount(of value: (payload: PayloadView, firstAttachment: Int)) -> Int {
        SchedulerLoop.byteCount(value.payload, firstAttachment: value.firstAttachment, in: frame)
    }

    /// The words of an outcome for a person.
    func detail() -> String {
        withBody { (body, bytes) throws(WireError) in
            let head = try OutcomeHead(decoding: &body)
            return String(decoding: bytes.copied(head.detail), as: UTF8.self)
        }
    }
}
