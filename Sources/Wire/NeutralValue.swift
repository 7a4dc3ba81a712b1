/// What Swift and Python both read (docs/wire-protocol.md, "Neutral values"): MessagePack with n-dimensional
/// arrays, UUIDs, decimal numbers, points in time and dependencies.
package enum NeutralValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    /// Only what is beyond `Int64.max`: each integer has one form.
    case unsigned(UInt64)
    case float(Double)
    case string(String)
    case bytes([UInt8])
    case array([NeutralValue])
    /// In the order of the wire: a Python dictionary keeps its order. A key is a scalar, a string or bytes;
    /// of equal keys the last one counts.
    case map([NeutralPair])
    case ndArray(NeutralArray)
    /// In the order in which its text shows it: the first byte is the highest.
    case uuid(UInt128)
    case decimal(NeutralDecimal)
    case instant(NeutralInstant)
    /// The outcome of the n-th task that the submitted one depends on.
    case dependency(UInt32)

    package init(_ number: some FixedWidthInteger) {
        if let signed = Int64(exactly: number) {
            self = .int(signed)
        } else {
            self = .unsigned(UInt64(truncatingIfNeeded: number))
        }
    }

    /// A noun for error messages.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a bool"
        case .int, .unsigned: "an integer"
        case .float: "a float"
        case .string: "a string"
        case .bytes: "bytes"
        case .array: "a list"
        case .map: "a map"
        case .ndArray(let array): "an array of dtype \(array.dtype) and shape \(array.shape)"
        case .uuid: "a UUID"
        case .decimal: "a decimal number"
        case .instant: "a point in time"
        case .dependency: "a dependency"
        }
    }

    /// The value of a map's entry; nil for what is no map or lacks the key.
    package subscript(_ key: String) -> NeutralValue? {
        guard case .map(let pairs) = self else { return nil }
        return pairs.last { $0.key == .string(key) }?.value
    }

    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }
}

/// One entry of a map.
package struct NeutralPair: Hashable, Sendable {
    package var key: NeutralValue
    package var value: NeutralValue

    package init(_ key: NeutralValue, _ value: NeutralValue) {
        self.key = key
        self.value = value
    }
}

/// A value has no neutral form, or bytes are not a neutral value of the wanted type.
package struct NeutralError: Error, Hashable, CustomStringConvertible {
    /// Where in the value, such as `points[3].x`; empty for the value itself.
    package let path: String
    package let problem: String

    package init(path: String = "", _ problem: String) {
        self.path = path
        self.problem = problem
    }

    package var description: String { path.isEmpty ? problem : "\(path): \(problem)" }
}
