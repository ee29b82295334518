// SPDX-License-Identifier: Apache-2.0
//
// Attention on bytes, in blocks as in attention_vector.h, and transposed like it. Not causal.
//
// * Keys are rounded without their mean, which softmax does not see (Zhang et al., "SageAttention",
//   2024), with a scale per block of keys; queries with a scale each. Scores are exact integers.
// * Weights are 2^(score - greatest score of the block), 0 to 1, and rounded to 1 / 255: a block
//   far below the greatest score of all keeps its precision, and gets a factor instead.
// * Values are rounded with a scale per channel.
//
// Included once per variant, after its vector header.
//
//   steps     words of a head's channels
//   packed    [batch * heads] of
//               keys           [key][step]           signed, in words
//               values         [key step][channel]   signed; a key step is four keys
//               compensations  [key]                 see words_s8.h
//               scales         [key block], then [channel] of values
//   queries   [step][QUERY_BLOCK]                    unsigned, of one block, in scratch memory
//   scores    [key][QUERY_BLOCK]                     of one block pair; then the weights, in words
//   products  [channel][QUERY_BLOCK]                 weighted sums of one block of values
//   sums      [channel][QUERY_BLOCK]                 and of all so far, in f32
#include "attention_int8_pack.h"
#include "../attention/attention_exp2.h"

/// One block of queries while it iterates over the keys.
typedef struct query_block {
    /// `[steps][QUERY_BLOCK]` words
    float *queries;
    /// `[QUERY_BLOCK][steps]` words, before they are transposed
    float *rows;
    /// `[KEY_BLOCK][QUERY_BLOCK]`
    float *scores;
    /// `[head_dimension][QUERY_BLOCK]`
    float *products;
    /// `[head_dimension][QUERY_BLOCK]`
    float *sums;
    int64_t query_count;
    /// Per query: its scale * scale of scores * log2(e).
    float factors[QUERY_BLOCK];
    /// Per query: greatest exponent so far; sum of weights relative to it, times 255.
    float exponents[QUERY_BLOCK];
    float weights[QUERY_BLOCK];
} query_block;

/// Rounds and transposes the block's queries; zeros past the last query.
static void load_queries(const rt_attention *a, geometry g, int64_t first_row, int64_t channel,
                         query_block *block) {
    const float factor = a->scale * 1.44269504088896341f;
    for (int64_t q = 0; q < QUERY_BLOCK; q++) {
        float scale = 0, compensation;
        int8_t *target = (int8_t *)(block->rows + q * g.steps);
        const void *row = head_row(&a->queries, first_row + q, channel);
        if (q >= block->query_count)
            for (int64_t i = 0; i < g.steps; i++) block->rows[q * g.steps + i] = 0;
        else if (a->queries.element == RT_ELEMENT_F32)
            round_row(row, RT_ELEMENT_F32, a->head_dimension, target, &scale, &compensation);
        else round_row(row, RT_ELEMENT_BF16, a->head_dimension, target, &scale, &compensation);
        block->factors[q] = scale * factor;
    }
    const vi zero = vi_set((int32_t)0x80808080);
    for (int64_t q = 0; q < QUERY_BLOCK; q += VL)
        for (int64_t step = 0; step < g.steps; step += VL) {
            const int64_t count = g.steps - step < VL ? g.steps - step : VL;
            vf words[VL];
            for (int64_t i = 0; i < VL; i++) {
                const float *row = block->rows + (q + i) * g.steps;
                words[i] =
                    vf_bits(vi_xor(vi_bits(vf_get(row, RT_ELEMENT_F32, step, count)), zero));
            }
            store_transposed(words, count, block->queries + step * QUERY_BLOCK + q);
        }
}

/// 2^t * 255 for t <= 0 up to rounding; relative error 1.7e-3, that of rounding to bf16.
RT_INLINE vf exp2_for_bytes(vf t) {
    const vf r = vf_fraction(t);
    vf p = vf_fma(vf_set(255 * 0.33718909f), r, vf_set(255 * 0.65763681f));
    p = vf_fma(p, r, vf_set(255 * 1.00172462f));
    return vf_scale_by_floor(p, t);
}

/// One vector of weights of a key, 0 to 255.
RT_INLINE vi weigh(const float *place, vf factor, vf exponent, int has_bias, vf bias) {
    const vf score = vf_from_integers(vi_bits(vf_load(place)));
    vf t = vf_fma(score, factor, -exponent);
    if (has_bias) t = t + bias;
    return vi_round(exp2_for_bytes(t));
}

/// Turns the scores of one vector of queries into weights, in words of four keys, and returns the
/// sums of the weights. Keys past the last one weigh nothing.
RT_INLINE vi weigh_keys(int64_t key_count, vf factor, vf exponent, const float *key_bias,
                        float bias_factor, float *scores) {
    vi sums = vi_set(0);
    const vi ones = vi_set(0x01010101);
    for (int64_t key = 0; key < key_count; key += WORD_VALUES) {
        vi weights[WORD_VALUES];
        RT_UNROLL for (int k = 0; k < WORD_VALUES; k++) {
            const int is_key = key + k < key_count;
            const vf bias = vf_set(is_key && key_bias ? key_bias[key + k] * bias_factor : 0.0f);
            weights[k] = is_key ? weigh(scores + (key + k) * QUERY_BLOCK, factor, exponent,
                                        key_bias != 0, bias)
                                : vi_set(0);
        }
        const vi words = vi_pack_bytes(weights[0], weights[1], weights[2], weights[3]);
        sums = vi_dot_bytes(sums, words, ones);
        vf_store(scores + key / WORD_VALUES * QUERY_BLOCK, vf_bits(words));
    }
    return sums;
}

