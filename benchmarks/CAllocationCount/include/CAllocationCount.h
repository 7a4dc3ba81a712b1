#ifndef ISTHMUS_ALLOCATION_COUNT_H
#define ISTHMUS_ALLOCATION_COUNT_H

#include <stdint.h>

/* Calls of malloc, calloc, realloc and their aligned forms so far, in this process. */
uint64_t isthmus_allocation_count(void);

/* Bytes that the process has allocated and not freed. */
uint64_t isthmus_allocated_bytes(void);

#endif
