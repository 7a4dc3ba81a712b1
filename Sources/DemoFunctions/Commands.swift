import Foundation
import Isthmus

/// `report --connect ADDRESS`: submits the pipeline for the files named on standard input, as one graph, and
/// prints the report that Python joins.
enum ReportCommand {
    static func run() async {
        do {
            let arguments = CommandLine.arguments
            guard arguments.count == 4, arguments[2] == "--connect" else {
                throw UsageError(description: "usage: DemoFunctions report --connect ADDRESS <FILES")
            }
            let client = try await Client(connecting: arguments[3], name: "stdlib-report")
            let report = try await submit(to: client, files: standardInputLines())
            try printJSON(try await report.value)
            await client.close()
        } catch {
            fail(error)
        }
    }

    private static func submit(
        to client: Client, files: [String]
    ) async throws -> RemoteTask<DynamicValue> {
        // Modules of a script are not importable on a worker, so their source travels.
        let source = try String(contentsOfFile: "stdlib_measure.py", encoding: .utf8)
        let measure = TaskFunction.python(source: source, name: "measure")
        let join = TaskFunction.python(source: source, name: "join")
        var measures: [RemoteTask<DynamicValue>] = []
        var lexicals: [RemoteTask<LexicalReport>] = []
        for file in files {
            measures.append(try await client.submit(measure, file))
            lexicals.append(try await client.submit(.swift("lexical"), file))
        }
        return try await client.submit(join, measures, lexicals)
    }
}

/// `lexical`: the plain run, without a cluster.
enum LexicalCommand {
    static func run() {
        do {
            try printJSON(standardInputLines().map { try LexicalReport(path: $0) })
        } catch {
            fail(error)
        }
    }
}

struct UsageError: Error, CustomStringConvertible {
    let description: String
}

private func standardInputLines() -> [String] {
    var lines: [String] = []
    while let line = readLine() { lines.append(line) }
    return lines
}

private func printJSON(_ value: some Encodable) throws {
    print(String(decoding: try JSONEncoder().encode(value), as: UTF8.self))
}

private func fail(_ error: any Error) -> Never {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
