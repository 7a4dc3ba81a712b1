// An outcome goes to its client: as the worker sent it, with the waiting time filled in, or made here.

import SchedulerCore
import SessionTransport
import TaskModel
import Wire

extension SchedulerLoop {
    mutating func deliver(_ task: TaskSlot) {
        guard tasks.holds(task), let client = peers.client(tasks[task].client) else { return }
        if client.link.isBlocked {
            // The outcome is kept anyway; the link would keep a second list of what its peer does not read.
            client.deferred.append(task)
        } else {
            send(task, to: client)
        }
    }

    /// The link takes more again.
    mutating func deliverDeferred(_ client: ClientPeer) {
        var sent = 0
        for task in client.deferred {
            if client.link.isBlocked { break }
            sent += 1
            // Rows are used again; one that is not this client's any more was released meanwhile.
            if core.snapshot(of: task) != nil, tasks.holds(task) { send(task, to: client) }
        }
        client.deferred.removeFirst(sent)
    }

    /// The client asks for a value: it comes with the outcome, or now if that has gone without it.
    mutating func want(_ sequence: UInt64, by client: ClientPeer) {
        guard let task = core.task(client.slot, sequence: sequence), tasks.holds(task) else {
            return sendLoss(sequence, to: client)
        }
        tasks[task].isWanted = true
        if tasks[task].isLeft { deliver(task) }
    }

    private mutating func send(_ task: TaskSlot, to client: ClientPeer) {
        client.hasMail = true
        markDirty(client)
        if tasks[task].isMade, let made = tasks.made(task) {
            Self.write(made, of: tasks[task], over: client.link)
        } else if let outcome = tasks[task].outcome {
            let options = tasks[task].options
            let quiet = options != 0 && client.options.usable(options).quiet
            let waited = tasks[task].waitedMicroseconds
            let isLeft = isLeft(outcome, of: tasks[task], to: client)
            tasks[task].isLeft = isLeft
            if quiet, outcome.head().status == .value {
                Self.writeHead(of: outcome, isLeft: isLeft, waited: waited, over: client.link)
            } else if isLeft {
                Self.writeWithoutValue(outcome, waited: waited, over: client.link)
            } else {
                Self.write(outcome, waited: waited, over: client.link)
            }
        } else {
            preconditionFailure("an outcome is delivered before it exists")
        }
    }

    /// Whether the value is too large to go to a client that did not ask for it.
    private func isLeft(_ outcome: StoredRecord, of entry: TaskEntry, to client: ClientPeer) -> Bool {
        guard !entry.isWanted, UInt64(entry.outcomeBytes) > client.valueBytesMax,
            outcome.head().status == .value, let value = outcome.value()
        else { return false }
        return UInt64(outcome.byteCount(of: value)) > client.valueBytesMax
    }

    /// Where the waiting time lies in the body of an outcome.
    private static var waitedOffset: Int { 24 }

    private static func write(_ outcome: StoredRecord, waited: UInt32, over link: OutgoingLink) {
        link.beginRecord(.outcome)
        let start = link.writer.count
        outcome.frame.withBytes(of: 0) { bytes in link.writer.raw(bytes.extracting(outcome.body)) }
        link.writer.patch(waited, at: start + waitedOffset)
        for attachment in 0..<Int(outcome.attachments) {
            link.attach(part: 1 + Int(outcome.firstAttachment) + attachment, of: outcome.frame)
        }
        link.endRecord()
    }

    /// The head alone stands for a value that nobody will ask for. That it is large is told: it is the
    /// sooner released.
    private static func writeHead(
        of outcome: StoredRecord, isLeft: Bool, waited: UInt32, over link: OutgoingLink
    ) {
        var head = outcome.head()
        head.parts = 0
        head.detailCount = 0
        head.waitedMicroseconds = waited
        link.beginRecord(.outcome, flags: isLeft ? Record.valueIsLeft : 0)
        link.writer.outcomeHead(head)
        link.endRecord()
    }

