// SPDX-License-Identifier: Apache-2.0
//
// The two products of attention_vector.h on vectors: keys and values are broadcast word by word, so
// no head dimension needs padding, and both use the same tile (tile.h).
//
//   keys packed     [batch * heads][key][step]
//   values packed   [batch * heads][key step][channel]; a key step is one key, or two
#ifndef RETOM_ATTENTION_PRODUCTS_VECTOR_H
#define RETOM_ATTENTION_PRODUCTS_VECTOR_H

/// Words of the packed keys of one head, and of its packed values.
static int64_t packed_key_words(const rt_attention *a, geometry g) {
    return round_up(a->key_count * g.steps);
}
static int64_t packed_value_words(const rt_attention *a) {
    return round_up(ceil_div(a->key_count, WORD_VALUES) * a->head_dimension);
}

/// Steps of a block of queries, and channels of its sums.
static int64_t query_steps(geometry g) { return g.steps; }
static int64_t sum_channels(const rt_attention *a) { return a->head_dimension; }

/// Packs keys and values of a head, from `first` on, whose rows begin at `row`.
static void pack_keys(const rt_attention *a, geometry g, int64_t row, int64_t channel,
                      int64_t first, int64_t last, float *keys, float *values) {
    const int64_t width = a->head_dimension;
    for (int64_t key = first; key < last; key++)
        word_pack_key(head_row(&a->keys, row + key, channel), a->keys.element, width,
                      keys + key * g.steps);
    for (int64_t key = first; key < last; key += WORD_VALUES) {
        const void *second = key + 1 < last ? head_row(&a->values, row + key + 1, channel) : 0;
        word_pack_value(head_row(&a->values, row + key, channel), second, a->values.element,
                        width, values + key / WORD_VALUES * width);
    }
}

static void begin_products(void) {}
static void end_products(void) {}

/// Scores of a block of keys, starting at the keys' biases if there are any; `greatest` receives
/// the maximum per query.
static void score_keys(const rt_attention *a, geometry g, const float *keys, int64_t first,
                       int64_t count, query_block *block, float *greatest) {
    multiply_keys(g.steps, keys + first * g.steps, a->key_bias ? a->key_bias + first : 0, count,
                  block->queries, block->scores, greatest);
}

/// sums = sums * corrections + values * weights; the first block's sums are the product alone.
static void add_values(const rt_attention *a, const float *values, int64_t first, int64_t count,
                       query_block *block) {
    run_rows(
        (tile){
            .left = values + first / WORD_VALUES * a->head_dimension,
            .row_stride = 1,
            .step_stride = a->head_dimension,
            .right = block->scores,
            .step_count = ceil_div(count, WORD_VALUES),
            .target = block->sums,
            .start = first == 0 ? START_ZERO : START_SCALE,
            .factors = block->corrections,
        },
        a->head_dimension);
}

#endif
