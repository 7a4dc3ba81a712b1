#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "CPosixSpawn.h"

// Calls that Swift cannot make itself: variadic ones, macros, and those that glibc hides by a feature test.

int cposix_memfd(const char *name, uint32_t close_on_exec);
int cposix_punch_hole(int descriptor, off_t start, off_t count);

// Like write(2), but never raises SIGPIPE on a socket.
ssize_t cposix_write(int descriptor, const void *bytes, size_t count);
ssize_t cposix_write2(int descriptor, const void *first, size_t first_count, const void *second,
                      size_t second_count);
ssize_t cposix_writev(int descriptor, struct iovec *vector, int count);

// A connection that waits at a listening socket: non-blocking, closed on exec. -1 and errno otherwise.
int cposix_accept(int descriptor);

// The effective user of the process at the other end of a Unix socket. -1 and errno on failure.
int cposix_peer_user(int descriptor, uint32_t *user);

void cposix_name_this_thread(const char *name);

int cposix_eventfd(void);
void cposix_eventfd_signal(int descriptor);
uint64_t cposix_eventfd_drain(int descriptor);

int cposix_epoll_create(void);
int cposix_epoll_add(int descriptor, int watched, uint32_t interest, uint64_t token);
int cposix_epoll_change(int descriptor, int watched, uint32_t interest, uint64_t token);
int cposix_epoll_remove(int descriptor, int watched);

struct cposix_ready {
    uint64_t token;
    uint32_t readiness;
};

// epoll_pwait2, or epoll_wait with the time rounded up where the kernel is older. A negative time waits
// for ever. `capacity` is at most 64.
int cposix_epoll_wait(int descriptor, struct cposix_ready *ready, int capacity, int64_t nanoseconds);

// Gives the free pages of the heap back to the system, also those between what is in use.
void cposix_trim_heap(void);

// Asks for huge pages where a range of memory has not been touched yet.
void cposix_prefer_huge_pages(void *start, size_t count);

// Memory of its own, of huge pages where the system has them; NULL if there is none.
void *cposix_map_memory(size_t count);
void cposix_unmap_memory(void *start, size_t count);
