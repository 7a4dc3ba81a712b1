import Logging
import Posix
import SessionTransport
import TaskModel
import Wire
import ZeroMQ

/// The thread of a client: everything between the session that callers see and the scheduler.
final class ClientLoop {
    private enum Token {
        static let connector: UInt64 = 0
        static let wake: UInt64 = 1
        static let cluster: UInt64 = 2
    }

    private let session: ClientSession
    private let connector: Connector
    private let configuration: ConnectorConfiguration
    /// Of the embedded cluster, readable when it has ended; nil without one.
    private let cluster: EmbeddedCluster?
    private var poller: Poller
    private var letters: [Letter] = []
    private var nextLetter = 0
    /// The last task that was written in this turn.
    private var lastWritten: UInt64?
    private var isWelcomed = false
    /// Also in a session that was forgotten meanwhile.
    private var wasWelcomed = false
    /// When to give up waiting for the scheduler.
    private var patienceEnds: Instant
    /// How long to look for a scheduler that was lost; nil: for ever.
    private let reconnectTimeout: Interval?
    private var lostSince: Instant?
    private var isOutageTold = false
    private let logger = Logger(label: "isthmus")
    /// Set once the goodbye is on its way.
    private var closesBy: Instant?
    private var isOver = false

    init(
        _ session: ClientSession, _ configuration: ConnectorConfiguration, cluster: EmbeddedCluster?,
        reconnectTimeout: Interval?
    ) throws(IsthmusError) {
        self.session = session
        self.configuration = configuration
        self.cluster = cluster
        self.reconnectTimeout = reconnectTimeout
        let now = MonotonicClock.now
        patienceEnds = now + Limits.connectTimeout
        do {
            connector = try Connector(configuration, session: session.id, context: Context(), now: now)
        } catch {
            throw .connection("cannot connect to \(configuration.address): \(error)")
        }
        do {
            poller = try Poller()
            try poller.watch(connector.pollDescriptor, token: Token.connector)
            try poller.watch(session.wake.rawValue, token: Token.wake)
            if let cluster { try poller.watch(cluster.endDescriptor, token: Token.cluster) }
        } catch {
            throw .connection("the client's loop cannot start: \(error)")
        }
    }

    /// Returns when the session is over.
    func run() {
        while !isOver {
            let ready = wait()
            let now = MonotonicClock.now
            if ready.contains(where: { $0.token == Token.cluster }) {
                let how = cluster?.ending ?? "has ended"
                lose("the embedded cluster \(how); its last words are on standard error")
                break
            }
            if ready.contains(where: { $0.token == Token.wake }) { session.wake.drain() }
            while let event = connector.next(now: now) { handle(event, now) }
            let mustClose = session.takeLetters(into: &letters)
            if isWelcomed { writeLetters() }
            if mustClose, closesBy == nil { close(now) }
            connector.flush(now: now)
            watchOutage(now)
            checkPatience(now)
        }
    }

    private func wait() -> [Poller.Ready] {
        let now = MonotonicClock.now
        let deadline = min(connector.wakeUp, closesBy ?? patienceEnds)
        do {
            let ready = try poller.wait(until: deadline, now: now)
            // This process was stopped: the scheduler may have been there all the time.
            let late = MonotonicClock.now - deadline
            if lostSince != nil, deadline > now, late > Limits.heartbeatInterval,
                patienceEnds != .distantFuture
            {
                patienceEnds = patienceEnds + late
            }
            return ready
        } catch {
            lose("the client's loop cannot wait for its sockets: \(error)")
            return []
        }
    }

    private func handle(_ event: ConnectorEvent, _ now: Instant) {
        switch event {
        case .welcomed(let welcome, resumed: _):
            (isWelcomed, wasWelcomed) = (true, true)
            patienceEnds = .distantFuture
            let tasks = welcome.fields["tasks"]?.unsigned.map { Int(clamping: $0) } ?? Limits.sessionTasksMax
            let bytes = welcome.fields["bytes"]?.unsigned.map { Int(clamping: $0) }
            session.welcomed(tasks: tasks, bytes: bytes ?? Limits.sessionPayloadBytesMax)
        case .received(let frame):
            do {
                try read(frame)
            } catch {
                lose("the scheduler sent what is not in the protocol: \(error)")
            }
        case .interrupted, .unblocked: break
        case .refused(let refusal):
            if refusal.code == RefusalCode.session.rawValue, isWelcomed {
                restart(
                    "the scheduler does not know this client's session any more (it was started anew)", now)
            } else {
                end(.sessionRefused(code: refusal.code, message: refusal.description))
            }
        case .closed:
            if closesBy == nil { lose("the scheduler at \(address) was stopped") } else { end(.closed) }
        }
    }

