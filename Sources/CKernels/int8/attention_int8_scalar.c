// SPDX-License-Identifier: Apache-2.0
//
// The reference of attention_int8_vector.h: the same rounding of queries, keys, values and weights,
// everything else in double precision, one query at a time.
//
//   packed   [batch * heads] of keys [key][channel], values [key][channel] in bytes; then, in f32,
//            scales of the key blocks, scales of the values' channels
#include "int8.h"
#include "round_row_scalar.h"

#include <math.h>

enum { KEY_BLOCK = 96 };

/// Where the parts of a head's packed memory begin, and its size, in bytes.
typedef struct geometry {
    int64_t values;
    int64_t key_scales;
    int64_t value_scales;
    int64_t head_bytes;
} geometry;

static int64_t round_up(int64_t count) { return (count + 63) / 64 * 64; }

static geometry geometry_of(const rt_attention *a) {
    const int64_t bytes = round_up(a->key_count * a->head_dimension);
    geometry g = {.values = bytes, .key_scales = 2 * bytes};
    g.value_scales = g.key_scales + round_up((a->key_count + KEY_BLOCK - 1) / KEY_BLOCK * 4);
    g.head_bytes = g.value_scales + round_up(a->head_dimension * 4);
    return g;
}

rt_attention_plan rt_attention_int8_plan_scalar(const rt_attention *a) {
    return (rt_attention_plan){
        .packed_byte_count = a->batch * a->head_count * geometry_of(a).head_bytes,
        // The weights and the weighted sums of a query, and its bytes.
        .scratch_byte_count =
            round_up((a->key_count + a->head_dimension) * 8 + a->head_dimension),
        .pack_unit_count = a->batch * a->head_count,
        .query_block_count = a->batch * a->head_count * a->query_count,
    };
}

static int32_t greater(int32_t greatest, float value) {
    const int32_t bits = (int32_t)(rt_bits_of_float(value) & 0x7fffffff);
    return bits > greatest ? bits : greatest;
}

static int8_t rounded(float value, rt_scale scale) {
    return scale.inverse == 0 ? 0 : (int8_t)lrintf(value * scale.inverse);
}

static float mean_key(const rt_attention *a, int64_t row, int64_t channel) {
    float sum = 0;
    for (int64_t key = 0; key < a->key_count; key++) sum += rt_at(&a->keys, row + key, channel);
    return sum * (1.0f / (float)a->key_count);
}

static void pack_head(const rt_attention *a, geometry g, int64_t unit) {
    char *head = (char *)a->packed + unit * g.head_bytes;
    int8_t *keys = (int8_t *)head, *values = (int8_t *)(head + g.values);
    float *key_scales = (float *)(head + g.key_scales);
    float *value_scales = (float *)(head + g.value_scales);
    const int64_t row = unit / a->head_count * a->key_count, width = a->head_dimension;
    const int64_t channel = unit % a->head_count * width;
    for (int64_t first = 0; first < a->key_count; first += KEY_BLOCK) {
        const int64_t last = first + KEY_BLOCK < a->key_count ? first + KEY_BLOCK : a->key_count;
        int32_t greatest = 0;
        for (int64_t c = 0; c < width; c++) {
            const float mean = mean_key(a, row, channel + c);
            for (int64_t key = first; key < last; key++)
                greatest = greater(greatest, rt_at(&a->keys, row + key, channel + c) - mean);
        }
        const rt_scale s = rt_scale_of(greatest);
        key_scales[first / KEY_BLOCK] = s.scale;
        for (int64_t c = 0; c < width; c++) {
            const float mean = mean_key(a, row, channel + c);
            for (int64_t key = first; key < last; key++)
                keys[key * width + c] =
                    rounded(rt_at(&a->keys, row + key, channel + c) - mean, s);
        }
    }
    for (int64_t c = 0; c < width; c++) {
        int32_t greatest = 0;
        for (int64_t key = 0; key < a->key_count; key++)
            greatest = greater(greatest, rt_at(&a->values, row + key, channel + c));
        const rt_scale s = rt_scale_of(greatest);
        value_scales[c] = s.scale;
        for (int64_t key = 0; key < a->key_count; key++)
            values[key * width + c] = rounded(rt_at(&a->values, row + key, channel + c), s);
    }
}

void rt_attention_int8_pack_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_attention *a = arguments;
    for (int64_t unit = begin; unit < end; unit++) pack_head(a, geometry_of(a), unit);
}

/// Adds one block of keys to the sums, which are relative to `greatest` of all keys.
static double attend_block(const rt_attention *a, const int8_t *values, const double *scores,
                           int64_t first, double greatest, double *sums) {
    const int64_t last = first + KEY_BLOCK < a->key_count ? first + KEY_BLOCK : a->key_count;
    double most = -HUGE_VAL, total = 0;
    for (int64_t key = first; key < last; key++) most = fmax(most, scores[key]);
    const double factor = exp(most - greatest);
    for (int64_t key = first; key < last; key++) {
        const double weight = rint(exp(scores[key] - most) * 255) * factor;
        total += weight;
        for (int64_t c = 0; c < a->head_dimension; c++)
            sums[c] += weight * values[key * a->head_dimension + c];
    }
    return total;
}

static void attend(const rt_attention *a, geometry g, int64_t unit, double *scores) {
    double *sums = scores + a->key_count;
    int8_t *query = (int8_t *)(sums + a->head_dimension);
    const int64_t head = unit / a->query_count, width = a->head_dimension;
    const int64_t row = head / a->head_count * a->query_count + unit % a->query_count;
    const int64_t channel = head % a->head_count * width;
    const char *packed = (const char *)a->packed + head * g.head_bytes;
    const int8_t *keys = (const int8_t *)packed;
    const float *key_scales = (const float *)(packed + g.key_scales);
    const float *value_scales = (const float *)(packed + g.value_scales);
    const int64_t size = a->queries.element == RT_ELEMENT_F32 ? 4 : 2;
    const float scale = rt_round_row_scalar(
        (const char *)a->queries.data + (row * a->queries.row_stride + channel) * size,
        a->queries.element, width, query);
    double greatest = -HUGE_VAL, total = 0;
    for (int64_t key = 0; key < a->key_count; key++) {
        int32_t sum = 0;
        for (int64_t c = 0; c < width; c++) sum += query[c] * keys[key * width + c];
        const double bias = a->key_bias ? (double)a->key_bias[key] : 0;
        const double score = sum * (double)scale * (double)key_scales[key / KEY_BLOCK] + bias;
        scores[key] = score * (double)a->scale;
        if (!(scores[key] <= greatest)) greatest = scores[key];
    }
    for (int64_t c = 0; c < width; c++) sums[c] = 0;
    for (int64_t first = 0; first < a->key_count; first += KEY_BLOCK)
        total += attend_block(a, (const int8_t *)(packed + g.values), scores, first, greatest, sums);
    for (int64_t c = 0; c < width; c++)
        rt_set(&a->output, row, channel + c, (float)(sums[c] / total * (double)value_scales[c]));
}

void rt_attention_int8_run_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_attention *a = arguments;
    const rt_attention_plan plan = rt_attention_int8_plan_scalar(a);
    for (int64_t share = begin; share < end; share++) {
        char *scratch = (char *)a->scratch + share * plan.scratch_byte_count;
        const int64_t last = plan.query_block_count * (share + 1) / a->share_count;
        for (int64_t i = plan.query_block_count * share / a->share_count; i < last; i++)
            attend(a, geometry_of(a), i, (double *)scratch);
    }
}