/// The greatest exponent of each query of a vector, where keys have biases.
static vf greatest_biased(int64_t key_count, vf factor, const float *key_bias, float bias_factor,
                          const float *scores) {
    vf most = vf_set(-__builtin_inff());
    for (int64_t key = 0; key < key_count; key++) {
        const vf score = vf_from_integers(vi_bits(vf_load(scores + key * QUERY_BLOCK)));
        const vf biased = vf_fma(score, factor, vf_set(key_bias[key] * bias_factor));
        most = vf_max(biased, most);
    }
    return most;
}

/// sums = sums * corrections + products * factors, per query.
RT_INLINE void add_products(int64_t width, int is_first, vf correction, vf factor,
                            const float *products, float *sums) {
    for (int64_t c = 0; c < width; c++) {
        const vf product = vf_from_integers(vi_bits(vf_load(products + c * QUERY_BLOCK)));
        vf sum = product * factor;
        if (!is_first) sum = vf_fma(vf_load(sums + c * QUERY_BLOCK), correction, sum);
        vf_store(sums + c * QUERY_BLOCK, sum);
    }
}

/// Processes one block of keys for one block of queries.
static void attend_block(const rt_attention *a, geometry g, const float *head, int64_t key_block,
                         query_block *block) {
    const int64_t first = key_block * KEY_BLOCK;
    const int64_t left = a->key_count - first, count = left < KEY_BLOCK ? left : KEY_BLOCK;
    const int is_first = key_block == 0;
    const float *key_bias = a->key_bias ? a->key_bias + first : 0;
    const float bias_factor = a->scale * 1.44269504088896341f;
    float greatest[QUERY_BLOCK];
    for (int v = 0; v < TILE_VECTORS; v++) vf_store(greatest + v * VL, vf_bits(vi_set(INT32_MIN)));
    multiply_keys(g.steps, head + first * g.steps, head + g.compensations + first, count,
                  block->queries, block->scores, greatest);
    vf corrections[TILE_VECTORS], factors[TILE_VECTORS];
    for (int v = 0; v < TILE_VECTORS; v++) {
        const vf factor = vf_load(block->factors + v * VL) * vf_set(head[g.key_scales + key_block]);
        float *scores = block->scores + v * VL;
        vf own = vf_from_integers(vi_bits(vf_load(greatest + v * VL))) * factor;
        vi weights;
        if (key_bias) {
            own = greatest_biased(count, factor, key_bias, bias_factor, scores);
            weights = weigh_keys(count, factor, own, key_bias, bias_factor, scores);
        } else weights = weigh_keys(count, factor, own, 0, 0, scores);
        const vf old = is_first ? own : vf_load(block->exponents + v * VL);
        const vf most = vf_max(own, old);
        corrections[v] = exp2_precise(old - most);
        factors[v] = exp2_precise(own - most);
        vf_store(block->exponents + v * VL, most);
        vf sum = vf_from_integers(weights) * factors[v];
        if (!is_first) sum = vf_fma(vf_load(block->weights + v * VL), corrections[v], sum);
        vf_store(block->weights + v * VL, sum);
    }
    run_rows(
        (tile){
            .left = head + g.values + first / WORD_VALUES * a->head_dimension,
            .row_stride = 1,
            .step_stride = a->head_dimension,
            .right = block->scores,
            .step_count = ceil_div(count, WORD_VALUES),
            .target = block->products,
            .start = START_ZERO,
        },
        a->head_dimension);
    for (int v = 0; v < TILE_VECTORS; v++)
        add_products(a->head_dimension, is_first, corrections[v], factors[v],
                     block->products + v * VL, block->sums + v * VL);
}

/// All keys for one block of queries. Blocks of a head are consecutive, because they share its keys.
static void run_query_block(const rt_attention *a, geometry g, int64_t unit, query_block *block) {
    const int64_t head = unit / g.query_blocks;
    const int64_t first = unit % g.query_blocks * QUERY_BLOCK;
    const int64_t left = a->query_count - first;
    const float *packed = (const float *)a->packed + head * g.head_words;
    const int64_t channel = head % a->head_count * a->head_dimension;
    const int64_t row = head / a->head_count * a->query_count + first;
    block->query_count = left < QUERY_BLOCK ? left : QUERY_BLOCK;
    load_queries(a, g, row, channel, block);
    for (int64_t key_block = 0; key_block < g.key_blocks; key_block++)
        attend_block(a, g, packed, key_block, block);
    store_output(a, row, channel, block->query_count, block->sums, block->weights,
                 packed + g.value_scales);
}

void RT_NAME(rt_attention_int8_run)(const void *arguments, int64_t begin, int64_t end) {
    const rt_attention *a = arguments;
    const geometry g = geometry_of(a);
    const rt_attention_plan plan = RT_NAME(rt_attention_int8_plan)(a);
    for (int64_t share = begin; share < end; share++) {
        float *scratch = (float *)((char *)a->scratch + share * plan.scratch_byte_count);
        query_block block = {.queries = scratch};
        block.rows = block.queries + g.steps * QUERY_BLOCK;
        block.scores = block.rows + g.steps * QUERY_BLOCK;
        block.products = block.scores + KEY_BLOCK * QUERY_BLOCK;
        block.sums = block.products + a->head_dimension * QUERY_BLOCK;
        const int64_t last = plan.query_block_count * (share + 1) / a->share_count;
        for (int64_t i = plan.query_block_count * share / a->share_count; i < last; i++)
            run_query_block(a, g, i, &block);
    }
}
