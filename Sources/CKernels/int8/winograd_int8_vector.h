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
//             scales and starts
//   products  [position][patch][TILE_WIDTH]                of one column block
#include "../tile/words_s8.h"
#include "../tile/tile.h"
#include "../vector/functions.h"
#include "int8.h"
#include "round_row.h"

enum {
    POSITIONS = 16,
    /// Steps of one pass over a block of products, so that its weights stay in the first-level
    /// cache.
    STEP_BLOCK = 8192 / TILE_WIDTH,
    /// Words available for the transformed patches of a block.
    PATCH_WORDS = 512 * 1024,
    /// Maximum patches of a block: more would evict the products from the second-level cache.
    PATCH_MAX = 144,
};

/// Sizes of one call.
typedef struct geometry {
    int64_t steps;
    int64_t column_blocks;
    /// 2 x 2 outputs across, down, and in all.
    int64_t across;
    int64_t down;
    int64_t patches;
    /// At most, a multiple of TILE_ROWS.
    int64_t patches_per_block;
} geometry;

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t round_up(int64_t count) { return (count + 15) / 16 * 16; }

static geometry geometry_of(const rt_winograd *a) {
    geometry g = {
        .steps = ceil_div(a->input_channels, WORD_VALUES),
        .column_blocks = ceil_div(a->output_channels, TILE_WIDTH),
        .across = ceil_div(a->width, 2),
        .down = ceil_div(a->height, 2),
    };
    g.patches = a->batch * g.down * g.across;
    int64_t most = PATCH_WORDS / (POSITIONS * g.steps);
    if (most > PATCH_MAX) most = PATCH_MAX;
    const int64_t fair = ceil_div(g.patches, a->share_count);
    if (most > fair) most = fair;
    g.patches_per_block = most < TILE_ROWS ? TILE_ROWS : ceil_div(most, TILE_ROWS) * TILE_ROWS;
    return g;
}

/// Scratch memory of one share, in words.
typedef struct layout {
    float *zeros;
    float *pixels;
    float *patches;
    float *scales;
    float *starts;
    float *products;
    int64_t word_count;
} layout;

static layout layout_of(const rt_winograd *a, geometry g, float *scratch) {
    const int64_t rows = g.patches_per_block * POSITIONS, channels = round_up(a->input_channels);
    layout l = {.zeros = scratch};
    l.pixels = l.zeros + channels;
    l.patches = l.pixels + POSITIONS * channels;
    l.scales = l.patches + round_up(rows * g.steps);
    l.starts = l.scales + round_up(rows);
    l.products = l.starts + round_up(rows);
    l.word_count = 17 * channels + round_up(rows * g.steps) + 2 * round_up(rows) +
                   round_up(rows * TILE_WIDTH);
    return l;
}

rt_winograd_plan RT_NAME(rt_winograd_int8_plan)(const rt_winograd *a) {
    const geometry g = geometry_of(a);
    return (rt_winograd_plan){
        .packed_byte_count = g.column_blocks * POSITIONS * (g.steps + 1) * TILE_WIDTH * 4,
        .pack_unit_count = g.column_blocks,
        .scratch_byte_count = layout_of(a, g, (float *)a->scratch).word_count * 4,
    };
}

