// SPDX-License-Identifier: Apache-2.0
//
// Blocks of queries and keys, transposed, as all attention kernels have them: in the inputs' type
// (attention_vector.h) and in bytes (attention_int8_vector.h). Included after words_*.h.
#ifndef RETOM_ATTENTION_BLOCKS_H
#define RETOM_ATTENTION_BLOCKS_H

#include "../tile/tile.h"

enum {
    /// Queries of a block: one per column of a tile.
    QUERY_BLOCK = TILE_WIDTH,
    /// Keys of a block: a multiple of TILE_ROWS and of four, and of 32 for AMX.
    KEY_BLOCK = 96,
    /// Steps of one pass over a block of scores, so that its queries stay in the first-level cache.
    STEP_BLOCK = 8192 / TILE_WIDTH,
};

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t round_up(int64_t count) { return (count + 15) / 16 * 16; }

/// The head's first channel in a row.
static const void *head_row(const rt_source *source, int64_t row, int64_t channel) {
    return (const char *)rt_row(source, row) + channel * rt_byte_count(source->element);
}

/// Stores VL rows as the first `count` steps of VL queries of a block.
RT_INLINE void store_transposed(vf rows[VL], int64_t count, float *target) {
    vf_transpose(rows);
    for (int64_t i = 0; i < count; i++) vf_store(target + i * QUERY_BLOCK, rows[i]);
}

/// scores = keys * queries, for a block of keys of `steps` words each. Sums begin with
/// `row_values`, one per key, or with zero: NULL. `greatest` is raised to the maximum per query.
static __attribute__((unused)) void multiply_keys(int64_t steps, const float *keys,
                                                  const float *row_values, int64_t key_count,
                                                  const float *queries, float *scores,
                                                  float *greatest) {
    const tile_start first_start = row_values ? START_ROWS : START_ZERO;
    for (int64_t step = 0; step < steps; step += STEP_BLOCK) {
        const int64_t left = steps - step;
        run_rows(
            (tile){
                .left = keys + step,
                .row_stride = steps,
                .step_stride = 1,
                .right = queries + step * QUERY_BLOCK,
                .step_count = left < STEP_BLOCK ? left : STEP_BLOCK,
                .target = scores,
                .start = step == 0 ? first_start : START_ADD,
                .row_values = row_values,
                .greatest = left <= STEP_BLOCK ? greatest : 0,
            },
            key_count);
    }
}

/// Sums of one channel, times a factor per query and, unless that is NULL, one of the channel.
RT_INLINE vf scaled(const float *sums, vf inverse, const float *factors, int64_t channel) {
    const vf value = vf_load(sums) * inverse;
    return factors ? value * vf_set(factors[channel]) : value;
}

/// Stores n channels of a row.
RT_INLINE void put_output(const rt_attention *a, int64_t row, int64_t channel, int64_t n,
                          vf value) {
    void *target = rt_target_row(&a->output, row);
    if (a->output.element == RT_ELEMENT_F32) vf_put(target, RT_ELEMENT_F32, channel, n, value);
    else vf_put(target, RT_ELEMENT_BF16, channel, n, value);
}

/// Divides a block's sums by its weights, multiplies them by a factor per channel unless that is
/// NULL, transposes back and stores.
RT_INLINE void store_output(const rt_attention *a, int64_t first_row, int64_t channel,
                            int64_t query_count, const float *sums, const float *weights,
                            const float *channel_factors) {
    for (int64_t q = 0; q < query_count; q += VL) {
        const vf inverse = vf_set(1.0f) / vf_load(weights + q);
        const int64_t left = query_count - q, row_count = left < VL ? left : VL;
        for (int64_t c = 0; c < a->head_dimension; c += VL) {
            const int64_t count = a->head_dimension - c < VL ? a->head_dimension - c : VL;
            vf rows[VL];
            for (int64_t i = 0; i < VL; i++)
                rows[i] = i < count
                              ? scaled(sums + (c + i) * QUERY_BLOCK + q, inverse, channel_factors,
                                       c + i)
                              : vf_set(0.0f);
            vf_transpose(rows);
            for (int64_t i = 0; i < row_count; i++)
                put_output(a, first_row + q + i, channel + c, count, rows[i]);
        }
    }
}

#endif
