import TaskModel
internal import Wire

/// A session in the acceptor's table.
final class AcceptedSession {
    let handle: SessionHandle
    let link: OutgoingLink
    let role: Role
    let keyName: String?
    /// The protocol versions that the peer speaks.
    let versions: ClosedRange<UInt16>
    /// nil: no connection now.
    var route: Route?
    /// What the server granted, repeated when the session resumes.
    var grantedFields: [Field] = []
    /// The server was told of it, so it is told of its end.
    var isAnnounced = false

    init(_ handle: SessionHandle, _ link: OutgoingLink, hello: Handshake, keyName: String?, route: Route) {
        self.handle = handle
        self.link = link
        role = hello.role
        self.keyName = keyName
        versions = hello.lowestVersion...max(hello.lowestVersion, hello.highestVersion)
        self.route = route
    }
}
