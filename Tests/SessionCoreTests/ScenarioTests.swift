import Foundation
import Testing

/// Runs each text file of `Scenarios` and compares what the core asked for with what the file expects.
/// `BLESS=1` writes what it asked for into the files instead; read the difference before committing it.
@Suite struct ScenarioTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Scenarios")

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".txt") }.sorted()
    }()

    @Test func thereAreScenarios() {
        #expect(Self.names.count >= 15)
    }

    @Test(arguments: names) func scenario(_ name: String) throws {
        let file = Self.folder.appending(path: name)
        let text = try String(contentsOf: file, encoding: .utf8)
        let parts = text.components(separatedBy: "\n----\n")
        let transcript = try SessionScript.run(parts[0])
        if ProcessInfo.processInfo.environment["BLESS"] == "1" {
            try "\(parts[0])\n----\n\(transcript)".write(to: file, atomically: true, encoding: .utf8)
        } else {
            #expect(parts.count == 2, "\(name) has no expected transcript below a line ----")
            #expect(transcript == parts.last)
        }
    }
}
