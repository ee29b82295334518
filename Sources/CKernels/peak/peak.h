// SPDX-License-Identifier: Apache-2.0
//
// Multiply-adds on registers alone: the peak rate of a core.
#ifndef RETOM_PEAK_H
#define RETOM_PEAK_H

#include "CKernels.h"

rt_kernel rt_peak_scalar;
rt_kernel rt_peak_avx2;
rt_kernel rt_peak_avx512;
/// Products of bf16 pairs.
rt_kernel rt_peak_avx512_bf16;

#endif
