// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CAllocationCounter.h"

#include <dlfcn.h>   // dladdr
#include <stddef.h>  // size_t
#include <string.h>  // strstr

// glibc's own entry points, exported for exactly this purpose.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

enum { CALLERS_MAX = 65536 };

static __thread int64_t counted;
static __thread int counting;
// The callers, while counting; only one counting thread at a time has the list.
static void *callers[CALLERS_MAX];

#define COUNT()                                                                        \
    do {                                                                               \
        if (counting) {                                                                \
            if (counted < CALLERS_MAX) callers[counted] = __builtin_return_address(0); \
            counted += 1;                                                              \
        }                                                                              \
    } while (0)

void rt_count_allocations(void) {
    counted = 0;
    counting = 1;
}

int64_t rt_counted_allocations(void) {
    counting = 0;
    return counted;
}

int64_t rt_counted_own_allocations(void) {
    counting = 0;
    Dl_info own;
    if (!dladdr((void *)rt_count_allocations, &own)) return counted;
    int64_t result = 0;
    for (int64_t index = 0; index < counted; index++) {
        Dl_info info;
        if (index >= CALLERS_MAX || !dladdr(callers[index], &info) ||
            info.dli_fbase == own.dli_fbase ||
            (info.dli_fname && strstr(info.dli_fname, "libswift")))
            result += 1;
    }
    return result;
}

void *malloc(size_t size) {
    COUNT();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    COUNT();
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    COUNT();
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    COUNT();
    return __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size) {
    COUNT();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    COUNT();
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : 12;  // ENOMEM
}
