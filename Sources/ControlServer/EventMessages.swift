internal import ControlAPI
internal import SchedulerServer
internal import SwiftProtobuf
internal import TaskModel

extension Isthmus_Control_V1_Event {
    init(_ event: ClusterEvent) {
        self.init()
        number = event.number
        atUs = event.at.microseconds
        switch event.kind {
        case .clientOpened(let session, let name):
            nodeJoined = .with {
                $0.id = session.description
                $0.kind = .client
                $0.name = name
            }
        case .workerJoined(let session, let name, let slots):
            nodeJoined = .with {
                $0.id = session.description
                $0.kind = .worker
                $0.name = name
                $0.slots = UInt32(clamping: slots)
            }
        case .clientClosed(let session, let lost):
            nodeLeft = .with {
                $0.id = session.description
                $0.kind = .client
                $0.lost = lost
            }
        case .workerLeft(let session, let lost):
            nodeLeft = .with {
                $0.id = session.description
                $0.kind = .worker
                $0.lost = lost
            }
        case .workerDraining(let session):
            nodeDraining = .with { $0.id = session.description }
        case .sessionRefused(let code, let message):
            sessionRefused = .with {
                $0.code = code
                $0.message = message
            }
        case .taskFailed(let task, let status, let reason, let detail):
            taskFailed = .with {
                $0.task = task.description
                $0.status = status.words
                $0.reason = reason.words
                $0.detail = detail
            }
        case .progress(let counts, let counters):
            progress = .with {
                $0.tasks = .init(counts)
                $0.totals = .init(counters)
            }
        case .stopping:
            stopping = .init()
        }
    }
}
