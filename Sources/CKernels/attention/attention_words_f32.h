// SPDX-License-Identifier: Apache-2.0
//
// Attention in words of one f32. Inputs of either element are converted while packing.
#include "../tile/tile.h"
#include "attention_exp2.h"

/// VL words of a row from a given step; zeros past the row's end.
RT_INLINE vf word_load(const void *row, rt_element element, int64_t step, int64_t channels) {
    const int64_t count = channels - step < VL ? channels - step : VL;
    return element == RT_ELEMENT_F32 ? vf_get(row, RT_ELEMENT_F32, step, count)
                                     : vf_get(row, RT_ELEMENT_BF16, step, count);
}

RT_INLINE void word_pack_key(const void *row, rt_element element, int64_t channels,
                             float *target) {
    if (element == RT_ELEMENT_F32)
        RT_FOR_VECTORS(channels, vf_put(target, RT_ELEMENT_F32, i, n,
                                        vf_get(row, RT_ELEMENT_F32, i, n)));
    else
        RT_FOR_VECTORS(channels, vf_put(target, RT_ELEMENT_F32, i, n,
                                        vf_get(row, RT_ELEMENT_BF16, i, n)));
}

RT_INLINE void word_pack_value(const void *row, const void *second, rt_element element,
                               int64_t channels, float *target) {
    (void)second;
    word_pack_key(row, element, channels, target);
}

/// `scores[key][query]` becomes 2^(score * factor - exponent), which `sums` adds up.
RT_INLINE void word_weigh(float *scores, int64_t key_count, vf factor, const vf *exponents,
                          vf *sums) {
    for (int64_t key = 0; key < key_count; key++)
        for (int v = 0; v < TILE_VECTORS; v++) {
            float *place = scores + (key * TILE_VECTORS + v) * VL;
            const vf weight = exp2_precise(vf_fma(vf_load(place), factor, -exponents[v]));
            sums[v] += weight;
            vf_store(place, weight);
        }
}
