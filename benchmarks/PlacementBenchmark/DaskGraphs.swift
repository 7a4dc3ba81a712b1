// The graphs of S. Böhm and J. Beránek, "Runtime vs Scheduler: Analyzing Dask's Overheads" (WORKS 2020), as
// the programs in scripts/usecases.py of github.com/It4innovations/rsds make them: the same tasks, edges and
// sizes of chunks. A run time that those do not fix is that of reading the inputs and writing the output at
// 1 GB/s, and at least that of an empty Python function.

import TaskModel

enum DaskGraphs {
    private static let call = 10e-6
    private static let byte = 1e-9

    static var all: [Graph] {
        [
            merge(10_000), slowMerge(5_000), tree(15), xarray(5), bag(100), transpose(50_000, 10),
            groupBy(days: 30), join(partitions: 48),
        ]
    }

    private static func merge(_ count: Int) -> Graph {
        var graph = Graph("merge-10K")
        let parts = (0..<count).map { _ in graph.add("do_something", seconds: call, bytes: 28) }
        graph.add("merge", seconds: 1e-3, bytes: 28, parts)
        return graph
    }

    private static func slowMerge(_ count: Int) -> Graph {
        var graph = Graph("merge_slow-5K-0.1")
        let parts = (0..<count).map { _ in graph.add("sleep", seconds: 0.1, bytes: 24) }
        graph.add("merge", seconds: 1e-3, bytes: 28, parts)
        return graph
    }

    private static func tree(_ depth: Int) -> Graph {
        var graph = Graph("tree-15")
        var level = (0..<(1 << (depth - 1))).map { _ in graph.add("add", seconds: call, bytes: 28) }
        while level.count > 1 {
            level = stride(from: 0, to: level.count, by: 2).map {
                graph.add("add", seconds: call, bytes: 28, [level[$0], level[$0 + 1]])
            }
        }
        return graph
    }

    /// Sums in a tree of eight each, as Dask's reductions do.
    private static func reduce(
        _ graph: inout Graph, _ kind: String, _ parts: [Int], seconds: Double, bytes: Double
    ) -> Int {
        var level = parts
        repeat {
            level = stride(from: 0, to: level.count, by: 8).map {
                graph.add(kind, seconds: seconds, bytes: bytes, Array(level[$0..<min($0 + 8, level.count)]))
            }
        } while level.count > 1
        return level[0]
    }

    /// air_temperature has 2920 instants × 25 × 53 places, 53 weeks, 4 bytes each.
    private static func xarray(_ chunk: Int) -> Graph {
        var graph = Graph("xarray-5")
        let chunks = ((25 + chunk - 1) / chunk) * ((53 + chunk - 1) / chunk)
        let bytes = 2_920.0 * Double(chunk * chunk) * 4
        let slice = bytes / 53
        var sums: [Int] = []
        for _ in 0..<chunks {
            let air = graph.add("open", seconds: call + bytes * byte, bytes: bytes)
            var differences: [Int] = []
            for _ in 0..<53 {
                let week = graph.add("getitem", seconds: call, bytes: slice, [air])
                let mean = graph.add("mean", seconds: call + slice * byte, bytes: slice / 55, [week])
                differences.append(
                    graph.add("sub", seconds: call + 2 * slice * byte, bytes: slice, [week, mean]))
            }
            let difference = graph.add(
                "concatenate", seconds: call + 2 * bytes * byte, bytes: bytes, differences)
            sums.append(graph.add("sum", seconds: call + bytes * byte, bytes: 100, [difference]))
        }
        _ = reduce(&graph, "sum-aggregate", sums, seconds: 50e-6, bytes: 100)
        return graph
    }

    /// 25,000 people of 600 bytes in partitions; 70 % are over 30. A pair takes a microsecond.
    private static func bag(_ partitions: Int) -> Graph {
        var graph = Graph("bag-25K-100")
        let records = 25_000.0 / Double(partitions)
        let over30 = (0..<partitions).map { _ in
            let people = graph.add("make_people", seconds: records * 200e-6, bytes: records * 600)
            return graph.add("filter", seconds: records * 1e-6, bytes: records * 420, [people])
        }
        let pairs = records * records * 0.49
        var sums: [Int] = []
        for left in over30 {
            for right in over30 {
                sums.append(
                    graph.add("product-filter-map-sum", seconds: pairs * 1e-6, bytes: 28, [left, right]))
            }
        }
        _ = reduce(&graph, "sum-aggregate", sums, seconds: 20e-6, bytes: 28)
        return graph
    }

