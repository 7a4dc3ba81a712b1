import Wire

extension NDArray: CustomStringConvertible {
    /// The first elements that `description` shows.
    private static let shownMax = 6

    /// Type, shape and the first values: `NDArray(<f8, [2, 3]: 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)`.
    public var description: String {
        guard let first = firstElements else { return "NDArray(\(dtype), \(shape), \(bytes.count) bytes)" }
        let more = first.count < array.elementCount ? ["..."] : []
        return "NDArray(\(dtype), \(shape)\(first.isEmpty ? "" : ": ")"
            + (first + more).joined(separator: ", ") + ")"
    }

    /// As text; nil for what is not numbers or bools.
    private var firstElements: [String]? {
        guard let size = array.elementBytes else { return nil }
        let count = min(array.elementCount, Self.shownMax)
        guard
            let some = try? NDArray(dtype: dtype, shape: [count], bytes: Array(bytes.prefix(count * size))),
            case .array(let values)? = try? some.array.nested()
        else { return nil }
        return values.map { value in
            switch value {
            case .bool(let flag): "\(flag)"
            case .int(let number): "\(number)"
            case .unsigned(let number): "\(number)"
            case .float(let number): dtype.hasSuffix("f4") ? "\(Float(number))" : "\(number)"
            case .null, .string, .bytes, .array, .map, .ndArray, .uuid, .decimal, .instant, .dependency:
                "?"
            }
        }
    }
}
