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
//
// A block of patches is multiplied with all column blocks at once, so that the weights are read
// once per block and the products stay in the second-level cache.
#include "../tile/tile.h"
#include "../vector/functions.h"
#include "winograd.h"

enum {
    /// Steps of one pass over a block of products, so that its weights stay in the first-level
    /// cache.
    STEP_BLOCK = 128,
    /// Words between positions of patches and of products: without them positions are often a
    /// multiple of 4096 bytes apart, and all lines of a patch in one set of the first-level cache.
    POSITION_GAP = 16,
    /// Fewest patches of a share, if another share can have other outputs of the same patches: each
    /// reads the weights of all its outputs, so that with fewer patches memory would be the limit.
    SHARE_PATCHES = 4 * TILE_ROWS,
};

/// Sizes of one call.
typedef struct geometry {
    int64_t steps;
    int64_t column_blocks;
    /// Patches across, down, and in all.
    int64_t across;
    int64_t down;
    int64_t patches;
    /// At most, a multiple of TILE_ROWS.
    int64_t patches_per_block;
    /// Shares that have the same patches and different column blocks.
    int64_t column_parts;
} geometry;

/// Where the positions of a block of patches begin, in words.
typedef struct strides {
    int64_t patches;
    int64_t products;
} strides;

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// The smallest divisor of the number of shares that leaves each enough patches, else the greatest.
static int64_t column_parts(const geometry *g, int64_t shares) {
    int64_t chosen = 1;
    for (int64_t parts = 1; parts <= g->column_blocks && parts <= shares; parts++) {
        if (shares % parts != 0) continue;
        chosen = parts;
        if (g->patches * parts >= SHARE_PATCHES * shares) break;
    }
    return chosen;
}

static geometry geometry_of(const rt_winograd *a) {
    geometry g = {
        .steps = ceil_div(a->input_channels, WORD_VALUES),
        .column_blocks = ceil_div(a->output_channels, TILE_WIDTH),
        .across = ceil_div(a->width, OUTPUT_SIDE),
        .down = ceil_div(a->height, OUTPUT_SIDE),
    };
    g.patches = a->batch * g.down * g.across;
    g.column_parts = column_parts(&g, a->share_count);
    int64_t most = PATCH_WORDS / (POSITIONS * g.steps);
    if (most > PATCH_MAX) most = PATCH_MAX;
    const int64_t fair = ceil_div(g.patches, a->share_count / g.column_parts);
    if (most > fair) most = fair;
    g.patches_per_block = most < TILE_ROWS ? TILE_ROWS : ceil_div(most, TILE_ROWS) * TILE_ROWS;
    return g;
}

static strides strides_of(geometry g, int64_t count) {
    return (strides){count * g.steps + POSITION_GAP, count * TILE_WIDTH + POSITION_GAP};
}

static int64_t round_up(int64_t count) { return (count + 15) / 16 * 16; }

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

/// The position of a patch's first output.
typedef struct place {
    int64_t item;
    int64_t y;
    int64_t x;
} place;

static place place_of(geometry g, int64_t patch) {
    const int64_t per_item = g.down * g.across;
    const int64_t rest = patch % per_item;
    return (place){patch / per_item, rest / g.across * OUTPUT_SIDE,
                   rest % g.across * OUTPUT_SIDE};
}

/// V = B^T d B of one patch, n channels from i; `pixels` are its rows, `patches` its values at
/// the first position.
RT_INLINE void transform_vector(const void *const pixels[POSITIONS], rt_element element, int64_t i,
                                int64_t n, void *patches, int64_t position_stride) {
    vf rows[PATCH_SIDE][PATCH_SIDE];
    RT_UNROLL for (int x = 0; x < PATCH_SIDE; x++) {
        vf d[PATCH_SIDE], v[PATCH_SIDE];
        RT_UNROLL for (int y = 0; y < PATCH_SIDE; y++)
            d[y] = vf_get(pixels[y * PATCH_SIDE + x], element, i, n);
        patch_line(d, v);
        RT_UNROLL for (int y = 0; y < PATCH_SIDE; y++) rows[y][x] = v[y];
    }
    RT_UNROLL for (int y = 0; y < PATCH_SIDE; y++) {
        vf v[PATCH_SIDE];
        patch_line(rows[y], v);
        RT_UNROLL for (int x = 0; x < PATCH_SIDE; x++)
            vf_put(patches, WORD_ELEMENT, (y * PATCH_SIDE + x) * position_stride + i, n, v[x]);
    }
}

