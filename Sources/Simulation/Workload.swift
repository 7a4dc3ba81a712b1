// Draws tasks and graphs. A new option of a task is one line here and one promise of the auditor.

import TaskModel

enum Workload {
    /// Functions of users, by number, and the one that converts a pickled value.
    static let functions = 9
    static let conversionFunction: UInt32 = 8
    /// What initializers call.
    static let initializer = UInt32(functions + Contest.functions)

    static func spec(_ setting: Setting, _ faults: FaultPlan, _ random: inout RandomNumbers) -> TaskSpec {
        var spec = TaskSpec()
        spec.function = UInt32(random.below(functions - 1))
        let mean = setting.durations[Int(spec.function)]
        spec.duration = random.interval(.microseconds(5), mean * 2)
        if setting.has(.swiftTasks), random.happens(350) { spec.kind = .swift }
        spec.codec = spec.kind == .swift || random.happens(300) ? .neutral : .pickle
        if setting.has(.failures), random.happens(150) {
            let times = random.element(of: [1, 2, 1_000])
            spec.behaviour = random.happens(100) ? .notSerializable : .raises(times: times)
        }
        if random.happens(faults.share(.poisonTask)) {
            spec.behaviour = .kills(times: random.element(of: [1, 2, 3, 1_000]))
        }
        if random.happens(faults.share(.poisonForWorkers)) {
            spec.behaviour = .killsWorker(times: random.element(of: [1, 2, 3, 1_000]))
        }
        if setting.has(.retries) { spec.retries = UInt16(random.element(of: [0, 1, 3])) }
        if setting.has(.retries), random.happens(100) { spec.isRetryable = false }
        if setting.has(.backoff) {
            spec.backoff = UInt32(random.element(of: [0, 1, 30, 700]))
            spec.backoffMax = UInt32(random.element(of: [0, 50, 1_000]))
        }
        if setting.has(.deadlines), random.happens(200) {
            spec.deadline = UInt32(random.element(of: [1, 40, 900, 15_000]))
        }
        if setting.has(.notIdempotent), random.happens(250) { spec.isIdempotent = false }
        if setting.has(.priorities) { spec.priority = Int8(random.number(-10...10)) }
        if setting.has(.timeouts), random.happens(150) {
            spec.timeout = random.interval(.milliseconds(1), mean * 2 + .milliseconds(2))
        }
        if setting.has(.largeValues) {
            spec.valueBytes = random.element(of: [100, 5_000, 100_000, 3_000_000])
        }
        if setting.has(.stubborn), random.happens(200) { spec.isStubborn = true }
        if !setting.wishes.isEmpty, random.happens(400) { spec.wish = random.element(of: setting.wishes) }
        return spec
    }

    /// Dependencies of one lot of tasks, as sequences; `first` is that of the first of the lot, and `known`
    /// are earlier ones that may still be named.
    static func shape(
        _ setting: Setting, first: UInt64, known: [UInt64], most: Int, _ random: inout RandomNumbers
    ) -> [[UInt64]] {
        let count = min(most, random.element(of: [1, 1, 2, 4, 9]))
        var lot: [[UInt64]] = []
        guard setting.has(.graphs) else { return [[UInt64]](repeating: [], count: count) }
        let form = random.below(5)
        for number in 0..<count {
            let own = first + UInt64(number)
            var dependencies: [UInt64] = []
            switch form {
            case 0: break
            case 1: if number > 0 { dependencies = [own - 1] }
            case 2: if number > 0 { dependencies = [first] }
            case 3: if number == count - 1, number > 0 { dependencies = Array(first..<own) }
            case _:
                for _ in 0..<random.below(4) where !known.isEmpty || number > 0 {
                    let inside = number > 0 && (known.isEmpty || random.happens(500))
                    dependencies.append(
                        inside ? first + UInt64(random.below(number)) : random.element(of: known))
                }
            }
            lot.append(dependencies)
        }
        return lot
    }
}
