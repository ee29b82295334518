// SPDX-License-Identifier: Apache-2.0
//
// The reference of linear_int8_vector.h, with the same bits. Weights are `[output][input]`, then
// `[output]` scales.
#include "../activations/activations.h"
#include "int8.h"
#include "round_row_scalar.h"

static int64_t round_up(int64_t count) { return (count + 63) / 64 * 64; }

rt_linear_int8_plan rt_linear_int8_plan_scalar(const rt_linear_int8 *a) {
    return (rt_linear_int8_plan){
        .packed_byte_count =
            round_up(a->input_channels * a->output_channels) + a->output_channels * 4,
        .pack_unit_count = a->output_channels,
        .rounded_byte_count = round_up(a->row_count * a->input_channels) + a->row_count * 4,
        .scratch_byte_count = 0,
    };
}

void rt_linear_int8_pack_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_linear_int8_pack *a = arguments;
    int8_t *packed = a->packed;
    float *scales = (float *)(packed + round_up(a->input_channels * a->output_channels));
    for (int64_t output = begin; output < end; output++)
        scales[output] = rt_round_row_scalar(a->weights + output * a->input_channels,
                                             RT_ELEMENT_F32, a->input_channels,
                                             packed + output * a->input_channels);
}

void rt_linear_int8_round_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_linear_int8 *a = arguments;
    int8_t *rounded = a->rounded;
    float *scales = (float *)(rounded + round_up(a->row_count * a->input_channels));
    const int64_t size = a->input.element == RT_ELEMENT_F32 ? 4 : 2;
    for (int64_t row = begin; row < end; row++)
        scales[row] = rt_round_row_scalar(
            (const char *)a->input.data + row * a->input.row_stride * size, a->input.element,
            a->input_channels, rounded + row * a->input_channels);
}

static float product(const rt_linear_int8 *a, int64_t row, int64_t output) {
    const int8_t *left = (const int8_t *)a->rounded + row * a->input_channels;
    const int8_t *right = (const int8_t *)a->weights + output * a->input_channels;
    const float *row_scales =
        (const float *)((const char *)a->rounded + round_up(a->row_count * a->input_channels));
    const float *column_scales =
        (const float *)((const char *)a->weights +
                        round_up(a->input_channels * a->output_channels));
    int32_t sum = 0;
    for (int64_t i = 0; i < a->input_channels; i++) sum += left[i] * right[i];
    const float scaled = (float)sum * row_scales[row];
    return scaled * column_scales[output];
}

void rt_linear_int8_run_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_linear_int8 *a = arguments;
    for (int64_t share = begin; share < end; share++) {
        const int64_t last = a->row_count * (share + 1) / a->share_count;
        for (int64_t row = a->row_count * share / a->share_count; row < last; row++)
            for (int64_t output = 0; output < a->output_channels; output++) {
                float value = product(a, row, output);
                value = value + a->bias[output];
                if (!a->activates_sum) value = rt_activation_scalar(value, a->activation);
                if (a->residual) value = value + rt_at(a->residual, row, output);
                if (a->activates_sum) value = rt_activation_scalar(value, a->activation);
                rt_set(&a->output, row, output, value);
            }
    }
}
