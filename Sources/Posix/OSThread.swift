internal import CPosix
internal import Glibc

/// A plain thread, for a loop that blocks. Its owner must `join` it.
package struct OSThread: ~Copyable, Sendable {
    private let handle: pthread_t

    private final class Start {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts `body` on a new thread. The first 15 bytes of `name` are what the system's tools show.
    package init(
        name: String, stackBytes: Int = 4 << 20, _ body: @escaping @Sendable () -> Void
    ) throws(PosixError) {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        unsafe pthread_attr_setstacksize(&attributes, stackBytes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        let start = unsafe Unmanaged.passRetained(Start(name: String(name.prefix(15)), body: body))
        var handle: pthread_t = 0
        let code = unsafe pthread_create(&handle, &attributes, Self.main, start.toOpaque())
        guard code == 0 else {
            unsafe start.release()
            throw PosixError("pthread_create(\(name))", code: code)
        }
        self.handle = handle
    }

    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = {
        let start = unsafe Unmanaged<Start>.fromOpaque($0!).takeRetainedValue()
        unsafe cposix_name_this_thread(start.name)
        start.body()
        return nil
    }

    /// Waits until the thread has ended.
    package consuming func join() { pthread_join(handle, nil) }
}
