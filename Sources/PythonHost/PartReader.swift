internal import CPython
internal import ExecutorRuntime
internal import TaskModel

/// The parts of an outcome as `finish` gets them: a tuple of `(kind, codec, data, buffers)`. Holds the memory
/// of all of them from `init` to `deinit`.
@safe struct PartReader: ~Copyable {
    private struct Part {
        let kind: OutcomePart
        let codec: Codec
        /// Index of the main part's view; those of its buffers follow.
        let view: Int
        let buffers: Int
    }

    private var parts: [Part] = []
    private var views: [Py_buffer] = unsafe []

    @unsafe init(_ tuple: UnsafeMutablePointer<PyObject>, _ python: inout Interpreter) throws(PythonError) {
        let items = try unsafe python.items(tuple)
        for index in unsafe items.indices {
            let item = unsafe items[index]
            let fields = try unsafe python.items(item)
            guard unsafe fields.count == 4,
                let kind = OutcomePart(rawValue: UInt8(clamping: try unsafe python.int(fields[0]))),
                let codec = Codec(rawValue: UInt8(clamping: try unsafe python.int(fields[1])))
            else { throw .runtime("a part of an outcome is (kind, codec, data, buffers)") }
            let buffers = try unsafe python.items(fields[3])
            unsafe parts.append(Part(kind: kind, codec: codec, view: views.count, buffers: buffers.count))
            try unsafe add(fields[2])
            for index in unsafe buffers.indices {
                let buffer = unsafe buffers[index]
                try unsafe add(buffer)
            }
        }
    }

    deinit {
        for index in unsafe views.indices {
            var view = unsafe views[index]
            unsafe PyBuffer_Release(&view)
        }
    }

    /// Releases the GIL and hands the parts to `body`.
    func lend(_ python: inout Interpreter, _ body: ([BorrowedPart]) -> Void) {
        let borrowed = unsafe parts.map { part in
            let buffers = unsafe (part.view + 1..<part.view + 1 + part.buffers).map { unsafe memory($0) }
            return unsafe BorrowedPart(part.kind, part.codec, memory(part.view), buffers: buffers)
        }
        python.released { unsafe body(borrowed) }
    }

    private func memory(_ index: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: views[index].buf, count: views[index].len)
    }

    private mutating func add(_ object: UnsafeMutablePointer<PyObject>) throws(PythonError) {
        var view = unsafe Py_buffer()
        guard unsafe PyObject_GetBuffer(object, &view, Int32(CPYTHON_BUF_SIMPLE)) == 0 else {
            throw .raised
        }
        unsafe views.append(view)
    }
}
