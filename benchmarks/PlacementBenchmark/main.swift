// Strategies of placement against each other, on published task graphs, in virtual time: makespan, bytes that
// move to workers, and decisions per second of real time.
//
//     PlacementBenchmark                            prints the tables
//     PlacementBenchmark docs/performance.md        and writes them between the two marks of that file
//     PlacementBenchmark --only NAME                one graph

import Foundation
import SchedulerCore
import TaskModel

/// Workers and slots of each.
let clusters = [(workers: 8, slots: 4), (32, 4), (1_000, 1)]
let strategies = PlacementStrategy.allCases

/// With three digits that mean something.
func text(_ number: Double) -> String {
    number >= 100 ? String(format: "%.0f", number) : String(format: number >= 10 ? "%.1f" : "%.2f", number)
}

func words(_ interval: Interval) -> String {
    let seconds = Double(interval.nanoseconds) / 1e9
    return seconds < 1 ? "\(text(seconds * 1e3)) ms" : "\(text(seconds)) s"
}

/// Makespans as ratios to the best; bytes in megabytes.
func row(_ graph: Graph, _ measures: [Measure]) -> String {
    let best = measures.map(\.makespan.nanoseconds).min() ?? 1
    let ratios = measures.map { text(Double($0.makespan.nanoseconds) / Double(best)) }
    let moved = measures.map { text(Double($0.bytesToWorkers) / 1e6) }
    return "| \(graph.name) | \(words(Interval(nanoseconds: best))) | "
        + ratios.joined(separator: " | ") + " | " + moved.joined(separator: " | ") + " |"
}

func table(_ graphs: [Graph], workers: Int, slots: Int, _ totals: inout [Measure]) -> [String] {
    let names = strategies.map { "`\($0.rawValue)`" }
    var lines = [
        "\(workers) workers of \(slots) slots:", "",
        "| graph | best | " + names.joined(separator: " | ") + " | "
            + names.map { "MB \($0)" }.joined(separator: " | ") + " |",
        "|---|---|" + String(repeating: "---|", count: 2 * names.count),
    ]
    var logarithms = [Double](repeating: 0, count: strategies.count)
    for graph in graphs {
        let measures = strategies.map { Cluster.run(graph, workers: workers, slots: slots, $0) }
        lines.append(row(graph, measures))
        print(lines[lines.count - 1])
        let best = Double(measures.map(\.makespan.nanoseconds).min() ?? 1)
        for (place, measure) in measures.enumerated() {
            logarithms[place] += log(Double(measure.makespan.nanoseconds) / best)
            totals[place].decisions += measure.decisions
            totals[place].coreTime += measure.coreTime
        }
    }
    let means = logarithms.map { text(exp($0 / Double(graphs.count))) }
    lines.append(
        "| geometric mean | | " + means.joined(separator: " | ") + " |"
            + String(repeating: " |", count: names.count))
    print(lines[lines.count - 1])
    return lines + [""]
}

func report(_ graphs: [Graph]) -> [String] {
    var lines = [
        "| graph | tasks | edges | time of slots | values |", "|---|---|---|---|---|",
    ]
    for graph in graphs {
        let bytes = graph.nodes.reduce(0.0) { $0 + Double($1.bytes) } / 1e6
        lines.append(
            "| \(graph.name) | \(graph.nodes.count) | \(graph.edges) | \(words(graph.work)) | "
                + "\(text(bytes)) MB |")
    }
    lines.append("")
    var totals = [Measure](repeating: Measure(), count: strategies.count)
    for (workers, slots) in clusters { lines += table(graphs, workers: workers, slots: slots, &totals) }
    lines += ["Decisions per second of real time, over all of these runs:", ""]
    lines.append("| " + strategies.map { "`\($0.rawValue)`" }.joined(separator: " | ") + " |")
    lines.append("|" + String(repeating: "---|", count: strategies.count))
    let rates = totals.map { total in
        let seconds =
            Double(total.coreTime.components.seconds) + Double(total.coreTime.components.attoseconds) / 1e18
        return String(format: "%.0f", Double(total.decisions) / seconds / 1_000) + ",000"
    }
    lines.append("| " + rates.joined(separator: " | ") + " |")
    print(lines[lines.count - 1])
    return lines
}

/// Puts the tables between the marks.
func write(_ lines: [String], into path: String) throws {
    let (begin, end) = ("<!-- placement: begin -->\n", "<!-- placement: end -->")
    let old = try String(contentsOfFile: path, encoding: .utf8)
    guard let from = old.range(of: begin), let to = old.range(of: end) else {
        throw CocoaError(.fileReadCorruptFile)
    }
    let new = old[..<from.upperBound] + lines.joined(separator: "\n") + "\n" + old[to.lowerBound...]
    try String(new).write(toFile: path, atomically: true, encoding: .utf8)
}

var graphs = DaskGraphs.all + EsteeGraphs.all
let arguments = CommandLine.arguments.dropFirst()
if arguments.first == "--only" { graphs = graphs.filter { $0.name == arguments.last } }
let lines = report(graphs)
if let path = arguments.first, path != "--only" { try write(lines, into: path) }
