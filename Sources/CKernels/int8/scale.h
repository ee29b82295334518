// SPDX-License-Identifier: Apache-2.0
//
// How values become bytes, the same for all instruction sets.
#ifndef RETOM_SCALE_H
#define RETOM_SCALE_H

#include <stdint.h>
#include <string.h>

/// value = byte * scale, byte = value * inverse.
typedef struct rt_scale {
    float scale;
    float inverse;
} rt_scale;

/// The scale that makes 127 of the greatest magnitude, given as its bits: 0 if that is next to
/// nothing, NaN if it is not finite; `inverse` is 0 for both.
static inline rt_scale rt_scale_of(int32_t greatest_bits) {
    float greatest;
    memcpy(&greatest, &greatest_bits, sizeof greatest);
    if (!(greatest <= 3.4e38f)) return (rt_scale){__builtin_nanf(""), 0.0f};
    if (greatest < 1e-30f) return (rt_scale){0.0f, 0.0f};
    return (rt_scale){greatest / 127.0f, 127.0f / greatest};
}

/// What sums with unsigned columns begin with, as the bits of a float: the columns exceed their
/// values by 128.
static inline float rt_compensation_of(int32_t sum_of_bytes) {
    const int32_t compensation = -128 * sum_of_bytes;
    float bits;
    memcpy(&bits, &compensation, sizeof bits);
    return bits;
}

#endif