RT_INLINE void transform_patch(const void *const pixels[POSITIONS], rt_element element,
                               int64_t channels, void *patches, int64_t position_stride) {
    RT_FOR_VECTORS(channels, transform_vector(pixels, element, i, n, patches, position_stride));
}

/// Transforms the patches of a block; `outside` is a row of zeros.
static void transform_block(const rt_winograd *a, geometry g, int64_t first, int64_t count,
                            const void *outside, float *patches) {
    const int64_t stride = strides_of(g, count).patches * WORD_VALUES;
    const int64_t height = a->height + 2 - 2 * a->vertical_padding;
    for (int64_t patch = 0; patch < count; patch++) {
        const place p = place_of(g, first + patch);
        const void *pixels[POSITIONS];
        for (int i = 0; i < POSITIONS; i++) {
            const int64_t y = p.y + i / PATCH_SIDE - a->vertical_padding;
            const int64_t x = p.x + i % PATCH_SIDE - 1;
            const int is_inside = y >= 0 && y < height && x >= 0 && x < a->width;
            pixels[i] = is_inside ? rt_row(&a->input, (p.item * height + y) * a->width + x)
                                  : outside;
        }
        float *target = patches + patch * g.steps;
        if (a->input.element == RT_ELEMENT_F32)
            transform_patch(pixels, RT_ELEMENT_F32, a->input_channels, target, stride);
        else
            transform_patch(pixels, RT_ELEMENT_BF16, a->input_channels, target, stride);
    }
}

/// products = patches * weights at every position, for one column block.
static void multiply_block(geometry g, const float *patches, int64_t count, const float *weights,
                           float *products) {
    const strides s = strides_of(g, count);
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
                    .start = step == 0 ? START_ZERO : START_NEXT,
                    .ahead = right + steps * TILE_WIDTH,
                    .ahead_count = is_last ? 0 : steps * TILE_WIDTH,
                },
                count);
        }
}

/// The operations on a column block of outputs.
typedef struct finish {
    const rt_winograd *a;
    int64_t column;
    int64_t columns;
} finish;

/// Stores activation(value + bias) + residual, or activation(value + bias + residual), for n columns.
RT_INLINE void finish_vector(const finish *f, rt_activation activation, int64_t row, int64_t i,
                             int64_t n, vf value) {
    const rt_winograd *a = f->a;
    const int64_t column = f->column + i;
    value += vf_get(a->bias, RT_ELEMENT_F32, column, n);
    if (!a->activates_sum) value = vf_activation(value, activation);
    if (a->residual) {
        const void *line = rt_row(a->residual, row);
        value += a->residual->element == RT_ELEMENT_F32 ? vf_get(line, RT_ELEMENT_F32, column, n)
                                                        : vf_get(line, RT_ELEMENT_BF16, column, n);
    }
    if (a->activates_sum) value = vf_activation(value, activation);
    if (a->output.element == RT_ELEMENT_F32)
        vf_put(rt_target_row(&a->output, row), RT_ELEMENT_F32, column, n, value);
    else vf_put(rt_target_row(&a->output, row), RT_ELEMENT_BF16, column, n, value);
}

/// Y = A^T m A of one patch, n columns from i.
RT_INLINE void finish_patch(const finish *f, rt_activation activation, place p,
                            const float *products, int64_t position_stride, int64_t i, int64_t n) {
    const rt_winograd *a = f->a;
    const int64_t row = (p.item * a->height + p.y) * a->width + p.x;
    vf lines[OUTPUT_SIDE][PATCH_SIDE];
    RT_UNROLL for (int x = 0; x < PATCH_SIDE; x++) {
        vf m[PATCH_SIDE], y[OUTPUT_SIDE];
        RT_UNROLL for (int k = 0; k < PATCH_SIDE; k++)
            m[k] = vf_load(products + (k * PATCH_SIDE + x) * position_stride + i);
        output_line(m, y);
        RT_UNROLL for (int k = 0; k < OUTPUT_SIDE; k++) lines[k][x] = y[k];
    }
    RT_UNROLL for (int y = 0; y < OUTPUT_SIDE; y++) {
        vf values[OUTPUT_SIDE];
        output_line(lines[y], values);
        if (p.y + y >= a->height) return;
        RT_UNROLL for (int x = 0; x < OUTPUT_SIDE; x++)
            if (p.x + x < a->width)
                finish_vector(f, activation, row + y * a->width + x, i, n, values[x]);
    }
}

