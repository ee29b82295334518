// SPDX-License-Identifier: Apache-2.0
//
// Winograd's F(2x2, 3x3) (see winograd_vector.h) with products of bytes. Pixels and filters are
// rounded after their transform: each patch has a scale per position, each output channel too, so
// every position is a product of matrices with a scale per row and column, and the error is below
// that of a direct convolution with one scale per picture. The output transform applies the scales.
// Included once per variant, after its vector header.
//
//   weights   [column block][position][step][TILE_WIDTH]   unsigned, in words; then the scales,
//             [column block][position][TILE_WIDTH]
//   pixels    [position][channel]                          one transformed patch, in f32
//   patches   [position][patch][step]                      signed, in words; then [position][patch]
//             scales and compensations
//   products  [position][patch][TILE_WIDTH]                of one column block
#include "../tile/words_s8.h"
#include "../winograd/transforms_2x2.h"
#include "int8.h"
#include "round_row.h"

enum {
    /// Steps of one pass over a block of products, so that its weights stay in the first-level
    /// cache.
    STEP_BLOCK = 8192 / TILE_WIDTH,
    /// The next weights are not fetched during products: these are so short that memory is the limit
    /// where patches are few, and what the processor fetches by itself arrives sooner.
    FETCHES_AHEAD = 0,
};

/// The products of a column block, in integers, and the scales that make values of them.
typedef struct products {
    const float *sums;
    int64_t position_stride;
    int64_t patch_count;
    /// `[position][patch]`
    const float *row_scales;
    /// `[position][TILE_WIDTH]`, of the filters
    const float *column_scales;
} products;

/// VL values of a patch at a position, from column i.
RT_INLINE vf product_at(const products *p, int position, int64_t patch, int64_t i) {
    const float *sums = p->sums + position * p->position_stride + patch * TILE_WIDTH + i;
    const vf row_scale = vf_set(p->row_scales[position * p->patch_count + patch]);
    const vf scaled = vf_from_integers(vi_bits(vf_load(sums))) * row_scale;
    return scaled * vf_load(p->column_scales + position * TILE_WIDTH + i);
}

#include "../winograd/winograd_outputs.h"
#include "../winograd/winograd_transforms.h"

/// Where the parts of a share's scratch memory begin, in words; zeros come first.
typedef struct layout {
    int64_t pixels;
    int64_t patches;
    int64_t scales;
    int64_t compensations;
    int64_t products;
    int64_t word_count;
} layout;

/// Words from one position of a transformed patch to the next.
static int64_t pixel_stride(const rt_winograd *a) {
    return round_up(a->input_channels) + POSITION_GAP;
}

static layout layout_of(const rt_winograd *a, geometry g) {
    const strides s = strides_of(g, g.patches_per_block);
    const int64_t rows = round_up(g.patches_per_block * POSITIONS);
    layout l = {.pixels = round_up(a->input_channels)};
    l.patches = l.pixels + POSITIONS * pixel_stride(a);
    l.scales = l.patches + POSITIONS * round_up(s.patches);
    l.compensations = l.scales + rows;
    l.products = l.compensations + rows;
    l.word_count = l.products + POSITIONS * s.products;
    return l;
}

rt_winograd_plan RT_NAME(rt_winograd_int8_plan)(const rt_winograd *a) {
    const geometry g = geometry_of(a);
    return (rt_winograd_plan){
        .packed_byte_count = g.column_blocks * POSITIONS * (g.steps + 1) * TILE_WIDTH * 4,
        .pack_unit_count = g.column_blocks,
        .scratch_byte_count = layout_of(a, g).word_count * 4,
    };
}

