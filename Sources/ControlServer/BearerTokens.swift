package import Posix
internal import TaskModel

/// The tokens that the control API accepts over TCP, read from a file of mode 0600: one line, or two while
/// one takes the place of the other. The file is read at each call, so a change needs no restart.
package struct BearerTokens: Sendable {
    package enum Problem: Error, Hashable, Sendable {
        case file(PosixError)
        case empty(path: String)
        case tooMany(path: String, count: Int)
        case tooShort(path: String, line: Int)
    }

    private let path: String

    /// Fails at once when the file cannot serve.
    package init(path: String) throws(Problem) {
        self.path = path
        _ = try Self.lines(path)
    }

    /// The newest token (the first line), for a caller.
    package static func first(in path: String) throws(Problem) -> String {
        String(decoding: try lines(path)[0], as: UTF8.self)
    }

    /// Compares with every token over its whole length, so that the time tells nothing about them.
    func admit(_ presented: [UInt8]) throws(Problem) -> Bool {
        var admitted = false
        for token in try Self.lines(path) where Self.areEqual(token, presented) { admitted = true }
        return admitted
    }

    /// Takes the same time wherever the two differ; only their lengths show.
    static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for index in left.indices { difference |= left[index] ^ right[index] }
        return difference == 0
    }

    private static func lines(_ path: String) throws(Problem) -> [[UInt8]] {
        let bytes: [UInt8]
        do throws(PosixError) {
            bytes = try readPrivateFile(path, bytesMax: Limits.tokenFileBytesMax)
        } catch {
            throw .file(error)
        }
        let lines = bytes.split(whereSeparator: { $0 <= UInt8(ascii: " ") }).map(Array.init)
        if lines.isEmpty { throw .empty(path: path) }
        if lines.count > 2 { throw .tooMany(path: path, count: lines.count) }
        for (index, line) in lines.enumerated() where line.count < Limits.tokenBytesMin {
            throw .tooShort(path: path, line: index + 1)
        }
        return lines
    }
}

extension BearerTokens.Problem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .file(let problem): "cannot use the token file: \(problem)"
        case .empty(let path):
            "token file \(path) is empty; make one: openssl rand -hex 32 > \(path); chmod 600 \(path)"
        case .tooMany(let path, let count):
            "token file \(path) holds \(count) tokens; at most two, one to a line, are valid at once"
        case .tooShort(let path, let line):
            "token file \(path): token \(line) is shorter than \(Limits.tokenBytesMin) characters; "
                + "make one: openssl rand -hex 32"
        }
    }
}
