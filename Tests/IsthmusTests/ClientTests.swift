import Foundation
import Isthmus
import Testing

/// The client itself: views, graphs, initializers, cancelling and closing.
@Suite(.timeLimit(.minutes(2))) struct ClientTests {
    private static let sleep = TaskFunction.python("time:sleep")

    @Test func `Views carry options, and change`() async throws {
        let client = try await SharedCluster.client
        let view = client.options(TaskOptions(deadline: .milliseconds(200), grace: .milliseconds(100)))
        let late = try await view.submit(Self.sleep, 60, as: NoValue.self)
        await #expect { try await late.value } throws: {
            if case .deadlineExceeded? = $0 as? IsthmusError { true } else { false }
        }
        let patient = view.options { $0.deadline = nil }
        #expect(patient.options.grace == .milliseconds(100))
        #expect(try await patient.submit(.swift("answer"), as: Int.self).value == 42)
        var values: [Int] = []
        for try await value in patient.map(.swift("add1"), over: [1, 2], as: Int.self) {
            values.append(value)
        }
        #expect(values == [2, 3])
    }

    @Test func `A graph runs each node once, in both languages`() async throws {
        let client = try await SharedCluster.client
        let source = "import random\ndef f(low): return low + random.randrange(10**12)"
        let random = try TaskNode(.python(source: source, name: "f"), 5, as: Int.self)
        let more = try TaskNode(.swift("add1"), random, as: Int.self)
        let less = try TaskNode(.python("operator:sub"), random, 1, as: Int.self)
        let pair = try TaskNode(.python("builtins:list"), [more, less], as: [Int].self)
        let values = try await client.compute(pair).value
        #expect(values.count == 2 && values[0] - values[1] == 2)
        let both = try await client.compute([more, less])
        let (first, second) = (try await both[0].value, try await both[1].value)
        #expect(first - second == 2)
        var chain = try TaskNode(.swift("add1"), 0, as: Int.self)
        for _ in 1..<3_000 { chain = try TaskNode(.swift("add1"), chain, as: Int.self) }
        #expect(try await client.compute(chain).value == 3_000)
        await #expect(throws: IsthmusError.self) {
            try await client.submit(.swift("add1"), random, as: Int.self)
        }
        let task = try await client.submit(.swift("answer"), as: Int.self)
        let mixed = try TaskNode(.swift("add"), task, random, as: Int.self)
        #expect(try await client.compute(mixed).value >= 47)
    }

    @Test func `What tasks print is shown when that is asked for`() async throws {
        let program = Process()
        program.executableURL = URL(fileURLWithPath: try Build.product("TestFunctions"))
        program.arguments = ["forward", try await SharedCluster.client.address]
        let (output, errors) = (Pipe(), Pipe())
        program.standardOutput = output
        program.standardError = errors
        try program.run()
        let printed = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        program.waitUntilExit()
        let told = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(
            printed == """
                before
                [prints] from Swift
                [prints] without an end
                [tea] is
                [tea]  ready

                """)
        #expect(told == "[prints] to standard error\n")
    }

    @Test func `An initializer runs before the tasks, in its own language`() async throws {
        let python = try TaskInitializer(.python("os:putenv"), "ISTHMUS_TEST_MODEL", "large")
        let reads = TaskFunction.python(
            source: "import os\ndef f(): return os.popen('echo $ISTHMUS_TEST_MODEL').read().strip()",
            name: "f")
        let swift = try TaskInitializer(.swift("prepare"), "model")
        let shared = try await SharedCluster.client
        let first = try await Client(connecting: shared.address, name: "python", initializer: python)
        #expect(try await first.submit(reads, as: String.self).value == "large")
        #expect(try await first.submit(.swift("answer"), as: Int.self).value == 42)
        await first.close()
        let second = try await Client(connecting: shared.address, name: "swift", initializer: swift)
        #expect(try await second.submit(.swift("prepared"), as: String.self).value == "model")
        #expect(try await second.submit(.python("math:hypot"), 3, 4, as: Double.self).value == 5)
        await second.close()
    }

    @Test func `An initializer that fails is told to every task`() async throws {
        let shared = try await SharedCluster.client
        let initializers = [
            (TaskFunction.swift("answer"), try TaskInitializer(.swift("prepare"), "")),
            (.python("os:getpid"), try TaskInitializer(.python("builtins:int"), "nothing to prepare")),
        ]
        for (function, initializer) in initializers {
            let client = try await Client(connecting: shared.address, initializer: initializer)
            for _ in 0..<2 {
                let task = try await client.submit(function, as: Int.self)
                await #expect { try await task.value } throws: { error in
                    guard case .initializerFailed(let failure)? = error as? IsthmusError else { return false }
                    return failure.detail.contains("nothing to prepare")
                }
            }
            await client.close()
        }
    }

    @Test func `A client knows where it is, and is current while it runs`() async throws {
        #expect(Client.current == nil)
        let client = try await Build.makeEmbedded(slots: nil)
        #expect(client.address.hasPrefix("ipc://") && client.control.hasSuffix("control.sock"))
        #expect(FileManager.default.fileExists(atPath: String(client.control.trimmingPrefix("unix:"))))
        let tasks = try await client.run { client in
            #expect(Client.current === client)
            return [
                try await client.submit(Self.sleep, 0.4, as: NoValue.self),
                try await client.submit(Self.sleep, 0.4, as: NoValue.self),
            ]
        }
        for task in tasks { _ = try await task.value }
        await #expect(throws: IsthmusError.closed) {
            try await client.submit(.swift("answer"), as: Int.self)
        }
    }

    @Test func `Shutting down waits for what runs, and may drop what does not`() async throws {
        let client = try await Build.makeEmbedded(slots: 1)
        let marker = Marker()
        let running = try await client.submit(Marker.pythonSleep, 1, marker.path, as: NoValue.self)
        // A slot is taken by the first; whatever waits behind it has not started.
        let waiting = try await client.submit(Self.sleep, 600, as: NoValue.self)
        #expect(try await eventually { marker.isThere })
        await client.shutdown(cancelsPending: true)
        _ = try await running.value
        await #expect { try await waiting.value } throws: {
            if case .cancelled? = $0 as? IsthmusError { true } else { false }
        }
    }

    @Test func `What runs is only cancelled when that is asked for`() async throws {
        let client = try await Build.makeEmbedded(slots: 1)
        let marker = Marker()
        let running = try await client.submit(Marker.pythonSleep, 600, marker.path, as: NoValue.self)
        let waiting = try await client.submit(Self.sleep, 600, as: NoValue.self)
        #expect(try await eventually { marker.isThere })
        running.cancel(running: false)
        client.cancelAll(running: false)
        #expect(try await waiting.outcome.status == .cancelled)
        #expect(!running.isDone)
        client.cancelAll()
        #expect(try await running.outcome.status == .cancelled)
        await client.close()
    }

    @Test func `A function knows its task`() async throws {
        let client = try await SharedCluster.client
        let task = try await client.submit(.swift("context"), as: [String].self)
        #expect(try await task.value == [task.id, "1"])
        #expect(TaskContext.current == nil && TaskContext.currentDevices.isEmpty)
    }

    @Test func `Slots are checked as in Python`() async throws {
        await #expect(throws: IsthmusError.invalidOptions("slots must be greater than 0")) {
            try await Client.makeEmbedded(slots: 0)
        }
    }
}
