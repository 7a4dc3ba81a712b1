internal import Glibc

/// Two connected Unix stream sockets, both closed on exec.
package struct SocketPair: ~Copyable {
    /// Non-blocking: the side of a loop.
    package let ours: FileDescriptor
    /// Blocking: the side of a child.
    package let theirs: FileDescriptor

    package init() throws(PosixError) {
        var pair: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        _ = try checked("socketpair", unsafe socketpair(AF_UNIX, kind, 0, &pair))
        let ours = FileDescriptor(owning: pair[0])
        let theirs = FileDescriptor(owning: pair[1])
        try ours.setNonBlocking()
        self.ours = ours
        self.theirs = theirs
    }

    /// Takes the pair apart: `body` becomes the owner of both ends.
    package consuming func split<R, E: Error>(
        _ body: (_ ours: consuming FileDescriptor, _ theirs: consuming FileDescriptor) throws(E) -> R
    ) throws(E) -> R {
        try body(ours, theirs)
    }
}
