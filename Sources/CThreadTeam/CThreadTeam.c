// SPDX-License-Identifier: Apache-2.0
#include "CThreadTeam.h"

#include <limits.h>         // INT_MAX
#include <linux/futex.h>    // FUTEX_*
#include <pthread.h>        // pthread_*
#include <stdatomic.h>      // atomic_*
#include <stdbool.h>        // bool
#include <stdlib.h>         // calloc, free
#include <sys/syscall.h>    // SYS_futex
#include <unistd.h>         // syscall

// libgomp's entry points, declared here because only GCC ships its header. They are what
// `#pragma omp parallel` compiles to, and part of its stable ABI (GOMP_4.0).
extern void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);
extern void omp_set_num_threads(int threads);

// MARK: - Teams

void rt_team_set_size(int32_t threads) { omp_set_num_threads(threads); }

typedef struct {
    void (*body)(void *context, int32_t index);
    void *context;
    int32_t threads;
} team_call;

static void team_entry(void *data) {
    const team_call *call = data;
    // The runtime may provide fewer threads than requested (OMP_THREAD_LIMIT, a nested call): every
    // index is still processed.
    const int32_t step = omp_get_num_threads();
    for (int32_t index = omp_get_thread_num(); index < call->threads; index += step) {
        call->body(call->context, index);
    }
}

void rt_team_run(int32_t threads, void (*body)(void *context, int32_t index), void *context) {
    if (threads <= 1) {
        if (threads == 1) body(context, 0);
        return;
    }
    team_call call = {body, context, threads};
    GOMP_parallel(team_entry, &call, (unsigned)threads, 0);
}

// MARK: - Lanes

// Between two steps of a sampler a lane waits a few microseconds; between two requests, seconds.
// Spinning covers the first without a system call, sleeping the second without burning a core.
enum { spin_count = 2000 };

typedef struct {
    rt_lanes *lanes;
    int32_t index;
    pthread_t thread;
} lane_thread;

struct rt_lanes {
    rt_cores *cores;         // NULL for no limit
    int32_t cores_per_lane;
    int32_t count;    // lanes, the caller's included
    int32_t started;  // threads to join
    void (*body)(void *context, int32_t lane);
    void *context;
    _Atomic uint32_t round;    // incremented per call; threads wait for it to change
    _Atomic uint32_t running;  // threads that have not finished this round
    _Atomic uint32_t arrived;  // lanes waiting at the current meeting
    _Atomic uint32_t meeting;  // incremented when all have arrived
    _Atomic bool stopping;
    lane_thread threads[];
};

