import Posix

/// Resident memory of processes, as the kernel counts it.
enum MemoryUse {
    private static let pageBytes: UInt64 = 4096
    /// Descendants that are looked at; a task with more children is counted by the first ones.
    private static let processesMax = 256

    /// Resident bytes of a process, plus what its descendants do not share with it; 0 once it is gone.
    static func resident(ofTree process: Int32) -> UInt64 {
        var bytes = pages(process)?.resident ?? 0
        var pending = children(of: process)
        var looked = 0
        while let child = pending.popLast(), looked < processesMax {
            looked += 1
            if let use = pages(child) { bytes += use.resident &- min(use.shared, use.resident) }
            pending.append(contentsOf: children(of: child))
        }
        return bytes
    }

    static func resident(of process: Int32) -> UInt64 { pages(process)?.resident ?? 0 }

    private static func pages(_ process: Int32) -> (resident: UInt64, shared: UInt64)? {
        let numbers = read("/proc/\(process)/statm").split(separator: " ")
        guard numbers.count > 2, let resident = UInt64(numbers[1]), let shared = UInt64(numbers[2]) else {
            return nil
        }
        return (resident * pageBytes, shared * pageBytes)
    }

    /// Of the main thread only: that is the one on which tasks run.
    private static func children(of process: Int32) -> [Int32] {
        read("/proc/\(process)/task/\(process)/children").split(separator: " ").compactMap { Int32($0) }
    }

    private static func read(_ path: String) -> String {
        guard let bytes = try? readSmallFile(path) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }
}
