import Foundation
import SchedulerCore
import Testing

/// docs/task-lifecycle.md shows the transitions that the code allows. `BLESS=1` writes the diagram anew.
@Suite struct LifecycleTests {
    private static let page = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../docs/task-lifecycle.md").standardizedFileURL

    @Test func thePageShowsTheTransitionsOfTheCode() throws {
        let text = try String(contentsOf: Self.page, encoding: .utf8)
        let opening = try #require(text.range(of: "```mermaid\n"))
        let closing = try #require(text.range(of: "```", range: opening.upperBound..<text.endIndex))
        let drawn = String(text[opening.upperBound..<closing.lowerBound])
        if ProcessInfo.processInfo.environment["BLESS"] == "1" {
            let renewed = text.replacingCharacters(
                in: opening.upperBound..<closing.lowerBound, with: Lifecycle.diagram)
            try renewed.write(to: Self.page, atomically: true, encoding: .utf8)
        } else {
            #expect(drawn == Lifecycle.diagram, "run with BLESS=1 to draw it anew")
        }
    }

    @Test func everyPhaseIsOnTheWay() {
        for phase in TaskPhase.allCases {
            #expect(
                TaskPhase.allCases.contains { Lifecycle.cause(from: $0, to: phase) != nil },
                "\(phase) is entered")
            #expect(
                TaskPhase.allCases.contains { Lifecycle.cause(from: phase, to: $0) != nil },
                "\(phase) is left")
        }
    }
}
