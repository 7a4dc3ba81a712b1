#define _GNU_SOURCE
#include "include/CPosixSpawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 8 };

/// The file actions run one after the other, so a source below `count` could be overwritten by an earlier
/// target. Copies above every target make the order irrelevant.
static int lift(const int *descriptors, int count, int *lifted) {
    for (int n = 0; n < count; n++) {
        lifted[n] = fcntl(descriptors[n], F_DUPFD_CLOEXEC, DESCRIPTORS_MAX + 1);
        if (lifted[n] < 0) {
            int error = errno;
            while (n-- > 0) close(lifted[n]);
            return error;
        }
    }
    return 0;
}

static int describe(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, const int *lifted,
                    int count) {
    int error = 0;
    for (int n = 0; n < count && !error; n++) error = posix_spawn_file_actions_adddup2(actions, lifted[n], n);
    if (!error) error = posix_spawn_file_actions_addclosefrom_np(actions, count);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (!error) error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error) error = posix_spawnattr_setsigdefault(attributes, &all);
    short flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (!error) error = posix_spawnattr_setflags(attributes, flags);
    return error;
}

int cposix_spawn(
    const char *path, char *const arguments[], char *const environment[], const int *descriptors, int count,
    pid_t *process) {
    if (count < 0 || count > DESCRIPTORS_MAX) return EINVAL;
    int lifted[DESCRIPTORS_MAX];
    int error = lift(descriptors, count, lifted);
    if (error) return error;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    error = posix_spawn_file_actions_init(&actions);
    if (!error) {
        error = posix_spawnattr_init(&attributes);
        if (!error) {
            error = describe(&actions, &attributes, lifted, count);
            if (!error) error = posix_spawn(process, path, &actions, &attributes, arguments, environment);
            posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&actions);
    }
    for (int n = 0; n < count; n++) close(lifted[n]);
    return error;
}

int cposix_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int cposix_reap(pid_t process, int *status) {
    // While the child is a zombie its number, and that of its group, belong to nobody else.
    siginfo_t ended = {0};
    if (waitid(P_PID, (id_t)process, &ended, WEXITED | WNOHANG | WNOWAIT) < 0) return -1;
    if (ended.si_pid == 0) return 0;
    kill(-process, SIGKILL);
    pid_t waited;
    do waited = waitpid(process, status, 0);
    while (waited < 0 && errno == EINTR);
    return waited < 0 ? -1 : 1;
}

int cposix_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

char **cposix_environment(void) { return environ; }

const char *cposix_signal_name(int signal) { return sigabbrev_np(signal); }

const char *cposix_signal_words(int signal) { return sigdescr_np(signal); }
