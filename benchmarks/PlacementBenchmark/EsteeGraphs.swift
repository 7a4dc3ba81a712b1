// The graphs of J. Beránek, S. Böhm and V. Cima, "Analysis of workflow schedulers in simulated distributed
// environments" (Journal of Supercomputing, 2022), with the distributions and parameters of
// estee/generators and benchmarks/generate.py in github.com/It4innovations/estee; montage, cybershake and
// epigenomics are those of the Pegasus gallery.
//
// Two things differ. Sizes of the first group are a sixteenth, since a value here has at most 256 MiB. And a
// task has one value: what is one of several outputs there is taken out of the value by a `getitem` here, as
// Dask does it; but large outputs that are read apart (mapreduce's splitter, cybershake's ExtractGST) are
// made by a task each, which share the time.

import TaskModel

enum EsteeGraphs {
    private static let megabyte = 1_048_576.0
    private static let sixteenth = 1_048_576.0 / 16
    private static let call = 10e-6

    static var all: [Graph] {
        [
            crossv("crossv", factor: 1), crossv("fastcrossv", factor: 0.02), nestedcrossv(5), gridcat(20),
            mapreduce(160), montage(50), cybershake(50), epigenomics(50),
        ]
    }

    private static func pick(_ graph: inout Graph, _ task: Int, bytes: Double) -> Int {
        graph.add("getitem", seconds: call, bytes: bytes, [task])
    }

    private static func crossv(_ name: String, factor: Double) -> Graph {
        var (graph, draw) = (Graph(name), Draw(seed: 1))
        let generator = graph.add("generator", seconds: draw.normal(5, 0.5), bytes: 1_600 * sixteenth)
        let chunks = (0..<5).map { _ in pick(&graph, generator, bytes: 320 * sixteenth) }
        let merges = (0..<5).map { left in
            let others = chunks.indices.filter { $0 != left }.map { chunks[$0] }
            return graph.add("merge", seconds: draw.normal(1.1, 0.02), bytes: 1_280 * sixteenth, others)
        }
        for _ in 0..<8 {
            let results = (0..<5).map { fold in
                let train = graph.add(
                    "train", seconds: draw.exponential(680 * factor), bytes: 18 * sixteenth, [merges[fold]])
                return graph.add(
                    "eval", seconds: draw.normal(34 * factor, 3), bytes: 100, [train, chunks[fold]])
            }
            graph.add("final", seconds: 0.2, bytes: 100, results)
        }
        return graph
    }

    private static func nestedcrossv(_ parameters: Int) -> Graph {
        var (graph, draw) = (Graph("nestedcrossv"), Draw(seed: 2))
        let generator = graph.add("generator", seconds: draw.normal(5, 0.5), bytes: 1_600 * sixteenth)
        let folds = (0..<5).map { _ in pick(&graph, generator, bytes: 320 * sixteenth) }
        for out in 0..<5 {
            let inner = folds.indices.filter { $0 != out }.map { folds[$0] }
            let merges = (0..<4).map { left in
                graph.add(
                    "merge", seconds: draw.normal(1.1, 0.02), bytes: 960 * sixteenth,
                    inner.indices.filter { $0 != left }.map { inner[$0] })
            }
            let scores = (1...parameters).map { parameter in
                let results = (0..<4).map { fold in
                    let train = graph.add(
                        "train-\(parameter)", seconds: draw.exponential(680 * Double(parameter)),
                        bytes: 18 * sixteenth, [merges[fold]])
                    return graph.add(
                        "eval", seconds: draw.normal(35, 3), bytes: 100, [train, inner[fold]])
                }
                return graph.add("avg_score", seconds: 0.2, bytes: 100, results)
            }
            let best = graph.add("best_param", seconds: 0.2, bytes: 100, scores)
            let merge = graph.add("merge", seconds: draw.normal(1, 0.02), bytes: 1_280 * sixteenth, inner)
            let train = graph.add(
                "train-1", seconds: draw.exponential(680), bytes: 18 * sixteenth, [merge, best])
            graph.add("eval", seconds: draw.normal(38, 3), bytes: 100, [train, folds[out]])
        }
        return graph
    }

    private static func gridcat(_ count: Int) -> Graph {
        var (graph, draw) = (Graph("gridcat"), Draw(seed: 3))
        let sizes = (0..<count).map { _ in draw.normal(300, 25) }
        let inputs = sizes.map {
            graph.add("input", seconds: draw.normal(0.01, 0.001), bytes: $0 * sixteenth)
        }
        var hashes: [Int] = []
        for first in 0..<count {
            for second in (first + 1)..<max(count, first + 1) {
                let size = sizes[first] + sizes[second]
                let cat = graph.add(
                    "cat", seconds: draw.normal(0.2, 0.01) + size / 1_000, bytes: size * sixteenth,
                    [inputs[first], inputs[second]])
                hashes.append(
                    graph.add("hash", seconds: draw.normal(0.2, 0.01) + size / 500, bytes: 16, [cat]))
            }
        }
        graph.add("merge", seconds: 0.1, bytes: 16, hashes)
        return graph
    }

