// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)

#include "../vector/vector_avx2.h"

/// 6 x 2 accumulators, 2 vectors of queries and a broadcast fit into 16 registers.
enum { QUERY_VECTORS = 2, QUERY_BLOCK = QUERY_VECTORS * VL };

#include "attention_words_f32.h"
#include "attention_vector.h"

#pragma clang attribute pop

#endif
