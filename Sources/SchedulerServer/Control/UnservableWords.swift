// What to say of a task that no connected worker can run: what was asked, what is there, and what to do.

import SchedulerCore
import TaskModel

extension SchedulerLoop {
    /// Why a task was refused when it was ready.
    func unservableWords(_ task: TaskSlot, _ entry: TaskEntry) -> String {
        guard let requirement = core.snapshot(of: task)?.requirement else {
            return "task \(entry.id) was refused: no connected worker can run it"
        }
        return "task \(entry.id) was refused: \(unservableWords(requirement))"
    }

    /// What a refused task asked for, and what there is.
    func unservableWords(_ requirement: RequirementID) -> String {
        let wanted = "it needs a worker with \(requirements.words(requirements[requirement]))"
        if peers.workerCount == 0 {
            return "\(wanted), and none that is expected has it; ask for less, or announce one that has it "
                + "with --expect"
        }
        let expected = configuration.expected.isEmpty ? "" : ", nor one that is expected,"
        let grace = configuration.unservableGrace ?? .zero
        let since = grace == .zero ? "" : "for \(words(grace)) "
        let have = grace == .zero ? "has" : "had"
        let missing: String
        if peers.workerCount > 1 {
            missing = "\(since)none of the \(peers.workerCount) connected workers\(expected) \(have) it"
        } else if expected.isEmpty {
            missing = "\(since)the only connected worker \(grace == .zero ? "does" : "did") not have it"
        } else {
            missing = "\(since)neither the only connected worker nor one that is expected \(have) it"
        }
        return "\(wanted), and \(missing); \(remedy(requirements[requirement]))"
    }

    /// What there is instead, and how to get what is missing.
    func remedy(_ requirement: Requirement) -> String {
        switch requirement {
        case .pickle, .anyPython:
            let have = peers.workerCount == 1 ? "it has" : "they have"
            return "\(have) \(pythonsPresent()): run the client with one of these, or start a worker with "
                + "--python"
        case .swift(let function):
            return "\(registered(near: function)); check the name, or start a worker with "
                + "`isthmus worker --swift EXECUTABLE` whose TaskRegistry contains it"
        case .refined(let demand):
            let able = peers.allWorkers().filter { has($0, requirements[demand.base]) }
            if able.isEmpty { return remedy(requirements[demand.base]) }
            let missing = missing(demand, of: able)
            let why = missing.isEmpty ? "no single worker has all of it" : missing.joined(separator: ", ")
            return "\(why); ask for less, or start a worker that has it (--resource NAME=AMOUNT, --label "
                + "KEY=VALUE)"
        }
    }

    func has(_ worker: WorkerPeer, _ base: Requirement) -> Bool {
        switch base {
        case .pickle(let python): worker.about.python == python
        case .anyPython: worker.about.python != nil
        case .swift(let function): worker.swiftFunctions.contains(function)
        case .refined: false
        }
    }

    /// What of a demand none of these workers has.
    private func missing(_ demand: Demand, of workers: [WorkerPeer]) -> [String] {
        var missing: [String] = []
        for kind in requirements.resourceNames.indices {
            let most = workers.map { $0.resources[kind] }.max() ?? 0
            guard demand.resources[kind] > most else { continue }
            missing.append("the most that one has is \(requirements.amount(most, kind))")
        }
        for label in demand.labels.map({ requirements.labels[Int($0)] })
        where !workers.contains(where: { WorkerPeer.names($0.labels).contains(label) }) {
            missing.append("none has the label \(label)")
        }
        for label in demand.avoids.map({ requirements.labels[Int($0)] })
        where workers.allSatisfy({ WorkerPeer.names($0.labels).contains(label) }) {
            missing.append("all have the label \(label)")
        }
        return missing
    }

    /// "3.11 (2 workers), 3.12 (1 worker)".
    private func pythonsPresent() -> String {
        var found: [(python: String, workers: UInt32)] = []
        for worker in peers.allWorkers() {
            let python = (worker.about.python ?? "no Python") + (worker.isDraining ? ", draining" : "")
            if let place = found.firstIndex(where: { $0.python == python }) {
                found[place].workers += 1
            } else {
                found.append((python, 1))
            }
        }
        return found.map { "\($0.python) (\(counted($0.workers, "worker")))" }.joined(separator: ", ")
    }

    /// The registered names that look most like this one.
    private func registered(near name: String) -> String {
        var names: Set<String> = []
        for worker in peers.allWorkers() { names.formUnion(worker.swiftFunctions) }
        if names.isEmpty { return "no Swift function is registered" }
        let nearest = names.map { (distance: editDistance($0, name), name: $0) }.sorted { $0 < $1 }
        let shown = nearest.prefix(Self.namesShownMax).map(\.name).joined(separator: ", ")
        return nearest.count > Self.namesShownMax
            ? "the nearest of \(nearest.count) registered names are \(shown)" : "registered are \(shown)"
    }

    private static var namesShownMax: Int { 3 }
}

/// Insertions, deletions and substitutions that turn one word into the other (Levenshtein).
func editDistance(_ left: String, _ right: String) -> Int {
    let (left, right) = (Array(left.utf8), Array(right.utf8))
    var row = Array(0...right.count)
    for (i, byte) in left.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, other) in right.enumerated() {
            let substituted = diagonal + (byte == other ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
        }
    }
    return row[right.count]
}
