// One session's ready tasks of one queue: what was tried before, then what needs large values, then the
// others; in the order of submission among equals.
//
// A task that needs large values is, as a rule, the one that lets go of them, so a graph runs depth first:
// the consumer of what was just made goes before the next that makes more. And what was submitted before
// others goes before them, whenever the last of its dependencies ended.
//
// Most tasks become ready in the order of their submission: these are appended to a list, O(1). The others
// are nodes of a treap, a search tree whose balance comes from a hash of each node: O(log n). A task is in
// one of the two, so its two links serve both and nothing more is kept per task. What is tried again is put
// in front of the list.

import TaskModel

/// One session's ready tasks of one queue.
struct Lane: BitwiseCopyable {
    var queue: UInt32
    var session: UInt32
    /// What is tried again, then what became ready in the order of submission.
    var list = TaskList()
    /// What became ready out of that order, or needs large values.
    var tree = TaskTree()
    /// When its session last had its turn here.
    var served = Instant.origin
    /// When it last got a task while it had none.
    var filled = Instant.origin
    /// It has an entry in the heap of its queue.
    var isInHeap = false
    /// Ring of the queue's lanes that have tasks.
    var next = UInt32.none
    var previous = UInt32.none
    /// Lanes of the session; the free list otherwise.
    var nextOfSession = UInt32.none

    var count: UInt32 { list.count + tree.count }
}

/// A treap in the links of its tasks: `next` is the subtree of what goes before, `previous` that of what
/// comes after.
struct TaskTree: BitwiseCopyable {
    var root = UInt32.none
    /// The least one.
    var first = UInt32.none
    var count: UInt32 = 0
}

/// Where a ready task stands among the others of its lane.
struct ReadyKey: Comparable, BitwiseCopyable {
    /// 0 if it needs large values.
    var rank: UInt8
    var sequence: UInt64
    var task: UInt32

    static func < (left: ReadyKey, right: ReadyKey) -> Bool {
        (left.rank, left.sequence, left.task) < (right.rank, right.sequence, right.task)
    }
}

extension TaskTable {
    /// The task of the lane that goes next; none if there is none.
    func front(_ lane: Lane) -> UInt32 {
        let (head, first) = (lane.list.head, lane.tree.first)
        if first == .none { return head }
        if head == .none { return first }
        if self[head].flags.contains(.triedAgain) { return head }
        return readyKey(head) < readyKey(first) ? head : first
    }

    /// A conversion stands where the task does whose value it converts.
    private func readyKey(_ task: UInt32) -> ReadyKey {
        let source = self[task].source
        return ReadyKey(
            rank: self[task].flags.contains(.needsLargeValues) ? 0 : 1,
            sequence: source == .none ? self[task].sequence : self[source].sequence, task: task)
    }

    /// Puts a task in where its key says.
    mutating func enqueue(_ task: UInt32, in lane: inout Lane) {
        self[task].flags.subtract(.ofQueue)
        let tail = lane.list.tail
        let isInOrder =
            !self[task].flags.contains(.needsLargeValues)
            && (tail == .none || self[tail].flags.contains(.triedAgain) || readyKey(tail) < readyKey(task))
        if isInOrder {
            append(task, to: &lane.list)
        } else {
            self[task].flags.insert(.inTree)
            insert(task, in: &lane.tree)
        }
    }

    /// Puts a task in front of all others.
    mutating func enqueueAgain(_ task: UInt32, in lane: inout Lane) {
        self[task].flags.subtract(.ofQueue)
        self[task].flags.insert(.triedAgain)
        prepend(task, to: &lane.list)
    }

    mutating func dequeue(_ task: UInt32, from lane: inout Lane) {
        if self[task].flags.contains(.inTree) {
            remove(task, from: &lane.tree)
        } else {
            unlink(task, from: &lane.list)
        }
        self[task].flags.subtract(.ofQueue)
    }

    // MARK: The treap

    /// A node is above those with a smaller weight.
    private func weight(_ task: UInt32) -> UInt64 {
        var hash = self[task].sequence &+ UInt64(task) &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
        return hash ^ (hash >> 31)
    }

    /// A link that leads to a subtree: that of the root, or one of a task.
    private struct Link {
        var parent = UInt32.none
        var isNext = false
    }

