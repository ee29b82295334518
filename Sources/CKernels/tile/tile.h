// SPDX-License-Identifier: Apache-2.0
//
// The matrix product inside attention, Winograd's convolution and int8 layers: TILE_ROWS broadcast words times
// TILE_VECTORS vectors per step, accumulated in registers. Included after a vector header and after
// one of words_f32.h, words_bf16.h and words_s8.h.
#ifndef RETOM_TILE_H
#define RETOM_TILE_H

#include "../vector/elements.h"

enum {
    /// Every loaded vector is used six times and every broadcast word TILE_VECTORS times.
    TILE_ROWS = 6,
    /// As many as the registers allow: 6 x 4 accumulators, 4 vectors and a broadcast fit into 32
    /// registers, 6 x 2 accumulators, 2 vectors and a broadcast into 16.
    TILE_VECTORS = VL == 16 ? 4 : 2,
    TILE_WIDTH = TILE_VECTORS * VL,
};

/// Initialisation of a tile's accumulators before the first step. START_APART sums from zero and
/// adds the target at the end: the error of a long sum that is made of such parts is smaller.
typedef enum tile_start {
    START_ZERO,
    START_ROWS,
    START_ADD,
    START_SCALE,
    START_APART,
} tile_start;

/// rows x TILE_WIDTH values: target = start(target) + sum over steps of left * right.
typedef struct tile {
    /// Word of row r and step t at `left[r * row_stride + t * step_stride]`.
    const float *left;
    int64_t row_stride;
    int64_t step_stride;
    /// `[step][TILE_WIDTH]`
    const float *right;
    int64_t step_count;
    /// `[row][TILE_WIDTH]`
    float *target;
    tile_start start;
    /// The initial values of START_ROWS, one per row.
    const float *row_values;
    /// Factors of START_SCALE, one per column.
    const float *factors;
    /// Raised to the greatest result, per column, unless NULL.
    float *greatest;
    /// Values that are needed next, to be fetched into the second-level cache meanwhile.
    const float *ahead;
    int64_t ahead_count;
} tile;

RT_INLINE void run_tile(const tile *t, int rows) {
    vf sums[TILE_ROWS][TILE_VECTORS];
    RT_UNROLL for (int r = 0; r < rows; r++)
        RT_UNROLL for (int v = 0; v < TILE_VECTORS; v++) {
            const float *old = t->target + r * TILE_WIDTH + v * VL;
            if (t->start == START_ZERO || t->start == START_APART) sums[r][v] = vf_set(0.0f);
            else if (t->start == START_ROWS) sums[r][v] = vf_set(t->row_values[r]);
            else sums[r][v] = vf_load(old);
            if (t->start == START_SCALE) sums[r][v] *= vf_load(t->factors + v * VL);
        }
    const float *left = t->left, *right = t->right;
    for (int64_t s = t->step_count; s > 0; s--) {
        vf columns[TILE_VECTORS];
        RT_UNROLL for (int v = 0; v < TILE_VECTORS; v++) columns[v] = vf_load(right + v * VL);
        RT_UNROLL for (int r = 0; r < rows; r++) {
            const vf word = vf_set(left[r * t->row_stride]);
            RT_UNROLL for (int v = 0; v < TILE_VECTORS; v++)
                sums[r][v] = word_dot(sums[r][v], word, columns[v]);
        }
        left += t->step_stride;
        right += TILE_WIDTH;
    }
    if (t->start == START_APART)
        RT_UNROLL for (int r = 0; r < rows; r++)
            RT_UNROLL for (int v = 0; v < TILE_VECTORS; v++)
                sums[r][v] += vf_load(t->target + r * TILE_WIDTH + v * VL);
    RT_UNROLL for (int r = 0; r < rows; r++)
        RT_UNROLL for (int v = 0; v < TILE_VECTORS; v++)
            vf_store(t->target + r * TILE_WIDTH + v * VL, sums[r][v]);
    if (t->greatest)
        RT_UNROLL for (int v = 0; v < TILE_VECTORS; v++) {
            vf greatest = vf_load(t->greatest + v * VL);
            RT_UNROLL for (int r = 0; r < rows; r++) greatest = word_max(sums[r][v], greatest);
            vf_store(t->greatest + v * VL, greatest);
        }
}

/// Fetches part i of some values.
static inline __attribute__((unused)) void fetch(const float *values, int64_t count, int64_t i,
                                                 int64_t parts) {
    const int64_t line = 16, lines = count / line, end = lines * (i + 1) / parts;
    for (int64_t k = lines * i / parts; k < end; k++) __builtin_prefetch(values + k * line, 0, 2);
}

/// Runs `count` rows of the tile's target, in tiles of nearly equal heights.
static __attribute__((unused)) void run_rows(tile t, int64_t count) {
    const int64_t tile_count = (count + TILE_ROWS - 1) / TILE_ROWS;
    const float *left = t.left, *row_values = t.row_values;
    float *target = t.target;
    for (int64_t i = 0; i < tile_count; i++) {
        const int64_t first = count * i / tile_count;
        const int64_t rows = count * (i + 1) / tile_count - first;
        fetch(t.ahead, t.ahead_count, i, tile_count);
        t.left = left + first * t.row_stride;
        t.target = target + first * TILE_WIDTH;
        if (row_values) t.row_values = row_values + first;
        switch (rows) {
        case 1: run_tile(&t, 1); break;
        case 2: run_tile(&t, 2); break;
        case 3: run_tile(&t, 3); break;
        case 4: run_tile(&t, 4); break;
        case 5: run_tile(&t, 5); break;
        default: run_tile(&t, 6); break;
        }
    }
}

#endif
