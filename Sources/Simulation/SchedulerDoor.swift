// What arrives at the scheduler: frames, hellos, records; and who leaves.

import SchedulerCore
import SessionCore
import TaskModel

extension SchedulerNode {
    func take(_ frame: Frame, over connection: Int, _ now: Instant) {
        switch frame.kind {
        case .hello(let epoch, let received, let life):
            greeted(frame.session, epoch, received, life, over: connection, now)
        case .welcome, .refusal:
            return
        case .data, .acknowledge, .resend, .goodbye:
            guard let event = frame.event else { return }
            guard let place = world.network.connections[connection].entry, let entry = entries[place],
                entry.session == frame.session
            else { return answerStranger(frame, over: connection) }
            entry.lastArrival = world.now
            guard absorb(event, entry, now) else { return }
            for record in frame.records { take(record, from: entry, now) }
        }
    }

    private func answerStranger(_ frame: Frame, over connection: Int) {
        if case .goodbye = frame.kind { return }
        let refusal = Frame(
            session: frame.session, kind: .refusal(hello: entryOf[frame.session] != nil))
        world.network.send(refusal, over: connection, toScheduler: false)
    }

    private func greeted(
        _ session: SessionID, _ epoch: Epoch, _ received: UInt64, _ life: Int, over connection: Int,
        _ now: Instant
    ) {
        let event = SessionEvent.helloReceived(epoch: epoch, received: received, lowest: 1, highest: 1)
        let known = entryOf[session].flatMap { entries[$0] }
        if let place = world.network.connections[connection].entry, let other = entries[place],
            other !== known
        {
            move(other, to: nil)
            _ = absorb(.connectionLost, other, now)
        }
        if let known {
            known.lastArrival = world.now
            move(known, to: connection)
            _ = absorb(event, known, now)
            return
        }
        let node = world.network.connections[connection].node
        var policy = policy
        policy.lease = world.isWorker(node) ? world.setting.workerLease : world.setting.clientLease
        let link = Link(Session(session, side: .accepting, epoch: Epoch(1), policy: policy, now: now))
        let entry = SchedulerEntry(session, node: node, life: life, link: link)
        entry.lastArrival = world.now
        insert(entry)
        move(entry, to: connection)
        _ = absorb(event, entry, now)
    }

    // MARK: Sessions

    /// True if the frame that the event stands for is to be used.
    func absorb(_ event: SessionEvent, _ entry: SchedulerEntry, _ now: Instant) -> Bool {
        entry.link.absorb(event, now: now)
        let delivers = runSession(entry, now)
        scanDue = min(scanDue, entry.link.session.wakeUp)
        return delivers
    }

    @discardableResult func runSession(_ entry: SchedulerEntry, _ now: Instant) -> Bool {
        var delivers = false
        var next = 0
        while next < entry.link.actions.count {
            let action = entry.link.actions[next]
            world.coverage.count(SessionActionName(action))
            if case .deliver = action { delivers = true } else { perform(action, entry, now) }
            next += 1
        }
        entry.link.actions.removeAll(keepingCapacity: true)
        noteWakeUp(of: entry)
        return delivers
    }

    private func perform(_ action: SessionAction, _ entry: SchedulerEntry, _ now: Instant) {
        switch action {
        case .transmit(let number): send(entry.link.dataFrame(number), to: entry, now)
        case .sendAcknowledge(let last): send(entry.link.acknowledgement(last), to: entry, now)
        case .sendResend(let first): send(entry.link.resendRequest(first), to: entry, now)
        case .sendGoodbye: send(entry.link.goodbye(), to: entry, now)
        case .sendWelcome(let received, _):
            let policy = entry.link.session.policy
            let kind = Frame.Kind.welcome(
                epoch: Epoch(1), received: received, begun: entry.link.session.begun,
                heartbeat: policy.heartbeat, lease: policy.lease)
            send(Frame(session: entry.session, kind: kind), to: entry, now)
        case .sendRefusal:
            send(Frame(session: entry.session, kind: .refusal(hello: false)), to: entry, now)
        case .drop(let number): entry.link.drop(through: number)
        case .ask: open(entry, now)
        case .unblocked: deliverDeferred(entry)
        case .established, .blocked, .interrupted: break
        case .ended(let ending): leave(entry, ending, now)
        case .connect, .disconnect, .sendHello, .deliver:
            preconditionFailure("\(action) is not for the accepting side")
        }
    }

