import Isthmus
import Testing

/// What a caller gets back, from both languages.
@Suite(.timeLimit(.minutes(3))) struct CallTests {
    struct Point: Codable, Equatable, Sendable {
        var x: Double
        var y: Double
    }

    @Test func `Python callables by import path`() async throws {
        let client = try await SharedCluster.client
        let length = try await client.submit(.python("math:hypot"), 3.0, 4.0, as: Double.self).value
        #expect(length == 5)
        let joined: String = try await client.submit(.python("os.path:join"), "a", "b").value
        #expect(joined == "a/b")
        let sorted: [Int] = try await client.submit(
            .python("builtins:sorted"), [3, 1, 2], keywords: ["reverse": true]
        ).value
        #expect(sorted == [3, 2, 1])
    }

    @Test func `Python callables by source text`() async throws {
        let client = try await SharedCluster.client
        let double = TaskFunction.python(source: "def f(x):\n    return x * 2", name: "f")
        #expect(try await client.submit(double, 21, as: Int.self).value == 42)
        #expect(try await client.submit(double, "ab", as: String.self).value == "abab")
    }

    @Test func `Codable values there and back`() async throws {
        let client = try await SharedCluster.client
        let same = TaskFunction.python(source: "def same(value): return value", name: "same")
        let points = [Point(x: 1, y: -2.5), Point(x: 0, y: 1e300)]
        #expect(try await client.submit(same, points, as: [Point].self).value == points)
        #expect(try await client.submit(same, [1: "a", -5: "b"], as: [Int: String].self).value[-5] == "b")
        #expect(try await client.submit(same, Int?.none, as: Int?.self).value == nil)
        #expect(try await client.submit(same, UInt64.max, as: UInt64.self).value == .max)
        let bytes = [UInt8](repeating: 9, count: 300_000)
        #expect(try await client.submit(same, bytes, as: [UInt8].self).value == bytes)
        let kind: String = try await client.submit(
            .python(source: "def kind(x): return type(x).__name__", name: "kind"), bytes
        ).value
        #expect(kind == "bytes")
    }

    @Test func `Values of any shape`() async throws {
        let client = try await SharedCluster.client
        let source = "def facts(): return {'name': 'x', 'sizes': [1, 2.5, None], 3: b'ab', 'none': None}"
        let facts = try await client.submit(
            .python(source: source, name: "facts"), as: DynamicValue.self
        ).value
        #expect(facts["name"]?.string == "x")
        #expect(facts["sizes"]?[1]?.double == 2.5)
        #expect(facts["none"] == .null)
        let echoed = try await client.submit(.swift("echo"), facts, as: DynamicValue.self).value
        #expect(echoed == facts)
    }

    @Test func `Swift functions`() async throws {
        let client = try await SharedCluster.client
        #expect(try await client.submit(.swift("answer"), as: Int.self).value == 42)
        #expect(try await client.submit(.swift("add"), 40, 2, as: Int.self).value == 42)
        let words = try await client.submit(.swift("tokenize"), "a bc d", as: [String].self).value
        #expect(words == ["a", "bc", "d"])
        let mirrored = try await client.submit(
            .swift("mirrored"), Point(x: 1, y: 2), 10.0, as: Point.self
        ).value
        #expect(mirrored == Point(x: 20, y: 10))
        _ = try await client.submit(.swift("nothing"), 1, as: NoValue.self).value
        let array = try NDArray([1.5, 2.5, 3], shape: [3, 1])
        #expect(try await client.submit(.swift("sum"), array, as: Double.self).value == 7)
        #expect(
            try await client.submit(.swift("bytes"), 1_000_000, as: [UInt8].self).value.count == 1_000_000)
    }

    @Test func `Tasks as arguments, also inside of arrays and dictionaries, across languages`() async throws {
        let client = try await SharedCluster.client
        let text = try await client.submit(.python("builtins:str"), 12.5, as: String.self)
        let words = try await client.submit(.swift("tokenize"), text, as: [String].self)
        let count = try await client.submit(.python("builtins:len"), words, as: Int.self)
        #expect(try await count.value == 1)
        let one = try await client.submit(.swift("answer"), as: Int.self)
        let sum = try await client.submit(.python("builtins:sum"), [one, count], as: Int.self)
        #expect(try await sum.value == 43)
        let nested = try await client.submit(
            .python("builtins:repr"), ["a": [TaskArgument(1), one.argument], "b": [sum.argument]],
            as: String.self
        )
        let shown = try await nested.value
        #expect(shown.contains("'a': [1, 42]") && shown.contains("'b': [43]"))
        let keyword: [Int] = try await client.submit(
            .python("builtins:sorted"), [one, count], keywords: ["reverse": one]
        ).value
        #expect(keyword == [42, 1])
    }

    @Test func `Handles that are dropped at once do not starve what depends on them`() async throws {
        let client = try await SharedCluster.client
        var task = try await client.submit(.swift("add"), 0, 0, as: Int.self)
        for _ in 0..<200 { task = try await client.submit(.swift("add"), task, 1, as: Int.self) }
        #expect(try await task.value == 200)
    }

    @Test func `map gives the values in order, and stops at an error`() async throws {
        let client = try await SharedCluster.client
        var squares: [Int] = []
        for try await square in client.map(.python("operator:index"), over: 0..<3_000, as: Int.self) {
            squares.append(square)
        }
        #expect(squares == Array(0..<3_000))
        var before: [Double] = []
        let error = await #expect(throws: IsthmusError.self) {
            for try await root in client.map(
                .python("math:sqrt"), over: [4.0, 9.0, -1.0, 16.0], as: Double.self)
            {
                before.append(root)
            }
        }
        #expect(before == [2, 3])
        #expect(error?.pythonException?.type == "ValueError")
        #expect(error?.pythonException?.traceback.isEmpty == false)
    }

    @Test func `map over a sequence without an end needs no more than its window`() async throws {
        let client = try await SharedCluster.client
        var taken = 0
        let endless = sequence(first: 0) { count in
            taken = max(taken, count + 1)
            return count + 1
        }
        var values: [Int] = []
        for try await value in client.map(.swift("add1"), over: endless.lazy.map { $0 }, as: Int.self) {
            values.append(value)
            if values.count == 10 { break }
        }
        #expect(values == Array(1...10))
        #expect(taken <= 20_000)
    }

    @Test func `Many tasks at once`() async throws {
        let client = try await SharedCluster.client
        let started = ContinuousClock.now
        var tasks: [RemoteTask<Int>] = []
        for number in 0..<20_000 {
            tasks.append(try await client.submit(.python("operator:neg"), number, as: Int.self))
        }
        var sum = 0
        for task in tasks { sum += try await task.value }
        #expect(sum == -(0..<20_000).reduce(0, +))
        print("20,000 tasks, submitted and gathered, in \(ContinuousClock.now - started)")
    }
}
