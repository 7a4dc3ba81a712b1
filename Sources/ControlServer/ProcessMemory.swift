internal import FoundationEssentials

/// What this process takes from the machine.
enum ProcessMemory {
    /// Resident bytes as Linux counts them; 0 when /proc cannot be read.
    static func residentBytes() -> UInt64 {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let kilobytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
        else { return 0 }
        return (UInt64(kilobytes) ?? 0) * 1_024
    }
}
