// SPDX-License-Identifier: Apache-2.0
//
// Single values of any element type, for the scalar kernels.
#ifndef RETOM_SCALAR_H
#define RETOM_SCALAR_H

#include <stdint.h>
#include <string.h>

#include "KernelArguments.h"

static inline float rt_float_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t rt_bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float rt_float_from_bf16(uint16_t bits) {
    return rt_float_from_bits((uint32_t)bits << 16);
}

/// Rounds to nearest even; a NaN stays one and becomes quiet.
static inline uint16_t rt_bf16_from_float(float value) {
    const uint32_t bits = rt_bits_of_float(value);
    if (value != value) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float rt_float_from_f16(uint16_t bits) {
    const uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
    const uint32_t exponent = bits >> 10 & 0x1f;
    const uint32_t mantissa = bits & 0x3ff;
    if (exponent == 0) {
        const float magnitude = (float)mantissa * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    if (exponent == 0x1f) {
        const uint32_t quiet = mantissa ? 0x400000 : 0;
        return rt_float_from_bits(sign | 0x7f800000 | quiet | mantissa << 13);
    }
    return rt_float_from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

/// Value i of a run of values.
static inline float rt_get(const void *_Nonnull base, rt_element element, int64_t i) {
    switch (element) {
    case RT_ELEMENT_F32: return ((const float *)base)[i];
    case RT_ELEMENT_BF16: return rt_float_from_bf16(((const uint16_t *)base)[i]);
    case RT_ELEMENT_F16: return rt_float_from_f16(((const uint16_t *)base)[i]);
    }
    return 0;
}

/// Stores value i of a run of f32 or bf16 values.
static inline void rt_put(void *_Nonnull base, rt_element element, int64_t i, float value) {
    if (element == RT_ELEMENT_F32) ((float *)base)[i] = value;
    else ((uint16_t *)base)[i] = rt_bf16_from_float(value);
}

/// Value `channel` of an input row.
static inline float rt_at(const rt_source *_Nonnull source, int64_t row, int64_t channel) {
    return rt_get(source->data, source->element, row * source->row_stride + channel);
}

/// Stores value `channel` of an output row.
static inline void rt_set(const rt_target *_Nonnull target, int64_t row, int64_t channel,
                          float value) {
    rt_put(target->data, target->element, row * target->row_stride + channel, value);
}

#endif
