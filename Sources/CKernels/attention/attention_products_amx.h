// SPDX-License-Identifier: Apache-2.0
//
// The two products of attention_vector.h on AMX's tiles, in bf16: 16 keys or channels by 16
// queries, 32 channels or keys at a time. Included after a vector header with RT_HAS_AMX and after
// ../amx/tiles.h, or after the model of tiles that tests have.
//
// Everything is packed in whole tiles, one after the other, with zeros past the end.
//
//   keys packed     [batch * heads][16 keys][step tile][key][16 words]; whole pairs of tiles
//   values packed   [batch * heads][32 keys][channel][16 words]
#ifndef RETOM_ATTENTION_PRODUCTS_AMX_H
#define RETOM_ATTENTION_PRODUCTS_AMX_H

enum {
    /// Rows of a tile, and words of a row.
    TILE_SIDE = 16,
    TILE_WORDS = TILE_SIDE * TILE_SIDE,
    /// Keys of a tile of weights.
    TILE_KEYS = 2 * TILE_SIDE,
    /// Bytes from a row of a packed tile to the next, and from a row of a block of queries.
    PACKED_STRIDE = TILE_SIDE * 4,
    BLOCK_STRIDE = QUERY_BLOCK * 4,
};

_Static_assert(
    QUERY_BLOCK % (2 * TILE_SIDE) == 0 && KEY_BLOCK % TILE_KEYS == 0 && PACK_KEYS % TILE_KEYS == 0,
    "blocks are whole pairs of tiles");

static int64_t padded_keys(const rt_attention *a) {
    return ceil_div(a->key_count, TILE_KEYS) * TILE_KEYS;
}

/// Steps of a block of queries, and channels of its sums.
static int64_t query_steps(geometry g) { return round_up(g.steps); }
static int64_t sum_channels(const rt_attention *a) { return round_up(a->head_dimension); }

/// Words of the packed keys of one head, and of its packed values.
static int64_t packed_key_words(const rt_attention *a, geometry g) {
    return padded_keys(a) * query_steps(g);
}
static int64_t packed_value_words(const rt_attention *a) {
    return padded_keys(a) / 2 * sum_channels(a);
}

/// Packs keys and values of a head, from `first` on, whose rows begin at `row`; zeros past the
/// last.
static void pack_keys(const rt_attention *a, geometry g, int64_t row, int64_t channel,
                      int64_t first, int64_t last, float *keys, float *values) {
    const int64_t steps = query_steps(g), channels = sum_channels(a), width = a->head_dimension;
    const int64_t padded = ceil_div(last, TILE_KEYS) * TILE_KEYS;
    for (int64_t key = first; key < padded; key++)
        for (int64_t step = 0; step < steps; step += VL) {
            const int64_t tile_row = (key / TILE_SIDE * (steps / VL) + step / VL) * TILE_SIDE;
            const vf words = key < last ? word_load(head_row(&a->keys, row + key, channel),
                                                    RT_ELEMENT_BF16, step, width)
                                        : vf_set(0.0f);
            vf_store(keys + (tile_row + key % TILE_SIDE) * VL, words);
        }
    for (int64_t key = first; key < padded; key += TILE_KEYS)
        for (int64_t c = 0; c < channels; c += VL) {
            vf rows[VL];
            const int64_t left = width - c, n = left < VL ? left : VL;
            for (int64_t i = 0; i < VL; i++) {
                const int64_t low = key + 2 * i, high = low + 1;
                rows[i] = word_of_values(
                    low < last ? head_row(&a->values, row + low, channel) : 0,
                    high < last ? head_row(&a->values, row + high, channel) : 0, c, n);
            }
            vf_transpose(rows);
            for (int64_t i = 0; i < VL; i++)
                vf_store(values + (key / TILE_KEYS * channels + c + i) * VL, rows[i]);
        }
}

/// All tiles are whole. 0 to 3 are sums, 4 and 5 rows of the left factor, 6 and 7 columns of the
/// right one.
static void begin_products(void) {
    rt_tile_configuration configuration = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        configuration.row_bytes[i] = PACKED_STRIDE;
        configuration.rows[i] = TILE_SIDE;
    }
    tile_configure(&configuration);
}

static void end_products(void) { tile_release(); }

