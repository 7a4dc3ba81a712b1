internal import Glibc
internal import Posix
internal import Synchronization
internal import TaskModel

/// A copy of the outcomes that are held back, in memory that the worker can read after this process has died
/// (docs/wire-protocol.md, "The executor's socket"). So a task that kills the executor takes no result of an
/// earlier one along.
///
/// Unchecked because it holds a pointer: nobody else in this process knows the mapping, and whoever may
/// change the journal has it alone (it lives inside the lock around `OutcomeOutput`).
@safe struct Journal: ~Copyable, @unchecked Sendable {
    /// Descriptor 4 of an executor.
    static let descriptor: Int32 = 4
    static let headerBytes = 64
    /// F_GET_SEALS, which only a memory file answers.
    static let getSeals: Int32 = 1034

    /// Nil without a journal: outcomes are then as safe as this process.
    private let memory: UnsafeMutableRawBufferPointer?
    private var used = 0

    /// Maps the journal and closes its descriptor, which tasks have no use for.
    init() {
        let count = Limits.executorJournalBytes
        guard fcntl(Self.descriptor, Self.getSeals) >= 0 else {
            unsafe memory = nil
            return
        }
        let file = FileDescriptor(owning: Self.descriptor)
        guard let size = try? file.size(), size == count else {
            _ = file.release()
            unsafe memory = nil
            return
        }
        let base = unsafe mmap(nil, count, PROT_READ | PROT_WRITE, MAP_SHARED, file.rawValue, 0)
        guard let base = unsafe base, unsafe base != MAP_FAILED else {
            unsafe memory = nil
            return
        }
        unsafe memory = UnsafeMutableRawBufferPointer(start: base, count: count)
    }

    deinit {
        if let memory = unsafe memory { unsafe munmap(memory.baseAddress, memory.count) }
    }

    /// Copies the records at the end of `bytes`, unless they do not fit.
    mutating func append(_ bytes: [UInt8], from start: Int) {
        guard let memory = unsafe memory else { return }
        let end = Self.headerBytes + used
        let count = bytes.count - start
        guard end + count <= Limits.executorJournalBytes else { return }
        // Safe: the target lies within the mapping, as was just checked.
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe memory[end..<(end + count)].copyBytes(from: bytes[start...])
        }
        used += count
        publish()
    }

    /// What was held back has been written.
    mutating func clear() {
        guard used > 0 else { return }
        used = 0
        publish()
    }

    /// The count comes after the bytes that it counts.
    private func publish() {
        atomicMemoryFence(ordering: .releasing)
        unsafe memory?.storeBytes(of: UInt32(used).littleEndian, as: UInt32.self)
    }
}
