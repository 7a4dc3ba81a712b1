// Workers in buckets: doubly linked lists through one array of nodes, so that a worker changes its bucket in
// O(1) whatever their number. A bucket is left and entered at its ends in turn: new ones come last, the one
// that waited longest is first.

struct WorkerBuckets {
    private struct Bucket: BitwiseCopyable {
        var head = UInt32.none
        var tail = UInt32.none
    }

    private struct Node: BitwiseCopyable {
        var bucket = UInt32.none
        var next = UInt32.none
        var previous = UInt32.none
    }

    private var buckets: [Bucket] = []
    private var nodes: [Node] = []
    /// Workers that are in a bucket.
    private(set) var count = 0

    mutating func addBuckets(_ number: Int) {
        for _ in 0..<number { buckets.append(Bucket()) }
    }

    /// The worker that has been in the bucket longest, or none.
    func first(_ bucket: UInt32) -> UInt32 { buckets[Int(bucket)].head }

    /// The worker behind this one in its bucket, or none.
    func next(_ worker: UInt32) -> UInt32 { nodes[Int(worker)].next }

    /// The bucket of a worker, or none.
    func bucket(of worker: UInt32) -> UInt32 {
        worker < nodes.count ? nodes[Int(worker)].bucket : .none
    }

    mutating func move(_ worker: UInt32, to bucket: UInt32) {
        while nodes.count <= Int(worker) { nodes.append(Node()) }
        let node = nodes[Int(worker)]
        if node.bucket != .none { unlink(node) }
        var entered = Node(bucket: bucket)
        if bucket != .none {
            entered.previous = buckets[Int(bucket)].tail
            if entered.previous == .none {
                buckets[Int(bucket)].head = worker
            } else {
                nodes[Int(entered.previous)].next = worker
            }
            buckets[Int(bucket)].tail = worker
            count += 1
        }
        nodes[Int(worker)] = entered
    }

    private mutating func unlink(_ node: Node) {
        if node.previous == .none {
            buckets[Int(node.bucket)].head = node.next
        } else {
            nodes[Int(node.previous)].next = node.next
        }
        if node.next == .none {
            buckets[Int(node.bucket)].tail = node.previous
        } else {
            nodes[Int(node.next)].previous = node.previous
        }
        count -= 1
    }
}
