// SPDX-License-Identifier: Apache-2.0
//
// Attention in blocks of queries and keys with an online softmax (Milakov and Gimelshein, "Online
// normalizer calculation for softmax", 2018; Dao et al., "FlashAttention", 2022, algorithm 1).
// Included once per variant, after its vector header and after `word_*` and `exp2_*` (see
// attention_words_f32.h).
//
// Everything is transposed: queries are in the lanes of vectors, so maxima and sums over keys need
// no sums across lanes. attention_products_*.h multiply, and say how keys and values are packed.
//
//   word            one f32, or two bf16 that are multiplied and summed together
//   steps           words of a head's channels
//   queries         [step][QUERY_BLOCK]          of one block, in scratch memory
//   scores          [key][QUERY_BLOCK]           of one block pair; then the weights, in words
//   sums            [channel][QUERY_BLOCK]       weighted sums of values so far
#include "attention.h"
#include "attention_blocks.h"

enum {
    /// Keys of a unit of packing, a multiple of 32.
    PACK_KEYS = 128,
    /// Half of a usual second-level cache, in words.
    CACHED_WORDS = 512 * 1024 / 4,
};

/// Sizes of one call.
typedef struct geometry {
    int64_t steps;
    int64_t query_blocks;
    int64_t pack_blocks;
} geometry;

static geometry geometry_of(const rt_attention *a) {
    return (geometry){
        .steps = ceil_div(a->head_dimension, WORD_VALUES),
        .query_blocks = ceil_div(a->query_count, QUERY_BLOCK),
        .pack_blocks = ceil_div(a->key_count, PACK_KEYS),
    };
}

/// One block of queries while it iterates over the keys.
typedef struct query_block {
    /// `[query_steps][QUERY_BLOCK]` words
    float *queries;
    /// `[KEY_BLOCK][QUERY_BLOCK]`
    float *scores;
    /// `[sum_channels][QUERY_BLOCK]`
    float *sums;
    int64_t first_query;
    int64_t query_count;
    /// scale * log2(e)
    float factor;
    /// Per query: greatest score so far * factor; sum of weights relative to it; the factor that
    /// rescales sums relative to the previous maximum.
    float exponents[QUERY_BLOCK];
    float weights[QUERY_BLOCK];
    float corrections[QUERY_BLOCK];
} query_block;

#ifdef RT_HAS_AMX
#include "attention_products_amx.h"
#else
#include "attention_products_vector.h"
#endif

rt_attention_plan RT_NAME(rt_attention_plan)(const rt_attention *a) {
    const geometry g = geometry_of(a);
    const int64_t heads = a->batch * a->head_count;
    const int64_t packed = packed_key_words(a, g) + packed_value_words(a);
    return (rt_attention_plan){
        .packed_byte_count = heads * packed * 4,
        .scratch_byte_count = (query_steps(g) + KEY_BLOCK + sum_channels(a)) * QUERY_BLOCK * 4,
        .pack_unit_count = heads * g.pack_blocks,
        .query_block_count = heads * g.query_blocks,
    };
}

/// The start of the head's packed keys; its packed values follow.
static float *packed_head(const rt_attention *a, geometry g, int64_t head) {
    return (float *)a->packed + head * (packed_key_words(a, g) + packed_value_words(a));
}

void RT_NAME(rt_attention_pack)(const void *arguments, int64_t begin, int64_t end) {
    const rt_attention *a = arguments;
    const geometry g = geometry_of(a);
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t head = unit / g.pack_blocks;
        const int64_t first = unit % g.pack_blocks * PACK_KEYS;
        const int64_t last =
            first + PACK_KEYS < a->key_count ? first + PACK_KEYS : a->key_count;
        const int64_t row = head / a->head_count * a->key_count;
        const int64_t channel = head % a->head_count * a->head_dimension;
        float *keys = packed_head(a, g, head);
        pack_keys(a, g, row, channel, first, last, keys, keys + packed_key_words(a, g));
    }
}

/// Transposes the block's queries into words; zeros past the last query.
static void load_queries(const rt_attention *a, geometry g, int64_t first_row, int64_t channel,
                         query_block *block) {
    for (int64_t q = 0; q < QUERY_BLOCK; q += VL)
        for (int64_t step = 0; step < query_steps(g); step += VL) {
            vf rows[VL];
            for (int64_t i = 0; i < VL; i++)
                rows[i] = q + i < block->query_count
                              ? word_load(head_row(&a->queries, first_row + q + i, channel),
                                          a->queries.element, step, a->head_dimension)
                              : vf_set(0.0f);
            const int64_t left = query_steps(g) - step;
            store_transposed(rows, left < VL ? left : VL,
                             block->queries + step * QUERY_BLOCK + q);
        }
}

