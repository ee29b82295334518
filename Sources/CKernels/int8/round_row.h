// SPDX-License-Identifier: Apache-2.0
//
// Rounding of a row to signed bytes, on top of one of the vector headers: value = byte * scale. The
// greatest magnitude becomes 127. Same bits as round_row_scalar.h.
#ifndef RETOM_ROUND_ROW_H
#define RETOM_ROUND_ROW_H

#include "../vector/elements.h"
#include "scale.h"

/// Rounds `channels` values to bytes, zeros up to a whole word, and stores the scale and the
/// beginning of sums with unsigned columns (see words_s8.h). Without a finite greatest value, bytes
/// are zero and the scale is NaN.
RT_INLINE void round_row(const void *row, rt_element element, int64_t channels, int8_t *target,
                         float *scale, float *compensation) {
    vi greatest = vi_set(0);
    RT_FOR_VECTORS(channels,
                   greatest = vi_max(greatest, vi_magnitude_bits(vf_get(row, element, i, n))));
    const rt_scale s = rt_scale_of(vi_greatest(greatest));
    *scale = s.scale;
    for (int64_t i = channels / 4 * 4; i < (channels + 3) / 4 * 4; i++) target[i] = 0;
    vi sums = vi_set(0);
    if (s.inverse == 0) {
        RT_FOR_VECTORS(channels, vi_store_bytes_n(target + i, sums, n));
    } else {
        const vf inverse = vf_set(s.inverse);
        RT_FOR_VECTORS(channels, {
            const vi bytes = vi_round(vf_get(row, element, i, n) * inverse);
            sums = vi_add(sums, bytes);
            vi_store_bytes_n(target + i, bytes, n);
        });
    }
    *compensation = rt_compensation_of(vi_sum(sums));
}

#endif
