// SPDX-License-Identifier: Apache-2.0
//
// Words of two bf16: products by vdpbf16ps, summed in f32.
#ifndef RETOM_WORDS_BF16_H
#define RETOM_WORDS_BF16_H

#include "KernelArguments.h"

/// Values of a word, and their storage type if words are made of rows.
enum { WORD_VALUES = 2, WORD_ELEMENT = RT_ELEMENT_BF16 };

/// sums + left[0] * right[0] + left[1] * right[1]
RT_INLINE vf word_dot(vf sums, vf left, vf right) {
    return _mm512_dpbf16_ps(sums, (__m512bh)left, (__m512bh)right);
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

/// The greater of two sums.
RT_INLINE vf word_max(vf a, vf b) { return vf_max(a, b); }

#endif
