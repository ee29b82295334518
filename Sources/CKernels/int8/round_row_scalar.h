// SPDX-License-Identifier: Apache-2.0
//
// Rounding of a row to signed bytes: the reference of round_row.h.
#ifndef RETOM_ROUND_ROW_SCALAR_H
#define RETOM_ROUND_ROW_SCALAR_H

#include "../scalar.h"
#include "scale.h"

#include <math.h>

/// Rounds a row and returns its scale.
static inline float rt_round_row_scalar(const void *_Nonnull row, rt_element element, int64_t count,
                                        int8_t *_Nonnull target) {
    int32_t greatest = 0;
    for (int64_t i = 0; i < count; i++) {
        const uint32_t bits = rt_bits_of_float(rt_get(row, element, i)) & 0x7fffffff;
        if ((int32_t)bits > greatest) greatest = (int32_t)bits;
    }
    const rt_scale s = rt_scale_of(greatest);
    for (int64_t i = 0; i < count; i++)
        target[i] =
            s.inverse == 0 ? 0 : (int8_t)lrintf(rt_get(row, element, i) * s.inverse);
    return s.scale;
}

#endif
