// SPDX-License-Identifier: Apache-2.0
//
// Conversion, row copy and gather, addition, nearest resize.
#ifndef RETOM_ROWS_H
#define RETOM_ROWS_H

#include "KernelArguments.h"

#define RT_ROWS_DECLARE(isa)                                                                  \
    void rt_convert_##isa(const rt_convert *_Nonnull a, int64_t begin, int64_t end);          \
    void rt_copy_rows_##isa(const rt_copy_rows *_Nonnull a, int64_t begin, int64_t end);      \
    void rt_add_rows_##isa(const rt_add_rows *_Nonnull a, int64_t begin, int64_t end);        \
    void rt_resize_nearest_##isa(const rt_resize *_Nonnull a, int64_t begin, int64_t end);

RT_ROWS_DECLARE(scalar)
RT_ROWS_DECLARE(avx2)
RT_ROWS_DECLARE(avx512)

/// Source index of a target index, as torch's `nearest` computes it, single precision included.
static inline int64_t rt_nearest_index(int64_t target, int64_t source_size, int64_t target_size) {
    const float scale = (float)source_size / (float)target_size;
    const int64_t index = (int64_t)((float)target * scale);
    return index < source_size ? index : source_size - 1;
}

#endif
