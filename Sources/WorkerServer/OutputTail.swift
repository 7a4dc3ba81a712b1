import Posix
import TaskModel

/// The last bytes of a memory file that a process wrote and nobody has taken since. What was taken reads as
/// zeros (docs/wire-protocol.md, "The executor's socket"), which no text contains.
func tail(of file: borrowing FileDescriptor, bytesMax: Int) -> [UInt8] {
    guard let size = try? file.size(), size > 0 else { return [] }
    let start = max(0, size - bytesMax)
    var bytes = [UInt8](repeating: 0, count: size - start)
    guard case .bytes(let count)? = try? file.read(into: &bytes, position: start) else { return [] }
    let present = bytes[..<count]
    let afterHole = present.lastIndex(of: 0).map { $0 + 1 } ?? present.startIndex
    return Array(present[afterHole...])
}

/// The last lines, for an error message. Empty when nothing was written.
func lastLines(of file: borrowing FileDescriptor) -> String {
    let text = String(decoding: tail(of: file, bytesMax: Limits.outputTailBytesMax), as: UTF8.self)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
    return lines.suffix(Limits.outputTailLinesMax).joined(separator: "\n")
}