static void futex_wait(_Atomic uint32_t *word, uint32_t seen) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake_all(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// Returns the first value that differs from `seen`, or `seen` when spinning does not pay any more.
static uint32_t spin_for_change(_Atomic uint32_t *word, uint32_t seen) {
    for (int spin = 0; spin < spin_count; ++spin) {
        const uint32_t value = atomic_load_explicit(word, memory_order_acquire);
        if (value != seen) return value;
        pause_briefly();
    }
    return seen;
}

// Returns the first value that differs from `seen`.
static uint32_t sleep_for_change(_Atomic uint32_t *word, uint32_t seen) {
    for (;;) {
        const uint32_t value = atomic_load_explicit(word, memory_order_acquire);
        if (value != seen) return value;
        futex_wait(word, seen);
    }
}

static uint32_t wait_for_change(_Atomic uint32_t *word, uint32_t seen) {
    const uint32_t value = spin_for_change(word, seen);
    return value != seen ? value : sleep_for_change(word, seen);
}

// MARK: - Cores

// One that waits; it lives on the waiting thread's stack.
typedef struct core_waiter {
    struct core_waiter *next;
    int32_t count;
    _Atomic uint32_t granted;
} core_waiter;

struct rt_cores {
    pthread_mutex_t lock;
    int32_t count;
    int32_t free;
    core_waiter *first;
    core_waiter *last;
};

rt_cores *rt_cores_create(int32_t count) {
    rt_cores *cores = calloc(1, sizeof(rt_cores));
    if (!cores) return NULL;
    pthread_mutex_init(&cores->lock, NULL);
    cores->count = count;
    cores->free = count;
    return cores;
}

void rt_cores_acquire(rt_cores *cores, int32_t count) {
    core_waiter self = {NULL, count < cores->count ? count : cores->count, 0};
    pthread_mutex_lock(&cores->lock);
    const bool is_free = !cores->first && cores->free >= self.count;
    if (is_free) {
        cores->free -= self.count;
    } else if (cores->last) {
        cores->last->next = &self;
        cores->last = &self;
    } else {
        cores->first = cores->last = &self;
    }
    pthread_mutex_unlock(&cores->lock);
    // Others need this core meanwhile, so there is no spinning.
    if (!is_free) sleep_for_change(&self.granted, 0);
}

void rt_cores_release(rt_cores *cores, int32_t count) {
    pthread_mutex_lock(&cores->lock);
    cores->free += count < cores->count ? count : cores->count;
    while (cores->first && cores->free >= cores->first->count) {
        core_waiter *waiter = cores->first;
        cores->first = waiter->next;
        if (!cores->first) cores->last = NULL;
        cores->free -= waiter->count;
        // From here on it may return at any time; waking an address that nobody waits at is harmless.
        atomic_store_explicit(&waiter->granted, 1, memory_order_release);
        futex_wake_all(&waiter->granted);
    }
    pthread_mutex_unlock(&cores->lock);
}

void rt_cores_destroy(rt_cores *cores) {
    if (!cores) return;
    pthread_mutex_destroy(&cores->lock);
    free(cores);
}

static void take_cores(rt_lanes *lanes) {
    if (lanes->cores) rt_cores_acquire(lanes->cores, lanes->cores_per_lane);
}

static void give_cores(rt_lanes *lanes) {
    if (lanes->cores) rt_cores_release(lanes->cores, lanes->cores_per_lane);
}

static void run_lane(rt_lanes *lanes, int32_t index) {
    take_cores(lanes);
    lanes->body(lanes->context, index);
    give_cores(lanes);
}

static void *lane_main(void *argument) {
    lane_thread *self = argument;
    rt_lanes *lanes = self->lanes;
    uint32_t round = 0;
    for (;;) {
        round = wait_for_change(&lanes->round, round);
        if (atomic_load_explicit(&lanes->stopping, memory_order_relaxed)) return NULL;
        run_lane(lanes, self->index);
        if (atomic_fetch_sub_explicit(&lanes->running, 1, memory_order_acq_rel) == 1) {
            futex_wake_all(&lanes->running);
        }
    }
}

rt_lanes *rt_lanes_create(int32_t count, rt_cores *cores, int32_t cores_per_lane) {
    const size_t threads = count > 1 ? (size_t)count - 1 : 0;
    rt_lanes *lanes = calloc(1, sizeof(rt_lanes) + threads * sizeof(lane_thread));
    if (!lanes) return NULL;
    lanes->count = count;
    lanes->cores = cores;
    lanes->cores_per_lane = cores_per_lane;
    for (size_t i = 0; i < threads; ++i) {
        lane_thread *thread = &lanes->threads[i];
        thread->lanes = lanes;
        thread->index = (int32_t)i + 1;
        if (pthread_create(&thread->thread, NULL, lane_main, thread) != 0) {
            rt_lanes_destroy(lanes);
            return NULL;
        }
        lanes->started += 1;
    }
    return lanes;
}

void rt_lanes_run(rt_lanes *lanes, void (*body)(void *context, int32_t lane), void *context) {
    lanes->body = body;
    lanes->context = context;
    if (lanes->started > 0) {
        atomic_store_explicit(&lanes->running, (uint32_t)lanes->started, memory_order_relaxed);
        atomic_fetch_add_explicit(&lanes->round, 1, memory_order_release);
        futex_wake_all(&lanes->round);
    }
    run_lane(lanes, 0);
    uint32_t left = atomic_load_explicit(&lanes->running, memory_order_acquire);
    while (left != 0) left = wait_for_change(&lanes->running, left);
}

void rt_lanes_meet(rt_lanes *lanes) {
    if (lanes->started == 0) return;
    const uint32_t meeting = atomic_load_explicit(&lanes->meeting, memory_order_relaxed);
    const uint32_t before = atomic_fetch_add_explicit(&lanes->arrived, 1, memory_order_acq_rel);
    if (before == (uint32_t)lanes->started) {
        // No lane can arrive at the next meeting before this one has ended.
        atomic_store_explicit(&lanes->arrived, 0, memory_order_relaxed);
        atomic_fetch_add_explicit(&lanes->meeting, 1, memory_order_release);
        futex_wake_all(&lanes->meeting);
    } else if (spin_for_change(&lanes->meeting, meeting) == meeting) {
        // The other lanes may be waiting for these very cores.
        give_cores(lanes);
        sleep_for_change(&lanes->meeting, meeting);
        take_cores(lanes);
    }
}

void rt_lanes_destroy(rt_lanes *lanes) {
    if (!lanes) return;
    atomic_store_explicit(&lanes->stopping, true, memory_order_relaxed);
    atomic_fetch_add_explicit(&lanes->round, 1, memory_order_release);
    futex_wake_all(&lanes->round);
    for (int32_t i = 0; i < lanes->started; ++i) pthread_join(lanes->threads[i].thread, NULL);
    free(lanes);
}
