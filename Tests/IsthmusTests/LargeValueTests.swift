import Foundation
import Isthmus
import Testing

/// Large values come to the client when somebody asks for them.
@Suite(.timeLimit(.minutes(2))) struct LargeValueTests {
    private static let bytes = TaskFunction.python("builtins:bytes")
    private static let large = 8 << 20

    private static var residentBytes: Int {
        get throws {
            let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
            return try #require(Int(fields[1])) * 4_096
        }
    }

    @Test func `What only a dependent needs does not come here`() async throws {
        let client = try await SharedCluster.client
        let count = 20_000_000
        let before = try Self.residentBytes
        var tasks: [RemoteTask<Data>] = []
        for _ in 0..<16 { tasks.append(try await client.submit(Self.bytes, count, as: Data.self)) }
        var sum = 0
        for task in tasks {
            sum += try await client.submit(.python("builtins:len"), task, as: Int.self).value
        }
        #expect(sum == 16 * count)
        for task in tasks {
            let outcome = try await task.outcome
            #expect(outcome.status == .value && outcome.error == nil && task.isDone)
        }
        #expect(try Self.residentBytes - before < 5 * count)
        #expect(try await tasks[3].value.count == count)
        #expect(try await tasks[3].value.count == count)
    }

    @Test func `A value arrives by every road`() async throws {
        let client = try await SharedCluster.client
        // Asked for before its end, by several at once.
        let task = try await client.submit(Self.bytes, Self.large, as: Data.self)
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 { group.addTask { try await task.value.count } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(counts == Array(repeating: Self.large, count: 4))
        var lengths: [Int] = []
        for try await value in client.map(Self.bytes, over: [Self.large, 5, Self.large], as: Data.self) {
            lengths.append(value.count)
        }
        #expect(lengths == [Self.large, 5, Self.large])
        let node = try TaskNode(Self.bytes, Self.large, as: Data.self)
        #expect(try await client.compute(node).value.count == Self.large)
        let array = try NDArray([Double](repeating: 1, count: 1 << 18))
        #expect(try await client.submit(.swift("echo"), array, as: NDArray.self).value == array)
    }

    @Test func `A wait that was cancelled leaves the value there`() async throws {
        let client = try await SharedCluster.client
        let task = try await client.submit(Self.bytes, Self.large, as: Data.self)
        _ = try await task.outcome
        let wait = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await task.value
        }
        wait.cancel()
        await #expect(throws: CancellationError.self) { try await wait.value }
        #expect(try await task.value.count == Self.large)
    }

    @Test func `A shutdown brings results, and leaves what only went to other tasks`() async throws {
        let client = try await Client(connecting: try await SharedCluster.client.address)
        let part = try await client.submit(Self.bytes, Self.large, as: Data.self)
        let length = try await client.submit(.python("builtins:len"), part, as: Int.self)
        let early = try await client.submit(Self.bytes, Self.large, as: Data.self)
        let source = "import time\ndef late(count):\n    time.sleep(0.5)\n    return bytes(count)"
        let dropped = Task { _ = try await client.submit(Self.bytes, Self.large, as: Data.self).outcome }
        try await dropped.value
        _ = try await (early.outcome, length.outcome)
        let late = TaskFunction.python(source: source, name: "late")
        let unfinished = try await client.submit(late, Self.large, as: Data.self)
        await client.shutdown()
        #expect(try await early.value.count == Self.large)
        #expect(try await unfinished.value.count == Self.large)
        #expect(try await length.value == Self.large)
        #expect(try await part.outcome.status == .value)
        let error = await #expect(throws: IsthmusError.self) { try await part.value }
        guard case .sessionLost(let text, mayHaveRun: true)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains("stays in the cluster until somebody awaits it"))
    }
}