    private func send(_ frame: Frame, to entry: SchedulerEntry, _ now: Instant) {
        guard let connection = entry.connection else { return }
        if world.network.send(frame, over: connection, toScheduler: false) { return }
        move(entry, to: nil)
        entry.link.absorb(.connectionLost, now: now)
    }

    private func open(_ entry: SchedulerEntry, _ now: Instant) {
        if let worker = world.worker(entry.node) {
            let slot = core.openWorker(
                entry.session, slots: UInt32(worker.offer.slots), provides: worker.offer.requirements,
                resources: worker.offer.resources, labels: RequirementNumbers.labels(worker.offer.labels))
            entry.peer = .worker(slot)
            Self.place(entry, at: slot.index, in: &workers)
            world.auditor.joined(entry.session, entry.process, worker.offer)
            if let gone = departed[entry.process] {
                core.absorb(.workerReturned(gone), now: now, into: &actions)
            }
        } else {
            let slot = core.openSession(entry.session, tasksMax: UInt32(world.sessionTasksMax))
            entry.peer = .client(slot)
            world.auditor.letIn(entry.session)
            Self.place(entry, at: slot.index, in: &clients)
        }
        entry.link.absorb(.granted, now: now)
    }

    private static func place(
        _ entry: SchedulerEntry, at index: UInt32, in list: inout [SchedulerEntry?]
    ) {
        while list.count <= index { list.append(nil) }
        list[Int(index)] = entry
    }

    private func leave(_ entry: SchedulerEntry, _ ending: SessionEnding, _ now: Instant) {
        entry.link.forgetFrames()
        let silence = world.now - entry.lastArrival
        if ending == .lost || ending == .gone {
            world.auditor.lost(entry.session, node: entry.node, silentFor: silence)
        }
        remove(entry)
        // What was asked for before names rows of the core that are about to be used again.
        settle(now)
        switch entry.peer {
        case .asking: break
        case .client(let slot):
            world.note(nil, at: entry.node) { "scheduler: session \(entry.session) \(ending)" }
            world.auditor.dropped(entry.session)
            core.closeSession(slot, now: now, into: &actions)
            runActions(now)
            clients[Int(slot.index)] = nil
        case .worker(let slot):
            world.note(nil, at: entry.node) { "scheduler: worker \(entry.node) (\(entry.session)) \(ending)" }
            let isHere = workers.contains { $0 !== entry && $0?.process == entry.process }
            let seemsDead = ending == .gone && !isHere
            if seemsDead { departed[entry.process] = slot }
            let farewell: Farewell = seemsDead ? .gone : ending == .closed ? .closed : .silent
            world.auditor.left(entry.session, hasDied: ending == .gone)
            core.closeWorker(slot, farewell, now: now, into: &actions)
            runActions(now)
            workers[Int(slot.index)] = nil
        }
    }

    // MARK: Records

    private func take(_ record: Record, from entry: SchedulerEntry, _ now: Instant) {
        switch entry.peer {
        case .asking: preconditionFailure("records come over an established session")
        case .client(let slot): take(record, from: entry, slot, now)
        case .worker(let slot): take(record, from: entry, slot, now)
        }
    }

    private func take(
        _ record: Record, from entry: SchedulerEntry, _ client: SessionSlot, _ now: Instant
    ) {
        switch record {
        case .submit(let submission): submit(submission, from: entry, client, now)
        case .cancel(let sequence, let alsoRunning):
            let id = TaskID(session: entry.session, sequence: sequence)
            world.note(id) { "scheduler: cancel, also running: \(alsoRunning)" }
            world.auditor.cancelArrived(id, alsoRunning: alsoRunning)
            guard let task = core.task(client, sequence: sequence) else { return }
            core.absorb(.cancelRequested(task, alsoRunning: alsoRunning), now: now, into: &actions)
        case .release(let first, let count):
            core.absorb(.released(client, first: first, count: count), now: now, into: &actions)
        case .accepted, .outcome, .started, .function, .workerSetup, .forgetFunction, .assign, .retract,
            .stop, .forgetSession, .drain, .value, .forgetValues, .finished, .workerStarted, .returned,
            .draining:
            preconditionFailure("no client says this")
        }
    }

