package import TaskModel

/// A type that knows its own neutral form, which `Codable` has no words for: arrays, dependencies, values of
/// any shape.
package protocol NeutralRepresentable {
    /// Throws `NeutralError` when it has none here, such as a task of another client.
    func neutralValue(_ dependencies: NeutralDependencies) throws -> NeutralValue
}

/// Collects the tasks whose outcomes one submission takes as arguments, each once.
package final class NeutralDependencies {
    package private(set) var tasks: [TaskID] = []
    /// What keeps each of the tasks wanted until the submission is on its way; nil where nothing does.
    package private(set) var owners: [(any AnyObject & Sendable)?] = []
    private var indices: [TaskID: UInt32] = [:]

    package init() {}

    package func index(of task: TaskID, owner: (any AnyObject & Sendable)? = nil) -> UInt32 {
        if let known = indices[task] { return known }
        let index = UInt32(tasks.count)
        tasks.append(task)
        owners.append(owner)
        indices[task] = index
        return index
    }
}

extension NeutralValue {
    /// The neutral form of anything `Encodable`. Errors name the coding path.
    package init(
        encoding value: some Encodable, dependencies: NeutralDependencies = .init()
    ) throws(NeutralError) {
        do {
            self = try NeutralNode.form(value, at: [], dependencies).resolved(depth: 0)
        } catch let error as NeutralError {
            throw error
        } catch let error as EncodingError {
            throw NeutralError(error)
        } catch {
            throw NeutralError("\(type(of: value)) failed to encode itself: \(error)")
        }
    }
}

extension NeutralError {
    init(_ error: EncodingError) {
        switch error {
        case .invalidValue(_, let context):
            self.init(path: pathText(context.codingPath), context.debugDescription)
        @unknown default:
            self.init("\(error)")
        }
    }
}

/// `points[3].x`
func pathText(_ path: [any CodingKey]) -> String {
    path.reduce(into: "") { text, key in
        if let index = key.intValue {
            text += "[\(index)]"
        } else {
            text += text.isEmpty ? key.stringValue : ".\(key.stringValue)"
        }
    }
}

struct NeutralKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }
    init(intValue: Int) {
        stringValue = String(intValue)
        self.intValue = intValue
    }

    static let superKey = NeutralKey(stringValue: "super")
}

/// A place in the value under construction. `Codable` lets containers of one value grow in any order, and
/// MessagePack wants counts first: so the tree is made before the bytes.
final class NeutralNode {
    enum Content {
        case unset
        case leaf(NeutralValue)
        case list([Slot])
        case map([(key: NeutralValue, slot: Slot)])
    }
    /// Scalars, by far the most, need no node of their own.
    enum Slot {
        case leaf(NeutralValue)
        case node(NeutralNode)

        func resolved(depth: Int) throws(NeutralError) -> NeutralValue {
            switch self {
            case .leaf(let value): value
            case .node(let node): try node.resolved(depth: depth)
            }
        }
    }

    var content = Content.unset
    let path: [any CodingKey]
    let dependencies: NeutralDependencies

    init(path: [any CodingKey], _ dependencies: NeutralDependencies) {
        self.path = path
        self.dependencies = dependencies
    }

    private func resolved(depth: Int) throws(NeutralError) -> NeutralValue {
        guard depth <= Limits.neutralDepthMax else {
            throw NeutralError(
                path: pathText(path),
                "lists and maps more than \(Limits.neutralDepthMax) deep inside each other")
        }
        switch content {
        case .unset: return .map([])
        case .leaf(let value): return value
        case .list(let slots):
            var elements: [NeutralValue] = []
            elements.reserveCapacity(slots.count)
            for slot in slots { elements.append(try slot.resolved(depth: depth + 1)) }
            return .array(elements)
        case .map(let entries):
            var pairs: [NeutralPair] = []
            pairs.reserveCapacity(entries.count)
            for entry in entries {
                pairs.append(NeutralPair(entry.key, try entry.slot.resolved(depth: depth + 1)))
            }
            return .map(pairs)
        }
    }

    static func form<T: Encodable>(
        _ value: T, at path: [any CodingKey], _ dependencies: NeutralDependencies
    ) throws -> Slot {
        if let scalar = scalar(value) { return .leaf(scalar) }
        if let own = value as? any NeutralRepresentable {
            do {
                return .leaf(try own.neutralValue(dependencies))
            } catch let error as NeutralError {
                throw NeutralError(path: pathText(path) + error.path, error.problem)
            }
        }
        // A recursive value would otherwise end in a stack overflow before `resolved` could refuse it.
        guard path.count <= Limits.neutralDepthMax else {
            throw NeutralError(
                path: pathText(path), "values more than \(Limits.neutralDepthMax) deep inside each other")
        }
        let node = NeutralNode(path: path, dependencies)
        try value.encode(to: node)
        return .node(node)
    }

    /// The types that need no container, and the arrays for which one container per array would dominate.
    private static func scalar<T: Encodable>(_ value: T) -> NeutralValue? {
        switch value {
        case let text as String where T.self == String.self: .string(text)
        case let number as Int where T.self == Int.self: .int(Int64(number))
        case let number as Double where T.self == Double.self: .float(number)
        case let flag as Bool where T.self == Bool.self: .bool(flag)
        case let bytes as [UInt8] where T.self == [UInt8].self: .bytes(bytes)
        case let numbers as [Double] where T.self == [Double].self: .array(numbers.map { .float($0) })
        case let numbers as [Int] where T.self == [Int].self: .array(numbers.map { .int(Int64($0)) })
        case let texts as [String] where T.self == [String].self: .array(texts.map { .string($0) })
        default: nil
        }
    }
}

extension NeutralNode: Encoder {
    var codingPath: [any CodingKey] { path }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        if case .unset = content { content = .map([]) }
        return KeyedEncodingContainer(NeutralMapWriter<Key>(node: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        if case .unset = content { content = .list([]) }
        return NeutralListWriter(node: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { NeutralScalarWriter(node: self) }

    func append(_ slot: Slot) {
        switch content {
        case .list(var slots):
            // Let go of the old storage, or each append would copy it.
            content = .unset
            slots.append(slot)
            content = .list(slots)
        case .unset, .leaf, .map: preconditionFailure("a list is written into what is no list")
        }
    }

    func insert(_ slot: Slot, for key: some CodingKey) {
        // Dictionaries with integer keys must be such in Python too.
        let key = key.intValue.map { NeutralValue.int(Int64($0)) } ?? .string(key.stringValue)
        switch content {
        case .map(var entries):
            content = .unset
            if let known = entries.firstIndex(where: { entries.count < 16 && $0.key == key }) {
                entries[known].slot = slot
            } else {
                entries.append((key, slot))
            }
            content = .map(entries)
        case .unset, .leaf, .list: preconditionFailure("a map is written into what is no map")
        }
    }

    var count: Int {
        switch content {
        case .list(let slots): slots.count
        case .map(let entries): entries.count
        case .unset, .leaf: 0
        }
    }
}