    private static func mapreduce(_ count: Int) -> Graph {
        var (graph, draw) = (Graph("mapreduce"), Draw(seed: 4))
        // 2.5 GiB for each map there, 400 GiB together: each map reads its own input.
        var pieces: [[Int]] = []
        var sizes: [[Double]] = []
        for _ in 0..<count {
            let split = graph.add("splitter", seconds: 10 / Double(count), bytes: 2_560 * sixteenth)
            let map = graph.add("map", seconds: draw.normal(50, 10), bytes: 250 * sixteenth, [split])
            let own = (0..<count).map { _ in draw.normal(250 / Double(count), 20 / Double(count)) }
            sizes.append(own)
            pieces.append(own.map { pick(&graph, map, bytes: $0 * sixteenth) })
        }
        for number in 0..<count {
            let size = sizes.reduce(0) { $0 + $1[number] }
            graph.add(
                "reduce", seconds: draw.normal(size / 25, 5), bytes: 100, pieces.map { $0[number] })
        }
        return graph
    }

    private static func montage(_ width: Int) -> Graph {
        var (graph, draw) = (Graph("montage"), Draw(seed: 5))
        let tops = (0..<(width / 4)).map { _ in
            graph.add("mProjectPP", seconds: draw.normal(15, 3), bytes: draw.normal(8, 1.4) * megabyte)
        }
        var inputs = [[Int]](repeating: [], count: width)
        for (index, top) in tops.enumerated() {
            for middle in max(0, index * 4 - 2)..<min(width, index * 4 + 2) {
                inputs[middle].append(pick(&graph, top, bytes: draw.normal(4, 1) * megabyte))
            }
        }
        let middles = inputs.map {
            graph.add("mDiffFit", seconds: draw.normal(10, 1), bytes: draw.normal(0.4, 0.14) * megabyte, $0)
        }
        let concat = graph.add("mConcatFit", seconds: draw.normal(13, 2), bytes: 0.01 * megabyte, middles)
        let model = graph.add("mBgModel", seconds: draw.normal(11, 1), bytes: 0.01 * megabyte, [concat])
        let grounds = tops.map {
            graph.add(
                "mBackground", seconds: draw.normal(10, 1), bytes: draw.normal(8, 1.4) * megabyte,
                [model, pick(&graph, $0, bytes: draw.normal(4, 1) * megabyte)])
        }
        graph.add("mImgTbl", seconds: 8, bytes: 100, grounds)
        return graph
    }

    private static func cybershake(_ width: Int) -> Graph {
        var (graph, draw) = (Graph("cybershake"), Draw(seed: 6))
        let tops = (0..<2).map { _ in
            (0..<2).map { _ in
                graph.add(
                    "ExtractGST", seconds: draw.normal(50, 25), bytes: draw.normal(220, 80) * megabyte)
            }
        }
        let seismograms = (0..<width).map {
            graph.add(
                "SeismogramSynthesis", seconds: draw.normal(45, 10),
                bytes: draw.normal(0.02, 0.01) * megabyte, tops[$0 / (width / 2)])
        }
        graph.add("ZipSeis", seconds: draw.normal(0.5, 0.2), bytes: 0.2 * megabyte, seismograms)
        let peaks = seismograms.map {
            graph.add("PeakValCalcOkaya", seconds: draw.normal(1, 0.5), bytes: 0.01 * megabyte, [$0])
        }
        graph.add("ZipPSA", seconds: draw.normal(0.5, 0.2), bytes: 0.1 * megabyte, peaks)
        return graph
    }

    private static func epigenomics(_ width: Int) -> Graph {
        var (graph, draw) = (Graph("epigenomics"), Draw(seed: 7))
        let split = graph.add("fastqSplit", seconds: draw.normal(35, 5), bytes: 250 * megabyte)
        let maps = (0..<width).map { _ in
            let part = pick(&graph, split, bytes: draw.normal(10, 5) * megabyte)
            let filter = graph.add(
                "filter_Contams", seconds: draw.normal(1.5, 1), bytes: draw.normal(10, 2.8) * megabyte,
                [part])
            let sanger = graph.add(
                "sol2sanger", seconds: draw.normal(0.3, 0.2), bytes: draw.normal(5, 2) * megabyte, [filter])
            let bfq = graph.add(
                "fastq2bfq", seconds: draw.normal(1, 0.2), bytes: draw.normal(1, 0.5) * megabyte, [sanger])
            return graph.add(
                "map_chr", seconds: draw.normal(15_000, 2_500), bytes: draw.normal(1, 0.5) * megabyte, [bfq])
        }
        let merge = graph.add("mapMerge", seconds: draw.normal(10, 2), bytes: 20.6 * megabyte, maps)
        let index = graph.add("maqindex", seconds: 0.02, bytes: 0.4 * megabyte, [merge])
        graph.add("pileup", seconds: draw.normal(6_000, 200), bytes: 3 * megabyte, [index])
        return graph
    }
}
