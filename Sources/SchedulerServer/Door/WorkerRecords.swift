// What a worker says. An outcome is kept as it came if the core commits it, and dropped otherwise.

import Logging
import SchedulerCore
import SessionTransport
import TaskModel
import Wire

extension SchedulerLoop {
    mutating func take(
        _ record: Record, _ bytes: RawSpan, of frame: ReceivedFrame, from worker: WorkerPeer
    ) throws(WireError) {
        switch record.type {
        case .workerFinished:
            try finish(record, bytes, of: frame, by: worker)
        case .workerStarted:
            for attempt in try attempts(record, bytes) {
                guard let task = core.task(attempt.task) else { continue }
                core.absorb(
                    .attemptStarted(task, attempt: attempt.number, by: worker.slot), now: now, into: &actions)
            }
        case .returned:
            for attempt in try attempts(record, bytes) {
                guard let task = core.task(attempt.task) else { continue }
                core.absorb(
                    .attemptReturned(task, attempt: attempt.number, by: worker.slot), now: now, into: &actions
                )
            }
        case .report:
            try report(record, bytes, from: worker)
        case .defineFunction, .forgetFunction, .defineOptions, .submit, .cancel, .release, .setup, .want,
            .accepted,
            .outcome, .started, .function, .assign, .retract, .stop, .workerSetup, .forgetSession,
            .forgetWorkerFunction, .drain, .value, .forgetValues, .greeting, .ready, .failed, .shutdown,
            .devices:
            throw WireError("a worker does not send records of type \(record.type)")
        }
    }

    private func attempts(_ record: Record, _ bytes: RawSpan) throws(WireError) -> [AttemptID] {
        var body = Self.body(record, bytes)
        let attempts = try body.attempts()
        try Self.expectEnd(body, record)
        return attempts
    }

    private mutating func finish(
        _ record: Record, _ bytes: RawSpan, of frame: ReceivedFrame, by worker: WorkerPeer
    ) throws(WireError) {
        var body = Self.body(record, bytes)
        let head = try OutcomeHead(decoding: &body)
        var attachments = 0
        var codec = Codec.raw
        var valueBytes = 0
        var hasOutput = false
        for _ in 0..<head.parts {
            let part = try body.outcomePart()
            let first = attachments
            attachments += part.payload.attachments
            guard attachments <= record.attachments else { break }
            switch part.kind {
            case .value:
                codec = part.payload.codec
                valueBytes = Self.byteCount(
                    part.payload, firstAttachment: record.firstAttachment + first, in: frame)
            case .standardOutput, .standardError, .log, .traceback: hasOutput = true
            case .exceptionSummary: break
            }
        }
        try Self.expectEnd(body, record, attachments: attachments)
        let isHeld = head.status == .value && record.flags & Record.valueIsHeld != 0
        guard let task = core.task(head.attempt.task) else {
            counters.unknownOutcomes &+= 1
            if isHeld { forgetValue(of: head.attempt.task, on: worker) }
            return
        }
        let report = AttemptReport(
            task: task, attempt: head.attempt.number, worker: worker.slot, status: head.status,
            reason: head.reason, codec: codec, isRetryable: isRetryable(head, record, of: frame, task),
            ranMicroseconds: head.ranMicroseconds, valueBytes: UInt32(clamping: valueBytes), isHeld: isHeld)
        let submitted = core.submitted(task)
        switch core.finish(report, now: now, into: &actions) {
        case .committed:
            let ran = Interval.microseconds(Int64(head.ranMicroseconds))
            let waited = Interval(nanoseconds: (now - submitted).nanoseconds - ran.nanoseconds)
            releaseArguments(of: task)
            keepName(of: tasks[task])
            tasks.keep(
                StoredRecord(record, of: frame), for: task, waitedMicroseconds: waited.wireMicroseconds)
            if hasOutput { keepOutput(of: head.attempt.task, record, frame) }
            if head.status != .value { noteFailure(head, bytes) }
        case .dropped, .stale:
            break
        }
    }

    private mutating func noteFailure(_ head: OutcomeHead, _ bytes: RawSpan) {
        guard watchers.areWatching else { return }
        let detail = String(decoding: bytes.copied(head.detail), as: UTF8.self)
        publish(.taskFailed(head.attempt.task, head.status, head.reason, detail: detail))
    }

    private mutating func keepOutput(of task: TaskID, _ record: Record, _ frame: ReceivedFrame) {
        var kept: [TaskOutputPart] = []
        StoredRecord(record, of: frame).forEachPart { part, bytes in
            switch part.kind {
            case .standardOutput, .standardError, .log, .traceback:
                kept.append(TaskOutputPart(kind: part.kind, codec: part.payload.codec, bytes: bytes()))
            case .value, .exceptionSummary:
                break
            }
        }
        outputs.keep(kept, of: task)
    }

    private mutating func report(
        _ record: Record, _ bytes: RawSpan, from worker: WorkerPeer
    ) throws(WireError) {
        var body = Self.body(record, bytes)
        let count = try body.uint32("number of fields")
        try body.skip(4, "zero")
        let fields = try body.fields(count: count)
        try Self.expectEnd(body, record)
        worker.reportedRunning = Int(clamping: fields["running"]?.unsigned ?? 0)
        worker.reportedQueued = Int(clamping: fields["queued"]?.unsigned ?? 0)
        worker.residentBytes = fields["rss"]?.unsigned ?? worker.residentBytes
        if fields["draining"]?.flag == true, !worker.isDraining {
            worker.isDraining = true
            core.absorb(.workerDraining(worker.slot), now: now, into: &actions)
            logger.info("worker draining", metadata: metadata(worker.about))
            publish(.workerDraining(worker.about.session))
        }
    }
}
