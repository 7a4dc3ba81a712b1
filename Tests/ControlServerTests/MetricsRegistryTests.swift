import ControlServer
import CoreMetrics
import TaskModel
import Testing

@Suite struct MetricsRegistryTests {
    @Test func theSameMetricMadeTwiceCountsTogether() {
        let registry = MetricsRegistry()
        registry.makeCounter(label: "frames", dimensions: [("to", "a")]).increment(by: 2)
        registry.makeCounter(label: "frames", dimensions: [("to", "a")]).increment(by: 3)
        registry.makeCounter(label: "frames", dimensions: [("to", "b")]).increment(by: 1)
        #expect(registry.samples().map(\.key) == ["frames{to=a}", "frames{to=b}"])
        #expect(registry.samples().map(\.value) == [5, 1])
    }

    @Test func aGaugeShowsItsLastValue() {
        let registry = MetricsRegistry()
        let gauge = registry.makeRecorder(label: "workers", dimensions: [], aggregate: false)
        gauge.record(Int64(7))
        gauge.record(Int64(4))
        #expect(registry.samples().map(\.value) == [4])
    }

    @Test func aTimerShowsItsCountSumAndLargestInSeconds() {
        let registry = MetricsRegistry()
        let timer = registry.makeTimer(label: "turn", dimensions: [])
        timer.recordNanoseconds(500_000_000)
        timer.recordNanoseconds(250_000_000)
        #expect(registry.samples().map(\.key) == ["turn.count", "turn.max", "turn.sum"])
        #expect(registry.samples().map(\.value) == [2, 0.5, 0.75])
    }

    @Test func beyondTheLimitNothingGrows() {
        let registry = MetricsRegistry()
        for number in 0..<Limits.metricsMax + 10 {
            registry.makeCounter(label: "m\(number)", dimensions: []).increment(by: 1)
        }
        #expect(registry.samples().count == Limits.metricsMax)
    }
}
