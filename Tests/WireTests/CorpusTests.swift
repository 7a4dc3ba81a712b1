import Foundation
import TaskModel
import Testing
import Wire

/// Inputs that the fuzzer found worth keeping (Tests/Fuzz), each with what became of it: `refused`, `same`
/// (written as it was read), or the bytes that are written. Python reads the same lines.
@Suite struct CorpusTests {
    @Test(arguments: RoundTrip.allCases)
    func `Each input of the corpus ends as it did`(decoder: RoundTrip) throws {
        let lines = try corpus(decoder)
        #expect(lines.count > 20, "the corpus is missing")
        for line in lines {
            let columns = line.split(separator: " ")
            let bytes = [UInt8](hex: String(columns[0]))
            let written = try decoder.rewritten(bytes)
            let verdict = written.map { $0 == bytes ? "same" : $0.hex } ?? "refused"
            #expect(verdict == columns[1], "\(columns[0])")
        }
    }

    private func corpus(_ decoder: RoundTrip) throws -> [String] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Fuzz/Corpus/\(decoder.rawValue).txt")
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
    }
}
