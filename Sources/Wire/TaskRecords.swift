package import TaskModel

/// A client names a function once per session; submits refer to it by number.
package struct FunctionDefinition: Hashable, Sendable {
    package let function: UInt32
    package let kind: ExecutorKind
    package let digest: [UInt8]
    package let definition: PayloadView

    package static let digestBytes = 16

    @_lifetime(body: copy body)
    package init(decoding body: inout ByteReader) throws(WireError) {
        function = try body.uint32("function")
        kind = try body.executorKind()
        try body.skip(3, "zero")
        let range = try body.range(Self.digestBytes, "digest")
        digest = body.bytes.copied(range)
        definition = try body.payload()
    }
}

/// One task, as its client hands it over.
package struct Submission: Hashable, Sendable, BitwiseCopyable {
    package let sequence: UInt64
    /// 0: the arguments carry the callable.
    package let function: UInt32
    /// 0: the defaults.
    package let options: UInt32
    package let kind: ExecutorKind
    package let parent: TaskID?
    package let dependencies: Int
    /// Where the sequence numbers of the dependencies begin, 8 bytes each.
    package let dependenciesStart: Int
    package let arguments: PayloadView

    package static let hasParent: UInt8 = 1

    @_lifetime(body: copy body)
    package init(decoding body: inout ByteReader, flags: UInt8) throws(WireError) {
        sequence = try body.uint64("sequence")
        function = try body.uint32("function")
        options = try body.uint32("options")
        dependencies = Int(try body.uint32("number of dependencies"))
        kind = try body.executorKind()
        try body.skip(3, "zero")
        guard dependencies <= Limits.dependenciesPerTaskMax else {
            throw WireError("\(dependencies) dependencies, at most \(Limits.dependenciesPerTaskMax)")
        }
        if flags & Self.hasParent != 0 {
            let session = SessionID(try body.uint64("parent session"))
            parent = TaskID(session: session, sequence: try body.uint64("parent sequence"))
        } else {
            parent = nil
        }
        dependenciesStart = try body.range(dependencies * 8, "dependencies").lowerBound
        arguments = try body.payload()
    }
}

extension ByteWriter {
    /// The part of a submit record in front of its arguments.
    package mutating func submissionHead(
        sequence: UInt64, function: UInt32, options: UInt32, kind: ExecutorKind, parent: TaskID?,
        dependencies: [UInt64]
    ) {
        uint64(sequence)
        uint32(function)
        uint32(options)
        uint32(UInt32(dependencies.count))
        uint8(kind.rawValue)
        uint8(0)
        uint16(0)
        if let parent {
            uint64(parent.session.rawValue)
            uint64(parent.sequence)
        }
        for dependency in dependencies { uint64(dependency) }
    }

    /// The part of a define-function record in front of the definition.
    package mutating func functionHead(function: UInt32, kind: ExecutorKind, digest: [UInt8]) {
        uint32(function)
        uint8(kind.rawValue)
        uint8(0)
        uint16(0)
        raw(digest)
    }
}