/// U = G g G^T for VL filters.
RT_INLINE void transform_filters(const vf g[9], vf u[POSITIONS]) {
    const vf half = vf_set(0.5f);
    vf rows[4][3];
    RT_UNROLL for (int x = 0; x < 3; x++) {
        const vf outer = (g[x] + g[6 + x]) * half, inner = g[3 + x] * half;
        rows[0][x] = g[x];
        rows[1][x] = outer + inner;
        rows[2][x] = outer - inner;
        rows[3][x] = g[6 + x];
    }
    RT_UNROLL for (int y = 0; y < 4; y++) {
        const vf outer = (rows[y][0] + rows[y][2]) * half, inner = rows[y][1] * half;
        u[4 * y] = rows[y][0];
        u[4 * y + 1] = outer + inner;
        u[4 * y + 2] = outer - inner;
        u[4 * y + 3] = rows[y][2];
    }
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

/// The position of a 2 x 2 output.
typedef struct place {
    int64_t item;
    int64_t y;
    int64_t x;
} place;

static place place_of(geometry g, int64_t patch) {
    const int64_t per_item = g.down * g.across;
    const int64_t rest = patch % per_item;
    return (place){patch / per_item, rest / g.across * 2, rest % g.across * 2};
}

/// V = B^T d B of one patch, n channels from i; `pixels` are its rows.
RT_INLINE void transform_vector(const void *const pixels[POSITIONS], rt_element element, int64_t i,
                                int64_t n, float *target, int64_t position_stride) {
    vf rows[4][4];
    RT_UNROLL for (int x = 0; x < 4; x++) {
        vf d[4];
        RT_UNROLL for (int y = 0; y < 4; y++) d[y] = vf_get(pixels[4 * y + x], element, i, n);
        rows[0][x] = d[0] - d[2];
        rows[1][x] = d[1] + d[2];
        rows[2][x] = d[2] - d[1];
        rows[3][x] = d[1] - d[3];
    }
    RT_UNROLL for (int y = 0; y < 4; y++) {
        const vf *r = rows[y];
        const vf v[4] = {r[0] - r[2], r[1] + r[2], r[2] - r[1], r[1] - r[3]};
        RT_UNROLL for (int x = 0; x < 4; x++)
            vf_put(target, RT_ELEMENT_F32, (4 * y + x) * position_stride + i, n, v[x]);
    }
}

RT_INLINE void transform_patch(const void *const pixels[POSITIONS], rt_element element,
                               int64_t channels, float *target) {
    RT_FOR_VECTORS(channels,
                   transform_vector(pixels, element, i, n, target, round_up(channels)));
}

/// Transforms and rounds the patches of a block.
static void transform_block(const rt_winograd *a, geometry g, int64_t first, int64_t count,
                            layout l) {
    const int64_t height = a->height + 2 - 2 * a->vertical_padding;
    for (int64_t patch = 0; patch < count; patch++) {
        const place p = place_of(g, first + patch);
        const void *pixels[POSITIONS];
        for (int i = 0; i < POSITIONS; i++) {
            const int64_t y = p.y + i / 4 - a->vertical_padding, x = p.x + i % 4 - 1;
            const int is_inside = y >= 0 && y < height && x >= 0 && x < a->width;
            pixels[i] = is_inside ? rt_row(&a->input, (p.item * height + y) * a->width + x)
                                  : l.zeros;
        }
        if (a->input.element == RT_ELEMENT_F32)
            transform_patch(pixels, RT_ELEMENT_F32, a->input_channels, l.pixels);
        else transform_patch(pixels, RT_ELEMENT_BF16, a->input_channels, l.pixels);
        for (int i = 0; i < POSITIONS; i++) {
            const int64_t row = i * count + patch;
            round_row(l.pixels + i * round_up(a->input_channels), RT_ELEMENT_F32,
                      a->input_channels, (int8_t *)(l.patches + row * g.steps), l.scales + row,
                      l.starts + row);
        }
    }
}

/// products = patches * weights at every position, for one column block.
static void multiply_block(geometry g, layout l, int64_t count, const float *weights) {
    for (int position = 0; position < POSITIONS; position++)
        for (int64_t step = 0; step < g.steps; step += STEP_BLOCK) {
            const int64_t left = g.steps - step;
            run_rows(
                (tile){
                    .left = l.patches + position * count * g.steps + step,
                    .row_stride = g.steps,
                    .step_stride = 1,
                    .right = weights + (position * g.steps + step) * TILE_WIDTH,
                    .step_count = left < STEP_BLOCK ? left : STEP_BLOCK,
                    .target = l.products + position * count * TILE_WIDTH,
                    .start = step == 0 ? START_ROWS : START_ADD,
                    .row_values = l.starts + position * count,
                },
                count);
        }
}

/// The operations on a column block of outputs.
typedef struct finish {
    const rt_winograd *a;
    int64_t column;
    int64_t columns;
    /// `[position][TILE_WIDTH]`, of the filters
    const float *column_scales;
    /// `[position][patch]`
    const float *row_scales;
    const float *products;
    int64_t patch_count;
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

/// Y = A^T m A of one patch, n columns from i; m are the products times both scales.
RT_INLINE void finish_patch(const finish *f, rt_activation activation, place p, int64_t patch,
                            int64_t i, int64_t n) {
    const rt_winograd *a = f->a;
    const int64_t row = (p.item * a->height + p.y) * a->width + p.x;
    vf upper[4], lower[4];
    RT_UNROLL for (int x = 0; x < 4; x++) {
        vf m[4];
        RT_UNROLL for (int y = 0; y < 4; y++) {
            const int64_t place = (4 * y + x) * f->patch_count + patch;
            const vf sums =
                vf_from_integers(vi_bits(vf_load(f->products + place * TILE_WIDTH + i)));
            const vf scaled = sums * vf_set(f->row_scales[place]);
            m[y] = scaled * vf_load(f->column_scales + (4 * y + x) * TILE_WIDTH + i);
        }
        upper[x] = m[0] + m[1] + m[2];
        lower[x] = m[1] - m[2] - m[3];
    }
    const int has_right = p.x + 1 < a->width;
    finish_vector(f, activation, row, i, n, upper[0] + upper[1] + upper[2]);
    if (has_right) finish_vector(f, activation, row + 1, i, n, upper[1] - upper[2] - upper[3]);
    if (p.y + 1 >= a->height) return;
    const int64_t next = row + a->width;
    finish_vector(f, activation, next, i, n, lower[0] + lower[1] + lower[2]);
    if (has_right) finish_vector(f, activation, next + 1, i, n, lower[1] - lower[2] - lower[3]);
}

/// All patches of a block; the activation is a constant.
RT_INLINE void finish_patches(const finish *f, rt_activation activation, geometry g,
                              int64_t first) {
    for (int64_t patch = 0; patch < f->patch_count; patch++) {
        const place p = place_of(g, first + patch);
        RT_FOR_VECTORS(f->columns, finish_patch(f, activation, p, patch, i, n));
    }
}

static void finish_block(const finish *f, geometry g, int64_t first) {
    switch (f->a->activation) {
    case RT_ACTIVATION_NONE: finish_patches(f, RT_ACTIVATION_NONE, g, first); break;
    case RT_ACTIVATION_SILU: finish_patches(f, RT_ACTIVATION_SILU, g, first); break;
    case RT_ACTIVATION_GELU: finish_patches(f, RT_ACTIVATION_GELU, g, first); break;
    case RT_ACTIVATION_RELU: finish_patches(f, RT_ACTIVATION_RELU, g, first); break;
    case RT_ACTIVATION_QUICK_GELU: finish_patches(f, RT_ACTIVATION_QUICK_GELU, g, first); break;
    }
}

static void run_block(const rt_winograd *a, geometry g, int64_t first, int64_t count, layout l) {
    transform_block(a, g, first, count, l);
    const float *weights = a->weights;
    const int64_t block_words = POSITIONS * g.steps * TILE_WIDTH;
    const float *scales = weights + g.column_blocks * block_words;
    for (int64_t block = 0; block < g.column_blocks; block++) {
        multiply_block(g, l, count, weights + block * block_words);
        const int64_t rest = a->output_channels - block * TILE_WIDTH;
        const finish f = {
            .a = a,
            .column = block * TILE_WIDTH,
            .columns = rest < TILE_WIDTH ? rest : TILE_WIDTH,
            .column_scales = scales + block * POSITIONS * TILE_WIDTH,
            .row_scales = l.scales,
            .products = l.products,
            .patch_count = count,
        };
        finish_block(&f, g, first);
    }
}

/// Where part i of some patches begins: whole tiles, parts that differ by one tile at most.
static int64_t part_start(int64_t patches, int64_t i, int64_t parts) {
    const int64_t start = ceil_div(patches, TILE_ROWS) * i / parts * TILE_ROWS;
    return start < patches ? start : patches;
}

void RT_NAME(rt_winograd_int8_run)(const void *arguments, int64_t begin, int64_t end) {
    const rt_winograd *a = arguments;
    const geometry g = geometry_of(a);
    const rt_winograd_plan plan = RT_NAME(rt_winograd_int8_plan)(a);
    for (int64_t share = begin; share < end; share++) {
        const layout l =
            layout_of(a, g, (float *)((char *)a->scratch + share * plan.scratch_byte_count));
        for (int64_t i = 0; i < round_up(a->input_channels); i++) l.zeros[i] = 0;
        const int64_t first = part_start(g.patches, share, a->share_count);
        const int64_t patches = part_start(g.patches, share + 1, a->share_count) - first;
        const int64_t blocks = ceil_div(patches, g.patches_per_block);
        for (int64_t i = 0; i < blocks; i++) {
            const int64_t start = part_start(patches, i, blocks);
            run_block(a, g, first + start, part_start(patches, i + 1, blocks) - start, l);
        }
    }
}
