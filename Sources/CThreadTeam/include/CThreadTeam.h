// SPDX-License-Identifier: Apache-2.0
//
// Threads for the compute path, with one owner at every level.
//
// A *lane* is a long-lived thread that runs a whole network (for example, one half of a guided
// batch). Inside a lane a *team* splits loops. The team is libgomp's, the one that oneDNN uses: our
// loops and the library's run on the same threads, so two pools never spin against each other.
#ifndef RETOM_CTHREADTEAM_H
#define RETOM_CTHREADTEAM_H

#include <stdint.h>

#include "CPUFeatures.h"

/// Sets the number of threads that oneDNN and `rt_team_run` use on the calling thread.
void rt_team_set_size(int32_t threads);

/// Calls `body(context, index)` for every index below `threads`, on a team; returns when all have.
/// With one thread it is a plain call.
void rt_team_run(int32_t threads, void (*_Nonnull body)(void *_Nullable context, int32_t index),
                 void *_Nullable context);

/// Processors that lanes of several networks share: who computes holds as many as its team has
/// threads, and a lane that waits holds none.
typedef struct rt_cores rt_cores;

/// Returns NULL without memory.
rt_cores *_Nullable rt_cores_create(int32_t count);

/// Takes `count` of them, waiting in the order of arrival; at most as many as there are.
void rt_cores_acquire(rt_cores *_Nonnull cores, int32_t count);

/// Gives them back.
void rt_cores_release(rt_cores *_Nonnull cores, int32_t count);

/// Nobody may hold or await any.
void rt_cores_destroy(rt_cores *_Nullable cores);

/// Long-lived threads that wait for work; lane 0 is always the calling thread.
typedef struct rt_lanes rt_lanes;

/// Starts `count - 1` threads. Returns NULL if the system refuses a thread.
///
/// While it runs, a lane holds `cores_per_lane` of `cores`, except while it waits for the others;
/// without `cores` it holds nothing.
rt_lanes *_Nullable rt_lanes_create(int32_t count, rt_cores *_Nullable cores,
                                    int32_t cores_per_lane);

/// Calls `body(context, lane)` once on every lane; returns when all have. One caller at a time.
void rt_lanes_run(rt_lanes *_Nonnull lanes,
                  void (*_Nonnull body)(void *_Nullable context, int32_t lane),
                  void *_Nullable context);

/// Waits, inside `rt_lanes_run`, until all lanes have called it equally often; afterwards, what
/// each wrote before is visible to all.
void rt_lanes_meet(rt_lanes *_Nonnull lanes);

/// Ends and joins the threads.
void rt_lanes_destroy(rt_lanes *_Nullable lanes);

#endif
