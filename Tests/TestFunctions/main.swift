import Foundation
import Isthmus
import Synchronization

// Functions that the tests of the Swift client call: one per thing that a function can do.

struct Oops: Error, CustomStringConvertible {
    let description: String
}

struct Point: Codable, Sendable {
    var x: Double
    var y: Double
}

var registry = TaskRegistry()
registry.register("answer") { 42 }
registry.register("tokenize") { (text: String) -> [String] in text.split(separator: " ").map(String.init) }
registry.register("add") { (a: Int, b: Int) in a + b }
registry.register("mirrored") { (point: Point, scale: Double?) async throws -> Point in
    await Task.yield()
    return Point(x: point.y * (scale ?? 1), y: point.x * (scale ?? 1))
}
registry.register("add1") { (a: Int) in a + 1 }
registry.register("nothing") { (_: Int) in }
registry.register("throws") { (text: String) throws -> Int in throw Oops(description: text) }
registry.register("traps") { (index: Int) -> Int in
    print("about to trap")
    guard [1, 2, 3].indices.contains(index) else { fatalError("the index is out of range") }
    return index
}
registry.register("exits") { (code: Int32) -> Int in exit(code) }
/// Tells the caller that it runs, by a file.
registry.register("sleeps") { (seconds: Double, marker: String) async throws -> String in
    _ = FileManager.default.createFile(atPath: marker, contents: nil)
    try await Task.sleep(for: .seconds(seconds))
    return "slept"
}
registry.register("spins") { (_: Double, marker: String) -> Int in
    _ = FileManager.default.createFile(atPath: marker, contents: nil)
    while true {}
}
registry.register("prints") { (text: String) in
    print(text)
    print("without an end", terminator: "")
    FileHandle.standardError.write(Data("to standard error\n".utf8))
}
registry.register("sum") { (array: NDArray) throws -> Double in
    try array.elements(as: Double.self).reduce(0, +)
}
registry.register("bytes") { (count: Int) in [UInt8](repeating: 7, count: count) }
registry.register("odd") { (number: Int) throws -> Int in
    if number % 2 == 0 { throw Oops(description: "\(number) is even") }
    return number
}
registry.register("context") { () -> [String] in
    let context = TaskContext.current
    return [context?.task ?? "", "\(context?.attempt ?? 0)"] + TaskContext.currentDevices
}
/// What the initializer of a session left behind.
let prepared = Mutex("")
registry.register("prepare") { (text: String) throws in
    if text.isEmpty { throw Oops(description: "nothing to prepare") }
    prepared.withLock { $0 = text }
}
registry.register("prepared") { () in prepared.withLock { $0 } }
registry.register("later") { (date: Date, seconds: Double) in date.addingTimeInterval(seconds) }
registry.register("echo") { (value: DynamicValue) in value }
if CommandLine.arguments.dropFirst().first == "forward" {
    // A client that shows what its tasks print.
    let client = try await Client(connecting: CommandLine.arguments[2], forwardOutput: true)
    print("before")
    _ = try await client.submit(.swift("prints"), "from Swift", as: NoValue.self).value
    let tea = TaskOptions(name: "tea")
    _ = try await client.submit(.python("builtins:print"), "is\n", "ready", as: NoValue.self, options: tea)
        .value
    await client.shutdown()
    exit(0)
}
await registry.main()
