// An attempt goes to a worker: whatever the worker lacks first (function, initializer), then the record with
// its arguments and the values that it depends on. Payloads are shared with the frames in which they came.

import SchedulerCore
import SessionTransport
import TaskModel
import Wire

extension SchedulerLoop {
    mutating func assign(_ task: TaskSlot, attempt: UInt32, to worker: WorkerPeer) {
        ensureEntry(task)
        tasks[task].attempt = attempt
        tasks[task].worker = worker.slot
        let entry = tasks[task]
        guard let client = peers.client(entry.client) else { return }
        let function = functions[entry.function]
        let options = client.options.usable(entry.options)
        var plan = DependencyPlan()
        core.dependencies(of: task, into: &dependencies)
        if !dependencies.isEmpty {
            guard let planned = planDependencies(besides: entry.submission) else {
                refuse(task, attempt, at: worker)
                return
            }
            plan = planned
            sendAhead(to: worker)
        }
        introduce(entry.function, of: client, to: worker)
        if !client.setups.isEmpty { setUp(client, function.kind, on: worker) }

        let link = worker.link
        let assignment = Assignment(
            attempt: AttemptID(task: entry.id, number: attempt), function: function.number,
            kind: function.kind, resultCodec: resultCodec(function, options, client), mode: options.mode,
            rank: core.rank(of: task), timeoutMilliseconds: options.timeoutMilliseconds,
            graceMilliseconds: options.graceMilliseconds, dependencies: dependencies.count,
            devices: core.devices(of: task), isCounted: core.isCounted(task))
        link.beginRecord(.assign, flags: assignment.flags)
        link.writer.assignmentHead(assignment)
        if let submission = entry.submission {
            submission.withBody { (body, _) throws(WireError) in
                let arguments = try Submission(decoding: &body, flags: submission.flags).arguments
                link.appendPayload(
                    arguments, of: submission.frame, firstAttachment: Int(submission.firstAttachment))
            }
        } else {
            link.writer.inlinePayload(.neutral, ConversionFunction.arguments)
        }
        for (position, dependency) in dependencies.enumerated() {
            appendValue(
                of: dependency, at: position, attached: plan.attached.contains(position), to: worker)
        }
        link.endRecord()
    }

    /// A conversion has no submission, so it has no row until it is met.
    mutating func ensureEntry(_ task: TaskSlot) {
        if tasks.holds(task) { return }
        let id = core.id(of: task)
        guard let session = core.session(id.session), let client = peers.client(session) else {
            preconditionFailure("a task outlived its session")
        }
        let function = conversion(of: client)
        functions[function].tasks += 1
        tasks.insert(
            TaskEntry(
                id: id, client: session, submission: nil, submissionBytes: 0, function: function, options: 0),
            at: task)
    }

    private func resultCodec(_ function: FunctionEntry, _ options: SubmitOptions, _ client: ClientPeer)
        -> Codec
    {
        if function.number == ConversionFunction.number { return .neutral }
        if let codec = options.resultCodec { return codec }
        return function.kind == .python && client.about.python != nil ? .pickle : .neutral
    }

    /// Sends the function's definition if the worker has not seen it.
    private mutating func introduce(_ key: FunctionKey, of client: ClientPeer, to worker: WorkerPeer) {
        let function = functions[key]
        if function.number == 0 || function.knownBy.contains(worker.slot) { return }
        functions[key].knownBy.insert(worker.slot)
        let link = worker.link
        link.beginRecord(.function)
        link.writer.uint64(client.about.session.rawValue)
        if let definition = function.definition {
            Self.passOn(definition, over: link)
        } else {
            link.writer.functionHead(
                function: ConversionFunction.number, kind: .python, digest: ConversionFunction.digest)
            link.writer.inlinePayload(.raw, Array(ConversionFunction.name.utf8))
        }
        link.endRecord()
    }

    /// Sends the initializers of a session in one language before its first task in it on the worker.
    private mutating func setUp(_ client: ClientPeer, _ kind: ExecutorKind, on worker: WorkerPeer) {
        for position in client.setups.indices {
            let setup = client.setups[position]
            if functions[setup.function].kind != kind || setup.sentTo.contains(worker.slot) { continue }
            client.setups[position].sentTo.insert(worker.slot)
            introduce(setup.function, of: client, to: worker)
            worker.link.beginRecord(.workerSetup)
            worker.link.writer.uint64(client.about.session.rawValue)
            Self.passOn(client.setups[position].record, over: worker.link)
            worker.link.endRecord()
        }
    }

    /// Copies a record's body and shares its attachments.
    private static func passOn(_ record: StoredRecord, over link: OutgoingLink) {
        record.frame.withBytes(of: 0) { bytes in link.writer.raw(bytes.extracting(record.body)) }
        for attachment in 0..<Int(record.attachments) {
            link.attach(part: 1 + Int(record.firstAttachment) + attachment, of: record.frame)
        }
    }
}

extension SchedulerLoop {
    /// Ends an attempt that cannot be sent, as if its worker had refused it.
    private mutating func refuse(_ task: TaskSlot, _ attempt: UInt32, at worker: WorkerPeer) {
        let report = AttemptReport(
            task: task, attempt: attempt, worker: worker.slot, status: .refused, reason: .limitExceeded,
            codec: .raw, ranMicroseconds: 0)
        switch core.finish(report, now: now, into: &actions) {
        case .committed:
            releaseArguments(of: task)
            tasks.make(
                MadeOutcome(
                    status: .refused, reason: .limitExceeded, attempt: attempt, worker: worker.about.session,
                    detail:
                        "task \(tasks[task].id) was refused: the values of its \(dependencies.count) "
                        + "dependencies have more than \(Limits.attachmentsPerRecordMax) large parts "
                        + "(attachmentsPerRecordMax); combine them in several steps"),
                payload: nil, for: task)
        case .dropped, .stale:
            break
        }
    }
}
