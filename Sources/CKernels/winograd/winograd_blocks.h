// SPDX-License-Identifier: Apache-2.0
//
// The patches of a picture in blocks and shares, for products in the inputs' type
// (winograd_vector.h) and in bytes (winograd_int8_vector.h). Included after words_*.h and
// transforms_*.h.
//
// A block of patches is multiplied with all column blocks at once, so that the weights are read
// once per block and the products stay in the second-level cache.
#ifndef RETOM_WINOGRAD_BLOCKS_H
#define RETOM_WINOGRAD_BLOCKS_H

#include "../tile/tile.h"

enum {
    /// Words between positions of patches and of products: without them positions are often a
    /// multiple of 4096 bytes apart, and all lines of a patch in one set of the first-level cache.
    POSITION_GAP = 16,
    /// Fewest patches of a share, if another share can have other outputs of the same patches: each
    /// reads the weights of all its outputs, so that with fewer patches memory would be the limit.
    SHARE_PATCHES = 4 * TILE_ROWS,
};

/// Sizes of one call.
typedef struct geometry {
    int64_t steps;
    int64_t column_blocks;
    /// Patches across, down, and in all.
    int64_t across;
    int64_t down;
    int64_t patches;
    /// At most, a multiple of TILE_ROWS.
    int64_t patches_per_block;
    /// Shares that have the same patches and different column blocks.
    int64_t column_parts;
} geometry;

/// Where the positions of a block of patches begin, in words.
typedef struct strides {
    int64_t patches;
    int64_t products;
} strides;

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// The smallest divisor of the number of shares that leaves each enough patches, else the greatest.
static int64_t column_parts(const geometry *g, int64_t shares) {
    int64_t chosen = 1;
    for (int64_t parts = 1; parts <= g->column_blocks && parts <= shares; parts++) {
        if (shares % parts != 0) continue;
        chosen = parts;
        if (g->patches * parts >= SHARE_PATCHES * shares) break;
    }
    return chosen;
}

static geometry geometry_of(const rt_winograd *a) {
    geometry g = {
        .steps = ceil_div(a->input_channels, WORD_VALUES),
        .column_blocks = ceil_div(a->output_channels, TILE_WIDTH),
        .across = ceil_div(a->width, OUTPUT_SIDE),
        .down = ceil_div(a->height, OUTPUT_SIDE),
    };
    g.patches = a->batch * g.down * g.across;
    g.column_parts = column_parts(&g, a->share_count);
    int64_t most = PATCH_WORDS / (POSITIONS * g.steps);
    if (most > PATCH_MAX) most = PATCH_MAX;
    const int64_t fair = ceil_div(g.patches, a->share_count / g.column_parts);
    if (most > fair) most = fair;
    g.patches_per_block = most < TILE_ROWS ? TILE_ROWS : ceil_div(most, TILE_ROWS) * TILE_ROWS;
    return g;
}

static strides strides_of(geometry g, int64_t count) {
    return (strides){count * g.steps + POSITION_GAP, count * TILE_WIDTH + POSITION_GAP};
}

static int64_t round_up(int64_t count) { return (count + 15) / 16 * 16; }

/// The position of a patch's first output.
typedef struct place {
    int64_t item;
    int64_t y;
    int64_t x;
} place;

static place place_of(geometry g, int64_t patch) {
    const int64_t per_item = g.down * g.across;
    const int64_t rest = patch % per_item;
    return (place){patch / per_item, rest / g.across * OUTPUT_SIDE,
                   rest % g.across * OUTPUT_SIDE};
}

/// The rows of a patch's pixels; `outside` is a row of zeros.
RT_INLINE void patch_pixels(const rt_winograd *a, place p, const void *outside,
                            const void *pixels[POSITIONS]) {
    const int64_t height = a->height + 2 - 2 * a->vertical_padding;
    for (int i = 0; i < POSITIONS; i++) {
        const int64_t y = p.y + i / PATCH_SIDE - a->vertical_padding;
        const int64_t x = p.x + i % PATCH_SIDE - 1;
        const int is_inside = y >= 0 && y < height && x >= 0 && x < a->width;
        pixels[i] =
            is_inside ? rt_row(&a->input, (p.item * height + y) * a->width + x) : outside;
    }
}

/// Where part i of some patches begins: whole tiles, parts that differ by one tile at most.
static int64_t part_start(int64_t patches, int64_t i, int64_t parts) {
    const int64_t start = ceil_div(patches, TILE_ROWS) * i / parts * TILE_ROWS;
    return start < patches ? start : patches;
}

/// Computes `count` patches from `first`, of one part of the column blocks; `scratch` begins with a
/// row of zeros.
typedef void block_kernel(const rt_winograd *a, geometry g, int64_t part, int64_t first,
                          int64_t count, float *scratch);

/// Runs the blocks of some shares.
static void run_shares(const rt_winograd *a, int64_t scratch_byte_count, block_kernel *run_block,
                       int64_t begin, int64_t end) {
    const geometry g = geometry_of(a);
    for (int64_t share = begin; share < end; share++) {
        float *scratch = (float *)((char *)a->scratch + share * scratch_byte_count);
        for (int64_t i = 0; i < round_up(a->input_channels); i++) scratch[i] = 0;
        const int64_t part = share / g.column_parts, parts = a->share_count / g.column_parts;
        const int64_t first = part_start(g.patches, part, parts);
        const int64_t patches = part_start(g.patches, part + 1, parts) - first;
        const int64_t blocks = ceil_div(patches, g.patches_per_block);
        for (int64_t i = 0; i < blocks; i++) {
            const int64_t start = part_start(patches, i, blocks);
            const int64_t count = part_start(patches, i + 1, blocks) - start;
            run_block(a, g, share % g.column_parts, first + start, count, scratch);
        }
    }
}

#endif
