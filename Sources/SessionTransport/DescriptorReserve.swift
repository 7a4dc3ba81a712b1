import Posix
import TaskModel

/// Descriptors that are held for the moment when the system has no more: then they are let go of, for the
/// control API and for executors, and nobody new is let in until they could be taken back.
final class DescriptorReserve {
    private var held: [Held] = []

    private final class Held {
        let descriptor: EventFD
        init() throws(PosixError) { descriptor = try EventFD() }
    }

    init() { _ = refill() }

    func release() { held = [] }

    /// False: there are still too few.
    func refill() -> Bool {
        do {
            while held.count < Limits.descriptorsReserved { held.append(try Held()) }
            return true
        } catch {
            release()
            return false
        }
    }
}
