internal import ArgumentParser
internal import Posix

/// `--watch`: the same view again and again, until Ctrl-C.
struct WatchOptions: ParsableArguments {
    @Flag(help: "Show it again each second, until Ctrl-C.") var watch = false

    /// Shows once, or for ever. On a terminal each view takes the place of the one before it; elsewhere a
    /// blank line is between them.
    func repeating(_ show: () async throws -> Void) async throws {
        try await show()
        while watch {
            try await Task.sleep(for: .seconds(1))
            try Screen.show(StandardStream.output.isTerminal ? Self.clear : "\n")
            try await show()
        }
    }

    /// Cursor to the corner, and nothing behind it.
    private static let clear = "\u{1B}[H\u{1B}[2J"
}
