import Posix
package import TaskModel
internal import ZeroMQ

/// A CURVE key pair, each key as 40 characters of Z85.
struct KeyPair: Sendable {
    let publicKey: String
    let secretKey: String
}

/// What a peer needs to connect over tcp: its own pair and the scheduler's public key.
package struct PeerKeys: Sendable {
    package let role: Role
    let pair: KeyPair
    let scheduler: String

    /// Reads `client.key`, `worker.key` or `operator.key`; refuses a file that others can read.
    package init(reading path: String) throws(TransportError) {
        let lines = try KeyFile(reading: path)
        pair = try lines.pair()
        role = try lines.role()
        scheduler = try lines.key("scheduler")
    }
}

/// What the scheduler needs to listen on tcp: its own pair and the allow-list.
package struct SchedulerKeys: Sendable {
    let pair: KeyPair
    let authorized: [AuthorizedKey]

    /// Reads `scheduler.key` and `authorized` in a folder; refuses files that others can read.
    package init(readingFolder folder: String) throws(TransportError) {
        pair = try KeyFile(reading: folder + "/scheduler.key").pair()
        authorized = try readAuthorized(folder + "/authorized")
    }
}

/// One line of the allow-list.
struct AuthorizedKey: Hashable, Sendable {
    let role: Role
    let publicKey: String
    let name: String
}

/// `isthmus keys`: writes scheduler.key, client.key, worker.key, operator.key and authorized, each with
/// mode 0600, into a folder of mode 0700 that is made if missing. Existing files are never overwritten.
package func writeNewKeys(folder: String) throws(TransportError) {
    do {
        try makePrivateDirectory(folder)
        let scheduler = try makeCurveKeyPair()
        var authorized = "# ROLE PUBLIC-KEY NAME: who may connect. Delete a line to lock its owner out.\n"
        for role in [Role.client, .worker, .operator] {
            let pair = try makeCurveKeyPair()
            let text = """
                role \(role)
                public \(pair.publicKey)
                secret \(pair.secretKey)
                scheduler \(scheduler.publicKey)

                """
            try writeNewFile("\(folder)/\(role).key", Array(text.utf8))
            authorized += "\(role) \(pair.publicKey) \(role)\n"
        }
        let text = "role scheduler\npublic \(scheduler.publicKey)\nsecret \(scheduler.secretKey)\n"
        try writeNewFile("\(folder)/authorized", Array(authorized.utf8))
        try writeNewFile("\(folder)/scheduler.key", Array(text.utf8))
    } catch let error as PosixError where error.isExists {
        throw TransportError("\(error): keys are never overwritten; choose another folder or delete it")
    } catch {
        throw TransportError("cannot write keys: \(error)")
    }
}

extension Role {
    /// The roles that a key can have are those of `isthmus keys`; a driver is started by a worker and uses
    /// its key.
    func mayActAs(_ role: Role) -> Bool { self == role || (self == .worker && role == .driver) }

    init?(name: some StringProtocol) {
        guard let role = Role.allCases.first(where: { "\($0)" == name }) else { return nil }
        self = role
    }
}

/// The lines `name value` of a key file.
private struct KeyFile {
    let path: String
    private var values: [String: String] = [:]

    init(reading path: String) throws(TransportError) {
        self.path = path
        for line in try privateLines(path) {
            guard let space = line.firstIndex(of: " ") else { continue }
            values[String(line[..<space])] = String(line[line.index(after: space)...])
        }
    }

    func value(_ name: String) throws(TransportError) -> String {
        guard let value = values[name] else { throw TransportError("\(path) has no line \"\(name)\"") }
        return value
    }

    func key(_ name: String) throws(TransportError) -> String {
        let key = try value(name)
        guard key.utf8.count == 40 else {
            throw TransportError("\(path): \"\(name)\" is not a key of 40 characters")
        }
        return key
    }

    func role() throws(TransportError) -> Role {
        let name = try value("role")
        guard let role = Role(name: name) else { throw TransportError("\(path): \"\(name)\" is not a role") }
        return role
    }

    func pair() throws(TransportError) -> KeyPair {
        let pair = KeyPair(publicKey: try key("public"), secretKey: try key("secret"))
        guard curvePublicKey(ofSecret: pair.secretKey) == pair.publicKey else {
            throw TransportError("\(path): the public key does not belong to the secret one")
        }
        return pair
    }
}

private func readAuthorized(_ path: String) throws(TransportError) -> [AuthorizedKey] {
    var keys: [AuthorizedKey] = []
    for line in try privateLines(path) {
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.count == 3, let role = Role(name: words[0]), role != .scheduler, words[1].utf8.count == 40
        else { throw TransportError("\(path): \"\(words.first ?? "")…\" is not ROLE PUBLIC-KEY NAME") }
        keys.append(AuthorizedKey(role: role, publicKey: String(words[1]), name: String(words[2])))
    }
    return keys
}

/// The lines of a file that belongs to this user alone, without empty ones and comments.
private func privateLines(_ path: String) throws(TransportError) -> [Substring] {
    do {
        let bytes = try readPrivateFile(path, bytesMax: Limits.keyFileBytesMax)
        let text = String(decoding: bytes, as: UTF8.self)
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    } catch {
        throw TransportError("\(error)")
    }
}
