internal import FoundationEssentials

/// The one line on standard output with which a process says that it serves.
struct ReadyLine: Encodable {
    /// Where clients and workers connect first.
    let address: String
    /// All such addresses.
    let addresses: [String]
    let control: String
    let pid: Int32

    init(addresses: [String], control: String) {
        let shown = addresses.filter { !$0.hasPrefix("inproc://") }
        address = shown.first ?? ""
        self.addresses = shown
        self.control = control
        pid = ProcessInfo.processInfo.processIdentifier
    }

    func text() throws -> String { try JSONOutput.text(self, on: .one) }
}

/// The same for a worker.
struct WorkerReadyLine: Encodable {
    let scheduler: String
    let name: String
    let slots: Int
    let pid = ProcessInfo.processInfo.processIdentifier

    func text() throws -> String { try JSONOutput.text(self, on: .one) }
}
