internal import Posix
internal import Synchronization
package import TaskModel
internal import Wire

/// The side of the channel that the thread which runs tasks calls.
extension ExecutorChannel {
    /// Blocks until there is something to do. Always called from one thread, the runner.
    package func next() -> Work {
        while true {
            if let work = nextWaiting() { return work }
            waitForWork()
        }
    }

    /// What is there already; nil when the socket has to be asked, for which `waitForWork` blocks.
    package func nextWaiting() -> Work? {
        exitIfDetached()
        let now = MonotonicClock.now
        let work = state.withLock { state -> Work? in
            guard let work = state.queue.popFirst() else { return state.isOver ? .shutdown : nil }
            if case .attempt(let attempt) = work {
                precondition(state.running == nil, "the last attempt was not finished")
                state.running = Running(attempt: attempt.attempt, started: now)
            }
            return work
        }
        say(work)
        if work != nil { becomeBusy(now) }
        // The runner leaves now, and nobody would send what waits.
        if case .shutdown? = work { flush() }
        return work
    }

    /// Sends what waits, then blocks until the worker says something. The runner must not hold a lock (the
    /// GIL) that others need.
    package func waitForWork() {
        exitIfDetached()
        flush()
        var input = state.withLock { state -> RecordInput? in
            // The watcher may have read something since the runner looked.
            guard state.queue.isEmpty, !state.isOver else { return nil }
            busySince.store(0, ordering: .sequentiallyConsistent)
            return state.input.take()
        }
        callWatcherBack()
        guard input != nil else { return }
        do {
            var isOver = false
            if case .endOfFile = try input!.read(socket, waiting: true) { isOver = true }
            try state.withLock { state throws(any Error) in
                state.input = input.take()
                try absorb(&state)
            }
            if isOver { abandoned() }
        } catch {
            broken(error)
        }
    }

    private func say(_ work: Work?) {
        switch work {
        case .attempt: activity.become(.attempt)
        case .setup(let setup): activity.become(.initializer, of: setup.session)
        case .function, .forgetSession, .forgetFunction, .devices, .shutdown, nil: activity.become(.nothing)
        }
    }

    private func becomeBusy(_ now: Instant) {
        if busySince.load(ordering: .relaxed) != 0 {
            busySince.store(now.nanoseconds, ordering: .relaxed)
            callWatcherBack()
        } else {
            busySince.store(now.nanoseconds, ordering: .sequentiallyConsistent)
            if watcherSleeps.load(ordering: .sequentiallyConsistent) { wake.signal() }
        }
    }

    private func callWatcherBack() {
        if tookOver.load(ordering: .relaxed) {
            tookOver.store(false, ordering: .relaxed)
            wake.signal()
        }
    }
}

/// Ending attempts.
extension ExecutorChannel {
    /// Ends the attempt that `next` returned, with what it wrote to descriptors 1 and 2. Called by the runner
    /// before the next `next`. May block while the worker does not read.
    package func finish(_ outcome: TaskOutcome) {
        if let large = outcome.parts.first(where: { $0.bytes.count >= Limits.inlineBytesMax }) {
            finishLarge(outcome, large)
            return
        }
        if append(outcome) { flush() }
    }

    /// Ends the attempt; answers true when `flush` is due, which may block.
    package func append(_ outcome: TaskOutcome) -> Bool {
        let now = MonotonicClock.now
        let output = capturedOutput()
        var head = endRunning(outcome.status, outcome.reason, now)
        head.parts = outcome.parts.count + output.count
        head.detailCount = outcome.detail.utf8.count
        return self.output.withLock {
            $0.inlineOutcome(head, detail: outcome.detail, parts: outcome.parts + output, now)
            return $0.isDue(now)
        }
    }

