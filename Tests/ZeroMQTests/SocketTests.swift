import Posix
import TaskModel
import Testing
import ZeroMQ

/// What the layers above rely on in libzmq itself.
@Suite struct SocketTests {
    let context = Context()

    @Test func partsArriveTogetherAndInOrder() throws {
        let server = try Socket(.router, in: context)
        try server.bind("inproc://parts")
        let client = try Socket(.dealer, in: context)
        try client.connect("inproc://parts")
        var message = Message(copying: [1])
        expect(.sent, client.send(&message, more: true))
        message = Message(copying: [])
        expect(.sent, client.send(&message, more: true))
        message = Message(copying: [2, 3])
        expect(.sent, client.send(&message, more: false))
        var parts: [[UInt8]] = []
        var part = Message()
        try eventually { server.receive(into: &part) }
        while part.hasMore {
            let isThere = server.receive(into: &part)
            #expect(isThere)
            parts.append(part.bytes)
        }
        #expect(parts == [[1], [], [2, 3]])
    }

    @Test func aRouterSaysThatAPeerIsUnknown() throws {
        let server = try Socket(.router, in: context)
        try server.set(.routerMandatory, 1)
        try server.bind("inproc://unknown")
        var message = Message(copying: [0, 1, 2, 3, 4])
        expect(.unreachable, server.send(&message, more: true))
    }

    @Test func aSharedMessageOutlivesTheOneItWasSharedFrom() throws {
        let bytes = [UInt8](repeating: 7, count: 100_000)
        var copy = Message()
        do {
            let original = Message(sharing: bytes)
            copy.share(original)
        }
        #expect(copy.bytes == bytes)
        copy.refill([1, 2])
        #expect(copy.bytes == [1, 2])
        copy.overwrite(with: [9])
        #expect(copy.copied().bytes == [9, 2])
    }

    @Test func arraysAreSharedNotCopied() {
        let bytes = [UInt8](repeating: 7, count: 100_000)
        let message = Message(sharing: bytes)
        let isSame = message.withBytes { inside in
            unsafe inside.withUnsafeBytes { inside in
                unsafe bytes.withUnsafeBytes { outside in unsafe inside.baseAddress == outside.baseAddress }
            }
        }
        #expect(isSame)
    }

    @Test func aMonitorThatEndsDoesNotStopTheContext() throws {
        let server = try Socket(.router, in: context)
        try server.bind("tcp://127.0.0.1:*")
        let address = server.lastEndpoint
        // Each has events on their way when its monitor ends.
        for round in 0..<50 {
            let client = try Socket(.dealer, in: context)
            try client.set(.linger, 0)
            let monitor = try SocketMonitor(of: client, name: "round-\(round)", context: context)
            try client.connect(address)
            monitor.stop(client)
        }
        let last = try Socket(.dealer, in: context)
        try last.connect(address)
        var message = Message(copying: [1])
        expect(.sent, last.send(&message, more: false))
        try eventually { server.receive(into: &message) }
    }

    @Test func aMonitorTellsOfConnections() throws {
        let client = try Socket(.dealer, in: context)
        try client.set(.linger, 0)
        var monitor = try SocketMonitor(of: client, name: "tells", context: context)
        do {
            let server = try Socket(.router, in: context)
            try server.set(.linger, 0)
            try server.bind("tcp://127.0.0.1:*")
            try client.connect(server.lastEndpoint)
            try eventually { monitor.next() == .connected }
        }
        try eventually { monitor.next() == .disconnected }
        monitor.stop(client)
    }

    @Test func curveKeysBelongTogether() throws {
        let pair = try makeCurveKeyPair()
        #expect(pair.publicKey.utf8.count == 40 && pair.secretKey.utf8.count == 40)
        #expect(curvePublicKey(ofSecret: pair.secretKey) == pair.publicKey)
        #expect(curvePublicKey(ofSecret: "short") == nil)
    }

    @Test func errorsNameTheirAddress() throws {
        let socket = try Socket(.dealer, in: context)
        let error = #expect(throws: ZeroMQError.self) { try socket.connect("nonsense") }
        #expect(error?.description.contains("nonsense") == true)
    }

    /// The macro does not take calls with noncopyable arguments.
    private func expect(
        _ expected: Socket.Sent, _ sent: Socket.Sent, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(sent == expected, sourceLocation: sourceLocation)
    }

    private func eventually(_ condition: () -> Bool) throws {
        let deadline = MonotonicClock.now + .seconds(20)
        var poller = try Poller()
        while !condition() {
            let now = MonotonicClock.now
            try #require(now < deadline)
            _ = try poller.wait(until: now + .milliseconds(1), now: now)
        }
    }
}
