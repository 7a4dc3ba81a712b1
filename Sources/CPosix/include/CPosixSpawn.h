#pragma once

#include <sys/types.h>

/// Starts `path` in a session of its own. `descriptors[n]` becomes descriptor n of the child for each n below
/// `count`; every other descriptor is closed, all signals are unblocked and have their default action.
/// Returns 0 and writes the process id, or returns an errno.
int cposix_spawn(
    const char *path, char *const arguments[], char *const environment[], const int *descriptors, int count,
    pid_t *process);

/// A descriptor that is readable once `process` (a child that nobody has waited for yet) has ended; -1 and
/// errno otherwise. Closed on exec.
int cposix_pidfd_open(pid_t process);

/// 1 and the wait status when the child has ended, 0 when it still runs, -1 and errno otherwise. The rest of
/// the group of an ended child is killed.
int cposix_reap(pid_t process, int *status);

/// Makes this process the parent of every descendant whose own parent ends. 0, or -1 and errno.
int cposix_adopt_orphans(void);

/// `environ`, which Swift does not let a program read.
char **cposix_environment(void);

/// "SEGV" and "Segmentation fault"; NULL for a number without a name.
const char *cposix_signal_name(int signal);
const char *cposix_signal_words(int signal);