/// target = [target +] left * right: 16 rows, or 32 if there is a second row of tiles, by 32
/// queries.
///
/// - left, second: packed tiles, `left_stride` words apart
/// - right: `step_tiles` times 16 rows of a block of queries
static void multiply_tiles(const float *left, const float *second, int64_t left_stride,
                           const float *right, int64_t step_tiles, int adds, float *target) {
    float *below = target + TILE_SIDE * QUERY_BLOCK;
    if (adds) {
        tile_load(0, target, BLOCK_STRIDE);
        tile_load(1, target + TILE_SIDE, BLOCK_STRIDE);
    } else {
        tile_zero(0);
        tile_zero(1);
    }
    if (adds && second) {
        tile_load(2, below, BLOCK_STRIDE);
        tile_load(3, below + TILE_SIDE, BLOCK_STRIDE);
    } else {
        tile_zero(2);
        tile_zero(3);
    }
    for (int64_t i = 0; i < step_tiles; i++) {
        tile_load(4, left + i * left_stride, PACKED_STRIDE);
        tile_load(6, right + i * TILE_SIDE * QUERY_BLOCK, BLOCK_STRIDE);
        tile_load(7, right + i * TILE_SIDE * QUERY_BLOCK + TILE_SIDE, BLOCK_STRIDE);
        tile_dot_bf16(0, 4, 6);
        tile_dot_bf16(1, 4, 7);
        if (!second) continue;
        tile_load(5, second + i * left_stride, PACKED_STRIDE);
        tile_dot_bf16(2, 5, 6);
        tile_dot_bf16(3, 5, 7);
    }
    tile_store(0, target, BLOCK_STRIDE);
    tile_store(1, target + TILE_SIDE, BLOCK_STRIDE);
    if (!second) return;
    tile_store(2, below, BLOCK_STRIDE);
    tile_store(3, below + TILE_SIDE, BLOCK_STRIDE);
}

/// Adds the keys' biases to their scores, if there are any; `greatest` receives the maximum per
/// query.
static void find_greatest(const float *key_bias, int64_t count, float *scores, float *greatest) {
    for (int64_t q = 0; q < QUERY_BLOCK; q += VL) {
        vf most = vf_load(greatest + q);
        for (int64_t key = 0; key < count; key++) {
            float *place = scores + key * QUERY_BLOCK + q;
            vf score = vf_load(place);
            if (key_bias) {
                score = score + vf_set(key_bias[key]);
                vf_store(place, score);
            }
            most = vf_max(score, most);
        }
        vf_store(greatest + q, most);
    }
}

/// Scores of a block of keys, with the keys' biases if there are any; `greatest` receives the
/// maximum per query.
static void score_keys(const rt_attention *a, geometry g, const float *keys, int64_t first,
                       int64_t count, query_block *block, float *greatest) {
    const int64_t step_tiles = query_steps(g) / VL, tile_row = step_tiles * TILE_WORDS;
    for (int64_t key = 0; key < count; key += TILE_KEYS)
        for (int64_t q = 0; q < QUERY_BLOCK; q += 2 * TILE_SIDE) {
            const float *left = keys + (first + key) / TILE_SIDE * tile_row;
            multiply_tiles(left, left + tile_row, TILE_WORDS, block->queries + q, step_tiles, 0,
                           block->scores + key * QUERY_BLOCK + q);
        }
    find_greatest(a->key_bias ? a->key_bias + first : 0, count, block->scores, greatest);
}

/// sums = sums * corrections + values * weights; the first block's sums are the product alone.
static void add_values(const rt_attention *a, const float *values, int64_t first, int64_t count,
                       query_block *block) {
    const int64_t channels = sum_channels(a), step_tiles = ceil_div(count, TILE_KEYS);
    for (int64_t step = (count + 1) / 2; step < step_tiles * TILE_SIDE; step++)
        for (int64_t q = 0; q < QUERY_BLOCK; q += VL)
            vf_store(block->scores + step * QUERY_BLOCK + q, vf_set(0.0f));
    for (int64_t q = 0; first > 0 && q < QUERY_BLOCK; q += VL) {
        const vf correction = vf_load(block->corrections + q);
        for (int64_t c = 0; c < a->head_dimension; c++) {
            float *place = block->sums + c * QUERY_BLOCK + q;
            vf_store(place, vf_load(place) * correction);
        }
    }
    const float *left = values + first / TILE_KEYS * channels * VL;
    for (int64_t c = 0; c < channels; c += 2 * TILE_SIDE)
        for (int64_t q = 0; q < QUERY_BLOCK; q += 2 * TILE_SIDE) {
            const float *row = left + c * VL;
            multiply_tiles(row, c + TILE_SIDE < channels ? row + TILE_WORDS : 0, channels * VL,
                           block->scores + q, step_tiles, first > 0,
                           block->sums + c * QUERY_BLOCK + q);
        }
}

#endif
