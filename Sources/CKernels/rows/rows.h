// SPDX-License-Identifier: Apache-2.0
//
// Conversion, row copy and gather, addition, merging, nearest resize.
#ifndef RETOM_ROWS_H
#define RETOM_ROWS_H

#include "CKernels.h"

#define RT_ROWS_DECLARE(isa)                                                      \
    rt_kernel rt_convert_##isa;                                                   \
    rt_kernel rt_copy_rows_##isa;                                                 \
    rt_kernel rt_add_rows_##isa;                                                  \
    rt_kernel rt_merge_rows_##isa;                                                \
    rt_kernel rt_resize_nearest_##isa;

RT_ROWS_DECLARE(scalar)
RT_ROWS_DECLARE(avx2)
RT_ROWS_DECLARE(avx512)

/// Source index of a target index, as torch's `nearest` computes it, single precision included.
static inline int64_t rt_nearest_index(int64_t target, int64_t source_size, int64_t target_size) {
    const float scale = (float)source_size / (float)target_size;
    const int64_t index = (int64_t)((float)target * scale);
    return index < source_size ? index : source_size - 1;
}

/// The share of its difference from the first that each other member of a group of `count` rows
/// adds.
static inline float rt_merge_weight(float first_share, int64_t count) {
    if (count == 1) return 0;
    return first_share < 0 ? 1 / (float)count : (1 - first_share) / (float)(count - 1);
}

#endif
