internal import ArgumentParser
internal import TaskModel

/// "gpu=2", "cpu=7.5", "memory=16GB": memory in bytes, everything else in thousandths.
struct ResourceAmount: Hashable {
    let name: String
    let amount: UInt64
    /// As it was given.
    let text: String

    /// Names that a worker would offer for nothing, since tasks ask for the right one.
    private static let misspelt = [
        "cpus": "cpu", "core": "cpu", "cores": "cpu", "gpus": "gpu", "mem": "memory", "ram": "memory",
    ]

    static func parse(_ text: String) throws -> ResourceAmount {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw ValidationError("give name=amount, for example gpu=2, cpu=7.5 or memory=16GB")
        }
        let name = String(parts[0])
        guard OptionChecks.isAskable(name) else { throw ValidationError(OptionChecks.askable) }
        let lower = name.lowercased()
        let right = misspelt[lower] ?? (["cpu", "gpu", "memory"].contains(lower) ? lower : name)
        guard right == name else { throw ValidationError("the resource is called \(right)") }
        return ResourceAmount(name: name, amount: try amount(of: name, String(parts[1])), text: text)
    }

    private static func amount(of name: String, _ text: String) throws -> UInt64 {
        if name == "memory" {
            let bytes = try ByteCount.parse(text).bytes
            guard bytes <= Limits.resourceAmountMax else {
                throw ValidationError("memory is at most \(Limits.resourceAmountMax) bytes")
            }
            return bytes
        }
        let most = Limits.resourceAmountMax / 1_000
        guard let value = Double(text), value >= 0, value <= Double(most) else {
            throw ValidationError("the amount is a number from 0 to \(most)")
        }
        let thousandths = UInt64((value * 1_000).rounded())
        if value > 0, thousandths == 0 {
            throw ValidationError("\(name) is counted in thousandths, and this is less than one")
        }
        if name == "gpu", thousandths % 1_000 != 0 {
            throw ValidationError("a worker offers whole gpus")
        }
        return thousandths
    }
}

/// "500MB", "2 GB", "2GiB", or a plain number of bytes.
struct ByteCount: Hashable {
    let bytes: UInt64

    private static let units: [(String, UInt64)] = [
        ("KIB", 1 << 10), ("MIB", 1 << 20), ("GIB", 1 << 30), ("TIB", 1 << 40),
        ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1),
    ]

    static func parse(_ text: String) throws -> ByteCount {
        let words = text.uppercased().filter { $0 != " " }
        let unit = units.first { words.hasSuffix($0.0) }
        let number = words.dropLast(unit?.0.count ?? 0)
        let scale = Double(unit?.1 ?? 1)
        guard number.allSatisfy({ $0.isNumber || $0 == "." }), let value = Double(number), value > 0,
            value * scale >= 1, value * scale < 1e18
        else {
            throw ValidationError("give a size such as 500MB or 2GiB, or a number of bytes, from 1")
        }
        return ByteCount(bytes: UInt64(value * scale))
    }

    /// Of an executor, which needs some for itself.
    static func ofExecutor(_ text: String) throws -> ByteCount {
        let size = try parse(text)
        guard size.bytes >= Limits.executorMemoryMin else {
            throw ValidationError(
                "an executor takes about 20 MB before it runs anything: give at least "
                    + "\(Limits.executorMemoryMin >> 20)MiB")
        }
        return size
    }
}
