// SPDX-License-Identifier: Apache-2.0
#ifndef RETOM_CPU_FEATURES_H
#define RETOM_CPU_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Features that this processor has and this system has enabled, read from the CPUID instruction.
typedef struct rt_cpu {
    /// `GenuineIntel`, `AuthenticAMD`, …, zero-terminated.
    char vendor[13];
    int32_t family;
    int32_t model;
    /// AVX2, FMA and F16C.
    bool avx2;
    /// AVX-512 F, DQ, BW and VL.
    bool avx512;
    /// VDPBF16PS.
    bool avx512_bf16;
    /// VPDPBUSD on vectors of 32 bytes (AVX-VNNI).
    bool avx_vnni;
    /// VPDPBUSD on vectors of 64 bytes.
    bool avx512_vnni;
    /// Tiles with bf16 products.
    bool amx_bf16;
} rt_cpu;

/// Queries the processor. On other architectures everything is false.
rt_cpu rt_cpu_detect(void);

/// Processors that the calling thread may run on, at most `capacity` of them; returns how many
/// it wrote to `cpus`, 0 if the system does not report them.
int32_t rt_cpu_allowed(int32_t *_Nonnull cpus, int32_t capacity);

/// Lets the calling thread, and those that it starts, run on these processors only; returns whether
/// the system agreed.
bool rt_cpu_pin(const int32_t *_Nonnull cpus, int32_t count);

/// Spreads the pages of memory that nobody has touched over these memory nodes in turn; returns
/// whether the system agreed.
bool rt_memory_interleave(void *_Nonnull address, size_t byte_count,
                          const int32_t *_Nonnull nodes, int32_t count);

#endif
