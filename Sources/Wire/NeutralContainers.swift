// The containers through which `Encodable` types write into a `NeutralNode`.

struct NeutralMapWriter<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: NeutralNode
    var codingPath: [any CodingKey] { node.path }

    mutating func encodeNil(forKey key: Key) { node.insert(.leaf(.null), for: key) }

    mutating func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        node.insert(try NeutralNode.form(value, at: node.path + [key], node.dependencies), for: key)
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        child(key).container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        child(key).unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder { child(NeutralKey.superKey) }
    mutating func superEncoder(forKey key: Key) -> any Encoder { child(key) }

    private func child(_ key: some CodingKey) -> NeutralNode {
        let child = NeutralNode(path: node.path + [key], node.dependencies)
        node.insert(.node(child), for: key)
        return child
    }
}

struct NeutralListWriter: UnkeyedEncodingContainer {
    let node: NeutralNode
    var codingPath: [any CodingKey] { node.path }
    var count: Int { node.count }

    mutating func encodeNil() { node.append(.leaf(.null)) }

    mutating func encode<T: Encodable>(_ value: T) throws {
        let key = NeutralKey(intValue: count)
        node.append(try NeutralNode.form(value, at: node.path + [key], node.dependencies))
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) -> KeyedEncodingContainer<Nested> {
        child().container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { child().unkeyedContainer() }
    mutating func superEncoder() -> any Encoder { child() }

    private func child() -> NeutralNode {
        let child = NeutralNode(path: node.path + [NeutralKey(intValue: count)], node.dependencies)
        node.append(.node(child))
        return child
    }
}

struct NeutralScalarWriter: SingleValueEncodingContainer {
    let node: NeutralNode
    var codingPath: [any CodingKey] { node.path }

    mutating func encodeNil() { node.content = .leaf(.null) }
    mutating func encode(_ value: Bool) { node.content = .leaf(.bool(value)) }
    mutating func encode(_ value: String) { node.content = .leaf(.string(value)) }
    mutating func encode(_ value: Double) { node.content = .leaf(.float(value)) }
    mutating func encode(_ value: Float) { node.content = .leaf(.float(Double(value))) }
    mutating func encode(_ value: Int) { node.content = .leaf(.init(value)) }
    mutating func encode(_ value: Int8) { node.content = .leaf(.init(value)) }
    mutating func encode(_ value: Int16) { node.content = .leaf(.init(value)) }
    mutating func encode(_ value: Int32) { node.content = .leaf(.init(value)) }
    mutating func encode(_ value: Int64) { node.content = .leaf(.init(value)) }
    mutating func encode(_ value: UInt) { node.content = .leaf(.init(value)) }
    mutating func encode(_ value: UInt8) { node.content = .leaf(.init(value)) }
    mutating func encode(_ value: UInt16) { node.content = .leaf(.init(value)) }
    mutating func encode(_ value: UInt32) { node.content = .leaf(.init(value)) }
    mutating func encode(_ value: UInt64) { node.content = .leaf(.init(value)) }
    mutating func encode(_ value: Int128) throws {
        try wide(value, Int64(exactly: value), UInt64(exactly: value))
    }
    mutating func encode(_ value: UInt128) throws {
        try wide(value, Int64(exactly: value), UInt64(exactly: value))
    }

    mutating func encode<T: Encodable>(_ value: T) throws {
        switch try NeutralNode.form(value, at: node.path, node.dependencies) {
        case .leaf(let leaf): node.content = .leaf(leaf)
        case .node(let other): node.content = other.content
        }
    }

    private func wide(_ value: some CustomStringConvertible, _ signed: Int64?, _ unsigned: UInt64?) throws {
        if let signed {
            node.content = .leaf(.int(signed))
        } else if let unsigned {
            node.content = .leaf(.unsigned(unsigned))
        } else {
            throw NeutralError(path: pathText(node.path), "the integer \(value) does not fit into 64 bits")
        }
    }
}
