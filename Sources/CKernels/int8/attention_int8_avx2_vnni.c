// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)

#define RT_HAS_VNNI
#include "../vector/vector_avx2.h"
#include "attention_int8_vector.h"

#pragma clang attribute pop

#endif
