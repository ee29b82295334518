// SPDX-License-Identifier: Apache-2.0
//
// norms_scalar.c on vectors; included once per instruction set, after its vector header.
#include <math.h>

#include "../vector/elements.h"
#include "../vector/functions.h"
#include "norms.h"

/// Parallel sums: a single one would wait for its own additions.
enum { SUM_COUNT = 4 };

/// A value, or its squared distance to the mean; zero in the lanes from n on.
RT_INLINE vf summand(vf value, int is_squared, vf mean, int64_t n) {
    return is_squared ? vf_keep((value - mean) * (value - mean), n) : value;
}

/// Sum of a row, or of its squared distances to the mean.
RT_INLINE float sum_row(rt_element from, const void *row, int64_t channels, int is_squared,
                        vf mean) {
    vf sums[SUM_COUNT];
    RT_UNROLL for (int s = 0; s < SUM_COUNT; s++) sums[s] = vf_set(0.0f);
    int64_t c = 0;
    for (; c + SUM_COUNT * VL <= channels; c += SUM_COUNT * VL)
        RT_UNROLL for (int s = 0; s < SUM_COUNT; s++)
            sums[s] += summand(vf_get(row, from, c + s * VL, VL), is_squared, mean, VL);
    for (; c < channels; c += VL) {
        const int64_t n = channels - c < VL ? channels - c : VL;
        sums[0] += summand(vf_get(row, from, c, n), is_squared, mean, n);
    }
    return vf_sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/// Two passes over a row that stays in the first-level cache: mean, then squared deviations.
RT_INLINE void layer_norm_row(rt_element from, rt_element to, const rt_layer_norm *a,
                              const void *source, void *target) {
    const int64_t channels = a->channels;
    const vf mean = vf_set(sum_row(from, source, channels, 0, vf_set(0.0f)) / (float)channels);
    const float squares = sum_row(from, source, channels, 1, mean);
    const float variance = squares / (float)channels;
    const vf factor = vf_set(1.0f / sqrtf(variance + a->epsilon));
    RT_FOR_VECTORS(channels, {
        const vf normal = (vf_get(source, from, i, n) - mean) * factor;
        const vf scale = vf_get(a->scale, RT_ELEMENT_F32, i, n);
        const vf shift = vf_get(a->shift, RT_ELEMENT_F32, i, n);
        vf_put(target, to, i, n, vf_fma(normal, scale, shift));
    });
}

void RT_NAME(rt_layer_norm)(const void *arguments, int64_t begin, int64_t end) {
    const rt_layer_norm *a = arguments;
    for (int64_t row = begin; row < end; row++)
        RT_BY_ELEMENTS(a->source.element, a->target.element, layer_norm_row, a,
                       rt_row(&a->source, row), rt_target_row(&a->target, row));
}

/// Vectors of channels that are summed at a time, and rows that go into one f32 sum.
enum { STRIP_VECTORS = 4, STRIP_CHANNELS = STRIP_VECTORS * VL, BLOCK_ROWS = 128 };

/// Per channel, over at most BLOCK_ROWS rows: the first value, the sum of the differences to it and
/// the sum of their squares. The difference to a value of the same channel keeps f32 accurate for
/// any mean: the squared distance of the pivot to the mean is part of the variance, so cancellation
/// costs at most a factor BLOCK_ROWS.
typedef struct strip_sums {
    float pivots[STRIP_CHANNELS];
    float sums[STRIP_CHANNELS];
    float squares[STRIP_CHANNELS];
} strip_sums;

RT_INLINE void sum_strip(rt_element from, const rt_source *source, int64_t first_row,
                         int64_t row_count, int64_t channel, int64_t vector_count, int64_t lanes,
                         strip_sums *result) {
    const int64_t step = source->row_stride * rt_byte_count(from);
    const char *row = (const char *)source->data + first_row * step + channel * rt_byte_count(from);
    vf pivots[STRIP_VECTORS], sums[STRIP_VECTORS], squares[STRIP_VECTORS];
    for (int64_t v = 0; v < vector_count; v++) {
        pivots[v] = vf_get(row, from, v * VL, lanes);
        sums[v] = squares[v] = vf_set(0.0f);
    }
    for (int64_t i = 0; i < row_count; i++, row += step)
        for (int64_t v = 0; v < vector_count; v++) {
            const vf difference = vf_get(row, from, v * VL, lanes) - pivots[v];
            sums[v] += difference;
            squares[v] = vf_fma(difference, difference, squares[v]);
        }
    for (int64_t v = 0; v < vector_count; v++) {
        vf_store(result->pivots + v * VL, pivots[v]);
        vf_store(result->sums + v * VL, sums[v]);
        vf_store(result->squares + v * VL, squares[v]);
    }
}

/// Adds a strip to the sums of its groups, in double precision.
static void add_strip(const rt_group_norm *a, const strip_sums *strip, int64_t channel,
                      int64_t count, int64_t row_count, double *group_sums) {
    const double rows = (double)row_count;
    double sums[STRIP_CHANNELS], squares[STRIP_CHANNELS];
    for (int64_t c = 0; c < STRIP_CHANNELS; c++) {
        const double pivot = (double)strip->pivots[c], sum = (double)strip->sums[c];
        sums[c] = rows * pivot + sum;
        squares[c] = (double)strip->squares[c] + pivot * (rows * pivot + 2 * sum);
    }
    const int64_t width = a->channels / a->group_count;
    int64_t group = channel / width;
    int64_t group_end = (group + 1) * width - channel;
    for (int64_t c = 0; c < count;) {
        const int64_t end = group_end < count ? group_end : count;
        double sum = 0, square = 0;
        for (; c < end; c++) {
            sum += sums[c];
            square += squares[c];
        }
        group_sums[group] += sum;
        group_sums[a->group_count + group] += square;
        group++;
        group_end += width;
    }
}

RT_INLINE void sum_block(rt_element from, const rt_group_norm *a, int64_t first_row,
                         int64_t row_count, double *sums) {
    strip_sums strip = {0};
    int64_t c = 0;
    for (; c + STRIP_CHANNELS <= a->channels; c += STRIP_CHANNELS) {
        sum_strip(from, &a->source, first_row, row_count, c, STRIP_VECTORS, VL, &strip);
        add_strip(a, &strip, c, STRIP_CHANNELS, row_count, sums);
    }
    for (; c + VL <= a->channels; c += VL) {
        sum_strip(from, &a->source, first_row, row_count, c, 1, VL, &strip);
        add_strip(a, &strip, c, VL, row_count, sums);
    }
    if (c < a->channels) {
        const int64_t lanes = a->channels - c;
        sum_strip(from, &a->source, first_row, row_count, c, 1, lanes, &strip);
        add_strip(a, &strip, c, lanes, row_count, sums);
    }
}

void RT_NAME(rt_group_norm_sums)(const void *arguments, int64_t begin, int64_t end) {
    const rt_group_norm *a = arguments;
    for (int64_t unit = begin; unit < end; unit++) {
        const rt_chunk chunk = rt_group_norm_chunk(a, unit);
        for (int64_t i = 0; i < 2 * a->group_count; i++) chunk.sums[i] = 0;
        for (int64_t i = 0; i < chunk.row_count; i += BLOCK_ROWS) {
            const int64_t left = chunk.row_count - i;
            const int64_t rows = left < BLOCK_ROWS ? left : BLOCK_ROWS;
            if (a->source.element == RT_ELEMENT_F32)
                sum_block(RT_ELEMENT_F32, a, chunk.first_row + i, rows, chunk.sums);
            else
                sum_block(RT_ELEMENT_BF16, a, chunk.first_row + i, rows, chunk.sums);
        }
    }
}

RT_INLINE void group_norm_row(rt_element from, rt_element to, rt_activation activation,
                              const void *source, void *target, const float *factors,
                              int64_t channels) {
    const float *offsets = factors + channels;
    RT_FOR_VECTORS(channels, {
        const vf factor = vf_get(factors, RT_ELEMENT_F32, i, n);
        const vf offset = vf_get(offsets, RT_ELEMENT_F32, i, n);
        const vf normal = vf_fma(vf_get(source, from, i, n), factor, offset);
        vf_put(target, to, i, n, vf_activation(normal, activation));
    });
}

#define GROUP_NORM_ROWS(activation)                                                          \
    for (int64_t row = begin; row < end; row++)                                              \
    RT_BY_ELEMENTS(a->source.element, a->target.element, group_norm_row, activation,         \
                   rt_row(&a->source, row), rt_target_row(&a->target, row),                  \
                   a->coefficients + row / a->rows_per_item * 2 * a->channels, a->channels)

void RT_NAME(rt_group_norm_apply)(const void *arguments, int64_t begin, int64_t end) {
    const rt_group_norm *a = arguments;
    switch (a->activation) {
    case RT_ACTIVATION_NONE: GROUP_NORM_ROWS(RT_ACTIVATION_NONE); return;
    case RT_ACTIVATION_SILU: GROUP_NORM_ROWS(RT_ACTIVATION_SILU); return;
    case RT_ACTIVATION_GELU: GROUP_NORM_ROWS(RT_ACTIVATION_GELU); return;
    case RT_ACTIVATION_QUICK_GELU: GROUP_NORM_ROWS(RT_ACTIVATION_QUICK_GELU); return;
    case RT_ACTIVATION_RELU: GROUP_NORM_ROWS(RT_ACTIVATION_RELU); return;
    }
}