/// All patches of a block; the activation is a constant.
RT_INLINE void finish_patches(const finish *f, rt_activation activation, geometry g, int64_t first,
                              int64_t count, const float *products) {
    const int64_t stride = strides_of(g, count).products;
    for (int64_t patch = 0; patch < count; patch++) {
        const float *source = products + patch * TILE_WIDTH;
        const place p = place_of(g, first + patch);
        RT_FOR_VECTORS(f->columns, finish_patch(f, activation, p, source, stride, i, n));
    }
}

static void finish_block(const finish *f, geometry g, int64_t first, int64_t count,
                         const float *products) {
    switch (f->a->activation) {
    case RT_ACTIVATION_NONE: finish_patches(f, RT_ACTIVATION_NONE, g, first, count, products); break;
    case RT_ACTIVATION_SILU: finish_patches(f, RT_ACTIVATION_SILU, g, first, count, products); break;
    case RT_ACTIVATION_GELU: finish_patches(f, RT_ACTIVATION_GELU, g, first, count, products); break;
    case RT_ACTIVATION_RELU: finish_patches(f, RT_ACTIVATION_RELU, g, first, count, products); break;
    case RT_ACTIVATION_QUICK_GELU:
        finish_patches(f, RT_ACTIVATION_QUICK_GELU, g, first, count, products);
        break;
    }
}

/// One part of the column blocks of a block of patches.
static void run_block(const rt_winograd *a, geometry g, int64_t part, int64_t first, int64_t count,
                      float *scratch) {
    float *patches = scratch + round_up(a->input_channels);
    float *products = patches + POSITIONS * round_up(strides_of(g, g.patches_per_block).patches);
    transform_block(a, g, first, count, scratch, patches);
    const int64_t last = g.column_blocks * (part + 1) / g.column_parts;
    for (int64_t column_block = g.column_blocks * part / g.column_parts; column_block < last;
         column_block++) {
        const float *weights =
            (const float *)a->weights + column_block * POSITIONS * g.steps * TILE_WIDTH;
        multiply_block(g, patches, count, weights, products);
        const int64_t column = column_block * TILE_WIDTH;
        const int64_t rest = a->output_channels - column;
        const finish f = {a, column, rest < TILE_WIDTH ? rest : TILE_WIDTH};
        finish_block(&f, g, first, count, products);
    }
}

/// Where part i of some patches begins: whole tiles, parts that differ by one tile at most.
static int64_t part_start(int64_t patches, int64_t i, int64_t parts) {
    const int64_t start = ceil_div(patches, TILE_ROWS) * i / parts * TILE_ROWS;
    return start < patches ? start : patches;
}

void WINOGRAD_NAME(rt_winograd_run)(const void *arguments, int64_t begin, int64_t end) {
    const rt_winograd *a = arguments;
    const geometry g = geometry_of(a);
    const rt_winograd_plan plan = WINOGRAD_NAME(rt_winograd_plan)(a);
    for (int64_t share = begin; share < end; share++) {
        float *scratch = (float *)((char *)a->scratch + share * plan.scratch_byte_count);
        for (int64_t i = 0; i < round_up(a->input_channels); i++) scratch[i] = 0;
        const int64_t part = share / g.column_parts, parts = a->share_count / g.column_parts;
        const int64_t first = part_start(g.patches, part, parts);
        const int64_t patches = part_start(g.patches, part + 1, parts) - first;
        const int64_t blocks = ceil_div(patches, g.patches_per_block);
        for (int64_t i = 0; i < blocks; i++) {
            const int64_t start = part_start(patches, i, blocks);
            const int64_t count = part_start(patches, i + 1, blocks) - start;
            run_block(a, g, share % g.column_parts, first + start, count, scratch);
        }
    }
}
