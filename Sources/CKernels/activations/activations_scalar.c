// SPDX-License-Identifier: Apache-2.0
#include "../scalar.h"
#include "activations.h"

#include <math.h>

float rt_activation_scalar(float x, rt_activation activation) {
    switch (activation) {
    case RT_ACTIVATION_NONE: return x;
    case RT_ACTIVATION_SILU: return x / (1.0f + expf(-x));
    case RT_ACTIVATION_GELU: return (float)(0.5 * (double)x * erfc(-(double)x * M_SQRT1_2));
    case RT_ACTIVATION_QUICK_GELU: return x / (1.0f + expf(-1.702f * x));
    case RT_ACTIVATION_RELU: return x < 0 ? 0 : x;
    }
    return x;
}

void rt_activate_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_activate *a = arguments;
    for (int64_t row = begin; row < end; row++)
        for (int64_t c = 0; c < a->channels; c++)
            rt_set(&a->target, row, c,
                   rt_activation_scalar(rt_at(&a->source, row, c), a->activation));
}

void rt_geglu_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_geglu *a = arguments;
    for (int64_t row = begin; row < end; row++)
        for (int64_t c = 0; c < a->channels; c++) {
            const float gate = rt_at(&a->source, row, a->channels + c);
            const float hidden = rt_at(&a->source, row, c);
            rt_set(&a->target, row, c, hidden * rt_activation_scalar(gate, RT_ACTIVATION_GELU));
        }
}
