internal import Posix
internal import TaskModel

/// What a verb shows on standard output. It is what the verb was called for: what cannot be written (a full
/// disk, a reader that has gone) is an error, and ends a `--watch` that nobody watches any more.
enum Screen {
    static func show(_ text: String) throws(PosixError) { try show(Array(text.utf8), on: .output) }

    static func show(_ bytes: [UInt8], on stream: StandardStream) throws(PosixError) {
        try stream.write(bytes, until: .distantFuture)
    }
}
