// SPDX-License-Identifier: Apache-2.0
//
// Never run on a processor that has AMX: tests run the same kernel on a model of its tiles.
#if defined(__x86_64__)

#define RT_HAS_BF16
#define RT_HAS_AMX
#include "../vector/vector_avx512.h"
#include "../amx/tiles.h"
#include "../tile/words_bf16.h"
#include "attention_words_bf16.h"
#include "attention_vector.h"

#pragma clang attribute pop

#endif
