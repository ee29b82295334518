// SPDX-License-Identifier: Apache-2.0
//
// F(2x2, 3x3) and F(4x4, 3x3) patch by patch, as products with the matrices of their definition;
// see winograd_vector.h. Weights are `[position][input][output]`.
#include "winograd.h"
#include "winograd_scalar.h"

enum { PATCH_MAX = 6, POSITION_MAX = PATCH_MAX * PATCH_MAX };

/// Lines of one algorithm's matrices, one after the other.
typedef struct algorithm {
    /// Outputs of a patch and pixels of its input, along a side.
    int outputs;
    int patch;
    /// Powers of a point, a column each: `[outputs][patch]`.
    const float *output_matrix;
    /// `[patch][3]`
    const float *filter_matrix;
    /// `[patch][patch]`
    const float *patch_matrix;
} algorithm;

/// Points 0, 1, -1, infinity.
static const float output_2x2[] = {
    1, 1, 1, 0,
    0, 1, -1, -1,
};
static const float filter_2x2[] = {
    1, 0, 0,
    0.5f, 0.5f, 0.5f,
    0.5f, -0.5f, 0.5f,
    0, 0, 1,
};
static const float patch_2x2[] = {
    1, 0, -1, 0,
    0, 1, 1, 0,
    0, -1, 1, 0,
    0, 1, 0, -1,
};

/// Points 0, 5/8, -5/8, 3/2, -3/2, infinity.
static const float output_4x4[] = {
    1, 1, 1, 1, 1, 0,
    0, 0.625f, -0.625f, 1.5f, -1.5f, 0,
    0, 0.390625f, 0.390625f, 2.25f, 2.25f, 0,
    0, 0.244140625f, -0.244140625f, 3.375f, -3.375f, 1,
};
static const float filter_4x4[] = {
    256 / 225.0f, 0, 0,
    -2048 / 2975.0f, -1280 / 2975.0f, -800 / 2975.0f,
    -2048 / 2975.0f, 1280 / 2975.0f, -800 / 2975.0f,
    128 / 1071.0f, 192 / 1071.0f, 288 / 1071.0f,
    128 / 1071.0f, -192 / 1071.0f, 288 / 1071.0f,
    0, 0, 1,
};
static const float patch_4x4[] = {
    0.87890625f, 0, -2.640625f, 0, 1, 0,
    0, -1.40625f, -2.25f, 0.625f, 1, 0,
    0, 1.40625f, -2.25f, -0.625f, 1, 0,
    0, -0.5859375f, -0.390625f, 1.5f, 1, 0,
    0, 0.5859375f, -0.390625f, -1.5f, 1, 0,
    0, 0.87890625f, 0, -2.640625f, 0, 1,
};

static algorithm algorithm_of(rt_winograd_tile tile) {
    if (tile == RT_WINOGRAD_2X2) return (algorithm){2, 4, output_2x2, filter_2x2, patch_2x2};
    return (algorithm){4, 6, output_4x4, filter_4x4, patch_4x4};
}

/// target = matrix * values * matrix^T, `lines` lines of `length` numbers each.
static void transform(const float *matrix, int lines, int length, const float *values,
                      float *target) {
    float rows[POSITION_MAX];
    for (int y = 0; y < lines; y++)
        for (int x = 0; x < length; x++) {
            rows[y * length + x] = 0;
            for (int k = 0; k < length; k++)
                rows[y * length + x] += matrix[y * length + k] * values[k * length + x];
        }
    for (int y = 0; y < lines; y++)
        for (int x = 0; x < lines; x++) {
            target[y * lines + x] = 0;
            for (int k = 0; k < length; k++)
                target[y * lines + x] += matrix[x * length + k] * rows[y * length + k];
        }
}

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

rt_winograd_plan rt_winograd_plan_scalar(const rt_winograd *a) {
    const algorithm w = algorithm_of(a->tile);
    const int64_t positions = w.patch * w.patch;
    return (rt_winograd_plan){
        .packed_byte_count = positions * a->input_channels * a->output_channels * 4,
        .pack_unit_count = a->input_channels,
        .scratch_byte_count = (positions * a->input_channels * 4 + 63) / 64 * 64,
    };
}

void rt_winograd_pack_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_winograd_pack *a = arguments;
    const algorithm w = algorithm_of(a->tile);
    float *packed = a->packed;
    for (int64_t input = begin; input < end; input++)
        for (int64_t output = 0; output < a->output_channels; output++) {
            float g[9], u[POSITION_MAX];
            for (int tap = 0; tap < 9; tap++)
                g[tap] = a->weights[(tap * a->input_channels + input) * a->output_channels + output];
            transform(w.filter_matrix, w.patch, 3, g, u);
            for (int i = 0; i < w.patch * w.patch; i++)
                packed[(i * a->input_channels + input) * a->output_channels + output] = u[i];
        }
}

/// V = B^T d B for all channels, `[position][channel]`.
static void transform_patch(const rt_winograd *a, algorithm w, int64_t item, int64_t y, int64_t x,
                            float *target) {
    for (int64_t channel = 0; channel < a->input_channels; channel++) {
        float d[POSITION_MAX], v[POSITION_MAX];
        rt_winograd_pixels(a, w.patch, item, y, x, channel, d);
        transform(w.patch_matrix, w.patch, w.patch, d, v);
        for (int i = 0; i < w.patch * w.patch; i++)
            target[i * a->input_channels + channel] = v[i];
    }
}

static void run_patch(const rt_winograd *a, algorithm w, int64_t patch, float *scratch) {
    const int64_t across = ceil_div(a->width, w.outputs), down = ceil_div(a->height, w.outputs);
    const int64_t item = patch / (down * across), rest = patch % (down * across);
    const int64_t y = rest / across * w.outputs, x = rest % across * w.outputs;
    transform_patch(a, w, item, y, x, scratch);
    for (int64_t output = 0; output < a->output_channels; output++) {
        float m[POSITION_MAX], values[POSITION_MAX];
        for (int i = 0; i < w.patch * w.patch; i++) {
            const float *weights =
                (const float *)a->weights + i * a->input_channels * a->output_channels + output;
            m[i] = 0;
            for (int64_t channel = 0; channel < a->input_channels; channel++)
                m[i] += scratch[i * a->input_channels + channel] *
                        weights[channel * a->output_channels];
        }
        transform(w.output_matrix, w.outputs, w.patch, m, values);
        for (int i = 0; i < w.outputs * w.outputs; i++) {
            const int64_t line = y + i / w.outputs, column = x + i % w.outputs;
            if (line < a->height && column < a->width)
                rt_winograd_store(a, (item * a->height + line) * a->width + column, output, values[i]);
        }
    }
}

void rt_winograd_run_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_winograd *a = arguments;
    const algorithm w = algorithm_of(a->tile);
    const int64_t count =
        a->batch * ceil_div(a->height, w.outputs) * ceil_div(a->width, w.outputs);
    const int64_t bytes = rt_winograd_plan_scalar(a).scratch_byte_count;
    for (int64_t share = begin; share < end; share++) {
        float *scratch = (float *)((char *)a->scratch + share * bytes);
        const int64_t last = count * (share + 1) / a->share_count;
        for (int64_t i = count * share / a->share_count; i < last; i++)
            run_patch(a, w, i, scratch);
    }
}
