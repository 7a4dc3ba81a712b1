import Foundation
import Isthmus

// The Swift half of examples/stdlib-report: an executable that registers a function, and, with other words on
// its command line, the same pipeline as a Swift client and the plain run without a cluster.

switch CommandLine.arguments.dropFirst().first {
case "report": await ReportCommand.run()
case "lexical": LexicalCommand.run()
default:
    var registry = TaskRegistry()
    registry.register("lexical") { (path: String) in try LexicalReport(path: path) }
    await registry.main()
}
