// SPDX-License-Identifier: Apache-2.0
//
// The transforms of F(2x2, 3x3), line by line: sums and halves, so that products in bf16 lose
// little precision. Interpolation at 0, 1, -1 and infinity.
#ifndef RETOM_TRANSFORMS_2X2_H
#define RETOM_TRANSFORMS_2X2_H

#include "../tile/tile.h"

#define WINOGRAD_NAME(base) RT_NAME(base##_2x2)

enum {
    OUTPUT_SIDE = 2,
    PATCH_SIDE = OUTPUT_SIDE + 2,
    POSITIONS = PATCH_SIDE * PATCH_SIDE,
    /// How a product continues after STEP_BLOCK steps.
    START_NEXT = START_ADD,
    /// Words available for the transformed patches of a block.
    PATCH_WORDS = 1024 * 1024,
    /// Maximum patches of a block: more would evict the products from the second-level cache.
    PATCH_MAX = 144,
};

/// u = G g
RT_INLINE void filter_line(const vf g[3], vf u[PATCH_SIDE]) {
    const vf half = vf_set(0.5f);
    const vf outer = (g[0] + g[2]) * half, inner = g[1] * half;
    u[0] = g[0];
    u[1] = outer + inner;
    u[2] = outer - inner;
    u[3] = g[2];
}

/// v = B^T d
RT_INLINE void patch_line(const vf d[PATCH_SIDE], vf v[PATCH_SIDE]) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
}

/// y = A^T m
RT_INLINE void output_line(const vf m[PATCH_SIDE], vf y[OUTPUT_SIDE]) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
}

#endif
