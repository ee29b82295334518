// SPDX-License-Identifier: Apache-2.0
//
// F(m x m, 3x3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016,
// algorithm 1: Y = A^T [sum over channels of (G g G^T) * (B^T d B)] A. With m = 2, four outputs
// cost 16 products per pair of channels instead of 36; with m = 4, sixteen cost 36 instead of 144.
// Included once per variant, after its vector header, one of words_f32.h and words_bf16.h, and one
// of transforms_2x2.h and transforms_4x4.h.
//
//   patch       (m + 2) x (m + 2) pixels of the input, d; patches overlap, their outputs do not
//   positions   the (m + 2)^2 values of a transformed patch or filter: as many products of matrices
//   steps       words of the input's channels
//   weights     [column block][position][step][TILE_WIDTH]     transformed filters, in words
//   patches     [position][patch][step]                        of one block, in scratch memory
//   products    [position][patch][TILE_WIDTH]                  of one column block
#include "../tile/tile.h"
#include "winograd.h"

enum {
    /// Steps of one pass over a block of products, so that its weights stay in the first-level
    /// cache.
    STEP_BLOCK = 128,
    /// Whether the next weights are fetched during products.
    FETCHES_AHEAD = 1,
};

/// The products of a column block, in f32.
typedef struct products {
    const float *values;
    int64_t position_stride;
} products;

/// VL values of a patch at a position, from column i.
RT_INLINE vf product_at(const products *p, int position, int64_t patch, int64_t i) {
    return vf_load(p->values + position * p->position_stride + patch * TILE_WIDTH + i);
}

#include "winograd_outputs.h"
#include "winograd_transforms.h"

rt_winograd_plan WINOGRAD_NAME(rt_winograd_plan)(const rt_winograd *a) {
    const geometry g = geometry_of(a);
    const strides s = strides_of(g, g.patches_per_block);
    return (rt_winograd_plan){
        .packed_byte_count = g.column_blocks * POSITIONS * g.steps * TILE_WIDTH * 4,
        .pack_unit_count = g.column_blocks,
        .scratch_byte_count =
            (round_up(a->input_channels) + POSITIONS * (round_up(s.patches) + s.products)) * 4,
    };
}

void WINOGRAD_NAME(rt_winograd_pack)(const void *arguments, int64_t begin, int64_t end) {
    const rt_winograd_pack *a = arguments;
    const int64_t steps = ceil_div(a->input_channels, WORD_VALUES);
    for (int64_t block = begin; block < end; block++)
        for (int64_t v = 0; v < TILE_VECTORS; v++) {
            const int64_t column = block * TILE_WIDTH + v * VL;
            const int64_t left = a->output_channels - column;
            const int64_t n = left > VL ? VL : left;
            for (int64_t step = 0; step < steps; step++) {
                vf low[POSITIONS], high[POSITIONS];
                load_filters(a, step * WORD_VALUES, column, n, low);
                if (WORD_VALUES > 1) load_filters(a, step * WORD_VALUES + 1, column, n, high);
                for (int position = 0; position < POSITIONS; position++) {
                    const int64_t row = (block * POSITIONS + position) * steps + step;
                    const vf upper = WORD_VALUES > 1 ? high[position] : vf_set(0.0f);
                    vf_store((float *)a->packed + row * TILE_WIDTH + v * VL,
                             word_of(low[position], upper));
                }
            }
        }
}

/// Transforms the patches of a block; `outside` is a row of zeros.
static void transform_block(const rt_winograd *a, geometry g, int64_t first, int64_t count,
                            const void *outside, float *patches) {
    const int64_t stride = strides_of(g, count).patches * WORD_VALUES;
    for (int64_t patch = 0; patch < count; patch++) {
        const void *pixels[POSITIONS];
        patch_pixels(a, place_of(g, first + patch), outside, pixels);
        transform_patch(pixels, a->input.element, WORD_ELEMENT, a->input_channels,
                        patches + patch * g.steps, stride);
    }
}

/// One part of the column blocks of a block of patches.
static void run_block(const rt_winograd *a, geometry g, int64_t part, int64_t first, int64_t count,
                      float *scratch) {
    float *patches = scratch + round_up(a->input_channels);
    float *values = patches + POSITIONS * round_up(strides_of(g, g.patches_per_block).patches);
    transform_block(a, g, first, count, scratch, patches);
    const int64_t last = g.column_blocks * (part + 1) / g.column_parts;
    for (int64_t column_block = g.column_blocks * part / g.column_parts; column_block < last;
         column_block++) {
        const float *weights =
            (const float *)a->weights + column_block * POSITIONS * g.steps * TILE_WIDTH;
        multiply_block(g, patches, count, weights, 0, values);
        const int64_t column = column_block * TILE_WIDTH;
        const int64_t rest = a->output_channels - column;
        const finish f = {a, column, rest < TILE_WIDTH ? rest : TILE_WIDTH,
                          {values, strides_of(g, count).products}};
        finish_block(&f, g, first, count);
    }
}

void WINOGRAD_NAME(rt_winograd_run)(const void *arguments, int64_t begin, int64_t end) {
    const rt_winograd *a = arguments;
    run_shares(a, WINOGRAD_NAME(rt_winograd_plan)(a).scratch_byte_count, run_block, begin, end);
}
