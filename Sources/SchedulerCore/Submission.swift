// From submit to ready.
//
// A submission is checked as a whole before anything changes. Its dependencies become edges; the task is
// ready when none of them is *missing*: an edge is missing while its producer has no value, or has a pickled
// one and the consumer reads none (then a conversion, shared by all such consumers, makes the neutral one).

package import TaskModel

extension Scheduler {
    /// A client submits a task. O(1), plus O(dependencies).
    /// - Parameters:
    ///   - sequence: 1 for the first of the session, then without gaps.
    ///   - dependencies: sequences of the same session, in the order in which their values are wanted.
    /// - Returns: what becomes of its payload.
    package mutating func submit(
        _ session: SessionSlot, sequence: UInt64, function: FunctionKey, requirement: RequirementID,
        options: TaskOptions, dependencies: [UInt64], now: Instant, into actions: inout [Action]
    ) -> Admission {
        if let repeated = useUp(session, sequence) { return repeated }
        if let refusal = refusal(session.index, requirement.rawValue, dependencies) {
            counters.refused += 1
            markAccepted(session.index)
            return .refused(refusal)
        }

        let task = makeTask(session.index, function.rawValue, requirement.rawValue, options, now: now)
        tasks[task].sequence = sequence
        sequences.insert(task, at: sequence, in: &sessions[session.index].directory)
        sessions[session.index].unfinished += 1
        sessions[session.index].unrecorded += 1
        counters.submitted += 1
        let slot = tasks.slot(task)
        actions.append(.record(log.append(.submitted(slot)), .submitted(slot)))
        if options.deadlineMilliseconds > 0 {
            setDeadline(task, at: now + .milliseconds(Int64(options.deadlineMilliseconds)))
        }
        if dependencies.isEmpty {
            becomeReady(task, now: now)
        } else {
            connect(task, dependencies, now: now, into: &actions)
        }
        return .admitted(slot)
    }

    /// The server refuses a submission for a reason of its own (an option, a payload limit).
    /// - Returns: nil when the sequence is used up and the client is to be told with an outcome `refused`;
    ///   else why there is nothing to tell: `duplicate` or `malformed`.
    package mutating func refuse(_ session: SessionSlot, sequence: UInt64) -> Admission? {
        if let repeated = useUp(session, sequence) { return repeated }
        counters.refused += 1
        markAccepted(session.index)
        return nil
    }

    /// Moves the watermark; the answer if the sequence is not the next one.
    private mutating func useUp(_ session: SessionSlot, _ sequence: UInt64) -> Admission? {
        precondition(sessions.isCurrent(session), "a submission belongs to an open session")
        guard sequence > 0, sequence & Self.internalBit == 0 else { return .malformed(.reserved) }
        let watermark = sessions[session.index].watermark
        if sequence <= watermark {
            counters.duplicates += 1
            return .duplicate
        }
        guard sequence == watermark + 1 else { return .malformed(.gap(expected: watermark + 1)) }
        sessions[session.index].watermark = sequence
        return nil
    }

    private func refusal(
        _ session: UInt32, _ requirement: UInt32, _ dependencies: [UInt64]
    ) -> Admission.Refusal? {
        let tasksMax = sessions[session].tasksMax
        if sessions[session].unfinished >= tasksMax { return .sessionTasks(limit: tasksMax) }
        if tasks.known >= Limits.tasksMax { return .tasks }
        if isRefusedAtOnce(requirement) { return .unservable }
        if dependencies.isEmpty { return nil }
        if dependencies.count > Limits.dependenciesPerTaskMax { return .dependencies }
        for sequence in dependencies {
            // A released task may linger for other consumers; whether it does is no business of this one.
            let producer = sequences.row(sequence, in: sessions[session].directory)
            if producer == .none || tasks[producer].flags.contains(.released) {
                return .unknownDependency(sequence)
            }
        }
        return nil
    }

    /// A row in phase `waiting`, without edges.
    private mutating func makeTask(
        _ session: UInt32, _ function: UInt32, _ requirement: UInt32, _ options: TaskOptions, now: Instant
    ) -> UInt32 {
        let task = tasks.allocate()
        let (phase, generation) = (tasks[task].phase, tasks[task].generation)
        var row = TaskRecord.fresh
        row.phase = phase
        row.generation = generation
        row.submitted = now
        row.session = session
        row.function = function
        row.requirement = requirement
        row.flags = options.idempotent ? [.idempotent] : []
        if options.needsNeutral { row.flags.insert(.needsNeutral) }
        row.retriesLeft = options.idempotent ? options.retries : 0
        row.priority = options.priority
        row.policy = options.idempotent ? policies.take(options) : .none
        row.lane = queues.lane(
            ReadyQueues.queue(requirement, priority: options.priority), session: session,
            firstOfSession: &sessions[session].firstLane)
        tasks[task] = row
        tasks.link(task, toSession: &sessions[session].firstTask)
        return task
    }

