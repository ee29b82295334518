// SPDX-License-Identifier: Apache-2.0
//
// SIMD kernels with run-time dispatch. No allocation, no threads, no mutable globals.
//
// A kernel takes its arguments and a range [begin, end) of independent work units, so that a caller
// can split a call over a team. The unit is documented with each kernel in `rt_kernels`. Results of
// a unit depend only on the arguments, never on the range in which it was computed.
//
// All kernels have one signature, so that one loop can split any of them: the struct of arguments
// is passed as `const void *`. Kernel `x` takes an `rt_x`; the three of group norm share one, and
// so do those of attention.
#ifndef RETOM_CKERNELS_H
#define RETOM_CKERNELS_H

#include <stdint.h>

#include "KernelArguments.h"

/// Instruction sets with separate kernels, worst to best.
typedef enum rt_isa {
    RT_ISA_SCALAR = 0,
    /// AVX2, FMA, F16C
    RT_ISA_AVX2 = 1,
    /// AVX-512 F, BW, DQ, VL
    RT_ISA_AVX512 = 2,
    /// the same and AVX512-BF16
    RT_ISA_AVX512_BF16 = 3,
    /// the same and attention on AMX's tiles in bf16; only on request
    RT_ISA_AMX_BF16 = 4,
} rt_isa;

/// A kernel: the arguments struct and a range of work units.
typedef void rt_kernel(const void *_Nonnull arguments, int64_t begin, int64_t end);

/// One function per kernel, all of one instruction set.
typedef struct rt_kernels {
    rt_isa isa;
    const char *_Nonnull name;

    /// Converts a plain run of values; unit: one value.
    rt_kernel *_Nonnull convert;
    /// Copies rows, or gathers them through an index; unit: one target row.
    rt_kernel *_Nonnull copy_rows;
    /// target += source, or += rows of it through an index; unit: one target row.
    rt_kernel *_Nonnull add_rows;
    /// target = D + w * sum of (S - D) over groups of source rows (`rt_merge_rows`), w being
    /// (1 - first share) / r: equal rows merge into exactly the same row. Unit: one target row.
    rt_kernel *_Nonnull merge_rows;
    /// Nearest-neighbour resize (`rt_resize`); unit: one line of the target grid.
    rt_kernel *_Nonnull resize_nearest;
    /// Pointwise activation; unit: one row.
    rt_kernel *_Nonnull activate;
    /// target = source[:C] * gelu(source[C:]); unit: one row.
    rt_kernel *_Nonnull geglu;
    /// Layer norm; unit: one row.
    rt_kernel *_Nonnull layer_norm;

    /// Group norm, first: sums of one chunk of rows; unit: batch item * chunk_count + chunk.
    rt_kernel *_Nonnull group_norm_sums;
    /// Group norm, second: a factor and an offset per channel; unit: batch item.
    rt_kernel *_Nonnull group_norm_combine;
    /// Group norm, third: factor, offset and activation; unit: one row.
    rt_kernel *_Nonnull group_norm_apply;

    /// Attention: how the two phases share the work and how much memory they need.
    rt_attention_plan (*_Nonnull attention_plan)(const rt_attention *_Nonnull arguments);
    /// Attention, first: keys and values into `packed`; unit: one of `pack_unit_count`.
    rt_kernel *_Nonnull attention_pack;
    /// Attention, second; unit: one of `share_count` shares of the queries.
    rt_kernel *_Nonnull attention_run;

    /// Winograd's convolution: how much memory it needs.
    rt_winograd_plan (*_Nonnull winograd_plan)(const rt_winograd *_Nonnull arguments);
    /// Transforms and packs weights (`rt_winograd_pack`); unit: one of `pack_unit_count`.
    rt_kernel *_Nonnull winograd_pack;
    /// The convolution (`rt_winograd`); unit: one of `share_count` shares of the picture.
    rt_kernel *_Nonnull winograd_run;

    /// Multiply-adds that touch no memory (`rt_peak`), for timing; unit: a round of them.
    rt_kernel *_Nonnull peak;
} rt_kernels;

/// Instruction sets with separate kernels for products of bytes.
typedef enum rt_int8_isa {
    RT_INT8_ISA_SCALAR = 0,
    /// AVX-VNNI, AVX2, FMA, F16C
    RT_INT8_ISA_AVX2_VNNI = 1,
    /// AVX512-VNNI, AVX-512 F, BW, DQ, VL
    RT_INT8_ISA_AVX512_VNNI = 2,
} rt_int8_isa;

/// Products of bytes, summed in integers: values are rounded to multiples of a scale. The scalar
/// kernels are the reference: layers have the same bits, but for SiLU and GELU; attention has not.
typedef struct rt_int8_kernels {
    rt_int8_isa isa;
    const char *_Nonnull name;

    /// Fully connected layer: how much memory it needs.
    rt_linear_int8_plan (*_Nonnull linear_plan)(const rt_linear_int8 *_Nonnull arguments);
    /// Rounds and packs weights (`rt_linear_int8_pack`); unit: one of `pack_unit_count`.
    rt_kernel *_Nonnull linear_pack;
    /// The layer (`rt_linear_int8`), first: rounds the input; unit: one row.
    rt_kernel *_Nonnull linear_round;
    /// The layer, second; unit: one of `share_count` shares of the output.
    rt_kernel *_Nonnull linear_run;

    /// Winograd's convolution, with `rt_winograd` and `rt_winograd_pack` as in `rt_kernels`: any
    /// element of the input, products of bytes; `tile` must be RT_WINOGRAD_2X2.
    rt_winograd_plan (*_Nonnull winograd_plan)(const rt_winograd *_Nonnull arguments);
    rt_kernel *_Nonnull winograd_pack;
    rt_kernel *_Nonnull winograd_run;

    /// Attention, with `rt_attention` as in `rt_kernels`, but not causal.
    rt_attention_plan (*_Nonnull attention_plan)(const rt_attention *_Nonnull arguments);
    rt_kernel *_Nonnull attention_pack;
    rt_kernel *_Nonnull attention_run;
} rt_int8_kernels;

/// The best instruction set this processor and this system have; never RT_ISA_AMX_BF16, whose
/// kernels have run on a model of tiles only.
rt_isa rt_isa_detect(void);

/// The kernels of one instruction set; NULL if this processor or this system lacks it. Those of
/// RT_ISA_AMX_BF16 need a permission of the system, which this asks for.
const rt_kernels *_Nullable rt_kernels_for(rt_isa isa);

/// The same for products of bytes.
const rt_int8_kernels *_Nullable rt_int8_kernels_for(rt_int8_isa isa);

#endif
