// The entry points that libFuzzer calls. The name of the program chooses the decoder.

import Glibc
import Wire

/// What reading may allocate: some for what happens once, and a multiple of the input. A list of nulls costs
/// 32 bytes for each byte of input, and an array that grows holds up to three times its elements at once.
private let allocationBase = 1 << 20
private let allocationFactor = 128

// Safe: libFuzzer calls everything here on one thread.
nonisolated(unsafe) private var decoder = RoundTrip.neutral
nonisolated(unsafe) private var verdicts: UnsafeMutablePointer<FILE>?

/// Called once, before any input.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> CInt {
    let path = unsafe String(cString: arguments.pointee[0]!)
    let name = path.split(separator: "/").last.map(String.init) ?? path
    guard let chosen = RoundTrip(rawValue: name) else {
        fatalError("\(name) names no decoder: \(RoundTrip.allCases.map(\.rawValue))")
    }
    decoder = chosen
    if let file = unsafe getenv("FUZZ_VERDICTS") { verdicts = unsafe fopen(file, "w") }
    meter_install()
    return 0
}

/// Called with each input; a trap tells libFuzzer to keep it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    do throws(BrokenPromise) {
        try measure(bytes)
        let written = try decoder.rewritten(bytes)
        if unsafe verdicts != nil, count > 0 { tell(bytes, written) }
    } catch {
        fatalError("\(error)")
    }
    return 0
}

/// Reads once more than needed, so that nothing but the reading is counted.
private func measure(_ bytes: [UInt8]) throws(BrokenPromise) {
    let span = unsafe bytes.span.bytes
    meter_start()
    switch decoder {
    case .neutral: _ = try? NeutralValue(decoding: span)
    case .handshake: _ = try? Handshake(decoding: span)
    case .record, .frame: _ = try decoder.rewritten(bytes)
    }
    let peak = meter_peak()
    guard peak <= allocationBase + allocationFactor * bytes.count else {
        throw BrokenPromise(description: "\(peak) bytes allocated for \(bytes.count) bytes of input")
    }
}

/// One line of a corpus file.
private func tell(_ bytes: [UInt8], _ written: [UInt8]?) {
    let verdict = written.map { $0 == bytes ? "same" : hex($0) } ?? "refused"
    unsafe fputs("\(hex(bytes)) \(verdict)\n", verdicts)
    unsafe fflush(verdicts)
}

private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
