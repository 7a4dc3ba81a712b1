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
            guard case .timedOut? = error else {
                Issue.record("\(String(describing: error)) is no time-out")
                continue
            }
            #expect("\(try #require(error))".contains("deadline"))
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
