// SPDX-License-Identifier: Apache-2.0
//
// Words of one f32: products by FMA.
#ifndef RETOM_WORDS_F32_H
#define RETOM_WORDS_F32_H

#include "KernelArguments.h"

/// Values of a word, and their storage type if words are made of rows.
enum { WORD_VALUES = 1, WORD_ELEMENT = RT_ELEMENT_F32 };

/// sums + left * right
RT_INLINE vf word_dot(vf sums, vf left, vf right) { return vf_fma(left, right, sums); }

/// The words of VL values; there are no second values.
RT_INLINE vf word_of(vf low, vf high) {
    (void)high;
    return low;
}

/// The greater of two sums.
RT_INLINE vf word_max(vf a, vf b) { return vf_max(a, b); }

#endif
