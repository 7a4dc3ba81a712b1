import Foundation
import Isthmus
import Testing

/// What `map` promises: as many calls as there are rows, in few tasks, in order.
@Suite(.timeLimit(.minutes(3))) struct MapTests {
    private func all<Value>(_ values: RemoteValues<Value>) async throws -> [Value] {
        var all: [Value] = []
        for try await value in values { all.append(value) }
        return all
    }

    @Test(arguments: [nil, 7]) func `Several sequences are read row by row, until the shortest ends`(
        chunkSize: Int?
    ) async throws {
        let client = try await SharedCluster.client
        for function in [TaskFunction.swift("add"), .python("operator:add")] {
            let sums = client.map(function, over: 0..<1_000, 1..., as: Int.self, chunkSize: chunkSize)
            #expect(try await all(sums) == (0..<1_000).map { 2 * $0 + 1 })
        }
    }

    @Test func `Elements of one chunk are one task`() async throws {
        let client = try await SharedCluster.client
        let tasks = try await all(
            client.map(.swift("add1"), over: 0..<100, as: Int.self, chunkSize: 50))
        #expect(tasks == Array(1...100))
        let source = "import os\ncalls = []\ndef f(x):\n    calls.append(x)\n    return len(calls)"
        let counts = try await all(
            client.map(.python(source: source, name: "f"), over: 0..<10, as: Int.self, chunkSize: 10))
        #expect(counts == Array(1...10))
    }

    @Test func `What an element raises comes after the values before it`() async throws {
        let client = try await SharedCluster.client
        for (function, type) in [(TaskFunction.swift("odd"), "Oops"), (.python("math:sqrt"), "ValueError")] {
            var before: [Double] = []
            let error = await #expect(throws: IsthmusError.self) {
                for try await value in client.map(
                    function, over: [1, 9, -2, 25], as: Double.self, chunkSize: 4)
                { before.append(value) }
            }
            #expect(before.count == 2)
            switch error {
            case .python(let exception)?: #expect(exception.type == type && !exception.traceback.isEmpty)
            case .swift(let failure)?: #expect(failure.type == type)
            default: Issue.record("\(String(describing: error))")
            }
        }
    }

    @Test func `A value without neutral form costs its own element only`() async throws {
        let client = try await SharedCluster.client
        let source = "def f(x): return object() if x == 3 else x"
        var before: [Int] = []
        let error = await #expect(throws: IsthmusError.self) {
            for try await value in client.map(
                .python(source: source, name: "f"), over: 0..<6, as: Int.self, chunkSize: 6)
            { before.append(value) }
        }
        #expect(before == [0, 1, 2])
        guard case .resultNotDecodable(let failure)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(failure.detail.contains("object has no neutral form"))
    }

    @Test func `A chunk that kills its executor is cut until the guilty element is alone`() async throws {
        let client = try await SharedCluster.client
        var before: [Int] = []
        let error = await #expect(throws: IsthmusError.self) {
            for try await value in client.map(
                .swift("traps"), over: [0, 1, 2, 7], as: Int.self, chunkSize: 4)
            { before.append(value) }
        }
        #expect(before == [0, 1, 2])
        guard case .executorCrashed? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `Tasks are elements too, and options are checked`() async throws {
        let client = try await SharedCluster.client
        let one = try await client.submit(.swift("answer"), as: Int.self)
        let sums = client.map(.python("operator:add"), over: [one, one], [1, 2], as: Int.self, chunkSize: 2)
        #expect(try await all(sums) == [43, 44])
        await #expect(throws: IsthmusError.invalidOptions("chunkSize must be >= 1")) {
            _ = try await all(client.map(.swift("add1"), over: [1], as: Int.self, chunkSize: 0))
        }
    }

    @Test func `No more is read ahead than bufferSize says`() async throws {
        let client = try await SharedCluster.client
        var taken = 0
        let numbers = sequence(first: 0) { $0 + 1 }.lazy.map { number in
            taken = max(taken, number + 1)
            return number
        }
        for try await value in client.map(.swift("add1"), over: numbers, as: Int.self, bufferSize: 5) {
            #expect(taken <= value + 5)
            if value == 40 { break }
        }
    }

    @Test func `Many small elements need few tasks`() async throws {
        let client = try await SharedCluster.client
        for function in [TaskFunction.python("operator:neg"), .swift("add1")] {
            let started = ContinuousClock.now
            var count = 0
            for try await _ in client.map(function, over: 0..<300_000, as: Int.self) { count += 1 }
            #expect(count == 300_000)
            print("map of 300,000 elements with \(function): \(ContinuousClock.now - started)")
        }
    }
}
