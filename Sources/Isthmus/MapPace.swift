import FoundationEssentials
import TaskModel

/// How many elements the next chunk of a `map` gets, and how many chunks may be on their way.
///
/// How long elements take is measured, and a chunk is made to last a few milliseconds: long enough to hide
/// what a task costs, short enough to spread over the slots and to come back soon.
struct MapPace {
    /// Calls that are sent one by one before anything is known of how long they take.
    private static let probes = 64
    /// Of one chunk.
    private static let target = 5e-3
    private static let elementsMax = 16_384
    private static let bytesMax = 1 << 20
    /// Of what is on its way or not yet handed out: enough to keep a large cluster busy, and bounded.
    private static let elementsAheadMax = 200_000
    private static let bytesAheadMax = 64 << 20
    private static let chunksAheadMax = 512

    private let fixed: Int?
    private let bufferSize: Int?
    private let slots = ProcessInfo.processInfo.activeProcessorCount
    /// Nil: not known.
    private var remaining: Int?
    private var length = 1
    private var chunks: Int
    private var elementSeconds = 0.0
    private var elementBytes = 0.0

    init(fixed: Int?, bufferSize: Int?, remaining: Int?) {
        self.fixed = fixed
        self.bufferSize = bufferSize
        self.remaining = remaining
        chunks = max(Self.probes, 4 * slots)
    }

    /// Elements of the next chunk while so many wait; 0 if none may be sent.
    func nextLength(chunks pending: Int, elements: Int) -> Int {
        if let bufferSize, elements >= bufferSize { return 0 }
        guard bufferSize != nil || hasRoom(pending, elements) else { return 0 }
        var wanted = fixed ?? length
        if fixed == nil, let remaining {
            // Towards the end smaller ones, so that all slots finish together.
            wanted = min(wanted, max(1, remaining / (4 * slots)))
        }
        return bufferSize.map { min(wanted, $0 - elements) } ?? wanted
    }

    private func hasRoom(_ pending: Int, _ elements: Int) -> Bool {
        pending < chunks && elements < Self.elementsAheadMax
            && Double(elements) * elementBytes < Double(Self.bytesAheadMax)
    }

    mutating func submitted(_ elements: Int) { remaining = remaining.map { max(0, $0 - elements) } }

    /// Learns from a chunk that came back.
    mutating func finished(elements: Int, bytes: Int, waited: Double, ran: Double) {
        let seconds = ran / Double(elements)
        elementSeconds = elementSeconds == 0 ? seconds : elementSeconds + (seconds - elementSeconds) / 4
        elementBytes = Double(bytes) / Double(elements)
        if waited < max(ran, Self.target) {
            // It hardly waited: there is room in the cluster for more at once.
            chunks = min(chunks + 1, Self.chunksAheadMax)
        }
        let fitting = min(
            Self.target / max(elementSeconds, 1e-9), Double(Self.bytesMax) / max(elementBytes, 1))
        length = max(1, min(Int(fitting), 8 * length, Self.elementsMax))
    }
}
