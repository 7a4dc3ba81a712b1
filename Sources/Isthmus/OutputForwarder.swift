import Dispatch
import Posix
import Synchronization
import TaskModel
import Wire

/// Prints what tasks wrote, in the order in which they ended, each line with the name of its task in front.
///
/// It does so in a queue of its own: whoever reads the terminal may be slow, and the loop that serves the
/// client must never wait for that.
final class OutputForwarder: Sendable {
    private struct Text: Sendable {
        let stream: StandardStream
        let bytes: [UInt8]
    }

    private let queue = DispatchQueue(label: "isthmus-output")
    private let state = Mutex((bytes: 0, dropped: 0))

    /// An outcome that may hold output.
    func arrived(_ outcome: ReceivedOutcome, of entry: TaskEntry) {
        let texts = outcome.parts.compactMap { part -> Text? in
            switch part.kind {
            case .standardOutput: Text(stream: .output, bytes: part.bytes)
            case .standardError: Text(stream: .error, bytes: part.bytes)
            case .value, .traceback, .exceptionSummary, .log: nil
            }
        }
        let bytes = texts.reduce(0) { $0 + $1.bytes.count }
        guard bytes > 0 else { return }
        let hasRoom = state.withLock { state in
            guard state.bytes <= Limits.forwardedBytesMax else {
                state.dropped += 1
                return false
            }
            state.bytes += bytes
            return true
        }
        guard hasRoom else { return }
        let name = entry.options.name ?? entry.function.shortName
        queue.async { [self] in show(texts, name, bytes) }
    }

    private func show(_ texts: [Text], _ name: String, _ bytes: Int) {
        // What the program itself printed comes first.
        BufferedOutput.flush()
        for text in texts {
            let lines = String(decoding: text.bytes, as: UTF8.self).split(
                separator: "\n", omittingEmptySubsequences: false)
            let whole = lines.last == "" ? lines.dropLast() : lines[...]
            text.stream.write(whole.map { "[\(name)] \($0)\n" }.joined())
        }
        let dropped = state.withLock { state in
            defer { state.dropped = 0 }
            state.bytes -= bytes
            return state.dropped
        }
        guard dropped > 0 else { return }
        StandardStream.error.write(
            "[isthmus] the output of \(dropped) tasks came faster than it could be shown; see "
                + "RemoteTask.output\n")
    }

    /// Prints what is there, for a bounded time.
    func close() {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        _ = done.wait(timeout: .now() + .nanoseconds(Int(Limits.closeTimeout.nanoseconds)))
    }
}
