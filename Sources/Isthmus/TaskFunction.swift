import TaskModel
import Wire

/// What a task calls.
public struct TaskFunction: Hashable, Sendable {
    enum Form: Hashable {
        case importPath(String)
        case source(text: String, name: String)
        case swift(String)
    }

    let form: Form
    /// It is called once per row of the columns that are its argument (docs/wire-protocol.md, "Chunks").
    var isChunked = false

    /// A Python callable that can be imported where the tasks run, as `module:qualified.name`: `math:hypot`,
    /// `builtins:sorted`, `pandas:DataFrame.from_dict`.
    public static func python(_ path: String) -> TaskFunction { TaskFunction(form: .importPath(path)) }

    /// A Python callable by its source text, which is executed once in each executor; `name` is what to call
    /// of what the text defines.
    public static func python(source: String, name: String) -> TaskFunction {
        TaskFunction(form: .source(text: source, name: name))
    }

    /// A Swift function by the name under which a worker's `TaskRegistry` knows it.
    public static func swift(_ name: String) -> TaskFunction { TaskFunction(form: .swift(name)) }
}

extension TaskFunction: CustomStringConvertible {
    /// As it appears in messages.
    public var description: String {
        switch form {
        case .importPath(let path): path
        case .source(_, let name): name
        case .swift(let name): "swift:\(name)"
        }
    }

    /// In front of what its tasks print.
    var shortName: String {
        switch form {
        case .importPath(let path): path.split(separator: ":").last.map(String.init) ?? path
        case .source(_, let name), .swift(let name): name
        }
    }

    var kind: ExecutorKind {
        switch form {
        case .importPath, .source: .python
        case .swift: .swift
        }
    }

    private var chunked: [NeutralPair] {
        isChunked ? [NeutralPair(.string("chunks"), .bool(true))] : []
    }

    private func named(_ name: String) -> NeutralValue {
        isChunked ? .map([NeutralPair(.string("name"), .string(name))] + chunked) : .string(name)
    }

    /// The definition as it travels, in neutral bytes.
    func definition() throws(IsthmusError) -> [UInt8] {
        let value: NeutralValue
        switch form {
        case .importPath(let path):
            let parts = path.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, !parts.contains(where: \.isEmpty) else {
                throw .invalidFunction(
                    "\"\(path)\" is not an import path: write module:name, such as \"math:hypot\"")
            }
            value = named(path)
        case .source(let text, let name):
            value = .map(
                [
                    NeutralPair(.string("source"), .string(text)),
                    NeutralPair(.string("name"), .string(name)),
                ] + chunked)
        case .swift(let name): value = named(name)
        }
        do {
            return try value.encoded()
        } catch {
            throw .invalidFunction("the definition of \(self) is too large: \(error)")
        }
    }
}
