// Values on their way to workers, as the product's `ValueWriter` does it.

import SchedulerCore
import TaskModel

extension SchedulerNode {
    /// The value of a dependency on its route to a worker; what the worker is to hold leaves first.
    func input(
        _ dependency: TaskSlot, _ producer: Slab.Row, _ value: Token, to slot: WorkerSlot,
        _ worker: SchedulerEntry
    ) -> Assignment.Input {
        let source = core.conversionSource(of: dependency).flatMap { slab[$0] } ?? producer
        let route = core.route(dependency, to: slot)
        if case .ahead = route {
            forgetValues(worker)
            worker.link.outgoing.append(.value(producer.id, value, bytes: producer.spec.valueBytes))
            world.coverage.count(.valueSentAhead)
        }
        var input = Assignment.Input(task: source.id, value: value)
        switch route {
        case .ahead: input.reference = producer.id
        case .reference:
            input.reference = producer.id
            world.coverage.count(.valueReferred)
        case .withTask:
            if producer.spec.valueBytes >= Limits.heldValueBytesMin {
                world.coverage.count(.valueSentWithTask)
            }
        }
        return input
    }

    /// The worker is told at the end of the turn, or earlier if it needs the room.
    func forgetValue(of task: TaskID, on worker: SchedulerEntry) {
        worker.forgottenValues.append(task)
        touch(worker)
    }

    func forgetValues(_ worker: SchedulerEntry) {
        if worker.forgottenValues.isEmpty { return }
        worker.link.outgoing.append(.forgetValues(worker.forgottenValues))
        worker.forgottenValues.removeAll(keepingCapacity: true)
    }
}