/// One attempt, as the scheduler hands it to a worker and the worker to an executor.
package struct Assignment: Hashable, Sendable, BitwiseCopyable {
    package var attempt: AttemptID
    package var function: UInt32
    package var kind: ExecutorKind
    package var resultCodec: Codec
    package var mode: ExecutionMode
    /// A larger one goes first among what waits in front of the executors of a worker.
    package var rank: Int8
    /// 0: none.
    package var timeoutMilliseconds: UInt32
    package var graceMilliseconds: UInt32
    package var dependencies: Int
    /// Devices of the worker that the attempt has, a bit each; 0 for one without.
    package var devices: UInt64
    /// It takes more of its worker than a slot and one cpu, or cpus are fewer than slots there.
    package var isCounted: Bool
    /// Where the payloads begin: the arguments, then one per dependency.
    package var payloadsStart: Int

    package static let hasDevices: UInt8 = 1
    package static let isCounted: UInt8 = 2

    /// Flags of the record.
    package var flags: UInt8 { (devices == 0 ? 0 : Self.hasDevices) | (isCounted ? Self.isCounted : 0) }

    package init(
        attempt: AttemptID, function: UInt32, kind: ExecutorKind, resultCodec: Codec, mode: ExecutionMode,
        rank: Int8 = 0, timeoutMilliseconds: UInt32, graceMilliseconds: UInt32, dependencies: Int,
        devices: UInt64 = 0, isCounted: Bool = false
    ) {
        self.devices = devices
        self.isCounted = isCounted
        self.rank = rank
        self.attempt = attempt
        self.function = function
        self.kind = kind
        self.resultCodec = resultCodec
        self.mode = mode
        self.timeoutMilliseconds = timeoutMilliseconds
        self.graceMilliseconds = graceMilliseconds
        self.dependencies = dependencies
        payloadsStart = 0
    }

    @_lifetime(body: copy body)
    package init(decoding body: inout ByteReader, flags: UInt8) throws(WireError) {
        let session = SessionID(try body.uint64("session"))
        let sequence = try body.uint64("sequence")
        let number = try body.uint32("attempt")
        attempt = AttemptID(task: TaskID(session: session, sequence: sequence), number: number)
        function = try body.uint32("function")
        kind = try body.executorKind()
        resultCodec = try body.codec()
        let rawMode = try body.uint8("mode")
        guard let mode = ExecutionMode(rawValue: rawMode) else { throw WireError("unknown mode \(rawMode)") }
        self.mode = mode
        rank = Int8(bitPattern: try body.uint8("rank"))
        timeoutMilliseconds = try body.uint32("timeout")
        graceMilliseconds = try body.uint32("grace")
        dependencies = Int(try body.uint32("number of dependencies"))
        guard dependencies <= Limits.dependenciesPerTaskMax else {
            throw WireError("\(dependencies) dependencies, at most \(Limits.dependenciesPerTaskMax)")
        }
        isCounted = flags & Self.isCounted != 0
        devices = 0
        if flags & Self.hasDevices != 0 {
            devices = try body.uint64("devices")
            guard devices != 0 else { throw WireError("an attempt with devices names none") }
        }
        payloadsStart = body.offset
    }
}

extension ByteWriter {
    /// The part of an assign record in front of its payloads. The record has the assignment's flags.
    package mutating func assignmentHead(_ assignment: Assignment) {
        uint64(assignment.attempt.task.session.rawValue)
        uint64(assignment.attempt.task.sequence)
        uint32(assignment.attempt.number)
        uint32(assignment.function)
        uint8(assignment.kind.rawValue)
        uint8(assignment.resultCodec.rawValue)
        uint8(assignment.mode.rawValue)
        uint8(UInt8(bitPattern: assignment.rank))
        uint32(assignment.timeoutMilliseconds)
        uint32(assignment.graceMilliseconds)
        uint32(UInt32(assignment.dependencies))
        if assignment.devices != 0 { uint64(assignment.devices) }
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    package mutating func executorKind() throws(WireError) -> ExecutorKind {
        let rawKind = try uint8("kind")
        guard let kind = ExecutorKind(rawValue: rawKind) else { throw WireError("unknown kind \(rawKind)") }
        return kind
    }

    @_lifetime(self: copy self)
    package mutating func codec() throws(WireError) -> Codec {
        let rawCodec = try uint8("codec")
        guard let codec = Codec(rawValue: rawCodec) else { throw WireError("unknown codec \(rawCodec)") }
        return codec
    }

    /// An attempt as lists carry it: 24 bytes.
    @_lifetime(self: copy self)
    package mutating func attempt() throws(WireError) -> AttemptID {
        let session = SessionID(try uint64("session"))
        let sequence = try uint64("sequence")
        let number = try uint32("attempt")
        try skip(4, "zero")
        return AttemptID(task: TaskID(session: session, sequence: sequence), number: number)
    }

    /// A list of attempts (`started`, `returned`, `retract`, `stop`).
    @_lifetime(self: copy self)
    package mutating func attempts() throws(WireError) -> [AttemptID] {
        let count = Int(try uint32("number of attempts"))
        try skip(4, "zero")
        guard remaining >= count * 24 else { throw WireError("\(count) attempts in \(remaining) bytes") }
        var attempts: [AttemptID] = []
        attempts.reserveCapacity(count)
        for _ in 0..<count { attempts.append(try attempt()) }
        return attempts
    }
}

extension ByteWriter {
    package mutating func attempt(_ attempt: AttemptID) {
        uint64(attempt.task.session.rawValue)
        uint64(attempt.task.sequence)
        uint32(attempt.number)
        uint32(0)
    }

    /// A whole record that is a list of attempts.
    package mutating func attemptsRecord(_ type: RecordType, _ attempts: [AttemptID]) {
        let body = beginRecord(type)
        uint32(UInt32(attempts.count))
        uint32(0)
        for attempt in attempts { self.attempt(attempt) }
        endRecord(body)
    }
}
