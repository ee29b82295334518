// SPDX-License-Identifier: Apache-2.0
//
// Attention in words of two bf16. All inputs are bf16.
#include "../tile/tile.h"
#include "attention_exp2.h"

/// VL words of a row from a given step; zeros past the row's end.
RT_INLINE vf word_load(const void *row, rt_element element, int64_t step, int64_t channels) {
    (void)element;
    const int64_t left = channels - 2 * step;
    const __mmask32 mask = left >= 32 ? ~0u : (1u << left) - 1u;
    return _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(mask, (const uint16_t *)row + 2 * step));
}

RT_INLINE void word_pack_key(const void *row, rt_element element, int64_t channels,
                             float *target) {
    const int64_t words = (channels + 1) / 2;
    RT_FOR_VECTORS(words, vf_put(target, RT_ELEMENT_F32, i, n,
                                 word_load(row, element, i, channels)));
}

/// n channels from i: the value of a key in the lower half of a word and that of another key in the
/// upper half; zero for a key that is NULL.
RT_INLINE vf word_of_values(const uint16_t *low, const uint16_t *high, int64_t i, int64_t n) {
    const vf upper = high ? vf_load_bf16_n(high + i, n) : vf_set(0.0f);
    const vf lower = low ? vf_load_bf16_n(low + i, n) : vf_set(0.0f);
    const __m512i shifted = _mm512_srli_epi32(_mm512_castps_si512(lower), 16);
    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(upper), shifted));
}

/// The words of a key and the next one, channel by channel.
RT_INLINE void word_pack_value(const void *row, const void *second, rt_element element,
                               int64_t channels, float *target) {
    (void)element;
    RT_FOR_VECTORS(channels,
                   vf_put(target, RT_ELEMENT_F32, i, n, word_of_values(row, second, i, n)));
}

/// `scores[key][query]` becomes 2^(score * factor - exponent), which `sums` adds up, and then
/// `[key / 2][query]` in words; a missing last key weighs nothing.
RT_INLINE void word_weigh(float *scores, int64_t key_count, vf factor, const vf *exponents,
                          vf *sums) {
    for (int64_t key = 0; key < key_count; key += 2)
        for (int v = 0; v < TILE_VECTORS; v++) {
            const float *place = scores + (key * TILE_VECTORS + v) * VL;
            const vf low = exp2_for_bf16(vf_fma(vf_load(place), factor, -exponents[v]));
            vf high = vf_set(0.0f);
            if (key + 1 < key_count) {
                const vf next = vf_load(place + TILE_WIDTH);
                high = exp2_for_bf16(vf_fma(next, factor, -exponents[v]));
            }
            sums[v] += low + high;
            vf_store(scores + (key / 2 * TILE_VECTORS + v) * VL, word_of(low, high));
        }
}
