import Foundation
import TaskModel
import Wire

// What the JSON of a vector says, as the types of `Wire`.

struct FieldValue: Decodable, Sendable {
    let field: Field

    enum CodingKeys: CodingKey { case name, type, value, matters }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let value: Field.Value =
            switch try container.decode(String.self, forKey: .type) {
            case "unsigned": .unsigned(try container.decode(UInt64.self, forKey: .value))
            case "signed": .signed(try container.decode(Int64.self, forKey: .value))
            case "real": .real(try container.decode(Double.self, forKey: .value))
            case "string": .string(try container.decode(String.self, forKey: .value))
            case "bytes": .bytes([UInt8](hex: try container.decode(String.self, forKey: .value)))
            default: .flag(try container.decode(Bool.self, forKey: .value))
            }
        field = Field(
            try container.decode(String.self, forKey: .name), value,
            matters: try container.decode(Bool.self, forKey: .matters))
    }
}

struct PayloadValue: Decodable, Sendable {
    let codec: String
    let form: String
    let buffers: Int
    let bytes: String?
    let owner: UInt64?
    let high: UInt64?
    let low: UInt64?
    let size: UInt64?

    var wireCodec: Codec { ["pickle": .pickle, "neutral": .neutral, "raw": .raw][codec]! }

    func write(_ writer: inout ByteWriter) {
        switch form {
        case "inline": writer.payloadHeader(wireCodec, .inline, buffers: buffers, count: content.count)
        case "attached": writer.payloadHeader(wireCodec, .attached, buffers: buffers, count: 0)
        case "reference": writer.payloadHeader(wireCodec, .reference, buffers: buffers, count: content.count)
        default: writer.emptyPayload()
        }
        writer.raw(content)
    }

    private var content: [UInt8] {
        if let bytes { return [UInt8](hex: bytes) }
        guard let owner, let high, let low, let size else { return [] }
        var writer = ByteWriter()
        for number in [owner, high, low, size] { writer.uint64(number) }
        return writer.take()
    }

    func matches(_ view: PayloadView, in frame: RawSpan) -> Bool {
        let forms: [String: PayloadForm] = [
            "nothing": .nothing, "inline": .inline, "attached": .attached, "reference": .reference,
        ]
        return view.codec == wireCodec && view.form == forms[form] && view.buffers == buffers
            && frame.copied(view.inline) == content
    }
}

struct AttemptValue: Decodable, Sendable {
    let session: UInt64
    let sequence: UInt64
    let attempt: UInt32

    var id: AttemptID {
        AttemptID(task: TaskID(session: SessionID(session), sequence: sequence), number: attempt)
    }
}

let executorKinds: [String: ExecutorKind] = ["python": .python, "swift": .swift, "command": .command]
let roles: [String: Role] = [
    "client": .client, "worker": .worker, "driver": .driver, "operator": .operator, "scheduler": .scheduler,
]

/// The JSON notation of a neutral value.
struct NeutralJSON: Decodable, Sendable {
    let value: NeutralValue

    private struct Tagged: Decodable {
        struct Array: Decodable {
            let dtype: String
            let shape: [Int]
            let bytes: String
        }
        struct Decimal: Decodable {
            let kind: UInt8
            let exponent: Int32
            let digits: String
        }
        let float: String?
        let bytes: String?
        let map: [[NeutralJSON]]?
        let ndarray: Array?
        let dependency: UInt32?
        let uuid: String?
        let decimal: Decimal?
        let instant: Int64?
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            value = .null
        } else if let flag = try? container.decode(Bool.self) {
            value = .bool(flag)
        } else if let number = try? container.decode(Int64.self) {
            value = .int(number)
        } else if let number = try? container.decode(UInt64.self) {
            value = .unsigned(number)
        } else if let text = try? container.decode(String.self) {
            value = .string(text)
        } else if let list = try? container.decode([NeutralJSON].self) {
            value = .array(list.map(\.value))
        } else {
            value = try Self.read(try container.decode(Tagged.self))
        }
    }

    private static func read(_ tagged: Tagged) throws -> NeutralValue {
        if let text = tagged.float, let number = Double(text) { return .float(number) }
        if let hex = tagged.bytes { return .bytes([UInt8](hex: hex)) }
        if let pairs = tagged.map { return .map(pairs.map { NeutralPair($0[0].value, $0[1].value) }) }
        if let array = tagged.ndarray {
            return .ndArray(
                try NeutralArray(dtype: array.dtype, shape: array.shape, bytes: [UInt8](hex: array.bytes)))
        }
        if let hex = tagged.uuid { return .uuid([UInt8](hex: hex).reduce(0) { $0 << 8 | UInt128($1) }) }
        if let number = tagged.decimal {
            return .decimal(
                try NeutralDecimal(
                    NeutralDecimal.Kind(rawValue: number.kind)!, exponent: number.exponent,
                    digits: number.digits))
        }
        if let microseconds = tagged.instant {
            return .instant(try NeutralInstant(microseconds: microseconds))
        }
        return .dependency(tagged.dependency!)
    }
}
