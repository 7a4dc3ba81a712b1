import Posix
import SessionTransport
import TaskModel
import Testing
import Wire
import ZeroMQ

/// The ways in which frames travel. What a session promises holds over each.
enum Transport: String, CaseIterable, Sendable {
    /// The memory of this process.
    case local
    /// A Unix socket that the loops read and write themselves.
    case unix
    /// libzmq, with keys.
    case keyedTCP

    /// Those whose connections can break.
    static let breakable: [Transport] = [.unix, .keyedTCP]
}

/// A place where a scheduler listens, over one of the transports, and where its peers look for it.
final class Place {
    let transport: Transport
    let context = Context()
    let folder: ScratchFolder
    private(set) var address: Address

    init(_ transport: Transport) throws {
        self.transport = transport
        folder = try ScratchFolder()
        switch transport {
        case .local: address = .inproc(name: "scheduler")
        case .unix: address = .ipc(path: folder.path + "/scheduler.ipc")
        case .keyedTCP:
            address = .tcp(host: "127.0.0.1", port: 0)
            try writeNewKeys(folder: folder.path + "/keys")
        }
    }

    /// A scheduler; one after it comes to the same address.
    func harness(_ change: (inout AcceptorConfiguration) -> Void = { _ in }) throws -> Harness {
        var configuration = AcceptorConfiguration(addresses: [address], epoch: Epoch(1))
        if transport == .keyedTCP {
            configuration.keys = try SchedulerKeys(readingFolder: folder.path + "/keys")
        }
        change(&configuration)
        let harness = try Harness(configuration, context: transport == .local ? context : Context())
        address = harness.acceptor.addresses[0]
        return harness
    }

    func peer(role: Role = .client, at other: Address? = nil) throws -> Peer {
        try Peer(configuration(role: role, at: other), context: context)
    }

    /// What such a peer is made of, for another thread.
    func configuration(role: Role = .client, at other: Address? = nil) throws -> ConnectorConfiguration {
        let keys =
            transport == .keyedTCP ? try PeerKeys(reading: folder.path + "/keys/\(role).key") : nil
        return ConnectorConfiguration(
            address: other ?? address, keys: keys, role: role, fields: [Field("name", .string("peer"))])
    }
}
