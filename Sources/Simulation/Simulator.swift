package import TaskModel

/// One run to make.
package struct SimulationOptions: Sendable {
    package var seed: UInt64
    /// Workers, at most; a small number is a most, a large one is meant.
    package var nodes: Int
    package var faults: FaultLevel
    /// Events before everything is healed.
    package var steps: Int

    package init(seed: UInt64, nodes: Int = 5, faults: FaultLevel = .heavy, steps: Int? = nil) {
        self.seed = seed
        self.nodes = nodes
        self.faults = faults
        self.steps = steps ?? max(1_500, nodes * 100)
    }
}

/// A promise that was broken.
package struct Violation: Sendable {
    package let promise: String
    package let task: TaskID?
}

/// What came of one run.
package struct SimulationResult: Sendable {
    package let options: SimulationOptions
    package let violation: Violation?
    package let traceHash: UInt64
    package let steps: Int
    package let tasks: Int
    /// Seconds of the world that was simulated.
    package let virtualSeconds: Int
    package let coverage: Coverage
    /// What the seed was about, in words.
    package let setting: String
}

/// Runs the real cores over a virtual network, clock and store. Equal options give equal runs.
package enum Simulator {
    package static func run(_ options: SimulationOptions) -> SimulationResult {
        let world = World(options, trace: .off)
        world.play()
        return result(of: world)
    }

    /// The same run, with everything that happened in words: all of it, or the story of one task.
    package static func story(_ options: SimulationOptions, of task: TaskID?) -> [String] {
        let world = World(options, trace: task.map { .task($0) } ?? .everything)
        world.play()
        return world.lines
    }

    private static func result(of world: World) -> SimulationResult {
        SimulationResult(
            options: world.options, violation: world.violation, traceHash: world.hash.value,
            steps: world.steps, tasks: world.auditor.tasksSubmitted,
            virtualSeconds: Int(world.now.nanoseconds / 1_000_000_000), coverage: world.coverage,
            setting: world.setting.words)
    }
}
