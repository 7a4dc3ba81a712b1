import Foundation
import Isthmus
import Testing

/// What options of a task promise, seen from a Swift client.
@Suite struct OptionTests {
    /// Raises `kind` until it was called `times` times before, then returns the number of its calls.
    private static let flaky = TaskFunction.python(
        source: """
            import builtins
            def f(path, times, kind):
                with open(path, "a+") as calls:
                    calls.write("x")
                    calls.seek(0)
                    count = len(calls.read())
                if count <= times:
                    raise getattr(builtins, kind)(count)
                return count
            """, name: "f")

    private static func counter() -> String { NSTemporaryDirectory() + "isthmus-test-\(UUID().uuidString)" }

    @Test func `A function that raises runs again`() async throws {
        let client = try await SharedCluster.client
        let path = Self.counter()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let options = TaskOptions(retries: .init(3, backoff: .milliseconds(10)))
        let task = try await client.submit(Self.flaky, path, 2, "OSError", as: Int.self, options: options)
        #expect(try await task.value == 3)
        #expect(try await task.outcome.attempt == 3)
    }

    @Test func `Only the exceptions that were named are retried, their subclasses too`() async throws {
        let client = try await SharedCluster.client
        let options = TaskOptions(retries: .init(3, only: ["OSError"]))
        let (named, other) = (Self.counter(), Self.counter())
        defer { for path in [named, other] { try? FileManager.default.removeItem(atPath: path) } }
        let subclass = try await client.submit(
            Self.flaky, named, 2, "ConnectionError", as: Int.self, options: options)
        #expect(try await subclass.value == 3)
        let failed = try await client.submit(
            Self.flaky, other, 2, "ValueError", as: Int.self, options: options)
        await #expect(throws: IsthmusError.self) { try await failed.value }
        #expect(try String(contentsOfFile: other, encoding: .utf8) == "x")
    }

    @Test func `A deadline ends a task that runs, and one that waits`() async throws {
        let client = try await SharedCluster.client
        let options = TaskOptions(deadline: .milliseconds(300), grace: .milliseconds(100))
        let running = try await client.submit(
            .python("time:sleep"), 600, as: DynamicValue.self, options: options)
        let long = try await client.submit(.python("time:sleep"), 600, as: DynamicValue.self)
        let waiting = try await client.submit(
            .python("operator:neg"), long, as: DynamicValue.self, options: options)
        for task in [running, waiting] {
            let error = await #expect(throws: IsthmusError.self) { try await task.value }
            guard case .deadlineExceeded? = error else {
                Issue.record("\(String(describing: error)) is not its deadline")
                continue
            }
            #expect("\(try #require(error))".contains("deadline of 0.3 s"))
        }
        long.cancel()
    }

    @Test func `Nobody can have a gpu and a half`() async throws {
        let client = try await SharedCluster.client
        let options = TaskOptions(resources: .init(gpu: 1.5))
        let error = await #expect(throws: IsthmusError.self) {
            _ = try await client.submit(.python("os:getpid"), as: Int.self, options: options)
        }
        guard case .invalidOptions(let words)? = error else {
            Issue.record("\(String(describing: error)) does not name the options")
            return
        }
        #expect(words.contains("not 1.5"))
    }

    @Test(arguments: [
        (TaskOptions(timeout: .seconds(-1)), "timeout is between 0 and 4294967 seconds, not -1"),
        (
            TaskOptions(deadline: .seconds(5_000_000)),
            "deadline is between 0 and 4294967 seconds, not 5000000"
        ),
        (TaskOptions(retries: -1), "retries is between 0 and 2147483647, not -1"),
        (
            TaskOptions(retries: .init(1, backoff: .milliseconds(-500))),
            "backoff is between 0 and 4294967 seconds, not -0.5"
        ),
        (TaskOptions(priority: 11), "priority is between -10 and 10, not 11"),
        (TaskOptions(resources: .init(cpu: .nan)), "the resource cpu is a number from 0, not nan"),
        (
            TaskOptions(resources: .init(cpu: 0.0001)),
            "the resource cpu is counted in thousandths: 0.0001 is less than one"
        ),
        (
            TaskOptions(resources: .init(memoryBytes: -1)),
            "the resource memory is a number of bytes from 0, not -1"
        ),
        (
            TaskOptions(resources: .init(others: ["a b": 1])),
            "resources: a name has letters, digits and _ . - / and at most 55 of them, not \"a b\""
        ),
        (
            TaskOptions(placement: .init(affinity: ["zone": "a\nb"])),
            "affinity: the label \"zone\" must be one line, not \"a\nb\""
        ),
    ]) func `What cannot be meant is refused in the words of the Python client`(
        options: TaskOptions, words: String
    ) async throws {
        let client = try await SharedCluster.client
        await #expect(throws: IsthmusError.invalidOptions(words)) {
            try await client.submit(.python("os:getpid"), as: Int.self, options: options)
        }
    }

    @Test func `Values may be raw bytes, or stay Python's own`() async throws {
        let client = try await SharedCluster.client
        let raw = try await client.submit(
            .python("builtins:bytes"), [1, 2, 3], as: Data.self, options: TaskOptions(result: .raw))
        #expect(try await raw.value == Data([1, 2, 3]))
        let set = try await client.submit(
            .python("builtins:set"), [1, 2, 2], as: NoValue.self, options: TaskOptions(result: .pickle))
        #expect(try await client.submit(.python("builtins:len"), set, as: Int.self).value == 2)
        let error = await #expect(throws: IsthmusError.self) { _ = try await set.value }
        #expect("\(try #require(error))".contains("only Python reads"))
    }

    @Test func `What no worker offers is refused with the reason`() async throws {
        let client = try await SharedCluster.client
        let options = TaskOptions(resources: .init(others: ["telescope": 1]))
        let task = try await client.submit(.python("os:getpid"), as: Int.self, options: options)
        let error = await #expect(throws: IsthmusError.self) { try await task.value }
        guard case .refused? = error else {
            Issue.record("\(String(describing: error)) is no refusal")
            return
        }
        #expect("\(try #require(error))".contains("telescope"))
    }
}
