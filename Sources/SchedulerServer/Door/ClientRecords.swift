// What a client says: definitions are kept with its session, a submit becomes a task.

import SchedulerCore
import SessionTransport
import TaskModel
import Wire

extension SchedulerLoop {
    mutating func take(
        _ record: Record, _ bytes: RawSpan, of frame: ReceivedFrame, from client: ClientPeer
    ) throws(WireError) {
        var body = Self.body(record, bytes)
        switch record.type {
        case .submit:
            let submission = try Submission(decoding: &body, flags: record.flags)
            try Self.expectEnd(body, record, attachments: submission.arguments.attachments)
            try submit(submission, record, bytes, of: frame, from: client)
        case .defineFunction:
            let definition = try FunctionDefinition(decoding: &body)
            try Self.expectEnd(body, record, attachments: definition.definition.attachments)
            try define(definition, record, bytes, of: frame, from: client)
        case .forgetFunction:
            let number = try body.uint32("function")
            try Self.expectEnd(body, record)
            forgetFunction(number, of: client)
        case .defineOptions:
            let number = try body.uint32("options")
            let count = try body.uint32("number of fields")
            let fields = try body.fields(count: count)
            try Self.expectEnd(body, record)
            try client.options.define(number, fields)
        case .cancel:
            let sequence = try body.uint64("sequence")
            try Self.expectEnd(body, record)
            if let task = core.task(client.slot, sequence: sequence) {
                core.absorb(
                    .cancelRequested(task, alsoRunning: record.flags & 1 != 0), now: now, into: &actions)
            }
        case .release:
            let ranges = Int(try body.uint32("number of ranges"))
            try body.skip(4, "zero")
            guard body.remaining == ranges * 16 else {
                throw WireError("\(ranges) ranges in \(body.remaining) bytes")
            }
            for _ in 0..<ranges {
                let first = try body.uint64("first")
                let count = try body.uint64("count")
                core.absorb(.released(client.slot, first: first, count: count), now: now, into: &actions)
            }
        case .want:
            let sequence = try body.uint64("sequence")
            try Self.expectEnd(body, record)
            want(sequence, by: client)
        case .setup:
            let number = try body.uint32("function")
            try body.skip(4, "zero")
            let arguments = try body.payload()
            try Self.expectEnd(body, record, attachments: arguments.attachments)
            try setUp(number, StoredRecord(record, of: frame), of: client)
        case .accepted, .outcome, .started, .workerFinished, .workerStarted, .returned, .report, .function,
            .assign, .retract, .stop, .workerSetup, .forgetSession, .forgetWorkerFunction, .drain, .value,
            .forgetValues, .greeting, .ready, .failed, .shutdown, .devices:
            throw WireError("a client does not send records of type \(record.type)")
        }
    }

    private mutating func submit(
        _ submission: Submission, _ record: Record, _ bytes: RawSpan, of frame: ReceivedFrame,
        from client: ClientPeer
    ) throws(WireError) {
        let arguments = submission.arguments
        guard arguments.form != .reference else { throw WireError("object references are not served yet") }
        guard let options = client.options.index(of: submission.options) else {
            throw WireError("task \(submission.sequence) names the undefined options \(submission.options)")
        }
        let function = try function(submission.function, submission.kind, of: client)
        let size = Self.byteCount(arguments, of: record, in: frame)
        let requirement: RequirementID
        let asked: SubmitOptions
        do throws(SubmitRefusal) {
            let missing = frame.missingBytes(of: record)
            guard missing == 0 else {
                throw SubmitRefusal(
                    reason: .limitExceeded,
                    message:
                        "the scheduler has no memory for \(missing) bytes of its arguments; start it with "
                        + "more (ulimit -v, a cgroup), or send less")
            }
            asked = try usable(options, size: size, of: client)
            let base = try self.requirement(function, codec: arguments.codec)
            requirement = try refine(base, asked.wishes, options: options, of: client)
        } catch {
            try refuse(submission.sequence, error, named: functions.name(function), of: client)
            return
        }
        sequences.removeAll(keepingCapacity: true)
        if submission.dependencies > 0 {
            var reader = ByteReader(bytes, at: submission.dependenciesStart)
            for _ in 0..<submission.dependencies { sequences.append(try reader.uint64("dependency")) }
        }
        let pending = actions.count
        let admission = core.submit(
            client.slot, sequence: submission.sequence, function: function, requirement: requirement,
            options: TaskOptions(
                retries: UInt16(clamping: asked.retries), idempotent: asked.idempotent,
                needsNeutral: submission.kind == .swift, priority: asked.priority,
                backoffMilliseconds: asked.backoffMilliseconds,
                backoffMaxMilliseconds: asked.backoffMaxMilliseconds,
                deadlineMilliseconds: asked.deadlineMilliseconds),
            dependencies: sequences, now: now, into: &actions)
        switch admission {
        case .admitted(let task):
            // The row may be free again only because of a `forget` that still waits its turn.
            if tasks.holds(task) { runActions(first: pending) }
            functions[function].tasks += 1
            client.payloadBytes += size
            tasks.insert(
                TaskEntry(
                    id: taskID(submission.sequence, client), client: client.slot,
                    submission: StoredRecord(record, of: frame), submissionBytes: UInt32(size),
                    function: function, options: options),
                at: task)
        case .duplicate:
            break
        case .refused(let refusal):
            sendRefusal(
                submission.sequence, why(refusal, requirement, submission.sequence, client),
                named: displayName(options, function, of: client), to: client)
        case .malformed(let misnumbering):
            throw WireError(misnumbering, submission.sequence)
        }
    }

