// Who needs whose value: one edge per dependency of an unended task, in a pool with a free list.
//
// An edge lies in two lists. The producer's is doubly linked, because a consumer that ends leaves it from the
// middle; a producer with a consumer left keeps its value. The consumer's is singly linked in the order in
// which its dependencies were named, which is the order in which values travel. All edges of one consumer
// to one producer lie side by side in the producer's list, since they were made in one go.

struct Edge: BitwiseCopyable {
    var producer: UInt32
    var consumer: UInt32
    var nextOfProducer: UInt32
    var previousOfProducer: UInt32
    /// Next dependency of the same consumer; the free list otherwise.
    var nextOfConsumer: UInt32
}

struct EdgeTable: ~Copyable {
    private(set) var edges: [Edge] = []
    private var free = UInt32.none
    private(set) var used = 0

    subscript(index: UInt32) -> Edge {
        @inline(__always) get { edges[Int(index)] }
        @inline(__always) _modify { yield &edges[Int(index)] }
    }

    /// Puts an edge in front of both lists: a consumer's dependencies are added from the last to the first.
    mutating func add(from producer: UInt32, to consumer: UInt32, in tasks: inout TaskTable) {
        let edge = Edge(
            producer: producer, consumer: consumer, nextOfProducer: tasks[producer].consumers,
            previousOfProducer: .none, nextOfConsumer: tasks[consumer].producers)
        let index: UInt32
        if free != .none {
            index = free
            free = self[index].nextOfConsumer
            self[index] = edge
        } else {
            index = UInt32(edges.count)
            edges.append(edge)
        }
        if edge.nextOfProducer != .none { self[edge.nextOfProducer].previousOfProducer = index }
        tasks[producer].consumers = index
        tasks[consumer].producers = index
        used += 1
    }

    /// Takes the first dependency off the consumer; its producer, or none if there was no edge.
    mutating func removeFirst(of consumer: UInt32, in tasks: inout TaskTable) -> UInt32 {
        let index = tasks[consumer].producers
        guard index != .none else { return .none }
        let edge = self[index]
        tasks[consumer].producers = edge.nextOfConsumer
        if edge.previousOfProducer == .none {
            tasks[edge.producer].consumers = edge.nextOfProducer
        } else {
            self[edge.previousOfProducer].nextOfProducer = edge.nextOfProducer
        }
        if edge.nextOfProducer != .none {
            self[edge.nextOfProducer].previousOfProducer = edge.previousOfProducer
        }
        self[index].nextOfConsumer = free
        self[index].consumer = .none
        free = index
        used -= 1
        return edge.producer
    }

    /// The first edge behind this one that belongs to another consumer.
    func nextConsumer(after index: UInt32) -> UInt32 {
        let consumer = self[index].consumer
        var next = self[index].nextOfProducer
        while next != .none, self[next].consumer == consumer { next = self[next].nextOfProducer }
        return next
    }
}
