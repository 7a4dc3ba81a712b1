internal import CPosix

/// What `malloc` keeps of the memory that was freed.
package enum Heap {
    /// Gives its free pages back to the system, also those between what is in use. Takes milliseconds, more
    /// for each hundred megabytes that go.
    package static func trim() { cposix_trim_heap() }
}

/// Memory for large values. The system gives it page by page, when each is first written; with huge pages
/// that is once for 2 MiB instead of 512 times, which took longer than to receive the bytes.
package enum LargeMemory {
    /// From here on it is worth it: two huge pages. NumPy asks for them from the same size on.
    package static let bytesMin = 4 << 20

    /// Asks for huge pages for what is about to be filled; does nothing for less than `bytesMin`.
    @unsafe package static func prepare(_ bytes: UnsafeMutableRawBufferPointer) {
        guard bytes.count >= bytesMin else { return }
        unsafe cposix_prefer_huge_pages(bytes.baseAddress, bytes.count)
    }

    package static func prepare(_ bytes: inout [UInt8]) {
        unsafe bytes.withUnsafeMutableBytes { unsafe prepare($0) }
    }

    package static func prepare(_ bytes: inout MutableRawSpan) {
        unsafe bytes.withUnsafeMutableBytes { unsafe prepare($0) }
    }

    /// Pages of their own, to be given back with `unmap`; nil if there are none.
    @unsafe package static func map(_ count: Int) -> UnsafeMutableRawPointer? {
        unsafe cposix_map_memory(wholePages(count))
    }

    @unsafe package static func unmap(_ memory: UnsafeMutableRawBufferPointer) {
        unsafe cposix_unmap_memory(memory.baseAddress, wholePages(memory.count))
    }

    /// The system begins a range at a huge page if it ends at one, too.
    private static func wholePages(_ count: Int) -> Int {
        let page = 2 << 20
        return (count + page - 1) / page * page
    }
}
