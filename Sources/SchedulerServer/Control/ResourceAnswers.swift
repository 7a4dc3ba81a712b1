// What workers offer and what is taken of it.

import SchedulerCore
import TaskModel

extension SchedulerLoop {
    /// What one worker offers; of what it has none of, it says nothing.
    func resources(of worker: WorkerPeer) -> [ResourceUse] {
        guard let usage = core.usage(of: worker.slot) else { return [] }
        return requirements.resourceNames.indices.compactMap { kind in
            guard usage.offered[kind] > 0 else { return nil }
            return ResourceUse(
                name: requirements.resourceNames[kind], offered: usage.offered[kind], taken: usage.taken[kind]
            )
        }
    }

    func gpus(of worker: WorkerPeer) -> [ResourceUse] {
        let taken = core.usage(of: worker.slot)?.devices ?? []
        return taken.indices.map { place in
            let name = place < worker.gpuNames.count ? worker.gpuNames[place] : "\(place)"
            return ResourceUse(name: name, offered: Resources.wholeDevice, taken: taken[place])
        }
    }

    /// Of all workers that take tasks.
    func allResources() -> [ResourceUse] {
        var sums: [ResourceUse] = []
        for worker in peers.allWorkers() where !worker.isDraining {
            for use in resources(of: worker) {
                if let place = sums.firstIndex(where: { $0.name == use.name }) {
                    sums[place].offered += use.offered
                    sums[place].taken += use.taken
                } else {
                    sums.append(use)
                }
            }
        }
        return sums
    }

    /// "w1 has 2, all in use": of workers that have as many gpus as a task asks for. nil: gpus are not what
    /// it waits for.
    func whoseGpusAreTaken(_ demand: Demand) -> String? {
        let asked = demand.resources[Resources.gpu]
        guard asked > 0 else { return nil }
        var words: [String] = []
        for worker in peers.allWorkers() where !worker.isDraining && has(worker, requirements[demand.base]) {
            guard let usage = core.usage(of: worker.slot), demand.resources.fits(in: usage.offered) else {
                continue
            }
            guard let state = Self.stateOfGpus(usage.devices, asked: asked) else { return nil }
            words.append("\(worker.displayName) has \(usage.devices.count), \(state)")
        }
        let shown = words.prefix(Self.workersShownMax).joined(separator: "; ")
        let rest = words.count - Self.workersShownMax
        if words.isEmpty { return nil }
        return rest > 0 ? "\(shown); and so have \(rest) others" : shown
    }

    private static var workersShownMax: Int { 3 }

    /// nil: there is room.
    private static func stateOfGpus(_ taken: [UInt64], asked: UInt64) -> String? {
        let free = taken.count { $0 == 0 }
        let left = taken.map { Resources.wholeDevice - $0 }.max() ?? 0
        if asked < Resources.wholeDevice {
            if asked <= left { return nil }
            return left == 0 ? "all in use" : "with at most \(decimal(thousandths: left)) of one left"
        }
        if UInt64(free) * Resources.wholeDevice >= asked { return nil }
        return free == 0 ? "all in use" : "of which \(free) \(free == 1 ? "is" : "are") free"
    }
}
