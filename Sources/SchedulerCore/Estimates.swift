// How long a function's tasks run, learned from their outcomes, in the unit in which workers are loaded.
//
// A worker may hold `unitsPerSlot` units per slot, which is `Limits.prefetchTarget` of work. A task weighs
// what its function is expected to run, within bounds:
//   - at least 1 unit, so that a slot holds `Limits.prefetchPerSlotMax` of the shortest;
//   - at most half a slot, so that one waits behind the one that runs;
//   - a whole slot beyond `Limits.prefetchRunTimeMax`: such a task is not held ahead at all.
// An unknown function weighs half a slot, and each result may at most double how many are held: one result
// that happened to be quick does not fill a worker with tasks that are slow.

import TaskModel

struct Estimate: BitwiseCopyable {
    var mean: Int64 = 0
    var results: UInt8 = 0
}

struct Estimates: ~Copyable {
    static let unitsPerSlot = UInt32(Limits.prefetchPerSlotMax)
    static let unit = Limits.prefetchTarget.nanoseconds / Int64(Limits.prefetchPerSlotMax)
    static let weightOfUnknown = unitsPerSlot / 2
    /// Of a task that is placed on a free slot only.
    static let weightOfLong = unitsPerSlot

    private var functions: [Estimate] = []

    func weight(_ function: UInt32) -> UInt32 {
        guard function < functions.count else { return Self.weightOfUnknown }
        let estimate = functions[Int(function)]
        if estimate.results == 0 { return Self.weightOfUnknown }
        if estimate.mean >= Limits.prefetchRunTimeMax.nanoseconds { return Self.weightOfLong }
        let caution = estimate.results < 16 ? Self.weightOfUnknown >> UInt32(estimate.results) : 0
        let expected = UInt32(clamping: estimate.mean / Self.unit)
        return min(max(expected, caution, 1), Self.weightOfUnknown)
    }

    /// How long a task of this function will run, for the share of its session.
    func expected(_ function: UInt32) -> Interval {
        guard function < functions.count, functions[Int(function)].results > 0 else { return Self.ofUnknown }
        return Interval(nanoseconds: max(functions[Int(function)].mean, 1_000))
    }

    static var ofUnknown: Interval { Interval(nanoseconds: unit * Int64(weightOfUnknown)) }

    /// Whether anything is known of how long the function runs.
    func isKnown(_ function: UInt32) -> Bool {
        function < functions.count && functions[Int(function)].results > 0
    }

    /// A mean of all results at first, then of the last ones.
    mutating func learn(_ function: UInt32, ranMicroseconds: UInt32) {
        while functions.count <= Int(function) { functions.append(Estimate()) }
        let ran = Int64(ranMicroseconds) * 1_000
        let results = functions[Int(function)].results
        functions[Int(function)].mean += (ran - functions[Int(function)].mean) / Int64(min(results, 15) + 1)
        if results < 16 { functions[Int(function)].results = results + 1 }
    }

    mutating func forget(_ function: UInt32) {
        if function < functions.count { functions[Int(function)] = Estimate() }
    }
}
