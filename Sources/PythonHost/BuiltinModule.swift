internal import CPython
internal import ExecutorRuntime
internal import Posix

/// The built-in module `_isthmus`: what the bridge's Python code calls. Its documentation for Python is
/// `bridge/src/_isthmus/__init__.pyi`.
enum BuiltinModule {
    /// Safe: each is written once, on the thread that starts the interpreter, before any Python code can call
    /// a function of the module; later they are only read, with the GIL held.
    nonisolated(unsafe) private static var registered: ExecutorChannel?
    nonisolated(unsafe) private static var work: WorkTuple?

    static var channel: ExecutorChannel { unsafe registered! }

    /// Makes `import _isthmus` work. To be called before the interpreter starts.
    static func register(_ channel: ExecutorChannel) {
        unsafe registered = channel
        let name: StaticString = "_isthmus"
        let code = unsafe PyImport_AppendInittab(text(name)) {
            unsafe Interpreter.entered { python throws(PythonError) in try BuiltinModule.create(&python) }
        }
        precondition(code == 0, "no memory for the table of built-in modules")
    }

    static func makeWork(_ python: inout Interpreter) throws(PythonError) -> PyRef {
        while true {
            if let work = channel.nextWaiting() { return try unsafe self.work!.make(work, python) }
            python.released { channel.waitForWork() }
        }
    }

    private static func create(_ python: inout Interpreter) throws(PythonError) -> PyRef {
        unsafe work = WorkTuple(bufferType: try AttachmentBuffer.makeType(python))
        let functions = BuiltinFunctions.all
        // The interpreter keeps pointers to both for as long as the process lives.
        let methods = UnsafeMutablePointer<PyMethodDef>.allocate(capacity: functions.count + 1)
        for (index, function) in functions.enumerated() {
            unsafe (methods + index).initialize(
                to: PyMethodDef(
                    ml_name: text(function.name), ml_meth: function.pointer, ml_flags: function.flags,
                    ml_doc: nil))
        }
        unsafe (methods + functions.count).initialize(to: PyMethodDef())
        let definition = UnsafeMutablePointer<PyModuleDef>.allocate(capacity: 1)
        var head = unsafe PyModuleDef_Base()
        unsafe head.ob_base.ob_refcnt = 1
        unsafe definition.initialize(
            to: PyModuleDef(
                m_base: head, m_name: text("_isthmus"), m_doc: nil, m_size: -1, m_methods: methods,
                m_slots: nil, m_traverse: nil, m_clear: nil, m_free: nil))
        let module = try unsafe PyRef(
            PyModule_Create2(definition, Int32(CPYTHON_API_VERSION)), python)
        let signal = try python.int(Int(StopSignal.number))
        guard unsafe PyModule_AddObjectRef(module.borrowed, text("STOP_SIGNAL"), signal.borrowed) == 0 else {
            throw .raised
        }
        return module
    }

    private static func text(_ string: StaticString) -> UnsafePointer<CChar> {
        unsafe UnsafeRawPointer(string.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
