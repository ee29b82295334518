// SPDX-License-Identifier: Apache-2.0
//
// OpenBLAS, opened at run time. It picks its kernels while loading, from a table of processors that
// ends with the year it was built, so the choice is made here, before it loads.
#ifndef RETOM_COPENBLAS_H
#define RETOM_COPENBLAS_H

#include <stdint.h>

/// `CblasRowMajor`, `CblasNoTrans` and `CblasTrans` of cblas.h.
enum { RT_BLAS_ROW_MAJOR = 101, RT_BLAS_NO_TRANS = 111, RT_BLAS_TRANS = 112 };

/// The entry points in use, with cblas.h's meaning; integers are 32 bits wide.
typedef struct rt_openblas {
    void (*_Nonnull sgemm)(int32_t order, int32_t transposeA, int32_t transposeB, int32_t rows,
                           int32_t columns, int32_t depth, float alpha, const float *_Nonnull a,
                           int32_t lda, const float *_Nonnull b, int32_t ldb, float beta,
                           float *_Nonnull c, int32_t ldc);
    /// The kernels in use: `SkylakeX`, `Haswell`, …
    const char *_Nonnull (*_Nonnull corename)(void);
    /// Version and build options.
    const char *_Nonnull (*_Nonnull config)(void);
} rt_openblas;

/// Opens `path` with the kernels called `core` (NULL: the library's own choice) and one
/// thread. Only the first call in a process opens it; call before other threads read the
/// environment. Returns NULL on failure, with a reason in `message`.
const rt_openblas *_Nullable rt_openblas_open(const char *_Nonnull path,
                                              const char *_Nullable core, char *_Nonnull message,
                                              int32_t messageCapacity);

#endif
