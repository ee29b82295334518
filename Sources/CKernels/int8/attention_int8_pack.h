// SPDX-License-Identifier: Apache-2.0
//
// The sizes of attention on bytes, and the packing of keys and values; see attention_int8_vector.h,
// which includes it.
#include "../tile/words_s8.h"
#include "../attention/attention_blocks.h"
#include "int8.h"
#include "round_row.h"

/// Sizes of one call, in words.
typedef struct geometry {
    int64_t steps;
    int64_t key_steps;
    int64_t key_blocks;
    int64_t query_blocks;
    /// Where the parts of a head's packed memory begin, and its size.
    int64_t values;
    int64_t compensations;
    int64_t key_scales;
    int64_t value_scales;
    int64_t head_words;
} geometry;

static geometry geometry_of(const rt_attention *a) {
    geometry g = {
        .steps = ceil_div(a->head_dimension, WORD_VALUES),
        .key_steps = ceil_div(a->key_count, WORD_VALUES),
        .key_blocks = ceil_div(a->key_count, KEY_BLOCK),
        .query_blocks = ceil_div(a->query_count, QUERY_BLOCK),
    };
    g.values = round_up(a->key_count * g.steps);
    g.compensations = g.values + round_up(g.key_steps * a->head_dimension);
    g.key_scales = g.compensations + round_up(a->key_count);
    g.value_scales = g.key_scales + round_up(g.key_blocks);
    // The mean of the keys and the inverse scales of the values follow, while they are packed.
    g.head_words = g.value_scales + 3 * round_up(a->head_dimension);
    return g;
}

/// Scratch memory of one share, in words.
static int64_t scratch_words(const rt_attention *a, geometry g) {
    return (2 * g.steps + KEY_BLOCK + 2 * a->head_dimension) * QUERY_BLOCK;
}

rt_attention_plan RT_NAME(rt_attention_int8_plan)(const rt_attention *a) {
    const geometry g = geometry_of(a);
    const int64_t heads = a->batch * a->head_count;
    return (rt_attention_plan){
        .packed_byte_count = heads * g.head_words * 4,
        .scratch_byte_count = scratch_words(a, g) * 4,
        .pack_unit_count = heads,
        .query_block_count = heads * g.query_blocks,
    };
}

RT_INLINE vf get(const rt_source *source, const void *row, int64_t i, int64_t n) {
    return source->element == RT_ELEMENT_F32 ? vf_get(row, RT_ELEMENT_F32, i, n)
                                             : vf_get(row, RT_ELEMENT_BF16, i, n);
}

/// mean[channel] of the keys of a head.
static void average_keys(const rt_attention *a, int64_t row, int64_t channel, float *mean) {
    const vf share = vf_set(1.0f / (float)a->key_count);
    RT_FOR_VECTORS(a->head_dimension, {
        vf sum = vf_set(0.0f);
        for (int64_t key = 0; key < a->key_count; key++)
            sum = sum + get(&a->keys, head_row(&a->keys, row + key, channel), i, n);
        vf_put(mean, RT_ELEMENT_F32, i, n, sum * share);
    });
}

/// Rounds the keys of a block less their mean.
static void pack_keys(const rt_attention *a, geometry g, int64_t row, int64_t channel,
                      int64_t block, const float *mean, float *head) {
    const int64_t first = block * KEY_BLOCK;
    const int64_t left = a->key_count - first, count = left < KEY_BLOCK ? left : KEY_BLOCK;
    vi greatest = vi_set(0);
    for (int64_t key = first; key < first + count; key++) {
        const void *source = head_row(&a->keys, row + key, channel);
        RT_FOR_VECTORS(a->head_dimension, {
            const vf value = get(&a->keys, source, i, n) - vf_get(mean, RT_ELEMENT_F32, i, n);
            greatest = vi_max(greatest, vi_magnitude_bits(value));
        });
    }
    const rt_scale s = rt_scale_of(vi_greatest(greatest));
    head[g.key_scales + block] = s.scale;
    for (int64_t key = first; key < first + count; key++) {
        const void *source = head_row(&a->keys, row + key, channel);
        int8_t *target = (int8_t *)(head + key * g.steps);
        for (int64_t i = a->head_dimension; i < g.steps * WORD_VALUES; i++) target[i] = 0;
        vi sums = vi_set(0);
        RT_FOR_VECTORS(a->head_dimension, {
            const vf value = get(&a->keys, source, i, n) - vf_get(mean, RT_ELEMENT_F32, i, n);
            const vi bytes = s.inverse == 0 ? vi_set(0) : vi_round(value * vf_set(s.inverse));
            sums = vi_add(sums, bytes);
            vi_store_bytes_n(target + i, bytes, n);
        });
        head[g.compensations + key] = rt_compensation_of(vi_sum(sums));
    }
}

/// Rounds the values of a head; a missing last key counts nothing.
static void pack_values(const rt_attention *a, geometry g, int64_t row, int64_t channel,
                        float *head) {
    float *scales = head + g.value_scales, *inverses = scales + round_up(a->head_dimension);
    RT_FOR_VECTORS(a->head_dimension, {
        vi greatest = vi_set(0);
        for (int64_t key = 0; key < a->key_count; key++)
            greatest = vi_max(greatest, vi_magnitude_bits(get(
                                            &a->values,
                                            head_row(&a->values, row + key, channel), i, n)));
        vf_put(scales, RT_ELEMENT_F32, i, n, vf_bits(greatest));
    });
    for (int64_t i = 0; i < a->head_dimension; i++) {
        int32_t bits;
        memcpy(&bits, scales + i, sizeof bits);
        const rt_scale s = rt_scale_of(bits);
        scales[i] = s.scale;
        inverses[i] = s.inverse;
    }
    for (int64_t step = 0; step < g.key_steps; step++)
        RT_FOR_VECTORS(a->head_dimension, {
            vi word = vi_set(0);
            const vf inverse = vf_get(inverses, RT_ELEMENT_F32, i, n);
            for (int64_t k = 0; k < WORD_VALUES; k++) {
                const int64_t key = step * WORD_VALUES + k;
                if (key >= a->key_count) break;
                const void *source = head_row(&a->values, row + key, channel);
                const vi byte = vi_round(get(&a->values, source, i, n) * inverse);
                word = vi_or(word, vi_shift(vi_and(byte, vi_set(255)), 8 * (int)k));
            }
            vf_put(head + g.values + step * a->head_dimension, RT_ELEMENT_F32, i, n,
                   vf_bits(word));
        });
}

void RT_NAME(rt_attention_int8_pack)(const void *arguments, int64_t begin, int64_t end) {
    const rt_attention *a = arguments;
    const geometry g = geometry_of(a);
    for (int64_t unit = begin; unit < end; unit++) {
        float *head = (float *)a->packed + unit * g.head_words;
        float *mean = head + g.value_scales + 2 * round_up(a->head_dimension);
        const int64_t row = unit / a->head_count * a->key_count;
        const int64_t channel = unit % a->head_count * a->head_dimension;
        average_keys(a, row, channel, mean);
        for (int64_t block = 0; block < g.key_blocks; block++)
            pack_keys(a, g, row, channel, block, mean, head);
        pack_values(a, g, row, channel, head);
    }
}
