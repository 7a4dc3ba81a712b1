internal import Glibc
internal import Posix
internal import Synchronization
internal import TaskModel

/// Descriptor 1 or 2 as a memory file that is cut between tasks: what was written since the last cut belongs
/// to the task that just ended, also what C code and child processes wrote.
final class CapturedStream: Sendable {
    private let kind: OutcomePart
    /// A descriptor of our own, so that a task may redirect 1 and 2 as it likes.
    private let file: FileDescriptor
    /// Where the next task's output begins.
    private let cutAt: Atomic<Int>
    /// Where the memory that was not given back yet begins.
    private let heldFrom: Atomic<Int>

    /// Nil for a terminal, pipe or file on disk: those are left alone.
    init?(_ descriptor: Int32, _ kind: OutcomePart) {
        guard fcntl(descriptor, Self.getSeals) >= 0 else { return nil }
        let borrowed = FileDescriptor(owning: descriptor)
        let duplicate = try? borrowed.duplicate()
        _ = borrowed.release()
        guard let duplicate, let size = try? duplicate.size() else { return nil }
        self.kind = kind
        file = duplicate
        cutAt = Atomic(size)
        heldFrom = Atomic(size)
    }

    /// F_GET_SEALS, which only a memory file answers.
    private static let getSeals: Int32 = 1034

    /// What was written since the last call; the newest bytes when it is more than is kept.
    func cut() -> TaskOutcome.Part? {
        let start = cutAt.load(ordering: .relaxed)
        guard let end = try? file.appendedSize(), end != start else { return nil }
        guard end > start else {
            // The task has cut its output off.
            cutAt.store(end, ordering: .relaxed)
            heldFrom.store(end, ordering: .relaxed)
            return nil
        }
        let kept = max(start, end - Limits.outputBytesPerTaskMax)
        var bytes = [UInt8](repeating: 0, count: end - kept)
        guard case .bytes(let count) = try? file.read(into: &bytes, position: kept) else { return nil }
        bytes.removeSubrange(count...)
        if kept > start { bytes = Array("[\(kept - start) bytes before this were not kept]\n".utf8) + bytes }
        cutAt.store(end, ordering: .relaxed)
        giveBack(upTo: end)
        return TaskOutcome.Part(kind, .raw, bytes)
    }

    /// Gives memory back while a task writes more than will be kept. Called by the watcher; it touches only
    /// bytes that `cut` will not read.
    func trim() {
        guard let size = try? file.size() else { return }
        let kept = size - Limits.outputBytesPerTaskMax
        if kept - heldFrom.load(ordering: .relaxed) > ExecutorLimits.outputHeldMax { giveBack(upTo: kept) }
    }

    private func giveBack(upTo end: Int) {
        let start = heldFrom.exchange(end, ordering: .relaxed)
        if end > start { try? file.punchHole(from: start, count: end - start) }
    }
}
