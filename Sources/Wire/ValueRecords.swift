package import TaskModel

/// The value of a task, which a worker keeps until it is told to forget it.
package struct SentValue: Hashable, Sendable, BitwiseCopyable {
    package let task: TaskID
    package let payload: PayloadView

    @_lifetime(body: copy body)
    package init(decoding body: inout ByteReader) throws(WireError) {
        task = try body.taskID()
        payload = try body.payload()
    }
}

extension ObjectReference {
    /// The value of a task at a worker.
    package init(_ task: TaskID, at worker: SessionID, size: UInt64) {
        self.init(owner: worker, high: task.session.rawValue, low: task.sequence, size: size)
    }

    package var task: TaskID { TaskID(session: SessionID(high), sequence: low) }

    @_lifetime(body: copy body)
    package init(decoding body: inout ByteReader) throws(WireError) {
        owner = SessionID(try body.uint64("owner"))
        high = try body.uint64("object high")
        low = try body.uint64("object low")
        size = try body.uint64("object size")
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    package mutating func taskID() throws(WireError) -> TaskID {
        let session = SessionID(try uint64("session"))
        return TaskID(session: session, sequence: try uint64("sequence"))
    }

    /// A list of tasks (`forget values`).
    @_lifetime(self: copy self)
    package mutating func taskIDs() throws(WireError) -> [TaskID] {
        let count = Int(try uint32("number of tasks"))
        try skip(4, "zero")
        guard remaining >= count * 16 else { throw WireError("\(count) tasks in \(remaining) bytes") }
        var tasks: [TaskID] = []
        tasks.reserveCapacity(count)
        for _ in 0..<count { tasks.append(try taskID()) }
        return tasks
    }
}

extension ByteWriter {
    package mutating func taskID(_ task: TaskID) {
        uint64(task.session.rawValue)
        uint64(task.sequence)
    }

    package mutating func reference(_ codec: Codec, _ reference: ObjectReference) {
        payloadHeader(codec, .reference, count: ObjectReference.bytes)
        uint64(reference.owner.rawValue)
        uint64(reference.high)
        uint64(reference.low)
        uint64(reference.size)
    }
}
