// SPDX-License-Identifier: Apache-2.0
//
// F(2x2, 3x3) patch by patch; see winograd_vector.h. Weights are `[position][input][output]`.
#include "../scalar.h"
#include "winograd.h"
#include "../activations/activations.h"

enum { POSITIONS = 16 };

static int64_t patch_count(const rt_winograd *a) {
    return a->batch * ((a->height + 1) / 2) * ((a->width + 1) / 2);
}

rt_winograd_plan rt_winograd_plan_scalar(const rt_winograd *a) {
    return (rt_winograd_plan){
        .packed_byte_count = POSITIONS * a->input_channels * a->output_channels * 4,
        .pack_unit_count = a->input_channels,
        .scratch_byte_count = (POSITIONS * a->input_channels * 4 + 63) / 64 * 64,
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

void rt_winograd_pack_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_winograd_pack *a = arguments;
    float *packed = a->packed;
    for (int64_t input = begin; input < end; input++)
        for (int64_t output = 0; output < a->output_channels; output++) {
            float g[9], rows[12];
            for (int tap = 0; tap < 9; tap++)
                g[tap] = a->weights[(tap * a->input_channels + input) * a->output_channels + output];
            for (int i = 0; i < 12; i++) rows[i] = filter_line(i / 3, g + i % 3, 3);
            for (int i = 0; i < POSITIONS; i++)
                packed[(i * a->input_channels + input) * a->output_channels + output] =
                    filter_line(i % 4, rows + i / 4 * 3, 1);
        }
}

/// V = B^T d B for all channels, `[position][channel]`.
static void transform_patch(const rt_winograd *a, int64_t item, int64_t y, int64_t x,
                            float *target) {
    const int64_t height = a->height + 2 - 2 * a->vertical_padding;
    for (int64_t channel = 0; channel < a->input_channels; channel++) {
        float d[POSITIONS], rows[POSITIONS];
        for (int i = 0; i < POSITIONS; i++) {
            const int64_t line = y + i / 4 - a->vertical_padding, column = x + i % 4 - 1;
            const int is_inside = line >= 0 && line < height && column >= 0 && column < a->width;
            const int64_t row = (item * height + line) * a->width + column;
            d[i] = is_inside ? rt_at(&a->input, row, channel) : 0.0f;
        }
        for (int i = 0; i < POSITIONS; i++) rows[i] = patch_line(i / 4, d + i % 4, 4);
        for (int i = 0; i < POSITIONS; i++)
            target[i * a->input_channels + channel] = patch_line(i % 4, rows + i / 4 * 4, 1);
    }
}

static void store(const rt_winograd *a, int64_t row, int64_t channel, float value) {
    value += a->bias[channel];
    if (!a->activates_sum) value = rt_activation_scalar(value, a->activation);
    if (a->residual) value += rt_at(a->residual, row, channel);
    if (a->activates_sum) value = rt_activation_scalar(value, a->activation);
    rt_set(&a->output, row, channel, value);
}

static void run_patch(const rt_winograd *a, int64_t patch, float *scratch) {
    const int64_t across = (a->width + 1) / 2, down = (a->height + 1) / 2;
    const int64_t item = patch / (down * across), rest = patch % (down * across);
    const int64_t y = rest / across * 2, x = rest % across * 2;
    transform_patch(a, item, y, x, scratch);
    for (int64_t output = 0; output < a->output_channels; output++) {
        float m[POSITIONS], rows[8];
        for (int i = 0; i < POSITIONS; i++) {
            const float *weights =
                (const float *)a->weights + i * a->input_channels * a->output_channels + output;
            m[i] = 0;
            for (int64_t channel = 0; channel < a->input_channels; channel++)
                m[i] += scratch[i * a->input_channels + channel] *
                        weights[channel * a->output_channels];
        }
        for (int i = 0; i < 8; i++) rows[i] = output_line(i / 4, m + i % 4, 4);
        for (int i = 0; i < 4; i++)
            if (y + i / 2 < a->height && x + i % 2 < a->width)
                store(a, (item * a->height + y + i / 2) * a->width + x + i % 2, output,
                      output_line(i % 2, rows + i / 2 * 4, 1));
    }
}

void rt_winograd_run_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_winograd *a = arguments;
    const int64_t count = patch_count(a);
    const int64_t bytes = rt_winograd_plan_scalar(a).scratch_byte_count;
    for (int64_t share = begin; share < end; share++) {
        float *scratch = (float *)((char *)a->scratch + share * bytes);
        const int64_t last = count * (share + 1) / a->share_count;
        for (int64_t i = count * share / a->share_count; i < last; i++) run_patch(a, i, scratch);
    }
}
