// SPDX-License-Identifier: Apache-2.0
//
// Words of four bytes: products by vpdpbusd, summed in 32-bit integers, which a tile keeps as the
// bits of its floats. The instruction multiplies unsigned by signed bytes: columns are unsigned, 128
// more than the value, rows are signed. The excess, 128 times the sum of a row, is the same for all
// columns: START_ROWS begins with its negative. Sums are exact up to 66,000 values.
#ifndef RETOM_WORDS_S8_H
#define RETOM_WORDS_S8_H

#include "KernelArguments.h"

enum {
    /// Values of a word.
    WORD_VALUES = 4,
    /// Zero, as an unsigned byte.
    BYTE_ZERO = 128,
};

/// sums + left[0] * right[0] + ... + left[3] * right[3]
RT_INLINE vf word_dot(vf sums, vf left, vf right) {
    return vf_bits(vi_dot_bytes(vi_bits(sums), vi_bits(right), vi_bits(left)));
}

/// The greater of two sums.
RT_INLINE vf word_max(vf a, vf b) { return vf_bits(vi_max(vi_bits(a), vi_bits(b))); }

#endif
