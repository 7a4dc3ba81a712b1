internal import Glibc
internal import Posix

/// A core that finds itself broken traps, and nothing can be asked any more; then at least the seed is told.
enum SeedOnTrap {
    /// Safe: only the thread that simulates writes it. The handler reads it on that same thread, which has
    /// stopped in its trap.
    nonisolated(unsafe) static var current: UInt64 = 0

    static func install() {
        for number in [SIGILL, SIGTRAP] {
            signal(number) { number in
                StandardStream.error.write("isthmus: a core traps under seed \(unsafe SeedOnTrap.current)\n")
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }
}
