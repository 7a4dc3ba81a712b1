// The containers through which `Decodable` types read a `NeutralValue`.

struct NeutralMapReader<Key: CodingKey>: KeyedDecodingContainerProtocol {
    private let pairs: [NeutralPair]
    /// Empty for small maps, which are searched faster than hashed.
    private let positions: [NeutralValue: Int]
    let codingPath: [any CodingKey]

    init(_ pairs: [NeutralPair], _ codingPath: [any CodingKey]) {
        self.pairs = pairs
        self.codingPath = codingPath
        positions =
            pairs.count <= 8
            ? [:] : Dictionary(pairs.enumerated().map { ($1.key, $0) }, uniquingKeysWith: { $1 })
    }

    var allKeys: [Key] {
        pairs.compactMap { pair in
            switch pair.key {
            case .string(let text): Key(stringValue: text)
            case .int(let number): Int(exactly: number).flatMap { Key(intValue: $0) }
            case .null, .bool, .unsigned, .float, .bytes, .array, .map, .ndArray, .uuid, .decimal, .instant,
                .dependency:
                nil
            }
        }
    }

    func contains(_ key: Key) -> Bool { find(key) != nil }

    func decodeNil(forKey key: Key) throws -> Bool { try found(key).decodeNil() }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try found(key).value(as: type) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try found(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try found(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder {
        NeutralReader(
            value: find(NeutralKey.superKey) ?? .null, codingPath: codingPath + [NeutralKey.superKey])
    }

    func superDecoder(forKey key: Key) throws -> any Decoder { try found(key) }

    private func find(_ key: some CodingKey) -> NeutralValue? {
        if let number = key.intValue, let value = find(.int(Int64(number))) { return value }
        return find(.string(key.stringValue))
    }

    private func find(_ key: NeutralValue) -> NeutralValue? {
        if positions.isEmpty { return pairs.last { $0.key == key }?.value }
        return positions[key].map { pairs[$0].value }
    }

    private func found(_ key: Key) throws -> NeutralReader {
        guard let value = find(key) else {
            throw DecodingError.keyNotFound(
                key, .init(codingPath: codingPath, debugDescription: "there is no \"\(key.stringValue)\""))
        }
        return NeutralReader(value: value, codingPath: codingPath + [key])
    }
}

struct NeutralListReader: UnkeyedDecodingContainer {
    let elements: [NeutralValue]
    let codingPath: [any CodingKey]
    private(set) var currentIndex = 0

    init(elements: [NeutralValue], codingPath: [any CodingKey]) {
        self.elements = elements
        self.codingPath = codingPath
    }

    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex == elements.count }

    mutating func decodeNil() throws -> Bool {
        guard try current().decodeNil() else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let value = try current().value(as: type)
        currentIndex += 1
        return value
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        let container = try current().container(keyedBy: type)
        currentIndex += 1
        return container
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let container = try current().unkeyedContainer()
        currentIndex += 1
        return container
    }

    mutating func superDecoder() throws -> any Decoder {
        let reader = try current()
        currentIndex += 1
        return reader
    }

    private func current() throws -> NeutralReader {
        let path = codingPath + [NeutralKey(intValue: currentIndex)]
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(
                NeutralValueKind.self, .init(codingPath: path, debugDescription: "the list ends before it"))
        }
        return NeutralReader(value: elements[currentIndex], codingPath: path)
    }
}
