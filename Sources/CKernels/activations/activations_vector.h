// SPDX-License-Identifier: Apache-2.0
//
// activations_scalar.c on vectors; included once per instruction set, after its vector header.
#include "../vector/elements.h"
#include "../vector/functions.h"
#include "activations.h"

RT_INLINE void activate_run(rt_element from, rt_element to, rt_activation activation,
                            const void *source, void *target, int64_t count) {
    RT_FOR_VECTORS(
        count,
        vf_put(target, to, i, n, vf_activation(vf_get(source, from, i, n), activation)));
}

static void activate_row(rt_element from, rt_element to, rt_activation activation,
                         const void *source, void *target, int64_t count) {
    switch (activation) {
    case RT_ACTIVATION_NONE:
        RT_BY_ELEMENTS(from, to, activate_run, RT_ACTIVATION_NONE, source, target, count);
        return;
    case RT_ACTIVATION_SILU:
        RT_BY_ELEMENTS(from, to, activate_run, RT_ACTIVATION_SILU, source, target, count);
        return;
    case RT_ACTIVATION_GELU:
        RT_BY_ELEMENTS(from, to, activate_run, RT_ACTIVATION_GELU, source, target, count);
        return;
    case RT_ACTIVATION_QUICK_GELU:
        RT_BY_ELEMENTS(from, to, activate_run, RT_ACTIVATION_QUICK_GELU, source, target, count);
        return;
    case RT_ACTIVATION_RELU:
        RT_BY_ELEMENTS(from, to, activate_run, RT_ACTIVATION_RELU, source, target, count);
        return;
    }
}

void RT_NAME(rt_activate)(const void *arguments, int64_t begin, int64_t end) {
    const rt_activate *a = arguments;
    const rt_runs runs = rt_runs_of(&a->source, &a->target, a->channels, end - begin);
    for (int64_t row = begin; row < begin + runs.count; row++)
        activate_row(a->source.element, a->target.element, a->activation,
                     rt_row(&a->source, row), rt_target_row(&a->target, row), runs.length);
}

RT_INLINE void geglu_run(rt_element from, rt_element to, const void *hidden, const void *gate,
                         void *target, int64_t count) {
    RT_FOR_VECTORS(count,
                   vf_put(target, to, i, n,
                          vf_get(hidden, from, i, n) * vf_gelu(vf_get(gate, from, i, n))));
}

void RT_NAME(rt_geglu)(const void *arguments, int64_t begin, int64_t end) {
    const rt_geglu *a = arguments;
    const int64_t half = a->channels * rt_byte_count(a->source.element);
    for (int64_t row = begin; row < end; row++) {
        const char *hidden = rt_row(&a->source, row);
        RT_BY_ELEMENTS(a->source.element, a->target.element, geglu_run, hidden, hidden + half,
                       rt_target_row(&a->target, row), a->channels);
    }
}