    private func restart(_ what: String, _ now: Instant) {
        guard closesBy == nil else {
            isOver = true
            return end(.closed)
        }
        isWelcomed = false
        letters = []
        nextLetter = 0
        patienceEnds = reconnectTimeout.map { now + $0 } ?? .distantFuture
        lostSince = nil
        let id = session.restart(what)
        connector.restart(session: id, fields: configuration.fields, now: now)
    }

    private func checkPatience(_ now: Instant) {
        if let closesBy {
            if connector.link.isDrained || now >= closesBy { end(.closed) }
        } else if now >= patienceEnds {
            let trouble = connector.trouble.map { ": \($0)" } ?? ""
            lose("no connection to the scheduler at \(address)\(trouble)")
        }
    }

    /// Once welcomed: counts the time without an answer of the scheduler, and warns of it once.
    private func watchOutage(_ now: Instant) {
        guard isWelcomed, closesBy == nil else { return }
        if connector.isEstablished {
            guard lostSince != nil else { return }
            if isOutageTold { logger.warning("the scheduler is back", metadata: ["address": "\(address)"]) }
            (lostSince, isOutageTold, patienceEnds) = (nil, false, .distantFuture)
            return
        }
        guard let lostSince else {
            self.lostSince = now
            patienceEnds = reconnectTimeout.map { now + $0 } ?? .distantFuture
            return
        }
        guard !isOutageTold, now >= lostSince + Limits.outageWarningDelay else { return }
        isOutageTold = true
        logger.warning(
            "no connection to the scheduler; trying on",
            metadata: [
                "address": "\(address)", "why": "\(connector.trouble ?? "it does not answer")",
                "reconnectTimeout":
                    "\(reconnectTimeout.map { "\($0.nanoseconds / 1_000_000) ms" } ?? "none")",
            ])
    }

    private var address: Address { configuration.address }

    private func close(_ now: Instant) {
        session.end(.closed)
        letters = []
        nextLetter = 0
        connector.close(now: now)
        closesBy = now + Limits.closeTimeout
    }

    /// The scheduler is gone, and the client of no more use.
    private func lose(_ what: String) {
        let error: IsthmusError =
            wasWelcomed ? .sessionLost("\(what): make a new Client", mayHaveRun: false) : .connection(what)
        session.end(error) {
            .sessionLost(
                "\(what). Of this task is known: \($0.words). Make a new Client and submit it again",
                mayHaveRun: $0.mayHaveRun)
        }
        isOver = true
    }

    private func end(_ error: IsthmusError) {
        session.end(error)
        isOver = true
    }
}

// MARK: Writing

extension ClientLoop {
    private func writeLetters() {
        defer {
            if let lastWritten { session.wrote(lastWritten) }
            lastWritten = nil
        }
        while nextLetter < letters.count, !connector.link.isBlocked {
            switch letters[nextLetter] {
            case .release(let first): writeReleases(from: first)
            case .defineFunction, .defineOptions, .submit, .cancel, .setup, .want:
                write(letters[nextLetter])
                nextLetter += 1
            }
        }
        if nextLetter == letters.count {
            letters.removeAll(keepingCapacity: true)
            nextLetter = 0
        }
    }

