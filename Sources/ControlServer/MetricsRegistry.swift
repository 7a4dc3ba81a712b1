package import CoreMetrics
internal import Synchronization
internal import TaskModel

/// One number that this process counts.
package struct MetricSample: Hashable, Sendable {
    package let name: String
    package let labels: [(name: String, value: String)]
    package let value: Double

    package static func == (left: MetricSample, right: MetricSample) -> Bool {
        left.key == right.key && left.value == right.value
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(key) }

    /// As Prometheus writes it; also the order of a listing.
    package var key: String {
        if labels.isEmpty { return name }
        return name + "{" + labels.map { "\($0.name)=\($0.value)" }.joined(separator: ",") + "}"
    }
}

/// A swift-metrics backend that keeps every value in this process, for `isthmus status`.
///
/// A recorder or timer shows as three metrics: NAME.count, NAME.sum and NAME.max (timers in seconds).
package final class MetricsRegistry: MetricsFactory {
    private let series = Mutex<[String: Series]>([:])

    package init() {}

    /// All values now, ordered by name and labels.
    package func samples() -> [MetricSample] {
        let all = series.withLock { Array($0.values) }
        return all.flatMap { $0.samples() }.sorted { $0.key < $1.key }
    }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        find(label, dimensions, .sum)
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        find(label, dimensions, .sum)
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        find(label, dimensions, .sum)
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        find(label, dimensions, aggregate ? .distribution : .sum)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        find(label, dimensions, .distribution)
    }

    // A series lives as long as the process: its total must not start again from zero.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    private func find(_ name: String, _ labels: [(String, String)], _ shape: Series.Shape) -> Series {
        let new = Series(name: name, labels: labels.map { (name: $0.0, value: $0.1) }, shape: shape)
        return series.withLock { known in
            let key = "\(new.key) \(shape)"
            if let old = known[key] { return old }
            // One too many still works for its caller; it is just not listed.
            if known.count < Limits.metricsMax { known[key] = new }
            return new
        }
    }
}

/// The values of one metric.
private final class Series: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler,
    TimerHandler
{
    enum Shape { case sum, distribution }

    private struct Values {
        var count = 0.0
        var sum = 0.0
        var max = 0.0
    }

    private let name: String
    private let labels: [(name: String, value: String)]
    private let shape: Shape
    private let values = Mutex(Values())

    init(name: String, labels: [(name: String, value: String)], shape: Shape) {
        self.name = name
        self.labels = labels
        self.shape = shape
    }

    var key: String { MetricSample(name: name, labels: labels, value: 0).key }

    func samples() -> [MetricSample] {
        let now = values.withLock { $0 }
        switch shape {
        case .sum: return [MetricSample(name: name, labels: labels, value: now.sum)]
        case .distribution:
            return [("count", now.count), ("max", now.max), ("sum", now.sum)].map {
                MetricSample(name: "\(name).\($0.0)", labels: labels, value: $0.1)
            }
        }
    }

    func increment(by amount: Int64) { increment(by: Double(amount)) }
    func increment(by amount: Double) { values.withLock { $0.sum += amount } }
    func decrement(by amount: Double) { increment(by: -amount) }
    func reset() { values.withLock { $0 = Values() } }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { values.withLock { $0.sum = value } }
    func record(_ value: Int64) { record(Double(value)) }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func record(_ value: Double) {
        values.withLock {
            switch shape {
            case .sum: $0.sum = value
            case .distribution:
                $0.max = $0.count == 0 ? value : max($0.max, value)
                $0.count += 1
                $0.sum += value
            }
        }
    }
}
