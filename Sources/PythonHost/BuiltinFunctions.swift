internal import CProcessState
internal import CPython
internal import ExecutorRuntime
internal import TaskModel
internal import Wire

/// The functions of `_isthmus`. Each is a few lines: what is clever is Python code of the bridge.
enum BuiltinFunctions {
    @safe struct Entry {
        let name: StaticString
        let pointer: UnsafeMutableRawPointer
        let flags: Int32

        fileprivate init(_ name: StaticString, noArguments: cpython_call) {
            self.name = name
            unsafe pointer = unsafeBitCast(noArguments, to: UnsafeMutableRawPointer.self)
            flags = Int32(CPYTHON_METH_NOARGS)
        }

        fileprivate init(_ name: StaticString, oneArgument: cpython_call) {
            self.name = name
            unsafe pointer = unsafeBitCast(oneArgument, to: UnsafeMutableRawPointer.self)
            flags = Int32(CPYTHON_METH_O)
        }

        fileprivate init(_ name: StaticString, arguments: cpython_fastcall) {
            self.name = name
            unsafe pointer = unsafeBitCast(arguments, to: UnsafeMutableRawPointer.self)
            flags = Int32(CPYTHON_METH_FASTCALL)
        }
    }

    static var all: [Entry] {
        unsafe [
            Entry("next", noArguments: next), Entry("value", oneArgument: value),
            Entry("finish", arguments: finish), Entry("stopping", noArguments: stopping),
            Entry("running", noArguments: running), Entry("ready", oneArgument: ready),
            Entry("failed", oneArgument: failed), Entry("detach", noArguments: detach),
            Entry("changed", noArguments: changed), Entry("watch_state", noArguments: watchState),
            Entry("clear_environment", noArguments: clearEnvironment),
        ]
    }

    private static let next: cpython_call = { _, _ in
        unsafe Interpreter.entered { python throws(PythonError) in try BuiltinModule.makeWork(&python) }
    }

    private static let value: cpython_call = { _, object in
        unsafe Interpreter.entered { python throws(PythonError) in
            let channel = BuiltinModule.channel
            let value = try unsafe PyBytes(object!, python)
            guard value.count < Limits.inlineBytesMax else {
                let part = unsafe BorrowedPart(.value, .pickle, value.bytes, buffers: [])
                python.released { unsafe channel.finish(.value, .none, detail: "", parts: [part]) }
                return try whatChanged(python)
            }
            if unsafe channel.appendValue(.pickle, value.bytes.bytes) { python.released { channel.flush() } }
            return try whatChanged(python)
        }
    }

    /// None in the common case, which is cheaper than a number.
    private static func whatChanged(_ python: borrowing Interpreter) throws(PythonError) -> PyRef {
        let changed = cprocessstate_changed()
        return try changed == 0 ? python.none() : python.int(Int(changed))
    }

    private static let changed: cpython_call = { _, _ in
        unsafe Interpreter.entered { python throws(PythonError) in try whatChanged(python) }
    }

    private static let watchState: cpython_call = { _, _ in
        unsafe Interpreter.entered { python throws(PythonError) in
            cprocessstate_clear()
            return try python.none()
        }
    }

    private static let clearEnvironment: cpython_call = { _, _ in
        unsafe Interpreter.entered { python throws(PythonError) in
            cprocessstate_clear_environment()
            return try python.none()
        }
    }

    private static let stopping: cpython_call = { _, _ in
        unsafe Interpreter.entered { python throws(PythonError) in
            try python.int(Int(BuiltinModule.channel.takeStop()?.rawValue ?? 0))
        }
    }

    private static let running: cpython_call = { _, _ in
        unsafe Interpreter.entered { python throws(PythonError) in
            guard let attempt = BuiltinModule.channel.running else { return try python.none() }
            let tuple = try python.tuple(3)
            try python.set(tuple, 0, python.int(attempt.task.session.rawValue))
            try python.set(tuple, 1, python.int(attempt.task.sequence))
            try python.set(tuple, 2, python.int(Int(attempt.number)))
            return tuple
        }
    }

    private static let ready: cpython_call = { _, object in
        unsafe Interpreter.entered { python throws(PythonError) in
            var fields: [Field] = []
            let items = try unsafe python.items(object!)
            for index in unsafe items.indices {
                let item = unsafe items[index]
                let pair = try unsafe python.items(item)
                guard unsafe pair.count == 2 else { throw .runtime("ready() takes pairs of strings") }
                let name = try unsafe python.string(pair[0])
                fields.append(Field(name, .string(try unsafe python.string(pair[1]))))
            }
            BuiltinModule.channel.ready(fields)
            return try python.none()
        }
    }

    private static let failed: cpython_call = { _, object in
        unsafe Interpreter.entered { python throws(PythonError) in
            BuiltinModule.channel.fail(try unsafe python.string(object!))
            return try python.none()
        }
    }

    private static let detach: cpython_call = { _, _ in
        unsafe Interpreter.entered { python throws(PythonError) in
            BuiltinModule.channel.detach()
            return try python.none()
        }
    }

    private static let finish: cpython_fastcall = { _, arguments, count in
        unsafe Interpreter.entered { python throws(PythonError) in
            guard count == 4 else { throw .runtime("finish() takes 4 arguments, not \(count)") }
            let arguments = unsafe arguments!
            let rawStatus = try unsafe python.int(arguments[0]!)
            let rawReason = try unsafe python.int(arguments[1]!)
            guard let status = OutcomeStatus(rawValue: UInt8(clamping: rawStatus)),
                let reason = OutcomeReason(rawValue: UInt8(clamping: rawReason))
            else { throw .runtime("finish() does not know status \(rawStatus) or reason \(rawReason)") }
            let detail = try unsafe python.string(arguments[2]!)
            let parts = try unsafe PartReader(arguments[3]!, &python)
            unsafe parts.lend(&python) {
                unsafe BuiltinModule.channel.finish(status, reason, detail: detail, parts: $0)
            }
            return try whatChanged(python)
        }
    }
}
