// SPDX-License-Identifier: Apache-2.0
#include "../tile/tile.h"
#include "peak.h"

/// As many sums as a tile has, so that multiply-adds do not wait for each other.
void RT_NAME(rt_peak)(const void *arguments, int64_t begin, int64_t end) {
    const rt_peak *a = arguments;
    vf sums[TILE_ROWS * TILE_VECTORS];
    RT_UNROLL for (int i = 0; i < TILE_ROWS * TILE_VECTORS; i++) sums[i] = vf_set(0.0f);
    vf left = vf_set(1.0f), right = vf_set(1.0f);
    for (int64_t round = begin; round < end; round++) {
        RT_UNROLL for (int i = 0; i < TILE_ROWS * TILE_VECTORS; i++)
            sums[i] = word_dot(sums[i], left, right);
        // The compiler must not know the factors, or it would merge all rounds.
        __asm__ volatile("" : "+v"(left), "+v"(right));
    }
    vf total = vf_set(0.0f);
    RT_UNROLL for (int i = 0; i < TILE_ROWS * TILE_VECTORS; i++) total += sums[i];
    *a->result = vf_sum(total);
    *a->operation_count = (end - begin) * TILE_ROWS * TILE_WIDTH * WORD_VALUES * 2;
}
