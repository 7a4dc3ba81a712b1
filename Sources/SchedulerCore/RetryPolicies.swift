// How long a task waits before it is tried again after an exception.
//
// The delay doubles with each retry up to a largest one, and a part of it is random, so that tasks that
// failed together do not come back together: "equal jitter" (M. Brooker, Exponential Backoff And Jitter, AWS
// Architecture Blog, 2015), half of the delay and a random part of the other half. "Full jitter" would spread
// them a little better, but could try again at once, and whoever asks for a delay of a second means about a
// second. The random part is a hash of task and retry, so that equal calls give equal actions.
//
// Few tasks ask for a delay, and those that do ask for the same few: a row of the task table names its policy
// here by number. A policy goes with its last task.

import TaskModel

struct RetryPolicy: Hashable, BitwiseCopyable {
    var retries: UInt16
    var firstMilliseconds: UInt32
    var maxMilliseconds: UInt32

    /// - Parameter retry: 1 for the first.
    func delay(retry: UInt32, of task: TaskID) -> Interval {
        let first = Interval.milliseconds(Int64(firstMilliseconds))
        // 32 bits of milliseconds, doubled 31 times, are still nanoseconds in 64 bits only when clamped.
        let doublings = min(retry > 0 ? retry - 1 : 0, 31)
        let longest = min(first * (1 << Int64(doublings)), .milliseconds(Int64(maxMilliseconds)))
        let half = longest.nanoseconds / 2
        let seed = task.session.rawValue &+ Self.mixed(task.sequence) &+ UInt64(retry)
        return Interval(nanoseconds: longest.nanoseconds - Int64(Self.mixed(seed) % UInt64(half + 1)))
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    private static func mixed(_ seed: UInt64) -> UInt64 {
        var word = seed &+ 0x9e37_79b9_7f4a_7c15
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}

struct RetryPolicies: ~Copyable {
    private struct Row: BitwiseCopyable {
        var policy: RetryPolicy
        var tasks: UInt32
    }

    private var rows: [Row] = []
    private var free: [UInt32] = []
    private var numbers: [RetryPolicy: UInt32] = [:]

    subscript(number: UInt32) -> RetryPolicy { rows[Int(number)].policy }

    /// Policies that a task has.
    var count: Int { rows.count - free.count }

    /// The number of the policy for one more task; none for a task that is tried again at once.
    mutating func take(_ options: TaskOptions) -> UInt32 {
        guard options.backoffMilliseconds > 0, options.retries > 0 else { return .none }
        let longest = UInt32(clamping: Limits.backoffMax.nanoseconds / 1_000_000)
        let policy = RetryPolicy(
            retries: options.retries, firstMilliseconds: options.backoffMilliseconds,
            maxMilliseconds: options.backoffMaxMilliseconds > 0
                ? options.backoffMaxMilliseconds : max(longest, options.backoffMilliseconds))
        if let number = numbers[policy] {
            rows[Int(number)].tasks += 1
            return number
        }
        let number: UInt32
        if let last = free.popLast() {
            number = last
            rows[Int(number)] = Row(policy: policy, tasks: 1)
        } else {
            number = UInt32(rows.count)
            rows.append(Row(policy: policy, tasks: 1))
        }
        numbers[policy] = number
        return number
    }

    mutating func giveBack(_ number: UInt32) {
        guard number != .none else { return }
        rows[Int(number)].tasks -= 1
        guard rows[Int(number)].tasks == 0 else { return }
        numbers[rows[Int(number)].policy] = nil
        free.append(number)
    }
}
