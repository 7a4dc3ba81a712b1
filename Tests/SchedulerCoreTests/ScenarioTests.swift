import Foundation
import Testing

/// Each file of `Scenarios` is a story: commands, a line `----`, and what the scheduler does. Run with
/// BLESS=1 in the environment to write down what it does now; read the difference before committing it.
@Suite struct ScenarioTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "Scenarios")

    static var files: [String] {
        let names =
            (try? FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))) ?? []
        return names.filter { $0.hasSuffix(".txt") }.sorted()
    }

    @Test func thereAreScenarios() {
        #expect(Self.files.count >= 25)
    }

    @Test(arguments: files) func scenario(_ file: String) throws {
        let url = Self.folder.appending(path: file)
        let text = try String(contentsOf: url, encoding: .utf8)
        let replayed = try replay(text)
        #expect(!replayed.contains("VIOLATION"))
        if ProcessInfo.processInfo.environment["BLESS"] == "1" {
            try replayed.write(to: url, atomically: true, encoding: .utf8)
        } else {
            #expect(text == replayed, "run with BLESS=1 if this is what it should do")
        }
    }

    /// The same story with what the scheduler does now. Comments and blank lines stay where they are.
    private func replay(_ text: String) throws -> String {
        var world = ScenarioWorld()
        var lines: [String] = []
        var printed: [String] = []
        var isAnswer = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line == "----" {
                isAnswer = true
                lines.append(line)
                lines += printed.isEmpty ? ["nothing"] : printed
                printed = []
            } else if line.isEmpty || line.hasPrefix("#") {
                isAnswer = false
                lines.append(line)
            } else if !isAnswer {
                printed += try world.run(line)
                lines.append(line)
            }
        }
        #expect(printed.isEmpty, "the last commands have no ---- behind them")
        return lines.joined(separator: "\n")
    }
}
