// SPDX-License-Identifier: Apache-2.0
//
// Counts heap allocations of one thread, in any library: the test executable's own malloc replaces
// glibc's and forwards to it.
#ifndef RETOM_CALLOCATIONCOUNTER_H
#define RETOM_CALLOCATIONCOUNTER_H

#include <stdint.h>

/// Starts counting on the calling thread, from zero.
void rt_count_allocations(void);

/// Stops counting on the calling thread; returns how many allocations it made since the start.
int64_t rt_counted_allocations(void);

/// The same, without those made inside OpenBLAS, oneDNN and other libraries: only this executable's
/// and the Swift run-time library's. One thread at a time.
int64_t rt_counted_own_allocations(void);

#endif
