// SPDX-License-Identifier: Apache-2.0
//
// Pointwise activations and GEGLU.
#ifndef RETOM_ACTIVATIONS_H
#define RETOM_ACTIVATIONS_H

#include "CKernels.h"

#define RT_ACTIVATIONS_DECLARE(isa)                                               \
    rt_kernel rt_activate_##isa;                                                  \
    rt_kernel rt_geglu_##isa;

RT_ACTIVATIONS_DECLARE(scalar)
RT_ACTIVATIONS_DECLARE(avx2)
RT_ACTIVATIONS_DECLARE(avx512)
RT_ACTIVATIONS_DECLARE(avx512_bf16)

/// One value, by libm.
float rt_activation_scalar(float x, rt_activation activation);

#endif