    private func submit(
        _ submission: Submission, from entry: SchedulerEntry, _ client: SessionSlot, _ now: Instant
    ) {
        let spec = submission.spec
        let pending = actions.count
        let requirement = requirements.requirement(of: spec, &core)
        let admission = core.submit(
            client, sequence: submission.sequence, function: FunctionKey(spec.function),
            requirement: requirement, options: TaskOptions(spec),
            dependencies: submission.dependencies, now: now, into: &actions)
        let id = TaskID(session: entry.session, sequence: submission.sequence)
        switch admission {
        case .admitted(let slot):
            world.note(id) { "scheduler: admitted" }
            // The row may be free again only because of a `forget` that still waits its turn.
            if slab.isOccupied(slot) { runActions(first: pending, now) }
            slab[slot] = Slab.Row(id: id, client: client, spec: spec)
            uses[Definition(session: id.session, number: spec.function), default: 0] += 1
            world.auditor.admitted(id)
        case .duplicate:
            break
        case .refused(let refusal):
            world.note(id) { "scheduler: refused \(refusal)" }
            let attempt = AttemptID(task: id, number: 0)
            let outcome = Outcome(attempt: attempt, status: .refused, reason: .limitExceeded, value: nil)
            entry.link.outgoing.append(.outcome(outcome))
            touch(entry)
        case .malformed(let misnumbering):
            world.complain("a submission is taken as malformed: \(misnumbering)", id)
        }
    }

    private func take(
        _ record: Record, from entry: SchedulerEntry, _ worker: WorkerSlot, _ now: Instant
    ) {
        switch record {
        case .finished(let report): finish(report, from: entry, worker, now)
        case .workerStarted(let attempt):
            world.auditor.startArrived(attempt, from: entry.session)
            guard let task = core.task(attempt.task) else { return }
            core.absorb(
                .attemptStarted(task, attempt: attempt.number, by: worker), now: now, into: &actions)
        case .returned(let attempt):
            world.note(attempt.task) { "scheduler: attempt \(attempt.number) returned" }
            world.auditor.returnArrived(attempt, from: entry.session)
            guard let task = core.task(attempt.task) else { return }
            core.absorb(
                .attemptReturned(task, attempt: attempt.number, by: worker), now: now, into: &actions)
        case .draining:
            world.auditor.drained(entry.session)
            core.absorb(.workerDraining(worker), now: now, into: &actions)
        case .submit, .cancel, .release, .accepted, .outcome, .started, .function, .workerSetup,
            .forgetFunction, .assign, .retract, .stop, .forgetSession, .drain, .value, .forgetValues:
            preconditionFailure("no worker says this")
        }
    }

    private func finish(
        _ report: Report, from entry: SchedulerEntry, _ worker: WorkerSlot, _ now: Instant
    ) {
        let attempt = report.attempt
        world.note(attempt.task) {
            "scheduler: attempt \(attempt.number) ended: \(report.status) \(report.reason)"
        }
        world.auditor.reportArrived(report, from: entry.session)
        guard let task = core.task(attempt.task) else {
            if report.isHeld { forgetValue(of: attempt.task, on: entry) }
            return
        }
        let verdict = core.finish(
            AttemptReport(report, of: slab[task]?.spec, task: task, worker: worker), now: now, into: &actions)
        switch verdict {
        case .committed:
            slab[task]?.value = report.value
            leaveFunction(task)
            slab[task]?.outcome = Outcome(
                attempt: attempt, status: report.status, reason: report.reason, value: report.value)
        case .dropped, .stale:
            break
        }
    }
}
