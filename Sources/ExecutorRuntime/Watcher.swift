internal import Posix
internal import Synchronization
internal import TaskModel
internal import Wire

/// The watcher's thread: looks now and then whether the runner is busy with something long, and looks after
/// the socket as long as it is.
extension ExecutorChannel {
    func watch() {
        var quietLooks = 0
        while state.withLock({ !$0.isOver }) {
            if quietLooks < ExecutorLimits.quietLooksMax {
                wake.wait(atMost: ExecutorLimits.takeOverDelay)
            } else {
                // The runner sets `busySince` before it looks at `watcherSleeps`, here it is the other way
                // round: one of the two sees the other.
                watcherSleeps.store(true, ordering: .sequentiallyConsistent)
                if busySince.load(ordering: .sequentiallyConsistent) == 0 {
                    wake.wait(atMost: Interval(nanoseconds: .max))
                }
                watcherSleeps.store(false, ordering: .relaxed)
                quietLooks = 0
            }
            let since = busySince.load(ordering: .relaxed)
            if since == 0 {
                quietLooks += 1
            } else {
                quietLooks = 0
                if MonotonicClock.now - Instant(nanoseconds: since) >= ExecutorLimits.takeOverDelay {
                    takeOver()
                }
            }
        }
    }

    private func takeOver() {
        tookOver.store(true, ordering: .relaxed)
        while tookOver.load(ordering: .relaxed) {
            let isStuck = sendWhatFits()
            let isFull = state.withLock { $0.queue.count >= ExecutorLimits.queueMax }
            let found = socket.wait(
                readable: !isFull, writable: isStuck, wake: wake, atMost: ExecutorLimits.outputTrimInterval)
            if found.contains(.hungUp) {
                abandoned()
            } else if found.contains(.readable) {
                readWhatIsThere()
            }
            for stream in captured { stream.trim() }
        }
    }

    /// Answers true when the socket is full.
    private func sendWhatFits() -> Bool {
        let now = MonotonicClock.now
        let flushed = output.withLockIfAvailable { output in
            (try? output.flush(socket, waiting: false, now)) ?? .endOfFile
        }
        switch flushed {
        case .partly: return true
        case .all, nil: return false
        case .endOfFile:
            abandoned()
            return false
        }
    }

    private func readWhatIsThere() {
        for _ in 0..<ExecutorLimits.readsPerTurnMax {
            do {
                let read = try state.withLock { state throws(any Error) -> Transferred in
                    guard state.input != nil, state.queue.count < ExecutorLimits.queueMax else {
                        return .wouldBlock
                    }
                    let read = try state.input!.read(socket, waiting: false)
                    try absorb(&state)
                    return read
                }
                switch read {
                case .bytes: continue
                case .wouldBlock: return
                case .endOfFile:
                    abandoned()
                    return
                }
            } catch {
                broken(error)
                return
            }
        }
    }
}

/// What both threads do with what they have read.
extension ExecutorChannel {
    func absorb(_ state: inout State) throws {
        while let record = try state.input!.next() {
            if let work = try record.work() {
                state.queue.append(work)
                continue
            }
            var reader = unsafe ByteReader(record.body.span.bytes)
            let attempts = try reader.attempts()
            if record.type == .retract {
                retract(attempts, &state)
            } else {
                stop(attempts, record.flags & Record.stopIsTimeout != 0 ? .timedOut : .cancelled, &state)
            }
        }
    }

    private func retract(_ attempts: [AttemptID], _ state: inout State) {
        let returned = attempts.filter { state.queue.remove($0) }
        if !returned.isEmpty { output.withLock { $0.attempts(.returned, returned) } }
    }

    private func stop(_ attempts: [AttemptID], _ reason: StopReason, _ state: inout State) {
        let now = MonotonicClock.now
        for attempt in attempts {
            if state.queue.remove(attempt) {
                let outcome = reason.outcome
                let head = OutcomeHead(
                    attempt: attempt, status: outcome.status, reason: outcome.reason, parts: 0,
                    worker: SessionID(worker.load(ordering: .relaxed)))
                output.withLock { $0.inlineOutcome(head, detail: "", parts: [], now) }
            } else if var running = state.running, running.attempt == attempt, running.stop == nil {
                running.stop = reason
                state.running = running
                state.onStop?(attempt, reason)
            }
        }
    }

    /// The worker is gone: so is the reason to live.
    func abandoned() {
        // First of all, for it takes a moment in which the runner must not leave as if it had been told to.
        whenAbandoned()
        state.withLock { $0.isOver = true }
        tookOver.store(false, ordering: .relaxed)
    }

    /// What came cannot be understood, so nothing behind it can: says so and dies as if the worker was gone.
    func broken(_ error: any Error) {
        fail("the executor cannot read what its worker sent: \(error)")
        abandoned()
    }
}
