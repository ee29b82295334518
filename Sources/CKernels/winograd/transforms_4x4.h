// SPDX-License-Identifier: Apache-2.0
//
// The transforms of F(4x4, 3x3), line by line. Interpolation at 0, 5/8, -5/8, 3/2, -3/2 and
// infinity: the sums have 0.44 of the error that the usual points 0, 1, -1, 2, -2 give them, 2.9
// times that of F(2x2, 3x3) (products in both with the same relative error, independent pixels and
// weights), and all coefficients of pixels and products are exact.
#ifndef RETOM_TRANSFORMS_4X4_H
#define RETOM_TRANSFORMS_4X4_H

#include "../tile/tile.h"

#define WINOGRAD_NAME(base) RT_NAME(base##_4x4)

enum {
    OUTPUT_SIDE = 4,
    PATCH_SIDE = OUTPUT_SIDE + 2,
    POSITIONS = PATCH_SIDE * PATCH_SIDE,
    /// How a product continues after STEP_BLOCK steps.
    START_NEXT = START_APART,
    /// Words available for the transformed patches of a block: weights are read once per block and
    /// take as much memory traffic as the patches.
    PATCH_WORDS = 4 * 1024 * 1024,
    /// Maximum patches of a block: more would evict the products from the second-level cache.
    PATCH_MAX = 64,
};

/// The points, their squares, and the sum and product of these.
#define POINT_A 0.625f
#define POINT_B 1.5f
#define SQUARE_A (POINT_A * POINT_A)
#define SQUARE_B (POINT_B * POINT_B)
#define SQUARE_SUM (SQUARE_A + SQUARE_B)
#define SQUARE_PRODUCT (SQUARE_A * SQUARE_B)

/// u = G g
RT_INLINE void filter_line(const vf g[3], vf u[PATCH_SIDE]) {
    const vf zero = vf_set(1.0f / SQUARE_PRODUCT);
    const vf a = vf_set(0.5f / (SQUARE_A * (SQUARE_A - SQUARE_B)));
    const vf b = vf_set(0.5f / (SQUARE_B * (SQUARE_B - SQUARE_A)));
    const vf outer_a = vf_fma(vf_set(SQUARE_A), g[2], g[0]), inner_a = vf_set(POINT_A) * g[1];
    const vf outer_b = vf_fma(vf_set(SQUARE_B), g[2], g[0]), inner_b = vf_set(POINT_B) * g[1];
    u[0] = g[0] * zero;
    u[1] = (outer_a + inner_a) * a;
    u[2] = (outer_a - inner_a) * a;
    u[3] = (outer_b + inner_b) * b;
    u[4] = (outer_b - inner_b) * b;
    u[5] = g[2];
}

/// v = B^T d
RT_INLINE void patch_line(const vf d[PATCH_SIDE], vf v[PATCH_SIDE]) {
    const vf a = vf_set(POINT_A), b = vf_set(POINT_B), sum = vf_set(SQUARE_SUM);
    const vf square_a = vf_set(SQUARE_A), square_b = vf_set(SQUARE_B);
    const vf product = vf_set(SQUARE_PRODUCT);
    const vf even_a = vf_fnma(square_b, d[2], d[4]), odd_a = vf_fnma(square_b, d[1], d[3]);
    const vf even_b = vf_fnma(square_a, d[2], d[4]), odd_b = vf_fnma(square_a, d[1], d[3]);
    v[0] = vf_fma(product, d[0], vf_fnma(sum, d[2], d[4]));
    v[1] = vf_fma(a, odd_a, even_a);
    v[2] = vf_fnma(a, odd_a, even_a);
    v[3] = vf_fma(b, odd_b, even_b);
    v[4] = vf_fnma(b, odd_b, even_b);
    v[5] = vf_fma(product, d[1], vf_fnma(sum, d[3], d[5]));
}

/// y = A^T m
RT_INLINE void output_line(const vf m[PATCH_SIDE], vf y[OUTPUT_SIDE]) {
    const vf even_a = m[1] + m[2], odd_a = m[1] - m[2];
    const vf even_b = m[3] + m[4], odd_b = m[3] - m[4];
    y[0] = m[0] + even_a + even_b;
    y[1] = vf_fma(vf_set(POINT_A), odd_a, vf_set(POINT_B) * odd_b);
    y[2] = vf_fma(vf_set(SQUARE_A), even_a, vf_set(SQUARE_B) * even_b);
    y[3] = vf_fma(vf_set(SQUARE_A * POINT_A), odd_a,
                  vf_fma(vf_set(SQUARE_B * POINT_B), odd_b, m[5]));
}

#endif
