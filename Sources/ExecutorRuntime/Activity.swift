internal import Glibc
internal import Posix
internal import Synchronization
internal import TaskModel

/// What the runner is doing, in memory that the worker can read at any time, also after this process has
/// died (docs/wire-protocol.md, "The executor's socket"): the worker tells an attempt that runs from one
/// that waits for an initializer, or for something that holds up the runner between two attempts.
///
/// Unchecked because it holds a pointer: nobody else in this process knows the mapping, and only the
/// runner's thread writes to it.
@safe struct Activity: ~Copyable, @unchecked Sendable {
    enum Kind: UInt32 {
        case nothing = 1
        case attempt = 2
        case initializer = 3
    }

    private static let kindOffset = 8
    private static let sessionOffset = 16

    /// Nil without a journal: the worker then takes it for granted that attempts run.
    private let page: UnsafeMutableRawPointer?

    /// Maps the head of the journal. Its descriptor is left open for `Journal`.
    init() {
        guard fcntl(Journal.descriptor, Journal.getSeals) >= 0 else {
            unsafe page = nil
            return
        }
        let base = unsafe mmap(
            nil, Journal.headerBytes, PROT_READ | PROT_WRITE, MAP_SHARED, Journal.descriptor, 0)
        unsafe page = unsafe base == MAP_FAILED ? nil : base
    }

    deinit {
        if let page = unsafe page { unsafe munmap(page, Journal.headerBytes) }
    }

    func become(_ kind: Kind, of session: SessionID = SessionID(0)) {
        guard let page = unsafe page else { return }
        unsafe page.storeBytes(
            of: session.rawValue.littleEndian, toByteOffset: Self.sessionOffset, as: UInt64.self)
        // The session comes before the word that gives it a meaning.
        atomicMemoryFence(ordering: .releasing)
        unsafe page.storeBytes(of: kind.rawValue.littleEndian, toByteOffset: Self.kindOffset, as: UInt32.self)
    }
}
