// SPDX-License-Identifier: Apache-2.0
//
// Words of two bf16: products by vdpbf16ps. All inputs are bf16.
#include "../vector/elements.h"
#include "attention_exp2.h"

enum { WORD_VALUES = 2 };

/// sums + left[0] * right[0] + left[1] * right[1]
RT_INLINE vf word_dot(vf sums, vf left, vf right) {
    return _mm512_dpbf16_ps(sums, (__m512bh)left, (__m512bh)right);
}

/// VL words of a row from a step on; zeros behind the row's end.
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

/// Channel by channel, the value of a key in the lower half of a word and that of the next in the
/// upper one; zero where there is no next.
RT_INLINE void word_pack_value(const void *row, const void *second, rt_element element,
                               int64_t channels, float *target) {
    (void)element;
    const uint16_t *low = row, *high = second;
    RT_FOR_VECTORS(channels, {
        const vf upper = high ? vf_load_bf16_n(high + i, n) : vf_set(0.0f);
        const vf lower = vf_load_bf16_n(low + i, n);
        const __m512i shifted = _mm512_srli_epi32(_mm512_castps_si512(lower), 16);
        const __m512i both = _mm512_or_si512(_mm512_castps_si512(upper), shifted);
        vf_put(target, RT_ELEMENT_F32, i, n, _mm512_castsi512_ps(both));
    });
}

/// Two f32 to one word of bf16, rounded to nearest even.
RT_INLINE vf word_of(vf low, vf high) {
    const __m512i order = _mm512_set_epi32(
        0x001f000f, 0x001e000e, 0x001d000d, 0x001c000c, 0x001b000b, 0x001a000a, 0x00190009,
        0x00180008, 0x00170007, 0x00160006, 0x00150005, 0x00140004, 0x00130003, 0x00120002,
        0x00110001, 0x00100000);
    const __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    return _mm512_castsi512_ps(_mm512_permutexvar_epi16(order, halves));
}

/// `scores[key][query]` becomes 2^(score * factor - exponent), which `sums` adds up, and then
/// `[key / 2][query]` in words; a missing last key weighs nothing.
RT_INLINE void word_weigh(float *scores, int64_t key_count, vf factor, const vf *exponents,
                          vf *sums) {
    for (int64_t key = 0; key < key_count; key += 2)
        for (int v = 0; v < QUERY_VECTORS; v++) {
            const float *place = scores + (key * QUERY_VECTORS + v) * VL;
            const vf low = exp2_for_bf16(vf_fma(vf_load(place), factor, -exponents[v]));
            vf high = vf_set(0.0f);
            if (key + 1 < key_count) {
                const vf next = vf_load(place + QUERY_BLOCK);
                high = exp2_for_bf16(vf_fma(next, factor, -exponents[v]));
            }
            sums[v] += low + high;
            vf_store(scores + (key / 2 * QUERY_VECTORS + v) * VL, word_of(low, high));
        }
}
