// SPDX-License-Identifier: Apache-2.0
//
// A fully connected layer in bytes: a scale per row of the input, computed for each call, and one per
// output channel of the weights. Sums are exact, so every instruction set has the same result.
// Included once per variant, after its vector header.
//
//   steps     words of the input's channels
//   weights   [column block][step][TILE_WIDTH]     unsigned, in words; then [column] scales
//   rounded   [row][step]                          signed, in words; then [row] scales and
//                                                  [row] compensations
//   products  [row][TILE_WIDTH]                    of one row block and one column block
#include "../tile/words_s8.h"
#include "../tile/tile.h"
#include "../vector/functions.h"
#include "int8.h"
#include "round_row.h"

enum {
    /// Rows of a block: its products and its input stay in the second-level cache.
    ROW_BLOCK = 64 * TILE_ROWS,
    /// Steps of one pass over a block, so that its weights stay in the first-level cache.
    STEP_BLOCK = 8192 / TILE_WIDTH,
};

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t round_up(int64_t count) { return (count + 15) / 16 * 16; }

/// Sizes of one call.
typedef struct geometry {
    int64_t steps;
    int64_t column_blocks;
    int64_t row_blocks;
} geometry;

static geometry geometry_of(int64_t rows, int64_t input_channels, int64_t output_channels) {
    return (geometry){
        .steps = ceil_div(input_channels, WORD_VALUES),
        .column_blocks = ceil_div(output_channels, TILE_WIDTH),
        .row_blocks = ceil_div(rows, ROW_BLOCK),
    };
}

rt_linear_int8_plan RT_NAME(rt_linear_int8_plan)(const rt_linear_int8 *a) {
    const geometry g = geometry_of(a->row_count, a->input_channels, a->output_channels);
    return (rt_linear_int8_plan){
        .packed_byte_count = g.column_blocks * (g.steps + 1) * TILE_WIDTH * 4,
        .pack_unit_count = g.column_blocks,
        .rounded_byte_count = (round_up(a->row_count * g.steps) + 2 * round_up(a->row_count)) * 4,
        .scratch_byte_count = ROW_BLOCK * TILE_WIDTH * 4,
    };
}

void RT_NAME(rt_linear_int8_pack)(const void *arguments, int64_t begin, int64_t end) {
    const rt_linear_int8_pack *a = arguments;
    const geometry g = geometry_of(0, a->input_channels, a->output_channels);
    float *scales = (float *)a->packed + g.column_blocks * g.steps * TILE_WIDTH;
    for (int64_t column = begin * TILE_WIDTH; column < end * TILE_WIDTH; column++) {
        const int64_t block = column / TILE_WIDTH, lane = column % TILE_WIDTH;
        uint8_t *target =
            (uint8_t *)a->packed + (block * g.steps * TILE_WIDTH + lane) * WORD_VALUES;
        const int is_inside = column < a->output_channels;
        int32_t greatest = 0;
        const float *row = a->weights + (is_inside ? column : 0) * a->input_channels;
        for (int64_t i = 0; is_inside && i < a->input_channels; i++) {
            int32_t bits;
            memcpy(&bits, row + i, sizeof bits);
            bits &= 0x7fffffff;
            if (bits > greatest) greatest = bits;
        }
        const rt_scale s = rt_scale_of(greatest);
        scales[column] = s.scale;
        for (int64_t i = 0; i < g.steps * WORD_VALUES; i++) {
            const int is_value = is_inside && i < a->input_channels && s.inverse != 0;
            const int32_t byte = is_value ? (int32_t)__builtin_rintf(row[i] * s.inverse) : 0;
            target[i / WORD_VALUES * TILE_WIDTH * WORD_VALUES + i % WORD_VALUES] =
                (uint8_t)(byte + BYTE_ZERO);
        }
    }
}

void RT_NAME(rt_linear_int8_round)(const void *arguments, int64_t begin, int64_t end) {
    const rt_linear_int8 *a = arguments;
    const geometry g = geometry_of(a->row_count, a->input_channels, a->output_channels);
    float *scales = (float *)a->rounded + round_up(a->row_count * g.steps);
    float *compensations = scales + round_up(a->row_count);
    for (int64_t row = begin; row < end; row++) {
        int8_t *target = (int8_t *)((float *)a->rounded + row * g.steps);
        const void *source = rt_row(&a->input, row);
        if (a->input.element == RT_ELEMENT_F32)
            round_row(source, RT_ELEMENT_F32, a->input_channels, target, scales + row,
                      compensations + row);
        else
            round_row(source, RT_ELEMENT_BF16, a->input_channels, target, scales + row,
                      compensations + row);
    }
}

/// What follows a block of products.
typedef struct finish {
    const rt_linear_int8 *a;
    int64_t first_row;
    int64_t row_count;
    int64_t column;
    /// Scales of the block's rows and columns.
    const float *row_scales;
    const float *column_scales;
    const float *products;
} finish;

