// SPDX-License-Identifier: Apache-2.0
//
// The reference of winograd_int8_vector.h, with the same bits, patch by patch. Weights are
// `[position][output][input]`, then `[position][output]` scales.
#include "../winograd/winograd_scalar.h"
#include "int8.h"
#include "round_row_scalar.h"

enum { POSITIONS = 16 };

static int64_t round_up(int64_t count) { return (count + 63) / 64 * 64; }

static int64_t patch_count(const rt_winograd *a) {
    return a->batch * ((a->height + 1) / 2) * ((a->width + 1) / 2);
}

static float *scales_of(const void *weights, int64_t input_channels, int64_t output_channels) {
    return (float *)((char *)weights + round_up(POSITIONS * input_channels * output_channels));
}

rt_winograd_plan rt_winograd_int8_plan_scalar(const rt_winograd *a) {
    return (rt_winograd_plan){
        .packed_byte_count = round_up(POSITIONS * a->input_channels * a->output_channels) +
                             POSITIONS * a->output_channels * 4,
        .pack_unit_count = a->output_channels,
        // A transformed patch in f32, and in bytes.
        .scratch_byte_count = round_up(POSITIONS * a->input_channels * 5),
    };
}

/// One line of G applied to three values.
static float filter_line(int line, const float *g, int stride) {
    switch (line) {
    case 0: return g[0];
    case 1: return (g[0] + g[2 * stride]) * 0.5f + g[stride] * 0.5f;
    case 2: return (g[0] + g[2 * stride]) * 0.5f - g[stride] * 0.5f;
    default: return g[2 * stride];
    }
}

/// One line of B^T applied to four values.
static float patch_line(int line, const float *d, int stride) {
    switch (line) {
    case 0: return d[0] - d[2 * stride];
    case 1: return d[stride] + d[2 * stride];
    case 2: return d[2 * stride] - d[stride];
    default: return d[stride] - d[3 * stride];
    }
}

/// One line of A^T applied to four values.
static float output_line(int line, const float *m, int stride) {
    return line == 0 ? m[0] + m[stride] + m[2 * stride] : m[stride] - m[2 * stride] - m[3 * stride];
}

/// U = G g G^T at one position.
static float transformed_filter(const rt_winograd_pack *a, int64_t input, int64_t output,
                                int position) {
    float g[9], rows[3];
    for (int tap = 0; tap < 9; tap++)
        g[tap] = a->weights[(tap * a->input_channels + input) * a->output_channels + output];
    for (int i = 0; i < 3; i++) rows[i] = filter_line(position / 4, g + i, 3);
    return filter_line(position % 4, rows, 1);
}

void rt_winograd_int8_pack_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_winograd_pack *a = arguments;
    int8_t *packed = a->packed;
    float *scales = scales_of(a->packed, a->input_channels, a->output_channels);
    for (int64_t output = begin; output < end; output++)
        for (int i = 0; i < POSITIONS; i++) {
            const int64_t row = i * a->output_channels + output;
            int8_t *target = packed + row * a->input_channels;
            int32_t greatest = 0;
            for (int64_t input = 0; input < a->input_channels; input++) {
                const float value = transformed_filter(a, input, output, i);
                const int32_t bits = (int32_t)(rt_bits_of_float(value) & 0x7fffffff);
                if (bits > greatest) greatest = bits;
            }
            const rt_scale s = rt_scale_of(greatest);
            scales[row] = s.scale;
            for (int64_t input = 0; input < a->input_channels; input++)
                target[input] =
                    s.inverse == 0
                        ? 0
                        : (int8_t)lrintf(transformed_filter(a, input, output, i) * s.inverse);
        }
}

/// V = B^T d B for all channels, `[position][channel]`.
static void transform_patch(const rt_winograd *a, int64_t item, int64_t y, int64_t x,
                            float *target) {
    for (int64_t channel = 0; channel < a->input_channels; channel++) {
        float d[POSITIONS], rows[POSITIONS];
        rt_winograd_pixels(a, 4, item, y, x, channel, d);
        for (int i = 0; i < POSITIONS; i++) rows[i] = patch_line(i / 4, d + i % 4, 4);
        for (int i = 0; i < POSITIONS; i++)
            target[i * a->input_channels + channel] = patch_line(i % 4, rows + i / 4 * 4, 1);
    }
}

static void run_patch(const rt_winograd *a, int64_t patch, float *scratch) {
    const int64_t across = (a->width + 1) / 2, down = (a->height + 1) / 2;
    const int64_t item = patch / (down * across), rest = patch % (down * across);
    const int64_t y = rest / across * 2, x = rest % across * 2, inputs = a->input_channels;
    const float *scales = scales_of(a->weights, inputs, a->output_channels);
    int8_t *bytes = (int8_t *)(scratch + POSITIONS * inputs);
    float row_scales[POSITIONS];
    transform_patch(a, item, y, x, scratch);
    for (int i = 0; i < POSITIONS; i++)
        row_scales[i] = rt_round_row_scalar(scratch + i * inputs, RT_ELEMENT_F32, inputs,
                                            bytes + i * inputs);
    for (int64_t output = 0; output < a->output_channels; output++) {
        float m[POSITIONS], rows[8];
        for (int i = 0; i < POSITIONS; i++) {
            const int64_t row = i * a->output_channels + output;
            const int8_t *weights = (const int8_t *)a->weights + row * inputs;
            int32_t sum = 0;
            for (int64_t channel = 0; channel < inputs; channel++)
                sum += bytes[i * inputs + channel] * weights[channel];
            const float scaled = (float)sum * row_scales[i];
            m[i] = scaled * scales[row];
        }
        for (int i = 0; i < 8; i++) rows[i] = output_line(i / 4, m + i % 4, 4);
        for (int i = 0; i < 4; i++)
            if (y + i / 2 < a->height && x + i % 2 < a->width)
                rt_winograd_store(a, (item * a->height + y + i / 2) * a->width + x + i % 2, output,
                                  output_line(i % 2, rows + i / 2 * 4, 1));
    }
}

void rt_winograd_int8_run_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_winograd *a = arguments;
    const int64_t count = patch_count(a);
    const int64_t bytes = rt_winograd_int8_plan_scalar(a).scratch_byte_count;
    for (int64_t share = begin; share < end; share++) {
        float *scratch = (float *)((char *)a->scratch + share * bytes);
        const int64_t last = count * (share + 1) / a->share_count;
        for (int64_t i = count * share / a->share_count; i < last; i++) run_patch(a, i, scratch);
    }
}
