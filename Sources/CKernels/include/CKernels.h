// SPDX-License-Identifier: Apache-2.0
//
// SIMD kernels with run-time dispatch. No allocation, no threads, no globals that change.
//
// A kernel takes its arguments and a range [begin, end) of independent work units, so that a caller
// can split a call over a team. What a unit is stands with each kernel in `rt_kernels`. Results of
// a unit depend on the arguments alone, never on the range it was computed in.
#ifndef RETOM_CKERNELS_H
#define RETOM_CKERNELS_H

#include <stdint.h>

#include "KernelArguments.h"

/// Instruction sets with kernels of their own, worst to best.
typedef enum rt_isa {
    RT_ISA_SCALAR = 0,
    /// AVX2, FMA, F16C
    RT_ISA_AVX2 = 1,
    /// AVX-512 F, BW, DQ, VL
    RT_ISA_AVX512 = 2,
    /// the same and AVX512-BF16
    RT_ISA_AVX512_BF16 = 3,
} rt_isa;

/// One function per kernel, all of one instruction set.
typedef struct rt_kernels {
    rt_isa isa;
    const char *_Nonnull name;

    /// Converts a plain run of values; unit: one value.
    void (*_Nonnull convert)(const rt_convert *_Nonnull arguments, int64_t begin, int64_t end);
    /// Copies rows, or gathers them through an index; unit: one target row.
    void (*_Nonnull copy_rows)(const rt_copy_rows *_Nonnull arguments, int64_t begin, int64_t end);
    /// target += source; unit: one row.
    void (*_Nonnull add_rows)(const rt_add_rows *_Nonnull arguments, int64_t begin, int64_t end);
    /// Nearest-neighbour resize; unit: one line of the target grid.
    void (*_Nonnull resize_nearest)(const rt_resize *_Nonnull arguments, int64_t begin,
                                    int64_t end);
    /// Pointwise activation; unit: one row.
    void (*_Nonnull activate)(const rt_activate *_Nonnull arguments, int64_t begin, int64_t end);
    /// target = source[:C] * gelu(source[C:]); unit: one row.
    void (*_Nonnull geglu)(const rt_geglu *_Nonnull arguments, int64_t begin, int64_t end);
    /// Layer norm; unit: one row.
    void (*_Nonnull layer_norm)(const rt_layer_norm *_Nonnull arguments, int64_t begin,
                                int64_t end);

    /// Group norm, first: sums of one chunk of rows; unit: batch item * chunk_count + chunk.
    void (*_Nonnull group_norm_sums)(const rt_group_norm *_Nonnull arguments, int64_t begin,
                                     int64_t end);
    /// Group norm, second: a factor and an offset per channel; unit: batch item.
    void (*_Nonnull group_norm_combine)(const rt_group_norm *_Nonnull arguments, int64_t begin,
                                        int64_t end);
    /// Group norm, third: factor, offset and activation; unit: one row.
    void (*_Nonnull group_norm_apply)(const rt_group_norm *_Nonnull arguments, int64_t begin,
                                      int64_t end);

    /// Attention: how the two phases share the work and how much scratch memory they need.
    rt_attention_plan (*_Nonnull attention_plan)(const rt_attention *_Nonnull arguments);
    /// Attention, first: keys and values into `packed`; unit: one of `pack_unit_count`.
    void (*_Nonnull attention_pack)(const rt_attention *_Nonnull arguments, int64_t begin,
                                    int64_t end);
    /// Attention, second; unit: one of `unit_count`. `scratch` has `scratch_byte_count` bytes on a
    /// 64-byte boundary and belongs to this call.
    void (*_Nonnull attention_run)(const rt_attention *_Nonnull arguments, int64_t begin,
                                   int64_t end, void *_Nonnull scratch);
} rt_kernels;

/// The best instruction set this processor and this system have.
rt_isa rt_isa_detect(void);

/// The kernels of one instruction set; NULL when this processor lacks it.
const rt_kernels *_Nullable rt_kernels_for(rt_isa isa);

#endif
