/// The name in a pickle that is nothing but a name: an importable function, as Python pickles it.
///
/// Listings show it. Nothing is unpickled: these very opcodes are recognised, anything else has no name here.
package enum PickledName {
    /// `module.qualified.name`, or the bare name of a built-in function.
    package static func read(_ bytes: RawSpan) -> String? {
        var reader = ByteReader(bytes)
        do throws(WireError) {
            guard try reader.uint8("opcode") == Opcode.protocolVersion else { return nil }
            try reader.skip(1, "version")
            guard try reader.uint8("opcode") == Opcode.frame else { return nil }
            try reader.skip(8, "frame length")
            guard let module = try text(&reader), let name = try text(&reader),
                try reader.uint8("opcode") == Opcode.global, try reader.uint8("opcode") == Opcode.memoize,
                try reader.uint8("opcode") == Opcode.stop, reader.remaining == 0
            else { return nil }
            return module == "builtins" ? name : "\(module).\(name)"
        } catch {
            return nil
        }
    }

    @_lifetime(reader: copy reader)
    private static func text(_ reader: inout ByteReader) throws(WireError) -> String? {
        guard try reader.uint8("opcode") == Opcode.shortText else { return nil }
        let text = try reader.string(Int(try reader.uint8("length")), "text")
        return try reader.uint8("opcode") == Opcode.memoize ? text : nil
    }

    /// As in Python's `pickletools`.
    private enum Opcode {
        static let protocolVersion: UInt8 = 0x80
        static let frame: UInt8 = 0x95
        static let shortText: UInt8 = 0x8c
        static let memoize: UInt8 = 0x94
        static let global: UInt8 = 0x93
        static let stop: UInt8 = 0x2e
    }
}