    private mutating func set(_ link: Link, _ task: UInt32, in tree: inout TaskTree) {
        if link.parent == .none {
            tree.root = task
        } else if link.isNext {
            self[link.parent].next = task
        } else {
            self[link.parent].previous = task
        }
    }

    private mutating func insert(_ task: UInt32, in tree: inout TaskTree) {
        let (key, weight) = (readyKey(task), weight(task))
        var link = Link()
        var below = tree.root
        while below != .none, self.weight(below) >= weight {
            let goesBefore = key < readyKey(below)
            link = Link(parent: below, isNext: goesBefore)
            below = goesBefore ? self[below].next : self[below].previous
        }
        set(link, task, in: &tree)
        split(below, at: key, under: task, in: &tree)
        if tree.first == .none || key < readyKey(tree.first) { tree.first = task }
        tree.count += 1
    }

    /// Hangs the tasks of a subtree under `task`, each on its side of the key.
    private mutating func split(
        _ subtree: UInt32, at key: ReadyKey, under task: UInt32, in tree: inout TaskTree
    ) {
        var before = Link(parent: task, isNext: true)
        var after = Link(parent: task, isNext: false)
        var below = subtree
        while below != .none {
            if readyKey(below) < key {
                set(before, below, in: &tree)
                before = Link(parent: below, isNext: false)
                below = self[below].previous
            } else {
                set(after, below, in: &tree)
                after = Link(parent: below, isNext: true)
                below = self[below].next
            }
        }
        set(before, .none, in: &tree)
        set(after, .none, in: &tree)
    }

    private mutating func remove(_ task: UInt32, from tree: inout TaskTree) {
        let key = readyKey(task)
        var link = Link()
        var below = tree.root
        while below != task {
            precondition(below != .none, "a task is found by its key")
            let goesBefore = key < readyKey(below)
            link = Link(parent: below, isNext: goesBefore)
            below = goesBefore ? self[below].next : self[below].previous
        }
        join(self[task].next, self[task].previous, at: link, in: &tree)
        tree.count -= 1
        guard tree.first == task else { return }
        tree.first = tree.root
        while tree.first != .none, self[tree.first].next != .none { tree.first = self[tree.first].next }
    }

    /// Hangs two subtrees, all of the one before all of the other, at a link.
    private mutating func join(_ left: UInt32, _ right: UInt32, at start: Link, in tree: inout TaskTree) {
        var (before, after, link) = (left, right, start)
        while before != .none, after != .none {
            if weight(before) >= weight(after) {
                set(link, before, in: &tree)
                link = Link(parent: before, isNext: false)
                before = self[before].previous
            } else {
                set(link, after, in: &tree)
                link = Link(parent: after, isNext: true)
                after = self[after].next
            }
        }
        set(link, before == .none ? after : before, in: &tree)
    }

    // MARK: For the invariants

    /// The tasks of a lane in the order in which they go.
    func inOrder(_ lane: Lane) -> [UInt32] {
        var (list, tree, path): ([UInt32], [UInt32], [UInt32]) = ([], [], [])
        var task = lane.list.head
        while task != .none, list.count <= rows.count {
            list.append(task)
            task = self[task].next
        }
        var below = lane.tree.root
        while (below != .none || !path.isEmpty) && tree.count <= rows.count {
            while below != .none {
                path.append(below)
                below = self[below].next
            }
            let node = path.removeLast()
            tree.append(node)
            below = self[node].previous
        }
        let again = list.prefix { self[$0].flags.contains(.triedAgain) }
        let others = list.dropFirst(again.count) + tree
        return again + others.sorted { readyKey($0) < readyKey($1) }
    }

    /// Whether the tree of a lane is one, and knows its least task.
    func isSound(_ lane: Lane) -> Bool {
        var (path, seen): ([UInt32], [UInt32]) = ([], [])
        var below = lane.tree.root
        while below != .none || !path.isEmpty {
            while below != .none {
                if !self[below].flags.contains(.inTree) || path.count > rows.count { return false }
                for child in [self[below].next, self[below].previous] where child != .none {
                    if weight(child) > weight(below) { return false }
                }
                path.append(below)
                below = self[below].next
            }
            let node = path.removeLast()
            if let last = seen.last, !(readyKey(last) < readyKey(node)) { return false }
            seen.append(node)
            below = self[node].previous
        }
        return seen.count == Int(lane.tree.count) && (seen.first ?? .none) == lane.tree.first
    }
}
