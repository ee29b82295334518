// SPDX-License-Identifier: Apache-2.0
//
// Filters and patches transformed line by line, and the products of a block of patches with a
// column block, the same for products in the inputs' type and in bytes. The includer defines
// STEP_BLOCK and FETCHES_AHEAD.
#ifndef RETOM_WINOGRAD_TRANSFORMS_H
#define RETOM_WINOGRAD_TRANSFORMS_H

#include "winograd_blocks.h"

/// U = G g G^T for VL filters.
RT_INLINE void transform_filters(const vf g[9], vf u[POSITIONS]) {
    vf rows[PATCH_SIDE][3];
    RT_UNROLL for (int x = 0; x < 3; x++) {
        const vf column[3] = {g[x], g[3 + x], g[6 + x]};
        vf line[PATCH_SIDE];
        filter_line(column, line);
        RT_UNROLL for (int y = 0; y < PATCH_SIDE; y++) rows[y][x] = line[y];
    }
    RT_UNROLL for (int y = 0; y < PATCH_SIDE; y++) filter_line(rows[y], u + y * PATCH_SIDE);
}

/// The nine weights between an input channel and n output channels from `column`, transformed;
/// zero beyond the last channel.
RT_INLINE void load_filters(const rt_winograd_pack *a, int64_t input, int64_t column, int64_t n,
                            vf u[POSITIONS]) {
    vf g[9];
    for (int tap = 0; tap < 9; tap++) {
        const int64_t line = tap * a->input_channels + input;
        const float *row = a->weights + line * a->output_channels;
        const int is_inside = n > 0 && input < a->input_channels;
        g[tap] = is_inside ? vf_get(row, RT_ELEMENT_F32, column, n) : vf_set(0.0f);
    }
    transform_filters(g, u);
}

/// V = B^T d B of one patch, n channels from i; `pixels` are its rows, `patches` its values at the
/// first position, of type `to`.
RT_INLINE void transform_vector(const void *const pixels[POSITIONS], rt_element from, rt_element to,
                                int64_t i, int64_t n, void *patches, int64_t position_stride) {
    vf rows[PATCH_SIDE][PATCH_SIDE];
    RT_UNROLL for (int x = 0; x < PATCH_SIDE; x++) {
        vf d[PATCH_SIDE], v[PATCH_SIDE];
        RT_UNROLL for (int y = 0; y < PATCH_SIDE; y++)
            d[y] = vf_get(pixels[y * PATCH_SIDE + x], from, i, n);
        patch_line(d, v);
        RT_UNROLL for (int y = 0; y < PATCH_SIDE; y++) rows[y][x] = v[y];
    }
    RT_UNROLL for (int y = 0; y < PATCH_SIDE; y++) {
        vf v[PATCH_SIDE];
        patch_line(rows[y], v);
        RT_UNROLL for (int x = 0; x < PATCH_SIDE; x++)
            vf_put(patches, to, (y * PATCH_SIDE + x) * position_stride + i, n, v[x]);
    }
}

/// All channels of a patch; `to` is a constant.
RT_INLINE void transform_patch(const void *const pixels[POSITIONS], rt_element from, rt_element to,
                               int64_t channels, void *patches, int64_t position_stride) {
    if (from == RT_ELEMENT_F32)
        RT_FOR_VECTORS(channels, transform_vector(pixels, RT_ELEMENT_F32, to, i, n, patches,
                                                  position_stride));
    else
        RT_FOR_VECTORS(channels, transform_vector(pixels, RT_ELEMENT_BF16, to, i, n, patches,
                                                  position_stride));
}

/// products = patches * weights at every position, for one column block. Products in bytes begin
/// with `compensations`, `[position][patch]` (see words_s8.h), others with zero: NULL.
static void multiply_block(geometry g, const float *patches, int64_t count, const float *weights,
                           const float *compensations, float *products) {
    const strides s = strides_of(g, count);
    const tile_start first_start = compensations ? START_ROWS : START_ZERO;
    for (int position = 0; position < POSITIONS; position++)
        for (int64_t step = 0; step < g.steps; step += STEP_BLOCK) {
            const int64_t left = g.steps - step;
            const int64_t steps = left < STEP_BLOCK ? left : STEP_BLOCK;
            const float *right = weights + (position * g.steps + step) * TILE_WIDTH;
            const int is_last = position + 1 == POSITIONS && steps == left;
            run_rows(
                (tile){
                    .left = patches + position * s.patches + step,
                    .row_stride = g.steps,
                    .step_stride = 1,
                    .right = right,
                    .step_count = steps,
                    .target = products + position * s.products,
                    .start = step == 0 ? first_start : START_NEXT,
                    .row_values = compensations ? compensations + position * count : 0,
                    .ahead = right + steps * TILE_WIDTH,
                    .ahead_count = FETCHES_AHEAD && !is_last ? steps * TILE_WIDTH : 0,
                },
                count);
        }
}

#endif
