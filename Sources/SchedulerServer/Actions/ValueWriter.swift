// Values that an attempt depends on, on the route that the core names: ahead of the attempt, by reference to
// what its worker holds, or inside the record as they came.

import SchedulerCore
import SessionTransport
import TaskModel
import Wire

/// Which values travel as attachments although they came inline, because the record would grow too large.
struct DependencyPlan {
    var attached: Set<Int> = []
}

extension SchedulerLoop {
    /// Inline bytes of one record: a frame that holds it must stay below `Limits.frameBytesAcceptedMax`.
    private static var inlineDependencyBytesMax: Int { Limits.frameBytesAcceptedMax / 2 }

    /// What a worker writes to its executor has every value in it, so references count as what they are for.
    /// - Returns: nil if the values do not fit into one record.
    func planDependencies(besides submission: StoredRecord?) -> DependencyPlan? {
        var plan = DependencyPlan()
        var inline = Int(submission?.bodyCount ?? 0) + dependencies.count * PayloadView.headerBytes
        var attachments = Int(submission?.attachments ?? 0)
        for (position, dependency) in dependencies.enumerated() {
            guard let value = tasks[dependency].outcome?.value()?.payload else { continue }
            attachments += value.attachments
            if value.form == .inline, inline + value.inlineCount > Self.inlineDependencyBytesMax {
                plan.attached.insert(position)
                attachments += 1
            } else {
                inline += value.inlineCount
            }
        }
        let fits =
            inline <= Limits.frameBytesAcceptedMax - Limits.frameBytesMax
            && attachments <= Limits.attachmentsPerRecordMax
        return fits ? plan : nil
    }

    /// Asks for the route of each dependency, and sends what the worker is to hold.
    mutating func sendAhead(to worker: WorkerPeer) {
        routes.removeAll(keepingCapacity: true)
        for dependency in dependencies {
            let route = core.route(dependency, to: worker.slot)
            routes.append(route)
            guard case .ahead = route, let outcome = tasks[dependency].outcome, let value = outcome.value()
            else { continue }
            // What it may forget makes the room for this.
            forgetValues(on: worker)
            worker.link.beginRecord(.value)
            worker.link.writer.taskID(tasks[dependency].id)
            worker.link.appendPayload(
                value.payload, of: outcome.frame, firstAttachment: value.firstAttachment)
            worker.link.endRecord()
            counters.dependencyBytesSent &+= UInt64(outcome.byteCount(of: value))
        }
    }

    mutating func appendValue(
        of dependency: TaskSlot, at position: Int, attached: Bool, to worker: WorkerPeer
    ) {
        let link = worker.link
        guard let outcome = tasks[dependency].outcome, let value = outcome.value() else {
            link.writer.emptyPayload()
            return
        }
        let bytes = outcome.byteCount(of: value)
        switch routes[position] {
        case .ahead, .reference:
            let reference = ObjectReference(
                tasks[dependency].id, at: worker.about.session, size: UInt64(bytes))
            link.writer.reference(value.payload.codec, reference)
            if case .reference = routes[position] { counters.dependencyBytesSaved &+= UInt64(bytes) }
            return
        case .withTask:
            counters.dependencyBytesSent &+= UInt64(bytes)
        }
        if attached {
            link.writer.payloadHeader(value.payload.codec, .attached, count: 0)
            link.attach(outcome.frame.withBytes(of: 0) { $0.copied(value.payload.inline) })
        } else {
            link.appendPayload(value.payload, of: outcome.frame, firstAttachment: value.firstAttachment)
        }
    }

    /// Tells the worker at once what it need not hold.
    func forgetValues(on worker: WorkerPeer) {
        if worker.forgottenValues.isEmpty { return }
        worker.link.beginRecord(.forgetValues)
        worker.link.writer.uint32(UInt32(worker.forgottenValues.count))
        worker.link.writer.uint32(0)
        for task in worker.forgottenValues { worker.link.writer.taskID(task) }
        worker.link.endRecord()
        worker.forgottenValues.removeAll(keepingCapacity: true)
    }
}
