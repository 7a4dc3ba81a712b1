import ControlAPI
import ControlServer
import GRPCCore
import SchedulerServer
import SwiftProtobuf
import TaskModel
import Testing

/// Every refusal has its code, and a message that says what to do.
@Suite struct RefusalTests {
    @Test(arguments: [
        (ControlError.unknownTask(FakeCluster.task), RPCError.Code.notFound, "isthmus tasks"),
        (.unknownNode(SessionID(7)), .notFound, "isthmus nodes"),
        (.notAWorker(SessionID(7)), .failedPrecondition, "only workers"),
        (.busy, .resourceExhausted, "try again"),
        (.stopped, .unavailable, "stopped"),
        (.tooManyWatchers(limit: 64), .resourceExhausted, "end one of them"),
    ])
    func whatTheClusterRefuses(error: ControlError, code: RPCError.Code, words: String) async throws {
        let refusal = try await refusal(of: FakeCluster(error: error)) { _ = try await $0.status(.init()) }
        #expect(refusal.code == code)
        #expect(refusal.message.contains(words))
    }

    @Test(arguments: ["", "nonsense", "xyz-1", "abc-", "-1", "abc-99999999999999999999999", "abc-1\nabc-2"])
    func anIdThatIsNone(id: String) async throws {
        let refusal = try await refusal(of: FakeCluster()) { calls in
            _ = try await calls.explainTask(.with { $0.task = id })
        }
        #expect(refusal.code == .invalidArgument)
        #expect(refusal.message.contains("`task`"))
        #expect(refusal.message.contains("isthmus tasks"))
    }

    @Test func aPageTokenThatIsNone() async throws {
        let refusal = try await refusal(of: FakeCluster()) { calls in
            _ = try await calls.listTasks(.with { $0.pageToken = "not a token!" })
        }
        #expect(refusal.code == .invalidArgument)
        #expect(refusal.message.contains("next_page_token"))
    }

    @Test func aStateOfALaterVersion() async throws {
        let refusal = try await refusal(of: FakeCluster()) { calls in
            _ = try await calls.listTasks(.with { $0.filter.states = [.UNRECOGNIZED(99)] })
        }
        #expect(refusal.code == .invalidArgument)
        #expect(refusal.message.contains("99"))
    }

    @Test func anAmbiguousNameNamesTheIds() async throws {
        let cluster = FakeCluster(members: [
            FakeCluster.worker(7, name: "one"), FakeCluster.worker(8, name: "one"),
        ])
        let refusal = try await refusal(of: cluster) { calls in
            _ = try await calls.drainNode(.with { $0.node = "one" })
        }
        #expect(refusal.code == .failedPrecondition)
        #expect(refusal.message.contains("0000000000000007"))
        #expect(refusal.message.contains("0000000000000008"))
        #expect(cluster.asked.drained.isEmpty)
    }

    @Test func anUnknownName() async throws {
        let refusal = try await refusal(of: FakeCluster()) { calls in
            _ = try await calls.drainNode(.with { $0.node = "nobody" })
        }
        #expect(refusal.code == .notFound)
        #expect(refusal.message.contains("isthmus nodes"))
    }

    @Test func aRequestBeyondTheLimitIsRefusedAndTheNextOneServed() async throws {
        let name = try await calling(FakeCluster()) { calls in
            let tooLarge = String(repeating: "x", count: Limits.controlRequestBytesMax + 1)
            await #expect(throws: RPCError.self) {
                _ = try await calls.explainTask(.with { $0.task = tooLarge })
            }
            return try await calls.status(.init()).name
        }
        #expect(name == "lab")
    }

    private func refusal(
        of cluster: FakeCluster, _ body: @Sendable @escaping (ControlClient.Calls) async throws -> Void
    ) async throws -> RPCError {
        try await calling(cluster) { calls in
            do {
                try await body(calls)
            } catch let error as RPCError {
                return error
            }
            throw RPCError(code: .unknown, message: "it was not refused")
        }
    }
}
