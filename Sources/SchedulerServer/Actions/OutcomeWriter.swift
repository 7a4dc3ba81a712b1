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

    private mutating func send(_ task: TaskSlot, to client: ClientPeer) {
        client.hasMail = true
        markDirty(client)
        if tasks[task].isMade, let made = tasks.made(task) {
            Self.write(made, of: tasks[task], over: client.link)
        } else if let outcome = tasks[task].outcome {
            let options = tasks[task].options
            let quiet = options != 0 && client.options.usable(options).quiet
            Self.write(outcome, waited: tasks[task].waitedMicroseconds, valueToo: !quiet, over: client.link)
        } else {
            preconditionFailure("an outcome is delivered before it exists")
        }
    }

    /// Where the waiting time lies in the body of an outcome.
    private static var waitedOffset: Int { 24 }

    /// Without `valueToo`, the head alone stands for a value; what went wrong is always told.
    private static func write(
        _ outcome: StoredRecord, waited: UInt32, valueToo: Bool, over link: OutgoingLink
    ) {
        link.beginRecord(.outcome)
        if !valueToo {
            var head = outcome.head()
            if head.status == .value {
                head.parts = 0
                head.detailCount = 0
                head.waitedMicroseconds = waited
                link.writer.outcomeHead(head)
                link.endRecord()
                return
            }
        }
        let start = link.writer.count
        outcome.frame.withBytes(of: 0) { bytes in link.writer.raw(bytes.extracting(outcome.body)) }
        link.writer.patch(waited, at: start + waitedOffset)
        for attachment in 0..<Int(outcome.attachments) {
            link.attach(part: 1 + Int(outcome.firstAttachment) + attachment, of: outcome.frame)
        }
        link.endRecord()
    }

    /// With the exception of the task that caused it, so that the client can raise that one.
    private static func write(_ made: MadeOutcome, of entry: TaskEntry, over link: OutgoingLink) {
        link.beginRecord(.outcome)
        var head = OutcomeHead(
            attempt: AttemptID(task: entry.id, number: made.attempt), status: made.status,
            reason: made.reason,
            parts: 0, worker: made.worker, detailCount: made.detail.utf8.count)
        head.waitedMicroseconds = entry.waitedMicroseconds
        guard let cause = entry.outcome else {
            link.writer.outcomeHead(head)
            link.writer.text(made.detail)
            link.endRecord()
            return
        }
        cause.withBody { (body, _) throws(WireError) in
            let theirs = try OutcomeHead(decoding: &body)
            var parts: [(view: OutcomePartView, firstAttachment: Int)] = []
            var attachment = Int(cause.firstAttachment)
            for _ in 0..<theirs.parts {
                let part = try body.outcomePart()
                switch part.kind {
                case .value, .traceback, .exceptionSummary: parts.append((part, attachment))
                case .standardOutput, .standardError, .log: break
                }
                attachment += part.payload.attachments
            }
            head.parts = parts.count
            link.writer.outcomeHead(head)
            link.writer.text(made.detail)
            for part in parts {
                link.writer.outcomePartHead(part.view.kind)
                link.appendPayload(part.view.payload, of: cause.frame, firstAttachment: part.firstAttachment)
            }
        }
        link.endRecord()
    }

    /// Answers a submission that did not become a task.
    mutating func sendRefusal(_ sequence: UInt64, _ refusal: SubmitRefusal, to client: ClientPeer) {
        let id = TaskID(session: client.about.session, sequence: sequence)
        let detail = "task \(id) was refused: \(refusal.message)"
        client.link.beginRecord(.outcome)
        client.link.writer.outcomeHead(
            OutcomeHead(
                attempt: AttemptID(task: id, number: 0), status: .refused, reason: refusal.reason, parts: 0,
                worker: SessionID(0), detailCount: detail.utf8.count))
        client.link.writer.text(detail)
        client.link.endRecord()
    }
}