    private func write(_ letter: Letter) {
        let link = connector.link
        switch letter {
        case .defineFunction(let number, let kind, let definition):
            link.beginRecord(.defineFunction)
            link.writer.functionHead(function: number, kind: kind, digest: blake2b128(definition))
            link.appendPayload(.neutral, definition)
        case .defineOptions(let number, let fields):
            link.beginRecord(.defineOptions)
            link.writer.uint32(number)
            link.writer.uint32(UInt32(fields.count))
            link.writer.fields(fields)
        case .submit(let task):
            link.beginRecord(.submit, flags: task.parent == nil ? 0 : Submission.hasParent)
            link.writer.submissionHead(
                sequence: task.sequence, function: task.function, options: task.options, kind: task.kind,
                parent: task.parent, dependencies: task.dependencies)
            link.appendPayload(.neutral, task.arguments)
            lastWritten = task.sequence
        case .setup(let function, let arguments):
            link.beginRecord(.setup)
            link.writer.uint32(function)
            link.writer.uint32(0)
            link.appendPayload(.neutral, arguments)
        case .cancel(let sequence, let running):
            link.beginRecord(.cancel, flags: running ? 1 : 0)
            link.writer.uint64(sequence)
        case .want(let sequence):
            link.beginRecord(.want)
            link.writer.uint64(sequence)
        case .release: preconditionFailure("releases are written together")
        }
        link.endRecord()
    }

    /// Writes neighbouring releases as one record of ranges: a loop over results releases them in order.
    private func writeReleases(from first: UInt64) {
        var ranges: [(first: UInt64, count: UInt64)] = []
        while nextLetter < letters.count, case .release(let sequence) = letters[nextLetter] {
            if let last = ranges.last, last.first + last.count == sequence {
                ranges[ranges.count - 1].count += 1
            } else {
                guard ranges.count < Limits.recordsPerFrameMax else { break }
                ranges.append((sequence, 1))
            }
            nextLetter += 1
        }
        let link = connector.link
        link.beginRecord(.release)
        link.writer.uint32(UInt32(ranges.count))
        link.writer.uint32(0)
        for range in ranges {
            link.writer.uint64(range.first)
            link.writer.uint64(range.count)
        }
        link.endRecord()
    }
}

// MARK: Reading

extension ClientLoop {
    private func read(_ frame: ReceivedFrame) throws(WireError) {
        let outcomes = try frame.withBytes(of: 0) { bytes throws(WireError) in
            var reader = ByteReader(bytes, at: FrameHeader.bytes)
            var outcomes: [ReceivedOutcome] = []
            var attachments = 0
            for _ in 0..<frame.header.records {
                let record = try reader.record(attachmentsBefore: attachments)
                attachments += record.attachments
                guard attachments <= frame.attachmentCount else { throw WireError("attachments are missing") }
                if record.type != .outcome {
                    try note(record, bytes)
                    continue
                }
                let missing = frame.missingBytes(of: record)
                if missing > 0 {
                    var body = ByteReader(body: record, of: bytes)
                    session.fail(try OutcomeHead(decoding: &body), missing: missing)
                    continue
                }
                outcomes.append(try outcome(record, bytes, frame))
            }
            return outcomes
        }
        for outcome in outcomes { session.finish(outcome) }
    }

    /// What has become of tasks that have not ended: told of them if the scheduler is lost.
    private func note(_ record: Record, _ bytes: RawSpan) throws(WireError) {
        var body = ByteReader(body: record, of: bytes)
        if record.type == .accepted { session.accepted(try body.uint64("accepted")) }
        if record.type == .started { session.started(try body.attempts().map(\.task.sequence)) }
    }

    private func outcome(
        _ record: Record, _ bytes: RawSpan, _ frame: ReceivedFrame
    ) throws(WireError) -> ReceivedOutcome {
        var body = ByteReader(body: record, of: bytes)
        let head = try OutcomeHead(decoding: &body)
        let detail = String(decoding: bytes.copied(head.detail), as: UTF8.self)
        var parts: [ReceivedOutcome.Part] = []
        var attachment = record.firstAttachment
        for _ in 0..<head.parts {
            let part = try body.outcomePart()
            let end = attachment + part.payload.attachments
            guard end <= record.firstAttachment + record.attachments else {
                throw WireError("an outcome lacks attachments")
            }
            let content =
                switch part.payload.form {
                case .nothing, .reference: [UInt8]()
                case .inline: bytes.copied(part.payload.inline)
                case .attached: frame.withBytes(of: attachment + 1) { $0.copied(0..<$0.byteCount) }
                }
            attachment = end
            parts.append(ReceivedOutcome.Part(kind: part.kind, codec: part.payload.codec, bytes: content))
        }
        return ReceivedOutcome(
            head: head, detail: detail, parts: parts, isLeft: record.flags & Record.valueIsLeft != 0)
    }
}
