// SPDX-License-Identifier: Apache-2.0
//
// Layer norm and group norm.
#ifndef RETOM_NORMS_H
#define RETOM_NORMS_H

#include "CKernels.h"

#define RT_NORMS_DECLARE(isa)                                                     \
    rt_kernel rt_layer_norm_##isa;                                                \
    rt_kernel rt_group_norm_sums_##isa;                                           \
    rt_kernel rt_group_norm_apply_##isa;

RT_NORMS_DECLARE(scalar)
RT_NORMS_DECLARE(avx2)
RT_NORMS_DECLARE(avx512)
RT_NORMS_DECLARE(avx512_bf16)

/// The same for every instruction set: its work is negligible.
rt_kernel rt_group_norm_combine;

/// The rows of one chunk of one batch item.
typedef struct rt_chunk {
    int64_t first_row;
    int64_t row_count;
    /// `[2, group_count]`
    double *_Nonnull sums;
} rt_chunk;

static inline rt_chunk rt_group_norm_chunk(const rt_group_norm *_Nonnull a, int64_t unit) {
    const int64_t first = unit % a->chunk_count * a->rows_per_chunk;
    const int64_t left = a->rows_per_item - first;
    return (rt_chunk){
        .first_row = unit / a->chunk_count * a->rows_per_item + first,
        .row_count = left < a->rows_per_chunk ? left : a->rows_per_chunk,
        .sums = a->sums + unit * 2 * a->group_count,
    };
}

#endif
