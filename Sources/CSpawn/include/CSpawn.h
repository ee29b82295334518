// SPDX-License-Identifier: Apache-2.0

#ifndef RETOM_CSPAWN_H
#define RETOM_CSPAWN_H

#include <spawn.h>

/// Has a process that is to be spawned inherit no descriptor from `first` on.
///
/// A shim: glibc declares this only for those who define _GNU_SOURCE, which Swift does not.
int retom_spawn_close_from(posix_spawn_file_actions_t *actions, int first);

#endif
