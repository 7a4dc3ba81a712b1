#pragma once

// The part of CPython's C API that an executor uses, as a table that is filled when the library of the chosen
// environment is loaded: one binary serves Python 3.10 to 3.13. All of it is in the stable ABI, except
// PyObject_GetBuffer, PyBuffer_Release, PyBuffer_FillInfo (stable since 3.11) and Py_buffer, which is
// declared here: its layout is the same in 3.10 to 3.13.

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef ssize_t Py_ssize_t;

// An object's head, as in every build of 3.10 to 3.13 that has a GIL and no reference tracing.
typedef struct _object {
    Py_ssize_t ob_refcnt;
    struct _object *ob_type;
} PyObject;

typedef struct _ts PyThreadState;

typedef struct {
    void *buf;
    PyObject *obj;
    Py_ssize_t len;
    Py_ssize_t itemsize;
    int readonly;
    int ndim;
    char *format;
    Py_ssize_t *shape;
    Py_ssize_t *strides;
    Py_ssize_t *suboffsets;
    void *internal;
} Py_buffer;

enum {
    CPYTHON_BUF_SIMPLE = 0,
    CPYTHON_BUF_WRITABLE = 1,
    CPYTHON_METH_FASTCALL = 0x0080,
    CPYTHON_METH_NOARGS = 0x0004,
    CPYTHON_METH_O = 0x0008,
    CPYTHON_API_VERSION = 1013,
    CPYTHON_TPFLAGS_DEFAULT = 1 << 18,
    CPYTHON_SLOT_BF_GETBUFFER = 1,
    CPYTHON_SLOT_TP_DEALLOC = 52,
};

typedef PyObject *(*cpython_fastcall)(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
typedef PyObject *(*cpython_call)(PyObject *self, PyObject *argument);

typedef struct {
    const char *ml_name;
    void *ml_meth;
    int ml_flags;
    const char *ml_doc;
} PyMethodDef;

typedef struct {
    int slot;
    void *pfunc;
} PyType_Slot;

typedef struct {
    const char *name;
    int basicsize;
    int itemsize;
    unsigned int flags;
    PyType_Slot *slots;
} PyType_Spec;

typedef struct {
    PyObject ob_base;
    PyObject *(*m_init)(void);
    Py_ssize_t m_index;
    PyObject *m_copy;
} PyModuleDef_Base;

typedef struct {
    PyModuleDef_Base m_base;
    const char *m_name;
    const char *m_doc;
    Py_ssize_t m_size;
    PyMethodDef *m_methods;
    void *m_slots;
    void *m_traverse;
    void *m_clear;
    void *m_free;
} PyModuleDef;

#define CPYTHON_FUNCTIONS(X)                                                                             \
    X(int, Py_BytesMain, (int count, char **arguments), (count, arguments))                              \
    X(int, PyImport_AppendInittab, (const char *name, PyObject *(*init)(void)), (name, init))            \
    X(PyThreadState *, PyEval_SaveThread, (void), ())                                                    \
    X(void, PyEval_RestoreThread, (PyThreadState * state), (state))                                      \
    X(void, Py_IncRef, (PyObject * object), (object))                                                    \
    X(void, Py_DecRef, (PyObject * object), (object))                                                    \
    X(PyObject *, PyTuple_New, (Py_ssize_t count), (count))                                              \
    X(int, PyTuple_SetItem, (PyObject * tuple, Py_ssize_t index, PyObject *item), (tuple, index, item))  \
    X(PyObject *, PyTuple_GetItem, (PyObject * tuple, Py_ssize_t index), (tuple, index))                 \
    X(Py_ssize_t, PyTuple_Size, (PyObject * tuple), (tuple))                                             \
    X(PyObject *, PyLong_FromLong, (long value), (value))                                                \
    X(PyObject *, PyLong_FromUnsignedLongLong, (unsigned long long value), (value))                      \
    X(long, PyLong_AsLong, (PyObject * object), (object))                                                \
    X(PyObject *, PyBytes_FromStringAndSize, (const char *bytes, Py_ssize_t count), (bytes, count))      \
    X(PyObject *, PyUnicode_FromStringAndSize, (const char *text, Py_ssize_t count), (text, count))      \
    X(const char *, PyUnicode_AsUTF8AndSize, (PyObject * text, Py_ssize_t *count), (text, count))        \
    X(PyObject *, PyObject_Str, (PyObject * object), (object))                                           \
    X(int, PyObject_GetBuffer, (PyObject * object, Py_buffer *view, int flags), (object, view, flags))   \
    X(int, PyBuffer_FillInfo,                                                                            \
      (Py_buffer * view, PyObject *object, void *bytes, Py_ssize_t count, int readonly, int flags),      \
      (view, object, bytes, count, readonly, flags))                                                     \
    X(void, PyBuffer_Release, (Py_buffer * view), (view))                                                \
    X(PyObject *, PyModule_Create2, (PyModuleDef * definition, int version), (definition, version))      \
    X(int, PyModule_AddObjectRef, (PyObject * module, const char *name, PyObject *value),                \
      (module, name, value))                                                                             \
    X(PyObject *, PyType_FromSpec, (PyType_Spec * spec), (spec))                                         \
    X(PyObject *, PyType_GenericAlloc, (PyObject * type, Py_ssize_t count), (type, count))               \
    X(void, PyObject_Free, (void *object), (object))                                                     \
    X(void, PyErr_SetString, (PyObject * type, const char *message), (type, message))                    \
    X(void, PyErr_Fetch, (PyObject * *type, PyObject * *value, PyObject * *traceback),                   \
      (type, value, traceback))                                                                          \
    X(void, PyErr_NormalizeException, (PyObject * *type, PyObject * *value, PyObject * *traceback),      \
      (type, value, traceback))                                                                          \
    X(PyObject *, PyErr_Occurred, (void), ())

#define CPYTHON_POINTER(result, name, parameters, arguments) result(*name) parameters;
struct cpython_table {
    CPYTHON_FUNCTIONS(CPYTHON_POINTER)
    PyObject *none;
    PyObject **runtime_error;
};
#undef CPYTHON_POINTER

extern struct cpython_table cpython_loaded;

// Each function under its own name, through the table.
#define CPYTHON_WRAPPER(result, name, parameters, arguments) \
    static inline result name parameters { return cpython_loaded.name arguments; }
CPYTHON_FUNCTIONS(CPYTHON_WRAPPER)
#undef CPYTHON_WRAPPER

static inline PyObject *cpython_none(void) { return cpython_loaded.none; }
static inline PyObject *cpython_runtime_error(void) { return *cpython_loaded.runtime_error; }

// Loads a libpython with global symbols, which extension modules need, and fills the table.
// Returns NULL, or what is wrong: a text that stays valid.
const char *cpython_load(const char *library);