    /// `x + x.T`, half of it, its mean by rows, and the sum.
    private static func transpose(_ size: Int, _ chunks: Int) -> Graph {
        var graph = Graph("numpy-50K-10")
        let side = Double(size / chunks)
        let bytes = side * side * 8
        var random: [[Int]] = []
        for _ in 0..<chunks {
            random.append(
                (0..<chunks).map { _ in
                    graph.add("random", seconds: side * side * 8e-9, bytes: bytes)
                })
        }
        var sums: [Int] = []
        for row in 0..<chunks {
            var means: [Int] = []
            for column in (chunks / 2)..<chunks {
                let turned = graph.add(
                    "transpose", seconds: call + bytes * byte, bytes: bytes, [random[column][row]])
                let added = graph.add(
                    "add", seconds: call + 3 * bytes * byte, bytes: bytes, [random[row][column], turned])
                let half = graph.add("getitem", seconds: call + bytes * byte, bytes: bytes / 2, [added])
                means.append(
                    graph.add("mean_chunk", seconds: call + bytes / 2 * byte, bytes: side / 2 * 16, [half]))
            }
            let mean = graph.add("mean_agg", seconds: 100e-6, bytes: side / 2 * 8, means)
            sums.append(graph.add("sum", seconds: 50e-6, bytes: 100, [mean]))
        }
        _ = reduce(&graph, "sum-aggregate", sums, seconds: 50e-6, bytes: 100)
        return graph
    }

    /// A partition has an hour of one row each second: a name of about 55 bytes as Python keeps it, and three
    /// numbers.
    private static func partition(_ graph: inout Graph) -> (task: Int, bytes: Double) {
        let bytes = 3_600.0 * (55 + 4 * 8)
        return (graph.add("make-timeseries", seconds: 12e-3, bytes: bytes), bytes)
    }

    private static func groupBy(days: Int) -> Graph {
        var graph = Graph("groupby-30-1S-1H")
        let parts = (0..<(days * 24)).map { _ in partition(&graph) }
        let groups = parts.map {
            graph.add("groupby-chunk", seconds: 2e-3, bytes: 26 * 90, [$0.task])
        }
        let means = reduce(&graph, "groupby-agg", groups, seconds: 2e-3, bytes: 26 * 90)
        var samples: [Int] = []
        var before: Int?
        for part in parts {
            let kept = graph.add("getitem", seconds: 1.5e-3, bytes: 3_600 * 16 * 0.75, [part.task])
            samples.append(
                graph.add(
                    "resample", seconds: 3e-3, bytes: 1_800 * 16, [kept] + (before.map { [$0] } ?? [])))
            before = kept
        }
        let sums = samples.map { graph.add("sum", seconds: 200e-6, bytes: 100, [$0]) }
        let total = reduce(&graph, "sum-agg", sums, seconds: 500e-6, bytes: 100)
        graph.add("add", seconds: call, bytes: 28, [means, total])
        return graph
    }

    /// A shuffle of both sides by their key, then a merge of each pair of partitions.
    private static func join(partitions: Int) -> Graph {
        var graph = Graph("join-shuffle-48")
        var sides: [[Int]] = []
        let rows = 24.0 * 3_600 * 4 / Double(partitions)
        let bytes = rows * (55 + 3 * 8)
        for _ in 0..<2 {
            var groups: [[Int]] = []
            for _ in 0..<partitions {
                let part = graph.add("make-timeseries", seconds: 15e-3, bytes: bytes)
                let split = graph.add("shuffle-group", seconds: 5e-3, bytes: bytes, [part])
                groups.append(
                    (0..<partitions).map { _ in
                        graph.add("getitem", seconds: call, bytes: bytes / Double(partitions), [split])
                    })
            }
            sides.append(
                (0..<partitions).map { number in
                    graph.add(
                        "shuffle-join", seconds: 5e-3, bytes: bytes, groups.map { $0[number] })
                })
        }
        let sums = (0..<partitions).map { number in
            let merged = graph.add(
                "merge", seconds: 40e-3, bytes: bytes * 2, [sides[0][number], sides[1][number]])
            return graph.add("add-sum", seconds: 5e-3, bytes: 100, [merged])
        }
        _ = reduce(&graph, "sum-agg", sums, seconds: 500e-6, bytes: 100)
        return graph
    }
}
