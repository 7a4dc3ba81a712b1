#define _GNU_SOURCE
#include "CPython.h"

#include <dlfcn.h>
#include <stdio.h>

struct cpython_table cpython_loaded;

static char complaint[512];

static void *find(void *library, const char *name, const char *path) {
    void *symbol = dlsym(library, name);
    if (symbol == NULL)
        snprintf(complaint, sizeof complaint,
                 "%s has no symbol %s: it is not a CPython of version 3.10 to 3.13 with a GIL", path, name);
    return symbol;
}

const char *cpython_load(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (library == NULL) {
        snprintf(complaint, sizeof complaint, "the Python library cannot be loaded: %s", dlerror());
        return complaint;
    }
#define CPYTHON_FIND(result, name, parameters, arguments)                                     \
    *(void **)&cpython_loaded.name = find(library, #name, path);                              \
    if (cpython_loaded.name == NULL) return complaint;
    CPYTHON_FUNCTIONS(CPYTHON_FIND)
    cpython_loaded.none = find(library, "_Py_NoneStruct", path);
    if (cpython_loaded.none == NULL) return complaint;
    cpython_loaded.runtime_error = find(library, "PyExc_RuntimeError", path);
    return cpython_loaded.runtime_error == NULL ? complaint : NULL;
}
