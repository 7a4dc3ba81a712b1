internal import CPosix
internal import Glibc

extension FileDescriptor {
    /// A file without a name, in memory. Not closed on exec if `inherited`; writes go to its end if
    /// `appending`, wherever they are meant to.
    package static func memoryFile(
        _ name: String, inherited: Bool = false, appending: Bool = true
    ) throws(PosixError) -> FileDescriptor {
        let file = FileDescriptor(
            owning: try checked("memfd_create", unsafe cposix_memfd(name, inherited ? 0 : UInt32(FD_CLOEXEC)))
        )
        if appending { _ = try checked("fcntl(O_APPEND)", fcntl(file.rawValue, F_SETFL, O_APPEND)) }
        return file
    }

    /// Size in bytes, holes included.
    package func size() throws(PosixError) -> Int {
        var status = stat()
        _ = try checked("fstat", unsafe fstat(rawValue, &status))
        return Int(status.st_size)
    }

    /// The same at a third of the cost, by moving the file's position to its end, where a file that is only
    /// appended to has it anyway.
    package func appendedSize() throws(PosixError) -> Int {
        let end = lseek(rawValue, 0, SEEK_END)
        if end < 0 { throw PosixError("lseek") }
        return end
    }

    /// Gives the memory of a range back; it reads as zeros afterwards, and the size stays.
    package func punchHole(from start: Int, count: Int) throws(PosixError) {
        _ = try checked("fallocate(PUNCH_HOLE)", cposix_punch_hole(rawValue, start, count))
    }
}

extension FileDescriptor {
    /// Makes a file this long; what is new reads as zeros.
    package func setSize(_ count: Int) throws(PosixError) {
        _ = try checked("ftruncate", ftruncate(rawValue, off_t(count)))
    }
}
