package import Wire

/// An n-dimensional array of numbers: a NumPy array in Python. Its bytes travel as they are.
///
///     let array = try NDArray([1.0, 2.0, 3.0, 4.0], shape: [2, 2])
///     let inverse = try await client.submit(.python("numpy.linalg:inv"), array, as: NDArray.self).value
///     let numbers: [Double] = try inverse.elements()
public struct NDArray: Codable, Hashable, Sendable {
    let array: NeutralArray

    /// The type of the elements in NumPy's notation: `<f8`, `<i4`, `|u1`.
    public var dtype: String { array.dtype }
    /// The length of each dimension.
    public var shape: [Int] { array.shape }
    /// The elements in C order.
    public var bytes: [UInt8] { array.bytes }

    init(_ array: NeutralArray) { self.array = array }

    /// - Parameter shape: one dimension if nil.
    /// - Throws: `NDArrayError` unless the shape has as many elements.
    public init<Element: FixedWidthInteger & BitwiseCopyable>(
        _ elements: [Element], shape: [Int]? = nil
    ) throws(NDArrayError) {
        do { array = try NeutralArray(elements, shape: shape) } catch { throw NDArrayError(error) }
    }

    /// - Parameter shape: one dimension if nil.
    /// - Throws: `NDArrayError` unless the shape has as many elements.
    public init<Element: BinaryFloatingPoint & BitwiseCopyable>(
        _ elements: [Element], shape: [Int]? = nil
    ) throws(NDArrayError) {
        do { array = try NeutralArray(elements, shape: shape) } catch { throw NDArrayError(error) }
    }

    /// - Throws: `NDArrayError` unless the bytes are as many as dtype and shape say.
    public init(dtype: String, shape: [Int], bytes: [UInt8]) throws(NDArrayError) {
        do {
            array = try NeutralArray(dtype: dtype, shape: shape, bytes: bytes)
        } catch {
            throw NDArrayError(error)
        }
    }

    /// The elements in C order, without conversion.
    ///
    /// - Throws: `NDArrayError` unless the dtype is that of `Element`.
    public func elements<Element: FixedWidthInteger & BitwiseCopyable>(
        as type: Element.Type = Element.self
    ) throws(NDArrayError) -> [Element] {
        guard let elements = array.elements(as: type) else { throw otherType(type) }
        return elements
    }

    /// The elements in C order, without conversion.
    ///
    /// - Throws: `NDArrayError` unless the dtype is that of `Element`.
    public func elements<Element: BinaryFloatingPoint & BitwiseCopyable>(
        as type: Element.Type = Element.self
    ) throws(NDArrayError) -> [Element] {
        guard let elements = array.elements(as: type) else { throw otherType(type) }
        return elements
    }

    private func otherType(_ type: Any.Type) -> NDArrayError {
        NDArrayError(
            NeutralError("an array of dtype \(dtype) holds no \(type): convert it with astype in Python"))
    }

    private enum CodingKeys: CodingKey { case dtype, shape, bytes }

    /// Reads what `encode` writes in formats without arrays.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        array = try NeutralArray(
            dtype: container.decode(String.self, forKey: .dtype),
            shape: container.decode([Int].self, forKey: .shape),
            bytes: container.decode([UInt8].self, forKey: .bytes))
    }

    /// Writes dtype, shape and bytes, in formats without arrays.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(dtype, forKey: .dtype)
        try container.encode(shape, forKey: .shape)
        try container.encode(bytes, forKey: .bytes)
    }
}

/// Elements, shape and dtype of an array do not fit together.
public struct NDArrayError: Error, Hashable, CustomStringConvertible {
    /// What does not fit, and what to do.
    public let description: String

    init(_ error: NeutralError) { description = error.description }
}

extension NDArray: NeutralRepresentable, NeutralInitializable {
    package func neutralValue(_ dependencies: NeutralDependencies) -> NeutralValue { .ndArray(array) }

    package init(_ value: NeutralValue) throws {
        guard case .ndArray(let array) = value else {
            throw NeutralError("\(value.kind) where an array is expected")
        }
        self.array = array
    }
}