/// n columns of a row; elements and activation are constants.
RT_INLINE void finish_vector(const finish *f, rt_activation activation, rt_element output,
                             int64_t row, vf row_scale, int64_t i, int64_t n) {
    const rt_linear_int8 *a = f->a;
    const int64_t column = f->column + i;
    const vf sums = vf_from_integers(vi_bits(vf_load(f->products + row * TILE_WIDTH + i)));
    const vf scaled = sums * row_scale;
    vf value = scaled * vf_load(f->column_scales + i);
    value = value + vf_get(a->bias, RT_ELEMENT_F32, column, n);
    if (!a->activates_sum) value = vf_activation(value, activation);
    if (a->residual) {
        const void *line = rt_row(a->residual, f->first_row + row);
        const vf addend = a->residual->element == RT_ELEMENT_F32
                              ? vf_get(line, RT_ELEMENT_F32, column, n)
                              : vf_get(line, RT_ELEMENT_BF16, column, n);
        value = value + addend;
    }
    if (a->activates_sum) value = vf_activation(value, activation);
    vf_put(rt_target_row(&a->output, f->first_row + row), output, column, n, value);
}

RT_INLINE void finish_rows(const finish *f, rt_activation activation, rt_element output) {
    const int64_t left = f->a->output_channels - f->column;
    const int64_t columns = left < TILE_WIDTH ? left : TILE_WIDTH;
    for (int64_t row = 0; row < f->row_count; row++) {
        const vf row_scale = vf_set(f->row_scales[row]);
        RT_FOR_VECTORS(columns, finish_vector(f, activation, output, row, row_scale, i, n));
    }
}

static void finish_block(const finish *f, rt_activation activation) {
    if (f->a->output.element == RT_ELEMENT_F32) switch (activation) {
        case RT_ACTIVATION_NONE: finish_rows(f, RT_ACTIVATION_NONE, RT_ELEMENT_F32); return;
        case RT_ACTIVATION_SILU: finish_rows(f, RT_ACTIVATION_SILU, RT_ELEMENT_F32); return;
        case RT_ACTIVATION_GELU: finish_rows(f, RT_ACTIVATION_GELU, RT_ELEMENT_F32); return;
        case RT_ACTIVATION_RELU: finish_rows(f, RT_ACTIVATION_RELU, RT_ELEMENT_F32); return;
        case RT_ACTIVATION_QUICK_GELU:
            finish_rows(f, RT_ACTIVATION_QUICK_GELU, RT_ELEMENT_F32);
            return;
        }
    switch (activation) {
    case RT_ACTIVATION_NONE: finish_rows(f, RT_ACTIVATION_NONE, RT_ELEMENT_BF16); return;
    case RT_ACTIVATION_SILU: finish_rows(f, RT_ACTIVATION_SILU, RT_ELEMENT_BF16); return;
    case RT_ACTIVATION_GELU: finish_rows(f, RT_ACTIVATION_GELU, RT_ELEMENT_BF16); return;
    case RT_ACTIVATION_RELU: finish_rows(f, RT_ACTIVATION_RELU, RT_ELEMENT_BF16); return;
    case RT_ACTIVATION_QUICK_GELU:
        finish_rows(f, RT_ACTIVATION_QUICK_GELU, RT_ELEMENT_BF16);
        return;
    }
}

/// One block of rows times one block of columns.
static void run_block(const rt_linear_int8 *a, geometry g, int64_t row_block, int64_t column_block,
                      float *products) {
    const float *rounded = a->rounded;
    const float *scales = rounded + round_up(a->row_count * g.steps);
    const float *compensations = scales + round_up(a->row_count);
    const float *weights = (const float *)a->weights + column_block * g.steps * TILE_WIDTH;
    // Blocks that differ by one row at most.
    const int64_t first = a->row_count * row_block / g.row_blocks;
    const int64_t count = a->row_count * (row_block + 1) / g.row_blocks - first;
    for (int64_t step = 0; step < g.steps; step += STEP_BLOCK) {
        const int64_t left = g.steps - step;
        run_rows(
            (tile){
                .left = rounded + first * g.steps + step,
                .row_stride = g.steps,
                .step_stride = 1,
                .right = weights + step * TILE_WIDTH,
                .step_count = left < STEP_BLOCK ? left : STEP_BLOCK,
                .target = products,
                .start = step == 0 ? START_ROWS : START_ADD,
                .row_values = compensations + first,
            },
            count);
    }
    const finish f = {
        .a = a,
        .first_row = first,
        .row_count = count,
        .column = column_block * TILE_WIDTH,
        .row_scales = scales + first,
        .column_scales = (const float *)a->weights + g.column_blocks * g.steps * TILE_WIDTH +
                         column_block * TILE_WIDTH,
        .products = products,
    };
    finish_block(&f, a->activation);
}

void RT_NAME(rt_linear_int8_run)(const void *arguments, int64_t begin, int64_t end) {
    const rt_linear_int8 *a = arguments;
    const geometry g = geometry_of(a->row_count, a->input_channels, a->output_channels);
    const rt_linear_int8_plan plan = RT_NAME(rt_linear_int8_plan)(a);
    const int64_t blocks = g.row_blocks * g.column_blocks;
    for (int64_t share = begin; share < end; share++) {
        float *products = (float *)((char *)a->scratch + share * plan.scratch_byte_count);
        const int64_t last = blocks * (share + 1) / a->share_count;
        // All columns of some rows, one after the other: the rows stay in the cache.
        for (int64_t i = blocks * share / a->share_count; i < last; i++)
            run_block(a, g, i / g.column_blocks, i % g.column_blocks, products);
    }
}
