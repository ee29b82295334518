// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CPUFeatures.h"

#include <sched.h>   // sched_getaffinity
#include <stdlib.h>  // CPU_ALLOC
#include <string.h>  // memcpy
#include <sys/syscall.h>  // SYS_mbind
#include <unistd.h>       // syscall

#if defined(__x86_64__)
#include <cpuid.h>  // __get_cpuid_count

// The register files that the system saves on a context switch; using others faults.
static uint64_t enabled_states(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool all(uint64_t value, uint64_t bits) { return (value & bits) == bits; }

rt_cpu rt_cpu_detect(void) {
    rt_cpu cpu = {0};
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d)) return cpu;
    memcpy(cpu.vendor, &b, 4);
    memcpy(cpu.vendor + 4, &d, 4);
    memcpy(cpu.vendor + 8, &c, 4);

    if (!__get_cpuid(1, &a, &b, &c, &d)) return cpu;
    const unsigned family = a >> 8 & 15, model = a >> 4 & 15;
    cpu.family = (int32_t)(family == 15 ? family + (a >> 20 & 255) : family);
    cpu.model = (int32_t)(family == 6 || family == 15 ? model | (a >> 16 & 15) << 4 : model);
    const bool saves_state = all(c, 1u << 27);
    const bool fma_f16c_avx = all(c, 1u << 12 | 1u << 29 | 1u << 28);
    if (!saves_state || !fma_f16c_avx) return cpu;

    const uint64_t states = enabled_states();
    const bool ymm = all(states, 0x6), zmm = all(states, 0xE6), tiles = all(states, 0x60000);
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return cpu;
    cpu.avx2 = ymm && all(b, 1u << 5);
    cpu.avx512 = zmm && all(b, 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31);
    cpu.avx512_vnni = cpu.avx512 && all(c, 1u << 11);
    cpu.amx_bf16 = cpu.avx512 && tiles && all(d, 1u << 22 | 1u << 24);
    if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) {
        cpu.avx_vnni = cpu.avx2 && all(a, 1u << 4);
        cpu.avx512_bf16 = cpu.avx512 && all(a, 1u << 5);
    }
    return cpu;
}

#else

rt_cpu rt_cpu_detect(void) {
    rt_cpu cpu = {0};
    return cpu;
}

#endif

int32_t rt_cpu_allowed(int32_t *cpus, int32_t capacity) {
    // Machines with more than 1024 processors need a larger set than cpu_set_t; grow until it fits.
    for (int total = 1024; total <= 1 << 20; total *= 2) {
        cpu_set_t *set = CPU_ALLOC(total);
        if (!set) return 0;
        const size_t size = CPU_ALLOC_SIZE(total);
        if (sched_getaffinity(0, size, set) != 0) {
            CPU_FREE(set);
            continue;
        }
        int32_t count = 0;
        for (int cpu = 0; cpu < total && count < capacity; ++cpu) {
            if (CPU_ISSET_S(cpu, size, set)) cpus[count++] = cpu;
        }
        CPU_FREE(set);
        return count;
    }
    return 0;
}

bool rt_cpu_pin(const int32_t *cpus, int32_t count) {
    int32_t last = 0;
    for (int32_t i = 0; i < count; ++i) last = cpus[i] > last ? cpus[i] : last;
    cpu_set_t *set = CPU_ALLOC(last + 1);
    if (!set) return false;
    const size_t size = CPU_ALLOC_SIZE(last + 1);
    CPU_ZERO_S(size, set);
    for (int32_t i = 0; i < count; ++i) CPU_SET_S(cpus[i], size, set);
    const bool is_done = sched_setaffinity(0, size, set) == 0;
    CPU_FREE(set);
    return is_done;
}

bool rt_memory_interleave(void *address, size_t byte_count, const int32_t *nodes, int32_t count) {
#ifdef SYS_mbind
    // Of <numaif.h>, which comes with a library that is not needed otherwise.
    enum { mpol_interleave = 3, node_max = 1024, bits = 8 * sizeof(unsigned long) };
    unsigned long mask[node_max / bits] = {0};
    for (int32_t i = 0; i < count; ++i) {
        if (nodes[i] < 0 || nodes[i] >= node_max) return false;
        mask[nodes[i] / bits] |= 1ul << (nodes[i] % bits);
    }
    return syscall(SYS_mbind, address, byte_count, mpol_interleave, mask, node_max + 1, 0) == 0;
#else
    return false;
#endif
}
