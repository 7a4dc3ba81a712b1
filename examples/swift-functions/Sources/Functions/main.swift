import Isthmus

// Swift functions for a cluster. Run it as a worker, or hand it to one:
//
//     Functions worker --connect ipc:///…/scheduler.ipc --slots 4
//     isthmus up --swift .build/release/Functions

struct Statistics: Codable {
    var words: Int
    var longest: String
}

var registry = TaskRegistry()

registry.register("tokenize") { (text: String) -> [String] in
    text.split { !$0.isLetter }.map { $0.lowercased() }
}

registry.register("statistics") { (words: [String]) -> Statistics in
    Statistics(words: words.count, longest: words.max { $0.count < $1.count } ?? "")
}

await registry.main()
