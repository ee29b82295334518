// SPDX-License-Identifier: Apache-2.0
//
// Threads for the compute path, with one owner at every level.
//
// A *lane* is a long-lived thread that walks through a whole network (one half of a guided batch,
// say). Inside a lane a *team* splits loops. The team is libgomp's, the one that oneDNN uses: our
// loops and the library's run on the same threads, so no two pools spin against each other.
#ifndef RETOM_CTHREADTEAM_H
#define RETOM_CTHREADTEAM_H

#include <stdint.h>

#include "CPUFeatures.h"

/// Sets how many threads oneDNN and `rt_team_run` use when called from the calling thread.
void rt_team_set_size(int32_t threads);

/// Calls `body(context, index)` for every index below `threads`, on a team; returns when all have.
/// With one thread it is a plain call.
void rt_team_run(int32_t threads, void (*_Nonnull body)(void *_Nullable context, int32_t index),
                 void *_Nullable context);

/// Long-lived threads that wait for work; lane 0 is always the calling thread.
typedef struct rt_lanes rt_lanes;

/// Starts `count - 1` threads. Returns NULL when the system gives no thread.
rt_lanes *_Nullable rt_lanes_create(int32_t count);

/// Calls `body(context, lane)` once on every lane; returns when all have. One caller at a time.
void rt_lanes_run(rt_lanes *_Nonnull lanes,
                  void (*_Nonnull body)(void *_Nullable context, int32_t lane),
                  void *_Nullable context);

/// Waits, inside `rt_lanes_run`, until all lanes have called it as often; what each wrote before is
/// visible to all afterwards.
void rt_lanes_meet(rt_lanes *_Nonnull lanes);

/// Ends and joins the threads.
void rt_lanes_destroy(rt_lanes *_Nullable lanes);

#endif
