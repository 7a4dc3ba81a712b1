// Amounts of what a worker has and a task takes: cpu, memory, gpu and what operators name.
//
// A vector of fixed length, so that comparing and adding are a few instructions and nothing is allocated.
// The server gives each custom name a kind, in the order in which names are first met.

import TaskModel

/// Amounts per kind: memory in bytes, everything else in thousandths.
package struct Resources: Hashable, Sendable, BitwiseCopyable {
    package static let cpu = 0
    package static let memory = 1
    package static let gpu = 2
    /// Kinds from here on have custom names.
    package static let firstCustom = 3

    /// What a task takes that asks for nothing: one cpu.
    package static let plain = Resources(cpu: 1_000)

    private var amounts = SIMD16<UInt64>()

    package init(cpu: UInt64 = 0) { amounts[Self.cpu] = cpu }

    /// At most `Limits.resourceAmountMax`, so that sums over a worker's attempts do not overflow.
    package subscript(kind: Int) -> UInt64 {
        get { amounts[kind] }
        set {
            precondition(newValue <= Limits.resourceAmountMax, "an amount within Limits.resourceAmountMax")
            amounts[kind] = newValue
        }
    }

    package func fits(in room: Resources) -> Bool { all(amounts .<= room.amounts) }

    package static func + (left: Resources, right: Resources) -> Resources {
        var sum = left
        sum.amounts &+= right.amounts
        return sum
    }

    /// What is left; nothing where more is taken than there is.
    package static func - (left: Resources, right: Resources) -> Resources {
        var rest = left
        rest.amounts = left.amounts &- pointwiseMin(left.amounts, right.amounts)
        return rest
    }

    /// The kind by which workers are searched for a task that asks for this: a rare one before cpu.
    var scarcest: Int {
        var kind = Limits.resourceKindsMax - 1
        while kind > Self.cpu, amounts[kind] == 0 { kind -= 1 }
        return kind
    }
}
