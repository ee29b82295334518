// SPDX-License-Identifier: Apache-2.0
#include "CAllocationCounter.h"

#include <stddef.h>  // size_t

// glibc's own entry points, exported for exactly this purpose.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static __thread int64_t counted;
static __thread int counting;

void rt_count_allocations(void) {
    counted = 0;
    counting = 1;
}

int64_t rt_counted_allocations(void) {
    counting = 0;
    return counted;
}

void *malloc(size_t size) {
    counted += counting;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    counted += counting;
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    counted += counting;
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    counted += counting;
    return __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size) {
    counted += counting;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    counted += counting;
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : 12;  // ENOMEM
}