    private func why(
        _ refusal: Admission.Refusal, _ requirement: RequirementID, _ sequence: UInt64, _ client: ClientPeer
    ) -> SubmitRefusal {
        if case .unservable = refusal {
            return SubmitRefusal(reason: .unservable, message: unservableWords(requirement))
        }
        if case .unknownDependency(let dependency) = refusal, let cause = client.refused[dependency] {
            let among =
                taskID(dependency, client) == cause.task
                ? "" : " by way of task \(taskID(dependency, client))"
            return SubmitRefusal(
                reason: .dependencyFailed,
                message: "it depends\(among) on \(cause.name), which \(cause.how): \(cause.words)",
                cause: cause)
        }
        return SubmitRefusal(refusal, taskID(sequence, client))
    }

    private func taskID(_ sequence: UInt64, _ client: ClientPeer) -> TaskID {
        TaskID(session: client.about.session, sequence: sequence)
    }

    private func usable(
        _ options: UInt32, size: Int, of client: ClientPeer
    ) throws(SubmitRefusal) -> SubmitOptions {
        guard stop == .serving else {
            throw SubmitRefusal(
                reason: .sessionClosed, message: "the scheduler is stopping; submit it to another one")
        }
        guard size <= Limits.payloadBytesMax else {
            throw SubmitRefusal(
                reason: .limitExceeded,
                message: "its arguments have \(size) bytes, at most \(Limits.payloadBytesMax) are taken "
                    + "(payloadBytesMax); pass a path or split the data")
        }
        guard client.payloadBytes + size <= configuration.sessionBytes else {
            throw SubmitRefusal(
                reason: .limitExceeded,
                message: "the arguments of unfinished tasks would exceed \(configuration.sessionBytes) bytes "
                    + "(sessionPayloadBytesMax); wait for some results first")
        }
        return try client.options[options].get()
    }

    private func requirement(_ function: FunctionKey, codec: Codec) throws(SubmitRefusal) -> RequirementID {
        let entry = functions[function]
        if entry.kind == .command {
            throw SubmitRefusal(
                reason: .unservable, message: "no worker runs commands; submit a Python or Swift function")
        }
        switch codec {
        case .pickle:
            if let requirement = entry.whenPickled { return requirement }
            throw SubmitRefusal(
                reason: .unservable,
                message: entry.kind == .swift
                    ? "a Swift function takes neutral arguments, and these are pickled"
                    : "its arguments are pickled, but its client named no Python version in its hello")
        case .neutral, .raw:
            if let requirement = entry.whenNeutral { return requirement }
            throw SubmitRefusal(
                reason: .unservable,
                message:
                    "function 0 needs pickled arguments that carry the callable; define the function first")
        }
    }

    /// Uses the sequence up and tells the client why.
    private mutating func refuse(
        _ sequence: UInt64, _ refusal: SubmitRefusal, named name: String, of client: ClientPeer
    ) throws(WireError) {
        switch core.refuse(client.slot, sequence: sequence) {
        case nil: sendRefusal(sequence, refusal, named: name, to: client)
        case .duplicate, .admitted, .refused: break
        case .malformed(let misnumbering): throw WireError(misnumbering, sequence)
        }
    }

    private mutating func setUp(
        _ number: UInt32, _ record: StoredRecord, of client: ClientPeer
    ) throws(WireError) {
        guard client.setups.count < Limits.setupsPerSessionMax else {
            throw WireError("more than \(Limits.setupsPerSessionMax) setups in one session")
        }
        // Executors of the function's own language run it. A callable among the arguments is Python's.
        let kind = client.functions[number].map { functions[$0].kind } ?? .python
        client.setups.append(SessionSetup(function: try function(number, kind, of: client), record: record))
    }
}

extension WireError {
    /// A sequence number that breaks the rules of numbering.
    init(_ misnumbering: Admission.Misnumbering, _ sequence: UInt64) {
        switch misnumbering {
        case .gap(let expected): self.init("task \(sequence) was submitted where \(expected) was next")
        case .reserved: self.init("\(sequence) cannot number a task")
        }
    }
}

/// Why a submission does not become a task; completes "task … was refused: ".
struct SubmitRefusal: Error, Hashable, Sendable {
    let reason: OutcomeReason
    let message: String
    /// What it depends on was refused itself, for this reason.
    var cause: FirstCause?

    init(reason: OutcomeReason, message: String, cause: FirstCause? = nil) {
        self.reason = reason
        self.message = message
        self.cause = cause
    }

    init(_ refusal: Admission.Refusal, _ task: TaskID) {
        reason = refusal == .unservable ? .unservable : .limitExceeded
        switch refusal {
        case .unservable:
            message = "no worker can run it, and none is expected that could"
        case .sessionTasks(let limit):
            message = "its session has \(limit) unfinished tasks, which is the limit; wait for some of them"
        case .tasks:
            message =
                "the scheduler holds as many tasks as it can; wait, and release results that are not needed"
        case .dependencies:
            message = "it depends on more than \(Limits.dependenciesPerTaskMax) tasks"
        case .unknownDependency(let sequence):
            message =
                "it depends on task \(TaskID(session: task.session, sequence: sequence)), which was never "
                + "accepted or was released; keep the future until what depends on it is submitted"
        }
    }
}
