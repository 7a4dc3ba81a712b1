import Glibc
import Posix
import SessionTransport
import Synchronization

/// A proxy on loopback or at a Unix socket that can cut its connections at any byte, with whatever is on its
/// way in them.
final class CuttingProxy {
    /// Where its users connect.
    let address: Address
    private let loop: ProxyLoop
    private var thread: OSThread?

    init(to target: Address) throws {
        let listener: FileDescriptor
        switch target {
        case .tcp:
            listener = try tcpSocket()
            address = .tcp(host: "127.0.0.1", port: try bindToLoopback(listener))
        case .ipc(let path):
            address = .ipc(path: path + ".proxy")
            listener = FileDescriptor(owning: try UnixListener(path: path + ".proxy").release())
        case .inproc: throw PosixError("memory has no connections", code: 0)
        }
        try listener.setNonBlocking()
        let loop = ProxyLoop(listener, target)
        self.loop = loop
        thread = try OSThread(name: "proxy") { loop.run() }
    }

    deinit {
        loop.wishes.withLock { $0.stop = true }
        thread.take()?.join()
    }

    /// Ends all connections now.
    func cut() { loop.wishes.withLock { $0.cut = true } }

    /// New connections are closed at once while this is true.
    func refuse(_ refuses: Bool) { loop.wishes.withLock { $0.refuses = refuses } }

    var cuts: Int { loop.wishes.withLock { $0.cuts } }
}

private final class ProxyLoop: Sendable {
    struct Wishes {
        var cut = false
        var stop = false
        var refuses = false
        var cuts = 0
    }

    let wishes = Mutex(Wishes())
    private let listener: FileDescriptor
    private let target: Address

    init(_ listener: consuming FileDescriptor, _ target: Address) {
        self.listener = listener
        self.target = target
    }

    private final class Pipe {
        let ends: [FileDescriptorBox]
        var waiting: [[UInt8]] = [[], []]

        init(_ first: consuming FileDescriptor, _ second: consuming FileDescriptor) {
            ends = [FileDescriptorBox(first), FileDescriptorBox(second)]
        }
    }

    func run() {
        var pipes: [Pipe] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let (cut, stop, refuses) = wishes.withLock { wishes in
                defer { wishes.cut = false }
                if wishes.cut && !pipes.isEmpty { wishes.cuts += 1 }
                return (wishes.cut, wishes.stop, wishes.refuses)
            }
            if stop { return }
            if cut { pipes = [] }
            let accepted = accept(listener.rawValue, nil, nil)
            if accepted >= 0 {
                let near = FileDescriptor(owning: accepted)
                if !refuses, let pipe = open(near) { pipes.append(pipe) }
            }
            var moved = accepted >= 0
            pipes.removeAll { pipe in
                for end in 0..<2 {
                    guard let count = pump(pipe, end, &buffer) else { return true }
                    if count > 0 { moved = true }
                }
                return false
            }
            if !moved { usleep(100) }
        }
    }

    private func open(_ near: consuming FileDescriptor) -> Pipe? {
        guard let far = try? connected(to: target), (try? near.setNonBlocking()) != nil,
            (try? far.setNonBlocking()) != nil
        else { return nil }
        return Pipe(near, far)
    }

    /// Moves what it can from one end to the other. nil: the pipe is broken.
    private func pump(_ pipe: Pipe, _ end: Int, _ buffer: inout [UInt8]) -> Int? {
        if pipe.waiting[end].isEmpty {
            switch try? pipe.ends[end].descriptor.read(into: &buffer) {
            case .bytes(let count): pipe.waiting[end] = Array(buffer[..<count])
            case .wouldBlock: return 0
            case .endOfFile, nil: return nil
            }
        }
        switch try? pipe.ends[1 - end].descriptor.write(pipe.waiting[end]) {
        case .bytes(let count):
            pipe.waiting[end].removeFirst(count)
            return count
        case .wouldBlock: return 0
        case .endOfFile, nil: return nil
        }
    }
}

final class FileDescriptorBox {
    let descriptor: FileDescriptor

    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
}

private func connected(to address: Address) throws -> FileDescriptor {
    switch address {
    case .tcp(_, let port):
        let socket = try tcpSocket()
        try connectToLoopback(socket, port: port)
        return socket
    case .ipc(let path): return try FileDescriptor.connected(toUnixSocket: path)
    case .inproc: throw PosixError("memory has no connections", code: 0)
    }
}

func tcpSocket() throws -> FileDescriptor {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { throw PosixError("socket") }
    return FileDescriptor(owning: socket)
}

func connectToLoopback(_ socket: borrowing FileDescriptor, port: UInt16) throws {
    let code = unsafe withAddress(port: port) { unsafe connect(socket.rawValue, $0, $1) }
    guard code == 0 else { throw PosixError("connect to port \(port)") }
}

private func bindToLoopback(_ socket: borrowing FileDescriptor) throws -> UInt16 {
    guard unsafe withAddress(port: 0, { unsafe bind(socket.rawValue, $0, $1) }) == 0,
        listen(socket.rawValue, 16) == 0
    else { throw PosixError("listen") }
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = unsafe withUnsafeMutableBytes(of: &address) { bytes in
        unsafe getsockname(socket.rawValue, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), &size)
    }
    guard code == 0 else { throw PosixError("getsockname") }
    return UInt16(bigEndian: address.sin_port)
}

private func withAddress(port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return unsafe withUnsafeBytes(of: &address) { bytes in
        unsafe body(
            bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self),
            socklen_t(MemoryLayout<sockaddr_in>.size))
    }
}
