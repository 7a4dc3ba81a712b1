import Foundation

/// What can be said of a Python source file without parsing it.
struct LexicalReport: Codable, Sendable {
    /// An identifier and how often it occurs; `["name", 3]` outside of Swift.
    struct Count: Codable, Sendable {
        let name: String
        let count: Int

        init(name: String, count: Int) {
            self.name = name
            self.count = count
        }

        init(from decoder: any Decoder) throws {
            var pair = try decoder.unkeyedContainer()
            name = try pair.decode(String.self)
            count = try pair.decode(Int.self)
        }

        func encode(to encoder: any Encoder) throws {
            var pair = encoder.unkeyedContainer()
            try pair.encode(name)
            try pair.encode(count)
        }
    }

    let path: String
    let lines: Int
    let blankLines: Int
    /// Lines with nothing but a comment.
    let commentLines: Int
    /// In characters.
    let longestLine: Int
    /// Names, keywords, numbers, strings and operators.
    let tokens: Int
    let distinctIdentifiers: Int
    /// The ten that occur most often, keywords left out.
    let topIdentifiers: [Count]

    init(path: String) throws {
        self.init(path: path, source: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
    }

    init(path: String, source: [UInt8]) {
        var lexer = Lexer(source)
        lexer.run()
        self.path = path
        lines = lexer.lines
        blankLines = lexer.blankLines
        commentLines = lexer.commentLines
        longestLine = lexer.longestLine
        tokens = lexer.tokens
        distinctIdentifiers = lexer.identifiers.count
        let ranked = lexer.identifiers.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        topIdentifiers = ranked.prefix(10).map { Count(name: $0.key, count: $0.value) }
    }
}
