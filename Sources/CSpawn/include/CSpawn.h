// SPDX-License-Identifier: Apache-2.0

#ifndef RETOM_CSPAWN_H
#define RETOM_CSPAWN_H

#include <spawn.h>

/// Closes all descriptors from `first` in a process to be spawned.
///
/// A shim: glibc declares this only with _GNU_SOURCE, which Swift does not define.
int retom_spawn_close_from(posix_spawn_file_actions_t *actions, int first);

#endif
