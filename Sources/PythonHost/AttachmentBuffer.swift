internal import CPython
internal import ExecutorRuntime

/// The Python type `_isthmus.Buffer`: lends an attachment's memory, so that an array over it is made without
/// a copy and keeps it alive.
enum AttachmentBuffer {
    @unsafe private struct Instance {
        var head: PyObject
        var attachment: UnsafeRawPointer?
    }

    /// The type object; made once, by the module's initialisation.
    @safe struct TypeObject {
        fileprivate let pointer: UnsafeMutablePointer<PyObject>
    }

    static func makeType(_ python: borrowing Interpreter) throws(PythonError) -> TypeObject {
        let lend:
            @convention(c) (
                UnsafeMutablePointer<PyObject>?, UnsafeMutablePointer<Py_buffer>?, Int32
            ) -> Int32 = { object, view, flags in
                let memory = unsafe AttachmentBuffer.attachment(object!).takeUnretainedValue().buffer
                return unsafe PyBuffer_FillInfo(view, object, memory.baseAddress, memory.count, 0, flags)
            }
        let free: @convention(c) (UnsafeMutablePointer<PyObject>?) -> Void = { object in
            unsafe AttachmentBuffer.attachment(object!).release()
            let type = unsafe object!.pointee.ob_type
            unsafe PyObject_Free(object)
            unsafe Py_DecRef(type)
        }
        var slots = unsafe [
            PyType_Slot(
                slot: Int32(CPYTHON_SLOT_BF_GETBUFFER),
                pfunc: unsafeBitCast(lend, to: UnsafeMutableRawPointer.self)),
            PyType_Slot(
                slot: Int32(CPYTHON_SLOT_TP_DEALLOC),
                pfunc: unsafeBitCast(free, to: UnsafeMutableRawPointer.self)),
            PyType_Slot(slot: 0, pfunc: nil),
        ]
        let type = unsafe slots.withUnsafeMutableBufferPointer { slots in
            let name: StaticString = "_isthmus.Buffer"
            var spec = unsafe PyType_Spec(
                name: UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self),
                basicsize: Int32(MemoryLayout<Instance>.size), itemsize: 0,
                flags: UInt32(CPYTHON_TPFLAGS_DEFAULT), slots: slots.baseAddress)
            return unsafe PyType_FromSpec(&spec)
        }
        return try unsafe TypeObject(pointer: PyRef(type, python).release())
    }

    static func make(
        _ attachment: Attachment, _ type: TypeObject, _ python: borrowing Interpreter
    ) throws(PythonError) -> PyRef {
        let object = try unsafe PyRef(PyType_GenericAlloc(type.pointer, 0), python)
        unsafe UnsafeMutableRawPointer(object.borrowed).assumingMemoryBound(to: Instance.self)
            .pointee.attachment = UnsafeRawPointer(Unmanaged.passRetained(attachment).toOpaque())
        return object
    }

    private static func attachment(_ object: UnsafeMutablePointer<PyObject>) -> Unmanaged<Attachment> {
        let instance = unsafe UnsafeMutableRawPointer(object).assumingMemoryBound(to: Instance.self)
        return unsafe Unmanaged.fromOpaque(instance.pointee.attachment!)
    }
}
