// SPDX-License-Identifier: Apache-2.0
//
// What the references of Winograd's convolution share: a patch's pixels, and an output.
#ifndef RETOM_WINOGRAD_SCALAR_H
#define RETOM_WINOGRAD_SCALAR_H

#include "../activations/activations.h"
#include "../scalar.h"

/// Loads side x side pixels of one channel; the first is above and to the left of output (y, x).
static inline void rt_winograd_pixels(const rt_winograd *_Nonnull a, int side, int64_t item,
                                      int64_t y, int64_t x, int64_t channel, float *_Nonnull d) {
    const int64_t height = a->height + 2 - 2 * a->vertical_padding;
    for (int i = 0; i < side * side; i++) {
        const int64_t line = y + i / side - a->vertical_padding, column = x + i % side - 1;
        const int is_inside = line >= 0 && line < height && column >= 0 && column < a->width;
        const int64_t row = (item * height + line) * a->width + column;
        d[i] = is_inside ? rt_at(&a->input, row, channel) : 0.0f;
    }
}

/// Stores activation(value + bias) + residual, or activation(value + bias + residual).
static inline void rt_winograd_store(const rt_winograd *_Nonnull a, int64_t row, int64_t channel,
                                     float value) {
    value += a->bias[channel];
    if (!a->activates_sum) value = rt_activation_scalar(value, a->activation);
    if (a->residual) value += rt_at(a->residual, row, channel);
    if (a->activates_sum) value = rt_activation_scalar(value, a->activation);
    rt_set(&a->output, row, channel, value);
}

#endif
