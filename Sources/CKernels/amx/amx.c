// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "amx.h"

#if defined(__x86_64__) && defined(__linux__)

#include <cpuid.h>        // __get_cpuid_count
#include <stdint.h>
#include <sys/syscall.h>  // SYS_arch_prctl
#include <unistd.h>       // syscall

enum {
    // Of <asm/prctl.h>, Linux 5.16: older headers lack it.
    arch_req_xcomp_perm = 0x1023,
    // The registers' number among the states that the system saves.
    xtiledata = 18,
};

// Whether the system saves tiles and their configuration; XGETBV faults if it saves nothing.
static int saves_tiles(void) {
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 27)) return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 0x60000) == 0x60000;
}

static int requested(void) {
    unsigned a, b, c, d;
    const unsigned bf16 = 1u << 22, tiles = 1u << 24;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & bf16) == 0 || (d & tiles) == 0) return 0;
    return saves_tiles() && syscall(SYS_arch_prctl, arch_req_xcomp_perm, xtiledata) == 0;
}

int rt_amx_request(void) {
    // Asked by every layer's call; the answer is one for the process. 0: not asked yet.
    static _Atomic int answer = 0;
    if (answer == 0) answer = requested() ? 1 : -1;
    return answer == 1;
}

#else

int rt_amx_request(void) { return 0; }

#endif
