import SessionTransport

/// A question to the loop from outside of its thread, with what to do when the loop has ended instead.
struct ControlRequest: Sendable {
    let answer: @Sendable (inout SchedulerLoop) -> Void
    let abandon: @Sendable () -> Void
}

extension SchedulerLoop {
    mutating func takeRequests() {
        mailbox.takeAll(into: &requests)
        if requests.isEmpty { return }
        let waiting = requests
        requests.removeAll(keepingCapacity: true)
        for request in waiting { request.answer(&self) }
    }
}
