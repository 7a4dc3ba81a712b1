// A binary heap: the least element in O(1), changes in O(log n). It allocates only to grow.

struct MinHeap<Element: Comparable & BitwiseCopyable> {
    private var elements: [Element] = []

    var count: Int { elements.count }
    var first: Element? { elements.first }

    /// In no particular order.
    subscript(position: Int) -> Element { elements[position] }

    mutating func push(_ element: Element) {
        elements.append(element)
        rise(elements.count - 1)
    }

    mutating func popFirst() -> Element? {
        guard let first = elements.first else { return nil }
        remove(at: 0)
        return first
    }

    /// Puts a larger element in the place of the least one.
    mutating func replaceFirst(_ element: Element) {
        elements[0] = element
        sink(0)
    }

    mutating func remove(at position: Int) {
        let last = elements.removeLast()
        guard position < elements.count else { return }
        elements[position] = last
        sink(position)
        rise(position)
    }

    mutating func removeAll() { elements.removeAll(keepingCapacity: true) }

    /// Moves an element to the front part of the storage, which `truncate(to:)` keeps. The order is void
    /// until then.
    mutating func keep(_ position: Int, at kept: Int) { elements[kept] = elements[position] }

    /// Drops all but the first `count` elements of the storage and restores the order in O(n).
    mutating func truncate(to count: Int) {
        elements.removeSubrange(count...)
        var position = count / 2
        while position > 0 {
            position -= 1
            sink(position)
        }
    }

    private mutating func rise(_ start: Int) {
        let element = elements[start]
        var position = start
        while position > 0 {
            let parent = (position - 1) / 2
            guard element < elements[parent] else { break }
            elements[position] = elements[parent]
            position = parent
        }
        elements[position] = element
    }

    private mutating func sink(_ start: Int) {
        let element = elements[start]
        var position = start
        while true {
            var child = 2 * position + 1
            guard child < elements.count else { break }
            if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
            guard elements[child] < element else { break }
            elements[position] = elements[child]
            position = child
        }
        elements[position] = element
    }
}
