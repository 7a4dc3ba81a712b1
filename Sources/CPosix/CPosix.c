#define _GNU_SOURCE
#include "CPosix.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

int cposix_memfd(const char *name, uint32_t close_on_exec) {
    return memfd_create(name, close_on_exec ? MFD_CLOEXEC : 0);
}

int cposix_punch_hole(int descriptor, off_t start, off_t count) {
    return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, count);
}

static ssize_t write_vector(int descriptor, struct iovec *vector, int count) {
    struct msghdr message = {.msg_iov = vector, .msg_iovlen = (size_t)count};
    ssize_t written = sendmsg(descriptor, &message, MSG_NOSIGNAL);
    if (written < 0 && errno == ENOTSOCK) {
        written = writev(descriptor, vector, count);
    }
    return written;
}

ssize_t cposix_write(int descriptor, const void *bytes, size_t count) {
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = count};
    return write_vector(descriptor, &vector, 1);
}

ssize_t cposix_write2(int descriptor, const void *first, size_t first_count, const void *second,
                      size_t second_count) {
    struct iovec vector[2] = {
        {.iov_base = (void *)first, .iov_len = first_count},
        {.iov_base = (void *)second, .iov_len = second_count},
    };
    return write_vector(descriptor, vector, 2);
}

ssize_t cposix_writev(int descriptor, struct iovec *vector, int count) {
    return write_vector(descriptor, vector, count);
}

int cposix_accept(int descriptor) { return accept4(descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

int cposix_peer_user(int descriptor, uint32_t *user) {
    struct ucred credentials;
    socklen_t size = sizeof(credentials);
    int result = getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size);
    if (result == 0) {
        *user = credentials.uid;
    }
    return result;
}

void cposix_name_this_thread(const char *name) { (void)pthread_setname_np(pthread_self(), name); }

int cposix_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

void cposix_eventfd_signal(int descriptor) {
    // The one failure left is a full counter, and then it is readable anyway.
    (void)eventfd_write(descriptor, 1);
}

uint64_t cposix_eventfd_drain(int descriptor) {
    eventfd_t count;
    return eventfd_read(descriptor, &count) == 0 ? count : 0;
}

int cposix_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static int control(int descriptor, int operation, int watched, uint32_t interest, uint64_t token) {
    struct epoll_event event = {.events = interest, .data.u64 = token};
    return epoll_ctl(descriptor, operation, watched, &event);
}

int cposix_epoll_add(int descriptor, int watched, uint32_t interest, uint64_t token) {
    return control(descriptor, EPOLL_CTL_ADD, watched, interest, token);
}

int cposix_epoll_change(int descriptor, int watched, uint32_t interest, uint64_t token) {
    return control(descriptor, EPOLL_CTL_MOD, watched, interest, token);
}

int cposix_epoll_remove(int descriptor, int watched) {
    return control(descriptor, EPOLL_CTL_DEL, watched, 0, 0);
}

int cposix_epoll_wait(int descriptor, struct cposix_ready *ready, int capacity, int64_t nanoseconds) {
    struct epoll_event events[64];
    struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    int count = epoll_pwait2(descriptor, events, capacity, nanoseconds < 0 ? NULL : &time, NULL);
    if (count < 0 && errno == ENOSYS) {
        int64_t milliseconds = nanoseconds < 0 ? -1 : (nanoseconds + 999999) / 1000000;
        if (milliseconds > 1000000000) {
            milliseconds = 1000000000;
        }
        count = epoll_wait(descriptor, events, capacity, (int)milliseconds);
    }
    for (int index = 0; index < count; index++) {
        ready[index].token = events[index].data.u64;
        ready[index].readiness = events[index].events;
    }
    return count;
}

void cposix_trim_heap(void) {
    malloc_trim(0);
}

void cposix_prefer_huge_pages(void *start, size_t count) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)start + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)start + count) & ~(page - 1);
    if (first < end) {
        // Advice: where the system has none of them, nothing changes.
        (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
    }
}

void *cposix_map_memory(size_t count) {
    void *start = mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
        return NULL;
    }
    cposix_prefer_huge_pages(start, count);
    return start;
}

void cposix_unmap_memory(void *start, size_t count) { (void)munmap(start, count); }
