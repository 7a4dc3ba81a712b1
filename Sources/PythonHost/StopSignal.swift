internal import Glibc

/// How a running task is interrupted: a signal to the thread that runs it, whose handler in Python raises if
/// the task that it was meant for still runs. It reaches a task also inside `time.sleep` and most other
/// system calls.
enum StopSignal {
    /// Ignored by a process that does not handle it, and hardly used otherwise.
    static let number = SIGURG

    /// The calling thread, as what `send` interrupts.
    static var thisThread: pthread_t { pthread_self() }

    /// Needs no GIL.
    static func send(to thread: pthread_t) { pthread_kill(thread, number) }
}
