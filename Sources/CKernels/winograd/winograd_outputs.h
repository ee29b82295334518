// SPDX-License-Identifier: Apache-2.0
//
// The outputs of a column block. The includer defines `products`, the products of all patches and
// positions of the block, and `product_at`, one vector of them as values.
#ifndef RETOM_WINOGRAD_OUTPUTS_H
#define RETOM_WINOGRAD_OUTPUTS_H

#include "../vector/functions.h"
#include "winograd_blocks.h"

/// The operations on a column block of outputs.
typedef struct finish {
    const rt_winograd *a;
    int64_t column;
    int64_t columns;
    products products;
} finish;

/// Stores activation(value + bias) + residual, or activation(value + bias + residual), for n
/// columns.
RT_INLINE void finish_vector(const finish *f, rt_activation activation, int64_t row, int64_t i,
                             int64_t n, vf value) {
    const rt_winograd *a = f->a;
    const int64_t column = f->column + i;
    value += vf_get(a->bias, RT_ELEMENT_F32, column, n);
    if (!a->activates_sum) value = vf_activation(value, activation);
    if (a->residual) {
        const void *line = rt_row(a->residual, row);
        value += a->residual->element == RT_ELEMENT_F32 ? vf_get(line, RT_ELEMENT_F32, column, n)
                                                        : vf_get(line, RT_ELEMENT_BF16, column, n);
    }
    if (a->activates_sum) value = vf_activation(value, activation);
    if (a->output.element == RT_ELEMENT_F32)
        vf_put(rt_target_row(&a->output, row), RT_ELEMENT_F32, column, n, value);
    else vf_put(rt_target_row(&a->output, row), RT_ELEMENT_BF16, column, n, value);
}

/// Y = A^T m A of one patch, n columns from i.
RT_INLINE void finish_patch(const finish *f, products products, rt_activation activation, place p,
                            int64_t patch, int64_t i, int64_t n) {
    const rt_winograd *a = f->a;
    const int64_t row = (p.item * a->height + p.y) * a->width + p.x;
    vf lines[OUTPUT_SIDE][PATCH_SIDE];
    RT_UNROLL for (int x = 0; x < PATCH_SIDE; x++) {
        vf m[PATCH_SIDE], y[OUTPUT_SIDE];
        RT_UNROLL for (int k = 0; k < PATCH_SIDE; k++)
            m[k] = product_at(&products, k * PATCH_SIDE + x, patch, i);
        output_line(m, y);
        RT_UNROLL for (int k = 0; k < OUTPUT_SIDE; k++) lines[k][x] = y[k];
    }
    RT_UNROLL for (int y = 0; y < OUTPUT_SIDE; y++) {
        vf values[OUTPUT_SIDE];
        output_line(lines[y], values);
        if (p.y + y >= a->height) return;
        RT_UNROLL for (int x = 0; x < OUTPUT_SIDE; x++)
            if (p.x + x < a->width)
                finish_vector(f, activation, row + y * a->width + x, i, n, values[x]);
    }
}

/// All patches of a block; the activation is a constant.
RT_INLINE void finish_patches(const finish *f, rt_activation activation, geometry g, int64_t first,
                              int64_t count) {
    // A copy, which no store to the output can change.
    const products products = f->products;
    for (int64_t patch = 0; patch < count; patch++) {
        const place p = place_of(g, first + patch);
        RT_FOR_VECTORS(f->columns, finish_patch(f, products, activation, p, patch, i, n));
    }
}

static void finish_block(const finish *f, geometry g, int64_t first, int64_t count) {
    switch (f->a->activation) {
    case RT_ACTIVATION_NONE: finish_patches(f, RT_ACTIVATION_NONE, g, first, count); break;
    case RT_ACTIVATION_SILU: finish_patches(f, RT_ACTIVATION_SILU, g, first, count); break;
    case RT_ACTIVATION_GELU: finish_patches(f, RT_ACTIVATION_GELU, g, first, count); break;
    case RT_ACTIVATION_RELU: finish_patches(f, RT_ACTIVATION_RELU, g, first, count); break;
    case RT_ACTIVATION_QUICK_GELU:
        finish_patches(f, RT_ACTIVATION_QUICK_GELU, g, first, count);
        break;
    }
}

#endif
