import Foundation
import Isthmus

// One graph over both languages: Python reads, Swift tokenizes, Python counts, and the values go from worker
// to worker without passing through this program.

struct Statistics: Codable {
    var words: Int
    var longest: String
}

let functions = URL(fileURLWithPath: Client.thisExecutable!).deletingLastPathComponent()
    .appendingPathComponent("Functions").path
let client = try await Client.makeEmbedded(slots: 2, swiftExecutable: functions)

let length = try await client.submit(.python("math:hypot"), 3.0, 4.0, as: Double.self).value
print("hypot(3, 4) is \(length)")

let text = try await client.submit(.python("inspect:getdoc"), "a string", as: String.self)
let words = try await client.submit(.swift("tokenize"), text, as: [String].self)
let statistics = try await client.submit(.swift("statistics"), words, as: Statistics.self)
let occurrences = TaskFunction.python(source: "def f(words, word): return words.count(word)", name: "f")
let count = try await client.submit(occurrences, words, "the", as: Int.self)
print("str's documentation: \(try await statistics.value), \(try await count.value) times \"the\"")

do {
    _ = try await client.submit(.python("json:loads"), "{", as: DynamicValue.self).value
} catch IsthmusError.python(let exception) {
    print("\(exception.type): \(exception.message)")
} catch {
    print(error)
}

for try await root in client.map(.python("math:sqrt"), over: [1.0, 4.0, 9.0], as: Double.self) { print(root) }
await client.close()
