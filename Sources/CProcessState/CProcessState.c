#define _GNU_SOURCE
#include "CProcessState.h"

#include <dlfcn.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static _Atomic uint32_t changed;

uint32_t cprocessstate_changed(void) { return atomic_load_explicit(&changed, memory_order_relaxed); }

void cprocessstate_clear(void) { atomic_store_explicit(&changed, 0, memory_order_relaxed); }

static void note(uint32_t what) { atomic_fetch_or_explicit(&changed, what, memory_order_relaxed); }

/// Defines `name` with libc's signature: notes the change if `condition` holds, and calls libc's. Libraries
/// may call it before any constructor of ours has run, so the address is looked up when it is first needed.
#define NOTED(what, condition, result, name, parameters, arguments)                                \
    result name parameters {                                                                       \
        static result(*_Atomic real) parameters;                                                   \
        result(*call) parameters = atomic_load_explicit(&real, memory_order_relaxed);              \
        if (!call) {                                                                               \
            call = (result(*) parameters)dlsym(RTLD_NEXT, #name);                                  \
            atomic_store_explicit(&real, call, memory_order_relaxed);                              \
        }                                                                                          \
        if (condition) note(what);                                                                 \
        return call arguments;                                                                     \
    }
#define ENVIRONMENT(result, name, parameters, arguments)                                           \
    NOTED(CPROCESSSTATE_ENVIRONMENT, 1, result, name, parameters, arguments)
#define OTHER(condition, result, name, parameters, arguments)                                      \
    NOTED(CPROCESSSTATE_OTHER, condition, result, name, parameters, arguments)

ENVIRONMENT(int, setenv, (const char *name, const char *value, int replace), (name, value, replace))
ENVIRONMENT(int, unsetenv, (const char *name), (name))
ENVIRONMENT(int, putenv, (char *string), (string))
ENVIRONMENT(int, clearenv, (void), ())

OTHER(1, int, chdir, (const char *path), (path))
OTHER(1, int, fchdir, (int descriptor), (descriptor))
OTHER(1, int, chroot, (const char *path), (path))
OTHER(1, mode_t, umask, (mode_t mask), (mask))

// Only the standard descriptors are looked after; closing others is frequent.
OTHER(descriptor <= 2, int, close, (int descriptor), (descriptor))
OTHER(to <= 2, int, dup2, (int from, int to), (from, to))
OTHER(to <= 2, int, dup3, (int from, int to, int flags), (from, to, flags))
OTHER(first <= 2, int, close_range, (unsigned first, unsigned last, int flags), (first, last, flags))

OTHER(1, int, setrlimit, (__rlimit_resource_t which, const struct rlimit *limit), (which, limit))
OTHER(1, int, setrlimit64, (__rlimit_resource_t which, const struct rlimit64 *limit), (which, limit))
OTHER(
    to, int, prlimit,
    (pid_t process, enum __rlimit_resource which, const struct rlimit *to, struct rlimit *from),
    (process, which, to, from))
OTHER(
    to, int, prlimit64,
    (pid_t process, enum __rlimit_resource which, const struct rlimit64 *to, struct rlimit64 *from),
    (process, which, to, from))
OTHER(1, int, nice, (int step), (step))
OTHER(1, int, setpriority, (__priority_which_t which, id_t who, int priority), (which, who, priority))
OTHER(
    1, int, sched_setaffinity, (pid_t process, size_t size, const cpu_set_t *cpus), (process, size, cpus))

OTHER(action, int, sigaction, (int number, const struct sigaction *action, struct sigaction *before),
      (number, action, before))
OTHER(1, sighandler_t, signal, (int number, sighandler_t handler), (number, handler))
OTHER(set, int, sigprocmask, (int how, const sigset_t *set, sigset_t *before), (how, set, before))
OTHER(set, int, pthread_sigmask, (int how, const sigset_t *set, sigset_t *before), (how, set, before))
OTHER(1, unsigned, alarm, (unsigned seconds), (seconds))
OTHER(1, int, setitimer,
      (__itimer_which_t which, const struct itimerval *to, struct itimerval *from), (which, to, from))

OTHER(locale, char *, setlocale, (int category, const char *locale), (category, locale))

void cprocessstate_clear_environment(void) { (void)clearenv(); }