    private mutating func connect(
        _ task: UInt32, _ dependencies: [UInt64], now: Instant, into actions: inout [Action]
    ) {
        let session = tasks[task].session
        var missing: UInt32 = 0
        var failed = UInt32.none
        for sequence in dependencies.reversed() {
            let producer = sequences.row(sequence, in: sessions[session].directory)
            edges.add(from: producer, to: task, in: &tasks)
            switch supply(of: producer, to: task, now: now) {
            case .present: break
            case .missing: missing += 1
            case .failed(let cause): failed = cause
            }
        }
        tasks.update(.waiting(missing: missing), task)
        if failed != .none {
            fail(task, because: failed, now: now, into: &actions)
            announce(now: now, into: &actions)
        } else if missing == 0 {
            becomeReady(task, now: now)
        }
    }

    private enum Supply {
        case present
        case missing
        case failed(UInt32)
    }

    private mutating func supply(of producer: UInt32, to consumer: UInt32, now: Instant) -> Supply {
        guard let ending = tasks[producer].phase.ending else { return .missing }
        guard ending.status == .value else { return .failed(producer) }
        guard tasks[consumer].flags.contains(.needsNeutral), ending.codec == .pickle else { return .present }
        let conversion = conversion(of: producer, for: consumer, now: now)
        guard let converted = tasks[conversion].phase.ending else { return .missing }
        return converted.status == .value ? .present : .failed(conversion)
    }

    /// The task that makes the neutral form of a pickled value, created when it is first needed. Whoever
    /// could make the pickle can read it, so it has the requirement of the task whose value it converts, but
    /// for what that task asked for beyond an executor.
    mutating func conversion(of producer: UInt32, for consumer: UInt32, now: Instant) -> UInt32 {
        guard var ending = tasks[producer].phase.ending else {
            preconditionFailure("only a value is converted")
        }
        if ending.conversion != .none { return ending.conversion }
        let made = tasks[producer]
        let options = TaskOptions(priority: tasks[consumer].priority)
        let requirement = demands.base(made.requirement)
        let task = makeTask(made.session, made.function, requirement, options, now: now)
        tasks[task].flags.formUnion([.conversion, .released])
        tasks[task].source = producer
        tasks[task].sequence = Self.internalBit | UInt64(tasks[task].generation) << 32 | UInt64(task)
        ending.conversion = task
        if case .settled = made.phase {
            tasks.update(.settled(ending), producer)
        } else {
            tasks.update(.ended(ending), producer)
        }
        counters.conversions += 1
        becomeReady(task, now: now)
        return task
    }

    mutating func becomeReady(_ task: UInt32, now: Instant) {
        tasks.enter(.ready(since: now), task)
        if hasLargeValues(tasks[task]) { tasks[task].flags.insert(.needsLargeValues) }
        queues.add(task, now: now, &tasks)
        noteIfUnserved(tasks[task].requirement)
    }

    // MARK: Acceptance

    /// With nothing on its way to the store, everything up to the watermark is accepted.
    mutating func markAccepted(_ session: UInt32) {
        if sessions[session].unrecorded == 0 { sessions[session].accepted = sessions[session].watermark }
        if !sessions[session].isDirty {
            sessions[session].isDirty = true
            dirtySessions.append(session)
        }
    }

    mutating func flushAccepts(into actions: inout [Action]) {
        for session in dirtySessions {
            sessions[session].isDirty = false
            guard sessions[session].isOpen, sessions[session].accepted > 0 else { continue }
            actions.append(.accept(sessions.slot(session), upTo: sessions[session].accepted))
        }
        dirtySessions.removeAll(keepingCapacity: true)
    }

    mutating func recorded(upTo number: UInt64, now: Instant, into actions: inout [Action]) {
        while let pending = log.popFirst(upTo: number) {
            switch pending.entry {
            case .submitted(let slot):
                guard isLive(slot) else { continue }
                let session = tasks[slot.index].session
                sessions[session].unrecorded -= 1
                sessions[session].accepted = tasks[slot.index].sequence
                markAccepted(session)
            case .dispatched(let slot):
                dispatchRecorded(slot, pending.attempt, now: now, into: &actions)
            case .ended(let slot):
                guard isLive(slot), case .ended(let ending) = tasks[slot.index].phase else {
                    continue
                }
                tasks.enter(.settled(ending), slot.index)
                actions.append(.deliver(slot))
                forgetIfUnneeded(slot.index, into: &actions)
            }
        }
        flushAccepts(into: &actions)
    }
}
