// Runs seeds until one breaks a promise: the small program that `dev/mutants.sh` builds against each mutant.
// What it is about to run is on its last line of output when a core traps.

import Glibc
import Simulation

let arguments = CommandLine.arguments
guard arguments.count >= 5, let first = UInt64(arguments[1]), let count = UInt64(arguments[2]),
    let nodes = Int(arguments[3]), let level = FaultLevel(rawValue: arguments[4])
else {
    print("usage: \(arguments[0]) SEED COUNT NODES none|light|heavy [quiet]")
    exit(2)
}
var campaign = Campaign()
for seed in first..<(first + count) {
    if arguments.count > 5 {
        print("seed \(seed)")
        fflush(nil)
    }
    let result = Simulator.run(SimulationOptions(seed: seed, nodes: nodes, faults: level))
    guard campaign.add(result) else {
        print(result.report(commit: "mutant"))
        if arguments.count > 6 {
            for line in Simulator.story(result.options, of: nil) { print(line) }
        }
        exit(1)
    }
}
print("\(campaign.seeds) seeds, \(campaign.steps) steps, \(campaign.tasks) tasks")
for (group, counts) in campaign.coverage.table {
    print("  \(group): " + counts.map { "\($0.name) \($0.count)" }.joined(separator: ", "))
}
print("never came up: \(campaign.coverage.missing(level))")
print("trace hash: \(campaign.traceHashText)")
