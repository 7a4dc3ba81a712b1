package import TaskModel
package import Wire

/// Why a peer is not let in, or not any more. The raw values are those of the wire.
package enum RefusalCode: String, Sendable {
    case version, role, python, cloudpickle, limit, session, malformed, epoch, unauthorised, field
    /// The session is known, but not on this connection: say hello here.
    case hello
}

/// A refusal as its receiver sees it. The code is text, for a later peer may know more of them.
package struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
    package let code: String
    /// The field that differs, or empty.
    package let field: String
    package let message: String

    package init(code: String, field: String, message: String) {
        self.code = code
        self.field = field
        self.message = message
    }

    package var description: String { field.isEmpty ? message : "\(message) [\(code): \(field)]" }
}

/// What a peer said of itself when it opened a session.
package struct Hello: Sendable {
    package let role: Role
    package let session: SessionID
    package let fields: [Field]
    /// Name of the key that it used; nil over ipc and inproc.
    package let keyName: String?

    package init(role: Role, session: SessionID, fields: [Field], keyName: String?) {
        self.role = role
        self.session = session
        self.fields = fields
        self.keyName = keyName
    }
}

/// What the scheduler granted.
package struct Welcome: Sendable {
    package let epoch: Epoch
    package let fields: [Field]

    package init(epoch: Epoch, fields: [Field]) {
        self.epoch = epoch
        self.fields = fields
    }
}
