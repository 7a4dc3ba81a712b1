import ExecutorRuntime
import Posix
import Synchronization
import TaskModel
import Testing
import Wire

@Suite(.serialized) struct ChannelTests {
    @Test func attemptsComeInOrderWithTheirArguments() throws {
        let worker = try WorkerEnd.greeted()
        for sequence in 1...3 as ClosedRange<UInt64> { worker.assign(sequence, [UInt8(sequence), 9]) }
        for sequence in 1...3 as ClosedRange<UInt64> {
            let attempt = try worker.takeAttempt()
            #expect(attempt.attempt == WorkerEnd.attempt(sequence))
            #expect(attempt.record.bytes(of: attempt.arguments) == [UInt8(sequence), 9])
            worker.channel.finish(TaskOutcome(.value, parts: [.init(.value, .raw, [UInt8(sequence)])]))
        }
        worker.channel.flush()
        for sequence in 1...3 as ClosedRange<UInt64> {
            let outcome = try worker.outcome()
            #expect(outcome.head.attempt == WorkerEnd.attempt(sequence))
            #expect(outcome.head.status == .value)
            #expect(outcome.parts == [.value: [UInt8(sequence)]])
        }
    }

    /// A worker need not wait for `ready`.
    @Test func workThatCameWithTheGreetingIsNotForgotten() throws {
        let worker = try WorkerEnd()
        worker.greet(wire: 1)
        worker.assign(1)
        _ = try worker.channel.greeting()
        #expect(try worker.takeAttempt().attempt == WorkerEnd.attempt(1))
        worker.channel.finish(TaskOutcome(.value))
    }

    /// Records and attachments arrive whole, however the stream is cut.
    @Test(arguments: [1, 3, 7, 4096, 70_000]) func aStreamCutAnywhere(piece: Int) throws {
        let worker = try WorkerEnd.greeted()
        let small = (0..<300).map { UInt8(truncatingIfNeeded: $0) }
        let large = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        var stream: [UInt8] = []
        for sequence in stride(from: 1, to: 6, by: 2) as StrideTo<UInt64> {
            stream += WorkerEnd.assignment(sequence, small)
            stream += WorkerEnd.assignment(sequence + 1, piece < 100 ? small : large, attached: true)
        }
        let sent = stream
        let thread = try OSThread(name: "test-worker") {
            for start in Swift.stride(from: 0, to: sent.count, by: piece) {
                worker.write(Array(sent[start..<min(start + piece, sent.count)]))
            }
        }
        for sequence in 1...6 as ClosedRange<UInt64> {
            let attempt = try worker.takeAttempt()
            #expect(attempt.attempt == WorkerEnd.attempt(sequence))
            let expected = sequence % 2 == 0 && piece >= 100 ? large : small
            #expect(attempt.record.bytes(of: attempt.arguments) == expected)
            worker.channel.finish(TaskOutcome(.value))
        }
        thread.join()
    }

