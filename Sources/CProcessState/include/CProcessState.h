#pragma once

#include <stdint.h>

// Has anything of this process changed that a later task would see? Each function of libc that changes such
// a thing is replaced in isthmus-executor by one of the same name that notes it and calls libc's. So
// libpython, extension modules and other libraries call it too, and a look costs one load.

enum {
    CPROCESSSTATE_ENVIRONMENT = 1,
    CPROCESSSTATE_OTHER = 2,
};

/// What has changed since the last `cprocessstate_clear`: some of the bits above.
uint32_t cprocessstate_changed(void);
void cprocessstate_clear(void);

/// Empties the environment, behind the back of Python's copy of it.
void cprocessstate_clear_environment(void);
