internal import CPython

/// Proof of holding the GIL: the only way to reach Python objects. It cannot be copied, kept or sent to
/// another thread; it exists for the length of one call from Python.
struct Interpreter: ~Copyable {
    private init() {}

    /// Runs the body of a built-in function, which Python calls with the GIL held. What it throws is raised
    /// in Python.
    static func entered(
        _ body: (inout Interpreter) throws(PythonError) -> PyRef
    ) -> UnsafeMutablePointer<PyObject>? {
        var python = Interpreter()
        do {
            return unsafe try body(&python).release()
        } catch {
            switch error {
            case .raised: break
            case .runtime(let text): unsafe PyErr_SetString(cpython_runtime_error(), text)
            }
            return nil
        }
    }

    /// Lets other Python threads run meanwhile. The token is in use for the whole time, so the compiler
    /// refuses a body that touches Python objects.
    mutating func released<Result>(_ body: () -> Result) -> Result {
        let state = unsafe PyEval_SaveThread()
        defer { unsafe PyEval_RestoreThread(state) }
        return body()
    }
}

/// Why a call into Python came to nothing.
enum PythonError: Error {
    /// The interpreter holds the exception; it goes on to the Python code that called us.
    case raised
    /// To be raised as a `RuntimeError`.
    case runtime(String)
}

/// Owns one reference to a Python object. Not sendable: it dies on the thread that holds the GIL.
@safe struct PyRef: ~Copyable {
    private let pointer: UnsafeMutablePointer<PyObject>

    /// Takes over a new reference, as most of the C API answers with; nil means that an exception is set.
    @unsafe init(_ new: UnsafeMutablePointer<PyObject>?, _ python: borrowing Interpreter) throws(PythonError)
    {
        guard let new = unsafe new else { throw .raised }
        unsafe pointer = new
    }

    deinit { unsafe Py_DecRef(pointer) }

    /// Gives the reference away.
    consuming func release() -> UnsafeMutablePointer<PyObject> {
        let pointer = unsafe pointer
        discard self
        return unsafe pointer
    }

    /// Only as long as this reference lives.
    @unsafe var borrowed: UnsafeMutablePointer<PyObject> { unsafe pointer }
}

/// Making objects.
extension Interpreter {
    func none() throws(PythonError) -> PyRef {
        unsafe Py_IncRef(cpython_none())
        return try unsafe PyRef(cpython_none(), self)
    }

    func int(_ value: Int) throws(PythonError) -> PyRef { try unsafe PyRef(PyLong_FromLong(value), self) }

    func int(_ value: UInt64) throws(PythonError) -> PyRef {
        try unsafe PyRef(PyLong_FromUnsignedLongLong(value), self)
    }

    func bytes(_ bytes: ArraySlice<UInt8>) throws(PythonError) -> PyRef {
        let object = unsafe bytes.withUnsafeBytes { bytes in
            unsafe PyBytes_FromStringAndSize(
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        return try unsafe PyRef(object, self)
    }

    func tuple(_ count: Int) throws(PythonError) -> PyRef { try unsafe PyRef(PyTuple_New(count), self) }

    /// Fills a place of a new tuple.
    func set(_ tuple: borrowing PyRef, _ index: Int, _ item: consuming PyRef) throws(PythonError) {
        guard unsafe PyTuple_SetItem(tuple.borrowed, index, item.release()) == 0 else { throw .raised }
    }
}

/// Reading objects that Python owns for the length of a call.
extension Interpreter {
    @unsafe func int(_ object: UnsafeMutablePointer<PyObject>) throws(PythonError) -> Int {
        let value = unsafe PyLong_AsLong(object)
        if value == -1, unsafe PyErr_Occurred() != nil { throw .raised }
        return value
    }

    @unsafe func string(_ object: UnsafeMutablePointer<PyObject>) throws(PythonError) -> String {
        var count = 0
        guard let text = unsafe PyUnicode_AsUTF8AndSize(object, &count) else { throw .raised }
        return unsafe String(
            decoding: UnsafeRawBufferPointer(start: text, count: count), as: UTF8.self)
    }

    /// The items of a tuple, borrowed from it.
    @unsafe func items(
        _ tuple: UnsafeMutablePointer<PyObject>
    ) throws(PythonError) -> [UnsafeMutablePointer<PyObject>] {
        let count = unsafe PyTuple_Size(tuple)
        guard count >= 0 else { throw .raised }
        var items: [UnsafeMutablePointer<PyObject>] = unsafe []
        for index in 0..<count {
            guard let item = unsafe PyTuple_GetItem(tuple, index) else { throw .raised }
            unsafe items.append(item)
        }
        return unsafe items
    }
}

/// Bytes that a Python object lends, until this goes.
@safe struct PyBytes: ~Copyable {
    private var view: Py_buffer

    @unsafe init(_ object: UnsafeMutablePointer<PyObject>, _ python: borrowing Interpreter)
        throws(PythonError)
    {
        unsafe view = Py_buffer()
        guard unsafe PyObject_GetBuffer(object, &view, Int32(CPYTHON_BUF_SIMPLE)) == 0 else {
            throw .raised
        }
    }

    deinit {
        var view = unsafe view
        unsafe PyBuffer_Release(&view)
    }

    var count: Int { unsafe view.len }

    /// Only as long as this lives.
    @unsafe var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: view.buf, count: view.len)
    }
}
