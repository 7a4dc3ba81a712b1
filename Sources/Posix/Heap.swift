internal import CPosix

/// What `malloc` keeps of the memory that was freed.
package enum Heap {
    /// Gives its free pages back to the system, also those between what is in use. Takes milliseconds, more
    /// for each hundred megabytes that go.
    package static func trim() { cposix_trim_heap() }
}
