import TaskModel
import Testing
import WorkerCore

@Suite struct LookaheadTests {
    /// However short tasks are, a pipeline is bounded, and what is beyond it can go elsewhere.
    @Test func aPipelineIsBounded() {
        var core = WorkerStateMachine(WorkerShape(slots: 1, python: true, swift: false))
        var actions: [Action] = []
        core.start(now: .origin, into: &actions)
        core.absorb(.executorReady(ExecutorIndex(0)), now: .origin, into: &actions)
        let function = core.addFunction()
        func order(_ sequence: UInt64) -> AttemptOrder {
            let task = TaskID(session: SessionID(1), sequence: sequence)
            return AttemptOrder(
                id: AttemptID(task: task, number: 1), function: function, kind: .python, timeout: nil,
                grace: .zero)
        }
        #expect(core.admit(order(1)) != nil)
        core.decide(now: .origin, into: &actions)
        _ = core.finish(
            order(1).id, status: .value, ran: .microseconds(1), by: ExecutorIndex(0), now: .origin,
            into: &actions)
        for sequence in 2...1_000 { #expect(core.admit(order(UInt64(sequence))) != nil) }
        core.decide(now: .origin, into: &actions)
        let snapshot = core.snapshot()
        #expect(snapshot.waitingInPipelines + snapshot.running.count == Limits.lookaheadMax)
        #expect(snapshot.queued == 999 - Limits.lookaheadMax)
    }

    /// The same attempt twice is one attempt.
    @Test func anAttemptIsHeldOnce() {
        var core = WorkerStateMachine(WorkerShape(slots: 1, python: true, swift: false))
        let task = TaskID(session: SessionID(1), sequence: 1)
        let order = AttemptOrder(
            id: AttemptID(task: task, number: 1), function: core.addFunction(), kind: .python, timeout: nil,
            grace: .zero)
        #expect(core.admit(order) != nil)
        #expect(core.admit(order) == nil)
    }

    @Test func actionsAreSmall() {
        #expect(MemoryLayout<Action>.stride <= 24)
        #expect(MemoryLayout<Event>.stride <= 16)
    }
}
