// SPDX-License-Identifier: Apache-2.0
//
// Loads and stores by element type, on top of one of the vector headers. The type is a constant
// at every call site, so that the choice costs nothing.
#ifndef RETOM_VECTOR_ELEMENTS_H
#define RETOM_VECTOR_ELEMENTS_H

#include "KernelArguments.h"

/// Before a loop of constant length over vectors in an array: without it they may stay in memory.
#define RT_UNROLL _Pragma("clang loop unroll(full)")

/// n values from index i, n <= VL; zero in the remaining lanes.
RT_INLINE vf vf_get(const void *base, rt_element element, int64_t i, int64_t n) {
    const uint16_t *halves = (const uint16_t *)base + i;
    const float *floats = (const float *)base + i;
    if (n == VL) {
        if (element == RT_ELEMENT_F32) return vf_load(floats);
        return element == RT_ELEMENT_BF16 ? vf_load_bf16(halves) : vf_load_f16(halves);
    }
    if (element == RT_ELEMENT_F32) return vf_load_n(floats, n);
    return element == RT_ELEMENT_BF16 ? vf_load_bf16_n(halves, n) : vf_load_f16_n(halves, n);
}

/// Stores the first n values at index i, n <= VL.
RT_INLINE void vf_put(void *base, rt_element element, int64_t i, int64_t n, vf v) {
    uint16_t *halves = (uint16_t *)base + i;
    float *floats = (float *)base + i;
    if (n == VL) {
        if (element == RT_ELEMENT_F32) vf_store(floats, v);
        else vf_store_bf16(halves, v);
    } else {
        if (element == RT_ELEMENT_F32) vf_store_n(floats, v, n);
        else vf_store_bf16_n(halves, v, n);
    }
}

/// Runs `statement` for every vector of `count` values, with `i` and `n` as the index of its first
/// value and its length: full vectors first, then the rest.
#define RT_FOR_VECTORS(count, statement)                              \
    do {                                                              \
        int64_t i = 0;                                                \
        for (; i + VL <= (count); i += VL) {                          \
            const int64_t n = VL;                                     \
            statement;                                                \
        }                                                             \
        if (i < (count)) {                                            \
            const int64_t n = (count) - i;                            \
            statement;                                                \
        }                                                             \
    } while (0)

/// Calls `function(source element, target element, ...)` with constant elements: one copy of the
/// code for each of the four pairs.
#define RT_BY_ELEMENTS(source, target, function, ...)                                     \
    do {                                                                                  \
        if ((source) == RT_ELEMENT_F32) {                                                 \
            if ((target) == RT_ELEMENT_F32)                                               \
                function(RT_ELEMENT_F32, RT_ELEMENT_F32, __VA_ARGS__);                    \
            else                                                                          \
                function(RT_ELEMENT_F32, RT_ELEMENT_BF16, __VA_ARGS__);                   \
        } else if ((target) == RT_ELEMENT_F32) {                                          \
            function(RT_ELEMENT_BF16, RT_ELEMENT_F32, __VA_ARGS__);                       \
        } else {                                                                          \
            function(RT_ELEMENT_BF16, RT_ELEMENT_BF16, __VA_ARGS__);                      \
        }                                                                                 \
    } while (0)

/// Bytes of a value.
RT_INLINE int64_t rt_byte_count(rt_element element) { return element == RT_ELEMENT_F32 ? 4 : 2; }

/// The first value of an input row.
RT_INLINE const void *rt_row(const rt_source *source, int64_t row) {
    return (const char *)source->data + row * source->row_stride * rt_byte_count(source->element);
}

/// The first value of an output row.
RT_INLINE void *rt_target_row(const rt_target *target, int64_t row) {
    return (char *)target->data + row * target->row_stride * rt_byte_count(target->element);
}

/// Rows as pointwise kernels traverse them: one long row if there are no gaps between them, so that
/// narrow rows fill whole vectors.
typedef struct rt_runs {
    int64_t count;
    int64_t length;
} rt_runs;

RT_INLINE rt_runs rt_runs_of(const rt_source *source, const rt_target *target, int64_t channels,
                             int64_t row_count) {
    if (source->row_stride == channels && target->row_stride == channels)
        return (rt_runs){row_count > 0, row_count * channels};
    return (rt_runs){row_count, channels};
}

#endif