/// Masks the keys after each query and recomputes the maxima.
static void mask_keys(int64_t first_key, int64_t key_count, query_block *block, float *greatest) {
    for (int64_t q = 0; q < QUERY_BLOCK; q += VL) {
        const vi limits = vi_count_up(block->first_query + q);
        vf most = vf_set(-__builtin_inff());
        for (int64_t key = 0; key < key_count; key++) {
            float *place = block->scores + key * QUERY_BLOCK + q;
            const vf masked = vf_mask_keys(vf_load(place), limits, first_key + key);
            vf_store(place, masked);
            most = vf_max(masked, most);
        }
        vf_store(greatest + q, most);
    }
}

/// Turns scores into weights, relative to the greatest score so far.
static void weigh_scores(int64_t key_count, const float *greatest, int is_first,
                         query_block *block) {
    const vf factor = vf_set(block->factor);
    vf exponents[TILE_VECTORS], weights[TILE_VECTORS];
    for (int v = 0; v < TILE_VECTORS; v++) {
        const vf own = vf_load(greatest + v * VL) * factor;
        weights[v] = vf_set(0.0f);
        exponents[v] = own;
        if (!is_first) {
            const vf old = vf_load(block->exponents + v * VL);
            exponents[v] = vf_max(own, old);
            const vf correction = exp2_precise(old - exponents[v]);
            vf_store(block->corrections + v * VL, correction);
            weights[v] = vf_load(block->weights + v * VL) * correction;
        }
        vf_store(block->exponents + v * VL, exponents[v]);
    }
    word_weigh(block->scores, key_count, factor, exponents, weights);
    for (int v = 0; v < TILE_VECTORS; v++) vf_store(block->weights + v * VL, weights[v]);
}

/// Processes all keys for one block of queries.
static void attend(const rt_attention *a, geometry g, const float *keys, query_block *block) {
    const float *values = keys + packed_key_words(a, g);
    const int64_t last_query = block->first_query + block->query_count;
    const int64_t seen =
        a->is_causal && last_query < a->key_count ? last_query : a->key_count;
    for (int64_t first = 0; first < seen; first += KEY_BLOCK) {
        const int64_t count = seen - first < KEY_BLOCK ? seen - first : KEY_BLOCK;
        float greatest[QUERY_BLOCK];
        for (int v = 0; v < TILE_VECTORS; v++)
            vf_store(greatest + v * VL, vf_set(-__builtin_inff()));
        score_keys(a, g, keys, first, count, block, greatest);
        if (a->is_causal && first + count > block->first_query + 1)
            mask_keys(first, count, block, greatest);
        weigh_scores(count, greatest, first == 0, block);
        add_values(a, values, first, count, block);
    }
}

/// A block of queries of a head.
typedef struct place {
    int64_t item;
    int64_t head;
    int64_t query_block;
} place;

/// The order of the blocks. If the keys and values of all heads of an item stay in the cache
/// (text), all heads of a block of queries are consecutive, because they share its rows; otherwise
/// all blocks of a head, because they share its keys.
static place place_of(const rt_attention *a, geometry g, int64_t unit) {
    const int64_t words = packed_key_words(a, g) + packed_value_words(a);
    const int64_t per_item = a->head_count * g.query_blocks;
    const int64_t i = unit % per_item;
    if (a->head_count * words <= CACHED_WORDS)
        return (place){unit / per_item, i % a->head_count, i / a->head_count};
    return (place){unit / per_item, i / g.query_blocks, i % g.query_blocks};
}

static void run_query_block(const rt_attention *a, geometry g, place p, query_block *block) {
    const int64_t channel = p.head * a->head_dimension;
    block->first_query = p.query_block * QUERY_BLOCK;
    const int64_t left = a->query_count - block->first_query;
    block->query_count = left < QUERY_BLOCK ? left : QUERY_BLOCK;
    const int64_t row = p.item * a->query_count + block->first_query;
    load_queries(a, g, row, channel, block);
    attend(a, g, packed_head(a, g, p.item * a->head_count + p.head), block);
    store_output(a, row, channel, block->query_count, block->sums, block->weights, 0);
}

void RT_NAME(rt_attention_run)(const void *arguments, int64_t begin, int64_t end) {
    const rt_attention *a = arguments;
    const geometry g = geometry_of(a);
    const rt_attention_plan plan = RT_NAME(rt_attention_plan)(a);
    begin_products();
    for (int64_t share = begin; share < end; share++) {
        float *scratch = (float *)((char *)a->scratch + share * plan.scratch_byte_count);
        query_block block = {
            .queries = scratch,
            .scores = scratch + query_steps(g) * QUERY_BLOCK,
            .sums = scratch + (query_steps(g) + KEY_BLOCK) * QUERY_BLOCK,
            .factor = a->scale * 1.44269504088896341f,
        };
        const int64_t last = plan.query_block_count * (share + 1) / a->share_count;
        for (int64_t i = plan.query_block_count * share / a->share_count; i < last; i++)
            run_query_block(a, g, place_of(a, g, i), &block);
    }
    end_products();
}
