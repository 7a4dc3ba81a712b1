import Foundation
import Isthmus
import Testing

/// What a caller is told when there is no value, and that others do not notice.
@Suite(.timeLimit(.minutes(3))) struct FailureTests {
    private func error<Value>(of task: RemoteTask<Value>) async -> IsthmusError? {
        do {
            _ = try await task.value
            return nil
        } catch {
            return error as? IsthmusError
        }
    }

    @Test func `Python exceptions carry class, message and traceback`() async throws {
        let client = try await SharedCluster.client
        let source = "def inner(x):\n    raise KeyError('no ' + x)\ndef outer(x):\n    return inner(x)\n"
        let task = try await client.submit(.python(source: source, name: "outer"), "luck", as: Int.self)
        let exception = try #require(await error(of: task)?.pythonException)
        #expect(exception.type == "KeyError" && exception.message.contains("no luck"))
        #expect(exception.traceback.contains("inner") && exception.traceback.contains("outer"))
        #expect(exception.task.task == task.id)
        let words = "\(exception)"
        #expect(!words.contains("isthmus_bridge") && words.split(separator: "no luck").count == 2, "\(words)")
        #expect(words.contains("raise KeyError('no ' + x)"), "\(words)")
        let error: any Error = IsthmusError.python(exception)
        #expect(error.localizedDescription == words)
        #expect(try await task.outcome.status == .exception)
    }

    @Test func `Swift errors carry type and message`() async throws {
        let client = try await SharedCluster.client
        let task = try await client.submit(.swift("throws"), "no luck", as: Int.self)
        let failure = try #require(await error(of: task)?.swiftFailure)
        #expect(failure.type == "Oops" && failure.message == "no luck")
    }

    @Test func `Wrong functions, arguments and results are told apart`() async throws {
        let client = try await SharedCluster.client
        let unknown = try await client.submit(.python("math:hyp0t"), 1, as: Int.self)
        #expect("\(try #require(await error(of: unknown)))".contains("hyp0t"))
        let module = try await client.submit(.python("no_such_module:f"), 1, as: Int.self)
        let missing = "\(try #require(await error(of: module)))"
        #expect(missing.contains("no_such_module") && !missing.contains("isthmus_bridge"), "\(missing)")
        let count = try await client.submit(.swift("add"), 1, as: Int.self)
        #expect("\(try #require(await error(of: count)))".contains("add takes 2 arguments, 1"))
        let type = try await client.submit(.swift("add"), 1, "two", as: Int.self)
        #expect("\(try #require(await error(of: type)))".contains("argument 2"))
        let result = try await client.submit(.python("builtins:str"), 1, as: Int.self)
        guard case .resultNotDecodable(let failure)? = await error(of: result) else {
            Issue.record("a string was read as an Int")
            return
        }
        #expect(failure.detail.contains("string"))
        let object = try await client.submit(.python("builtins:object"), as: Int.self)
        #expect("\(try #require(await error(of: object)))".contains("object"))
        await #expect(throws: IsthmusError.self) {
            try await client.submit(.python("math.hypot"), 1, as: Int.self)
        }
    }

    @Test func `A failed dependency fails what needs it`() async throws {
        let client = try await SharedCluster.client
        let thrown = try await client.submit(.swift("throws"), "first", as: Int.self)
        let source = "def raises():\n    raise KeyError('no luck')\n"
        let raised = try await client.submit(.python(source: source, name: "raises"), as: Int.self)
        let stopped = try await client.submit(
            .swift("sleeps"), 600.0, Marker().path, as: Int.self,
            options: TaskOptions(timeout: .milliseconds(100), grace: .milliseconds(100)))
        for first in [thrown, raised, stopped] {
            var task = first
            for _ in 0..<3 { task = try await client.submit(.swift("add"), task, 1, as: Int.self) }
            let failure = await error(of: task)
            guard case .dependencyFailed(let last, let cause)? = failure else {
                Issue.record("not a failed dependency: \(String(describing: failure))")
                continue
            }
            #expect(last.task == task.id && "\(failure!)".contains(first.id), "\(failure!)")
            switch cause {
            case .swift(let error):
                #expect(error.type == "Oops" && error.message == "first" && error.task.task == thrown.id)
                #expect("\(failure!)".contains("Oops: first"))
            case .python(let exception):
                #expect(exception.type == "KeyError" && exception.message.contains("no luck"))
                #expect(exception.traceback.contains("raises") && exception.task.task == raised.id)
                #expect("\(failure!)".contains("in raises"))
            case .timedOut(let failure): #expect(failure.task == stopped.id)
            default: Issue.record("not the first cause: \(cause)")
            }
        }
    }

    @Test func `A trap costs only its own task, and tells its last words`() async throws {
        let client = try await SharedCluster.client
        let other = try await client.submit(.swift("sleeps"), 0.5, Marker().path, as: String.self)
        let task = try await client.submit(.swift("traps"), 7, as: Int.self)
        let error = try #require(await error(of: task))
        guard case .executorCrashed = error else {
            Issue.record("not a crash: \(error)")
            return
        }
        for words in ["SIG", "out of range"] {
            #expect("\(error)".contains(words), "\(error)")
        }
        #expect(try await other.value == "slept")
        #expect(try await client.submit(.swift("answer"), as: Int.self).value == 42)
    }

    @Test func `Cancelling the Swift task that waits stops the remote one`() async throws {
        let client = try await SharedCluster.client
        for function in [TaskFunction.swift("sleeps"), Marker.pythonSleep, .swift("spins")] {
            let marker = Marker()
            let task = try await client.submit(function, 600.0, marker.path, as: DynamicValue.self)
            let waiting = Task { try await task.value }
            #expect(try await eventually { marker.isThere })
            waiting.cancel()
            guard await waiting.result.failure is CancellationError else {
                Issue.record("\(function) was not cancelled")
                continue
            }
            #expect(try await task.outcome.status == .cancelled, "\(function)")
        }
        let first = try await client.submit(.swift("answer"), as: Int.self)
        #expect(try await first.value == 42)
    }

    @Test func `A task that runs for too long times out`() async throws {
        let client = try await SharedCluster.client
        let options = TaskOptions(timeout: .milliseconds(200), grace: .milliseconds(200))
        for function in [TaskFunction.swift("sleeps"), Marker.pythonSleep] {
            let task = try await client.submit(
                function, 600.0, Marker().path, as: NoValue.self, options: options)
            let error = try #require(await error(of: task))
            guard case .timedOut = error else {
                Issue.record("\(function) did not time out")
                continue
            }
            #expect("\(error)".contains("timeout of 0.2 s"), "\(error)")
        }
    }

    @Test func `Output is found by task`() async throws {
        let client = try await SharedCluster.client
        let swift = try await client.submit(.swift("prints"), "hello", as: NoValue.self)
        let output = try await swift.output
        #expect(output.standardOutput == "hello\nwithout an end")
        #expect(output.standardError == "to standard error\n")
        let python = try await client.submit(.python("builtins:print"), "from Python", as: NoValue.self)
        #expect(try await python.output.standardOutput == "from Python\n")
    }

    @Test func `A closed client says so, and its cluster is gone`() async throws {
        let client = try await Build.makeEmbedded(slots: 1)
        let pid: Int32 = try await client.submit(.python("os:getppid")).value
        let running = try await client.submit(.python("time:sleep"), 600, as: NoValue.self)
        await client.close()
        #expect(await error(of: running) == .closed)
        await #expect(throws: IsthmusError.closed) {
            try await client.submit(.python("os:getpid"), as: Int.self)
        }
        #expect(try await eventually { kill(pid, 0) != 0 })
    }

    @Test func `Nobody at the address is an error in words`() async throws {
        let error = await #expect(throws: IsthmusError.self) {
            try await Client(connecting: "ipc:///nonexistent/scheduler.ipc")
        }
        #expect("\(try #require(error))".contains("/nonexistent/scheduler.ipc"))
        let keys = await #expect(throws: IsthmusError.self) {
            try await Client(connecting: "tcp://localhost:1")
        }
        #expect("\(try #require(keys))".contains("client.key"))
        await #expect(throws: IsthmusError.self) { try await Client(connecting: "http://localhost") }
    }
}

extension Result {
    fileprivate var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}
