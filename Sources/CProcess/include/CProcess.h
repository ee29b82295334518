// SPDX-License-Identifier: Apache-2.0

#ifndef RETOM_CPROCESS_H
#define RETOM_CPROCESS_H

#include <spawn.h>

/// Closes all descriptors from `first` in a process to be spawned.
///
/// A shim: glibc declares this only with _GNU_SOURCE, which Swift does not define.
int retom_spawn_close_from(posix_spawn_file_actions_t *actions, int first);

/// Keeps this thread, and those that it starts from now on, from a lower niceness than it has.
///
/// libdispatch gives its threads a niceness of their own (down to -4) where the system lets it, as
/// root's: threads and processes that they start inherit it, and `nice` would be without effect.
void retom_keep_niceness(void);

#endif