    /// Ends the attempt with a small value that belongs to the caller; answers true when `flush` is due.
    package func appendValue(_ codec: Codec, _ bytes: RawSpan) -> Bool {
        let now = MonotonicClock.now
        let captured = capturedOutput()
        if !captured.isEmpty {
            let copy = bytes.copied(0..<bytes.byteCount)
            return append(TaskOutcome(.value, parts: [TaskOutcome.Part(.value, codec, copy)] + captured))
        }
        var head = endRunning(.value, .none, now)
        head.parts = 1
        return output.withLock {
            $0.inlineValue(head, codec, bytes, now)
            return $0.isDue(now)
        }
    }

    /// Ends the attempt with parts of any size, which are sent before it returns, without being copied.
    @unsafe package func finish(
        _ status: OutcomeStatus, _ reason: OutcomeReason, detail: String, parts: [BorrowedPart]
    ) {
        let total = unsafe parts.reduce(0) { sum, part in
            unsafe sum + part.main.count + part.buffers.reduce(0) { $0 + $1.count }
        }
        guard total <= Limits.payloadBytesMax + Limits.outcomeTextBytesMax else {
            finish(Self.tooLarge(total))
            return
        }
        let now = MonotonicClock.now
        let captured = capturedOutput()
        var head = endRunning(status, reason, now)
        head.parts = unsafe parts.count + captured.count
        head.detailCount = detail.utf8.count
        let flushed = output.withLock { output -> OutcomeOutput.Flushed in
            unsafe Self.withBorrowed(captured, after: parts) { all in
                let attachments = unsafe output.outcome(head, detail: detail, parts: all, now)
                return unsafe (try? output.flush(socket, attachments: attachments, now)) ?? .endOfFile
            }
        }
        if case .endOfFile = flushed { abandoned() }
        flush()
    }

    /// Sends what waits; blocks while the worker does not read.
    package func flush() {
        let now = MonotonicClock.now
        let flushed = output.withLock { output in
            (try? output.flush(socket, waiting: true, now)) ?? .endOfFile
        }
        if case .endOfFile = flushed { abandoned() }
    }

    private func finishLarge(_ outcome: TaskOutcome, _ large: TaskOutcome.Part) {
        let total = outcome.parts.reduce(0) { $0 + $1.bytes.count }
        guard total <= Limits.payloadBytesMax else {
            finish(Self.tooLarge(total))
            return
        }
        unsafe Self.withBorrowed(outcome.parts, after: []) { parts in
            unsafe finish(outcome.status, outcome.reason, detail: outcome.detail, parts: parts)
        }
    }

    private static func tooLarge(_ count: Int) -> TaskOutcome {
        TaskOutcome(
            .exception, .limitExceeded,
            detail: "the result has \(count) bytes, more than payload_bytes_max "
                + "(\(Limits.payloadBytesMax) bytes): return less, or write it to a file and return its path")
    }

    private static func withBorrowed<Result>(
        _ parts: [TaskOutcome.Part], after borrowed: [BorrowedPart], _ body: ([BorrowedPart]) -> Result
    ) -> Result {
        guard let first = parts.first else { return unsafe body(borrowed) }
        return unsafe first.bytes.withUnsafeBytes { bytes in
            let part = unsafe BorrowedPart(first.kind, first.codec, bytes, buffers: [])
            return unsafe withBorrowed(Array(parts.dropFirst()), after: borrowed + [part], body)
        }
    }

    private func capturedOutput() -> [TaskOutcome.Part] {
        if captured.isEmpty { return [] }
        flushStandardStreams()
        return captured.compactMap { $0.cut() }
    }

    private func endRunning(_ status: OutcomeStatus, _ reason: OutcomeReason, _ now: Instant) -> OutcomeHead {
        exitIfDetached()
        activity.become(.nothing)
        let running = state.withLock { $0.running.take() }
        guard let running else { preconditionFailure("no attempt is running") }
        var head = OutcomeHead(
            attempt: running.attempt, status: status, reason: reason, parts: 0,
            worker: SessionID(worker.load(ordering: .relaxed)))
        head.ranMicroseconds = (now - running.started).wireMicroseconds
        return head
    }
}
