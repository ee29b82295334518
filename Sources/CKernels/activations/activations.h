// SPDX-License-Identifier: Apache-2.0
//
// Pointwise activations and GEGLU.
#ifndef RETOM_ACTIVATIONS_H
#define RETOM_ACTIVATIONS_H

#include "KernelArguments.h"

#define RT_ACTIVATIONS_DECLARE(isa)                                                       \
    void rt_activate_##isa(const rt_activate *_Nonnull a, int64_t begin, int64_t end);    \
    void rt_geglu_##isa(const rt_geglu *_Nonnull a, int64_t begin, int64_t end);

RT_ACTIVATIONS_DECLARE(scalar)
RT_ACTIVATIONS_DECLARE(avx2)
RT_ACTIVATIONS_DECLARE(avx512)
RT_ACTIVATIONS_DECLARE(avx512_bf16)

/// One value, by libm.
float rt_activation_scalar(float x, rt_activation activation);

#endif