/// Packs the filters of n output channels from `column`: VL lanes of a block of columns.
static void pack_vector(const rt_winograd_pack *a, int64_t steps, int64_t column, int64_t n,
                        float *words, float *scales) {
    vi greatest[POSITIONS];
    for (int i = 0; i < POSITIONS; i++) greatest[i] = vi_set(0);
    for (int64_t input = 0; input < a->input_channels; input++) {
        vf u[POSITIONS];
        load_filters(a, input, column, n, u);
        for (int i = 0; i < POSITIONS; i++)
            greatest[i] = vi_max(greatest[i], vi_magnitude_bits(u[i]));
    }
    vf inverses[POSITIONS];
    for (int i = 0; i < POSITIONS; i++) {
        float bits[VL], inverse[VL];
        vf_store(bits, vf_bits(greatest[i]));
        for (int lane = 0; lane < VL; lane++) {
            int32_t most;
            memcpy(&most, bits + lane, sizeof most);
            const rt_scale s = rt_scale_of(most);
            scales[i * TILE_WIDTH + lane] = s.scale;
            inverse[lane] = s.inverse;
        }
        inverses[i] = vf_load(inverse);
    }
    for (int64_t step = 0; step < steps; step++) {
        vi bytes[POSITIONS];
        for (int i = 0; i < POSITIONS; i++) bytes[i] = vi_set(0);
        for (int64_t k = 0; k < WORD_VALUES; k++) {
            vf u[POSITIONS];
            load_filters(a, step * WORD_VALUES + k, column, n, u);
            for (int i = 0; i < POSITIONS; i++) {
                const vi byte = vi_add(vi_round(u[i] * inverses[i]), vi_set(BYTE_ZERO));
                bytes[i] = vi_add(bytes[i], vi_shift(byte, 8 * (int)k));
            }
        }
        for (int i = 0; i < POSITIONS; i++)
            vf_store(words + (i * steps + step) * TILE_WIDTH, vf_bits(bytes[i]));
    }
}

void RT_NAME(rt_winograd_int8_pack)(const void *arguments, int64_t begin, int64_t end) {
    const rt_winograd_pack *a = arguments;
    const int64_t steps = ceil_div(a->input_channels, WORD_VALUES);
    const int64_t blocks = ceil_div(a->output_channels, TILE_WIDTH);
    float *words = a->packed;
    float *scales = words + blocks * POSITIONS * steps * TILE_WIDTH;
    for (int64_t block = begin; block < end; block++)
        for (int64_t v = 0; v < TILE_VECTORS; v++) {
            const int64_t column = block * TILE_WIDTH + v * VL;
            const int64_t left = a->output_channels - column;
            pack_vector(a, steps, column, left > VL ? VL : left,
                        words + block * POSITIONS * steps * TILE_WIDTH + v * VL,
                        scales + block * POSITIONS * TILE_WIDTH + v * VL);
        }
}

/// Transforms and rounds the patches of a block.
static void transform_block(const rt_winograd *a, geometry g, int64_t first, int64_t count,
                            layout l, float *scratch) {
    const int64_t stride = strides_of(g, count).patches;
    for (int64_t patch = 0; patch < count; patch++) {
        const void *pixels[POSITIONS];
        patch_pixels(a, place_of(g, first + patch), scratch, pixels);
        transform_patch(pixels, a->input.element, RT_ELEMENT_F32, a->input_channels,
                        scratch + l.pixels, pixel_stride(a));
        for (int i = 0; i < POSITIONS; i++) {
            const int64_t row = i * count + patch;
            round_row(scratch + l.pixels + i * pixel_stride(a), RT_ELEMENT_F32, a->input_channels,
                      (int8_t *)(scratch + l.patches + i * stride + patch * g.steps),
                      scratch + l.scales + row, scratch + l.compensations + row);
        }
    }
}

/// One part of the column blocks of a block of patches.
static void run_block(const rt_winograd *a, geometry g, int64_t part, int64_t first, int64_t count,
                      float *scratch) {
    const layout l = layout_of(a, g);
    transform_block(a, g, first, count, l, scratch);
    const float *weights = a->weights;
    const int64_t block_words = POSITIONS * g.steps * TILE_WIDTH;
    const float *scales = weights + g.column_blocks * block_words;
    const int64_t last = g.column_blocks * (part + 1) / g.column_parts;
    for (int64_t block = g.column_blocks * part / g.column_parts; block < last; block++) {
        multiply_block(g, scratch + l.patches, count, weights + block * block_words,
                       scratch + l.compensations, scratch + l.products);
        const int64_t rest = a->output_channels - block * TILE_WIDTH;
        const finish f = {
            .a = a,
            .column = block * TILE_WIDTH,
            .columns = rest < TILE_WIDTH ? rest : TILE_WIDTH,
            .products = {
                .sums = scratch + l.products,
                .position_stride = strides_of(g, count).products,
                .patch_count = count,
                .row_scales = scratch + l.scales,
                .column_scales = scales + block * POSITIONS * TILE_WIDTH,
            },
        };
        finish_block(&f, g, first, count);
    }
}

void RT_NAME(rt_winograd_int8_run)(const void *arguments, int64_t begin, int64_t end) {
    const rt_winograd *a = arguments;
    run_shares(a, RT_NAME(rt_winograd_int8_plan)(a).scratch_byte_count, run_block, begin, end);
}
