// SPDX-License-Identifier: Apache-2.0
#include "CTileModel.h"

#include <math.h>    // fabsf
#include <string.h>  // memcpy, memset

enum {
    tile_count = 8,
    row_max = 16,
    row_byte_max = 64,
    word_max = row_byte_max / 4,
};

/// A tile register: all of it, whatever part is configured.
typedef struct {
    int rows;
    int row_bytes;
    uint8_t bytes[row_max][row_byte_max];
} tile_register;

static _Thread_local tile_register tiles[tile_count];
static _Thread_local int is_configured;
static _Thread_local const char *problem;
static _Thread_local int64_t operation_count;

static void note(const char *text) {
    if (!problem) problem = text;
}

const char *rt_tile_model_problem(void) {
    const char *first = problem;
    problem = 0;
    return first;
}

int64_t rt_tile_model_operation_count(void) {
    const int64_t count = operation_count;
    operation_count = 0;
    return count;
}

void rt_tile_model_release(void) {
    memset(tiles, 0, sizeof tiles);
    is_configured = 0;
}

static int is_zero(const uint8_t *bytes, int count) {
    for (int i = 0; i < count; i++)
        if (bytes[i] != 0) return 0;
    return 1;
}

// Bytes 0: palette, 1: start row, 16 to 31: bytes of a row, 48 to 55: rows; the rest is reserved.
void rt_tile_model_configure(const void *configuration) {
    uint8_t bytes[64];
    memcpy(bytes, configuration, sizeof bytes);
    operation_count++;
    if (bytes[0] == 0) return rt_tile_model_release();
    if (bytes[0] != 1) return note("an unknown palette");
    // It is for interrupted loads and stores, which this model has not.
    if (bytes[1] != 0) return note("a start row");
    if (!is_zero(bytes + 2, 14) || !is_zero(bytes + 32, 16) || !is_zero(bytes + 56, 8))
        return note("reserved bytes that are not zero");
    for (int i = 0; i < tile_count; i++) {
        const int row_bytes = bytes[16 + 2 * i] | bytes[17 + 2 * i] << 8, rows = bytes[48 + i];
        if (row_bytes > row_byte_max) return note("rows longer than 64 bytes");
        if (rows > row_max) return note("more than 16 rows");
        if ((row_bytes == 0) != (rows == 0))
            return note("rows without bytes, or bytes without rows");
    }
    memset(tiles, 0, sizeof tiles);
    for (int i = 0; i < tile_count; i++) {
        tiles[i].row_bytes = bytes[16 + 2 * i] | bytes[17 + 2 * i] << 8;
        tiles[i].rows = bytes[48 + i];
    }
    is_configured = 1;
}

/// A configured tile; NULL, and a problem, if there is none of that number.
static tile_register *usable(int number) {
    operation_count++;
    if (!is_configured) note("no configuration");
    else if (number < 0 || number >= tile_count) note("no such tile");
    else if (tiles[number].rows == 0) note("a tile that is not configured");
    else return tiles + number;
    return 0;
}

void rt_tile_model_zero(int target) {
    tile_register *t = usable(target);
    if (t) memset(t->bytes, 0, sizeof t->bytes);
}

/// Whether rows a stride apart are separate; a processor does not mind, but nobody means it.
static int separates_rows(const tile_register *t, int64_t stride) {
    const int is_wide = stride >= t->row_bytes || t->rows == 1;
    if (!is_wide) note("a stride shorter than a row");
    return is_wide;
}

void rt_tile_model_load(int target, const void *base, int64_t stride) {
    tile_register *t = usable(target);
    if (!t || !separates_rows(t, stride)) return;
    memset(t->bytes, 0, sizeof t->bytes);
    for (int row = 0; row < t->rows; row++)
        memcpy(t->bytes[row], (const char *)base + row * stride, (size_t)t->row_bytes);
}

void rt_tile_model_store(int source, void *base, int64_t stride) {
    const tile_register *t = usable(source);
    if (!t || !separates_rows(t, stride)) return;
    for (int row = 0; row < t->rows; row++)
        memcpy((char *)base + row * stride, t->bytes[row], (size_t)t->row_bytes);
}

/// Zero, with its sign, instead of a subnormal: as an input and as a result.
static inline float flushed(float value) {
    return fabsf(value) < 0x1p-126f ? copysignf(0.0f, value) : value;
}

static inline float from_bf16(uint16_t bits) {
    const uint32_t word = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &word, sizeof value);
    return flushed(value);
}

static int fit(const tile_register *sums, const tile_register *left, const tile_register *right) {
    if (sums == left || sums == right || left == right) note("a tile used twice");
    else if ((sums->row_bytes | left->row_bytes | right->row_bytes) % 4 != 0)
        note("rows of incomplete words");
    else if (sums->rows != left->rows) note("rows of the sums and of the left factor differ");
    else if (left->row_bytes / 4 != right->rows)
        note("words of the left factor and rows of the right one differ");
    else if (sums->row_bytes != right->row_bytes)
        note("columns of the sums and of the right factor differ");
    else return 1;
    return 0;
}

// For each row, first and second values of the pairs have sums of their own, from zero and fused
// step by step; both are added, and then added to the old sum. Rounds to nearest even, subnormals
// are zero everywhere.
__attribute__((target("avx2,fma"))) void rt_tile_model_dot_bf16(int sums, int left, int right) {
    tile_register *c = usable(sums);
    const tile_register *a = usable(left), *b = usable(right);
    if (!c || !a || !b || !fit(c, a, b)) return;
    const int columns = c->row_bytes / 4;
    for (int row = 0; row < c->rows; row++) {
        uint16_t pairs[2 * word_max];
        float first[word_max] = {0}, second[word_max] = {0}, old[word_max];
        memcpy(pairs, a->bytes[row], sizeof pairs);
        for (int k = 0; k < a->row_bytes / 4; k++) {
            const float low = from_bf16(pairs[2 * k]), high = from_bf16(pairs[2 * k + 1]);
            uint16_t values[2 * word_max];
            memcpy(values, b->bytes[k], sizeof values);
            for (int n = 0; n < word_max; n++) {
                first[n] = flushed(__builtin_fmaf(low, from_bf16(values[2 * n]), first[n]));
                second[n] = flushed(__builtin_fmaf(high, from_bf16(values[2 * n + 1]), second[n]));
            }
        }
        memcpy(old, c->bytes[row], sizeof old);
        for (int n = 0; n < word_max; n++)
            old[n] = n < columns
                         ? flushed(flushed(old[n]) + flushed(first[n] + second[n]))
                         : 0.0f;
        memcpy(c->bytes[row], old, sizeof old);
    }
    for (int row = c->rows; row < row_max; row++) memset(c->bytes[row], 0, row_byte_max);
}
