// SPDX-License-Identifier: Apache-2.0
//
// SIMD kernels with run-time dispatch. No allocation, no threads, no globals that change.
#ifndef RETOM_CKERNELS_H
#define RETOM_CKERNELS_H

#include <stdint.h>

/// Instruction sets with kernels of their own, worst to best.
typedef enum rt_isa {
    RT_ISA_SCALAR = 0,
    RT_ISA_AVX2 = 1,
    RT_ISA_AVX512 = 2,
    RT_ISA_AVX512_BF16 = 3,
} rt_isa;

/// One function per kernel, all of one instruction set.
typedef struct rt_kernels {
    rt_isa isa;
    const char *_Nonnull name;
} rt_kernels;

/// The best instruction set this processor and this system have.
rt_isa rt_isa_detect(void);

/// The kernels of one instruction set; NULL when this processor lacks it.
const rt_kernels *_Nullable rt_kernels_for(rt_isa isa);

#endif