    @Test func largePartsTravelAsAttachments() throws {
        let worker = try WorkerEnd.greeted()
        worker.assign(1)
        _ = try worker.takeAttempt()
        let large = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 / 3) }
        let channel = worker.channel
        let thread = try OSThread(name: "test-runner") {
            channel.finish(TaskOutcome(.value, parts: [.init(.value, .raw, large), .init(.log, .raw, [7])]))
        }
        let outcome = try worker.outcome()
        thread.join()
        #expect(outcome.parts == [.value: large, .log: [7]])
    }

    @Test func aResultOverTheLimitIsAnOutcomeThatNamesIt() throws {
        let worker = try WorkerEnd.greeted()
        worker.assign(1)
        _ = try worker.takeAttempt()
        let half = [UInt8](repeating: 0, count: Limits.payloadBytesMax / 2 + 1)
        worker.channel.finish(
            TaskOutcome(.value, parts: [.init(.value, .raw, half), .init(.log, .raw, half)]))
        worker.channel.flush()
        let outcome = try worker.outcome()
        #expect(outcome.head.status == .exception)
        #expect(outcome.head.reason == .limitExceeded)
    }

    @Test func outcomesOfShortTasksShareASystemCallButNotForLong() throws {
        let worker = try WorkerEnd.greeted()
        for sequence in 1...2 as ClosedRange<UInt64> { worker.assign(sequence) }
        _ = try worker.takeAttempt()
        _ = worker.channel.append(TaskOutcome(.value))
        _ = try worker.takeAttempt()
        // The second attempt runs and runs; nobody but the watcher is there to send the first one's outcome.
        #expect(try worker.outcome().head.attempt == WorkerEnd.attempt(1))
    }

    @Test func whatHasNotStartedCanBeTakenBackWhileATaskRuns() throws {
        let worker = try WorkerEnd.greeted()
        for sequence in 1...5 as ClosedRange<UInt64> { worker.assign(sequence) }
        #expect(try worker.takeAttempt().attempt == WorkerEnd.attempt(1))
        worker.attempts(.retract, [1, 3, 4, 99])
        let said = try #require(try worker.receive())
        #expect(said.type == .returned)
        var reader = unsafe ByteReader(said.body.span.bytes)
        #expect(try reader.attempts() == [WorkerEnd.attempt(3), WorkerEnd.attempt(4)])
        worker.channel.finish(TaskOutcome(.value))
        for sequence in [2, 5] as [UInt64] {
            #expect(try worker.takeAttempt().attempt == WorkerEnd.attempt(sequence))
            worker.channel.finish(TaskOutcome(.value))
        }
    }

    @Test(arguments: [(UInt8(0), StopReason.cancelled), (Record.stopIsTimeout, .timedOut)])
    func aRunningAttemptIsToldToStopOnce(flags: UInt8, reason: StopReason) throws {
        let worker = try WorkerEnd.greeted()
        let stopped = Told()
        worker.channel.onStop { attempt, reason in
            if attempt == WorkerEnd.attempt(1) { stopped.reasons.withLock { $0.append(reason) } }
        }
        for sequence in 1...2 as ClosedRange<UInt64> { worker.assign(sequence) }
        _ = try worker.takeAttempt()
        #expect(worker.channel.takeStop() == nil)
        worker.attempts(.stop, [1, 2, 99], flags: flags)
        #expect(eventually { stopped.reasons.withLock { $0 } == [reason] })
        #expect(worker.channel.takeStop() == reason)
        #expect(worker.channel.takeStop() == nil)
        let waiting = try worker.outcome()
        #expect(waiting.head.attempt == WorkerEnd.attempt(2))
        #expect(waiting.head.status == reason.outcome.status)
        worker.channel.finish(reason.outcome)
        worker.channel.flush()
        #expect(try worker.outcome().head.reason == reason.outcome.reason)
    }

    final class Told: Sendable {
        let reasons = Mutex<[StopReason]>([])
    }

    @Test func aWorkerThatIsGoneIsNoticedWhileATaskRuns() throws {
        let worker = try WorkerEnd.greeted()
        worker.assign(1)
        _ = try worker.takeAttempt()
        worker.close()
        #expect(eventually { worker.isAbandoned })
    }

    @Test func aWorkerThatIsGoneIsNoticedWhileNothingRuns() throws {
        let worker = try WorkerEnd.greeted()
        worker.close()
        guard case .shutdown = worker.channel.next() else {
            Issue.record("work from nobody")
            return
        }
        #expect(worker.isAbandoned)
    }

    @Test func shutdownComesAfterWhatWaitsAndLeavesNothingUnsent() throws {
        let worker = try WorkerEnd.greeted()
        worker.assign(1)
        worker.send(.shutdown)
        _ = try worker.takeAttempt()
        worker.channel.finish(TaskOutcome(.value))
        guard case .shutdown = worker.channel.next() else {
            Issue.record("work after shutdown")
            return
        }
        #expect(try worker.outcome().head.attempt == WorkerEnd.attempt(1))
    }

    /// Far more than a worker ever sends waits in the socket, not in memory.
    @Test func aFloodWaitsInTheSocket() throws {
        let worker = try WorkerEnd.greeted()
        let count = UInt64(30_000)
        let thread = try OSThread(name: "test-worker") {
            for sequence in 1...count { worker.assign(sequence) }
        }
        let reader = try OSThread(name: "test-reader") {
            for _ in 1...count { _ = try? worker.outcome() }
        }
        _ = try worker.takeAttempt()
        // Long enough for the watcher to take over and to read as much as it may.
        let deadline = MonotonicClock.now + .milliseconds(50)
        while MonotonicClock.now < deadline {}
        worker.channel.finish(TaskOutcome(.value))
        for sequence in 2...count {
            #expect(try worker.takeAttempt().attempt == WorkerEnd.attempt(sequence))
            worker.channel.finish(TaskOutcome(.value))
        }
        worker.channel.flush()
        thread.join()
        reader.join()
        #expect(!worker.isAbandoned)
    }
}

@Suite(.serialized) struct RefusalTests {
    @Test func anotherWireVersionIsNamed() throws {
        let worker = try WorkerEnd()
        worker.greet(wire: 9)
        let error = #expect(throws: ExecutorError.self) { try worker.channel.greeting() }
        #expect(error?.description.contains("wire version 9") == true)
    }

    @Test func somethingElseInsteadOfAGreetingIsNamed() throws {
        let worker = try WorkerEnd()
        worker.assign(1)
        let error = #expect(throws: ExecutorError.self) { try worker.channel.greeting() }
        #expect(error?.description.contains("assign") == true)
    }

    @Test func aDescriptorThatIsNoSocketIsNamed() throws {
        let error = #expect(throws: ExecutorError.self) { try ExecutorChannel(socket: 4_000) }
        #expect(error?.description.contains("descriptor 4000") == true)
    }

    @Test(
        arguments: [
            [0xFF, 0, 0, 0, 0, 0, 0, 0], [50, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4],
            [50, 0, 0, 0, 255, 255, 255, 255],
            [4, 0, 0, 0, 0, 0, 0, 0], [51, 0, 0, 0, 8, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0],
        ] as [[UInt8]]) func bytesThatAreNoRecordsEndTheExecutorWithTheReason(bytes: [UInt8]) throws
    {
        let worker = try WorkerEnd.greeted()
        worker.write(bytes)
        guard case .shutdown = worker.channel.next() else {
            Issue.record("work out of nonsense")
            return
        }
        let said = try #require(try worker.receive())
        #expect(said.type == .failed)
        #expect(worker.isAbandoned)
    }
}

extension WorkerEnd {
    /// What `next` gives, which has to be an attempt.
    func takeAttempt() throws -> ReceivedAttempt {
        guard case .attempt(let attempt) = channel.next() else {
            throw ExecutorError("something else than an attempt")
        }
        return attempt
    }
}
