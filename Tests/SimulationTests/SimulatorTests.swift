import Foundation
import Simulation
import Testing

/// The real cores under seeds: a fixed set, so that a change that breaks one is found by everyone, and a few
/// new ones in each run, so that what nobody thought of is found some day. A failure says how to repeat it.
@Suite struct SimulatorTests {
    @Test(arguments: FaultLevel.allCases) func promisesHold(_ faults: FaultLevel) {
        var campaign = Campaign()
        for seed in UInt64(1)...300 {
            let result = Simulator.run(SimulationOptions(seed: seed, nodes: 5, faults: faults))
            guard campaign.add(result) else {
                Issue.record(Comment(rawValue: result.report(commit: "this one")))
                return
            }
            #expect(result.steps >= result.options.steps)
        }
        // What never comes up is not tested by any of this.
        if faults == .heavy { #expect(campaign.coverage.missing(faults) == []) }
        #expect(campaign.tasks > 10_000)
    }

    @Test func promisesHoldForSeedsThatNobodyHasSeen() {
        let first = UInt64(Date().timeIntervalSince1970 * 1_000) << 8
        print("new seeds from \(first) on")
        var campaign = Campaign()
        for seed in first..<(first + 100) {
            let result = Simulator.run(SimulationOptions(seed: seed, nodes: 8, faults: .heavy))
            guard campaign.add(result) else {
                Issue.record(Comment(rawValue: result.report(commit: "this one")))
                return
            }
        }
    }

    @Test func promisesHoldWithAHundredNodes() {
        let result = Simulator.run(SimulationOptions(seed: 1, nodes: 100, faults: .heavy))
        #expect(result.violation == nil, Comment(rawValue: result.report(commit: "this one")))
    }

    @Test func aSeedReplaysExactly() {
        for seed in UInt64(1)...20 {
            let options = SimulationOptions(seed: seed, nodes: 5, faults: .heavy)
            let (first, second) = (Simulator.run(options), Simulator.run(options))
            #expect(first.traceHash == second.traceHash)
            #expect(first.steps == second.steps)
        }
    }

    @Test func seedsDiffer() {
        let first = Simulator.run(SimulationOptions(seed: 1, nodes: 5, faults: .heavy))
        let second = Simulator.run(SimulationOptions(seed: 2, nodes: 5, faults: .heavy))
        #expect(first.traceHash != second.traceHash)
    }

    @Test func aTraceTellsWhatHappened() {
        let trace = Simulator.story(SimulationOptions(seed: 3, nodes: 3, faults: .none), of: nil)
        for words in ["begins session", "joins as", "submits", "admitted", "runs attempt 1"] {
            #expect(trace.contains { $0.contains(words) }, "\(words)")
        }
    }

    /// The same on every machine and in every build. It changes with the cores and the simulator: BLESS=1
    /// in the environment writes what it is now.
    @Test func aSeedGivesTheSameTraceInEveryBuild() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "trace-hashes.txt")
        var lines: [String] = []
        for (seed, faults) in [(UInt64(1), FaultLevel.none), (2, .light), (3, .heavy), (4, .heavy)] {
            let result = Simulator.run(SimulationOptions(seed: seed, nodes: 5, faults: faults))
            lines.append("seed \(seed) faults \(faults.rawValue): \(result.traceHashText)")
        }
        let text = lines.joined(separator: "\n") + "\n"
        if ProcessInfo.processInfo.environment["BLESS"] == "1" {
            try text.write(to: file, atomically: true, encoding: .utf8)
        } else {
            let committed = try String(contentsOf: file, encoding: .utf8)
            #expect(text == committed, "run with BLESS=1 if the cores or the simulator have changed")
        }
    }
}
