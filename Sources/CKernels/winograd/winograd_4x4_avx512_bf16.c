// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)

#define RT_HAS_BF16
#include "../vector/vector_avx512.h"
#include "../tile/words_bf16.h"
#include "transforms_4x4.h"
#include "winograd_vector.h"

#pragma clang attribute pop

#endif