    /// All but the value, which the client may still ask for.
    private static func writeWithoutValue(_ outcome: StoredRecord, waited: UInt32, over link: OutgoingLink) {
        link.beginRecord(.outcome, flags: Record.valueIsLeft)
        var head = outcome.head()
        let detail = outcome.detail()
        let parts = outcome.parts { $0 != .value }
        head.parts = parts.count
        head.waitedMicroseconds = waited
        link.writer.outcomeHead(head)
        link.writer.text(detail)
        append(parts, of: outcome, over: link)
        link.endRecord()
    }

    private static func append(
        _ parts: [(view: OutcomePartView, firstAttachment: Int)], of outcome: StoredRecord,
        over link: OutgoingLink
    ) {
        for part in parts {
            link.writer.outcomePartHead(part.view.kind)
            link.appendPayload(part.view.payload, of: outcome.frame, firstAttachment: part.firstAttachment)
        }
    }

    /// With the exception of the task that caused it, so that the client can raise that one, and with a
    /// summary that says which task it was.
    private static func write(_ made: MadeOutcome, of entry: TaskEntry, over link: OutgoingLink) {
        link.beginRecord(.outcome)
        var head = OutcomeHead(
            attempt: AttemptID(task: entry.id, number: made.attempt), status: made.status,
            reason: made.reason,
            parts: 0, worker: made.worker, detailCount: made.detail.utf8.count)
        head.waitedMicroseconds = entry.waitedMicroseconds
        // The exception itself and its traceback; nothing of a task that did not raise one.
        let exception = entry.outcome?.parts { $0 == .value || $0 == .traceback } ?? []
        head.parts = exception.count + (made.firstCause == nil ? 0 : 1)
        link.writer.outcomeHead(head)
        link.writer.text(made.detail)
        if let outcome = entry.outcome { append(exception, of: outcome, over: link) }
        if let first = made.firstCause {
            link.writer.outcomePartHead(.exceptionSummary)
            link.appendPayload(.neutral, first.summary(adding: entry.outcome?.exceptionSummary()))
        }
        link.endRecord()
    }

    /// Answers a submission that did not become a task.
    mutating func sendRefusal(
        _ sequence: UInt64, _ refusal: SubmitRefusal, named name: String, to client: ClientPeer
    ) {
        let id = TaskID(session: client.about.session, sequence: sequence)
        let own = FirstCause(
            task: id, function: name, status: .refused, reason: refusal.reason, words: refusal.message)
        client.refused.keep(refusal.cause ?? own, of: sequence)
        let detail = "task \(id) was refused: \(refusal.message)"
        client.link.beginRecord(.outcome)
        client.link.writer.outcomeHead(
            OutcomeHead(
                attempt: AttemptID(task: id, number: 0), status: .refused, reason: refusal.reason,
                parts: refusal.cause == nil ? 0 : 1, worker: SessionID(0), detailCount: detail.utf8.count))
        client.link.writer.text(detail)
        if let first = refusal.cause {
            client.link.writer.outcomePartHead(.exceptionSummary)
            client.link.appendPayload(.neutral, first.summary(adding: nil))
        }
        client.link.endRecord()
    }

    /// Answers a client that wants the value of a task that is not here.
    private mutating func sendLoss(_ sequence: UInt64, to client: ClientPeer) {
        let id = TaskID(session: client.about.session, sequence: sequence)
        client.hasMail = true
        markDirty(client)
        client.link.beginRecord(.outcome)
        let detail = "the value of task \(id) is not here: it was released, or the task was never accepted"
        client.link.writer.outcomeHead(
            OutcomeHead(
                attempt: AttemptID(task: id, number: 0), status: .lost, reason: .sessionClosed, parts: 0,
                worker: SessionID(0), detailCount: detail.utf8.count))
        client.link.writer.text(detail)
        client.link.endRecord()
    }
}
