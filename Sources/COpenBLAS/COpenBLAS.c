// SPDX-License-Identifier: Apache-2.0
#include "COpenBLAS.h"

#include <dlfcn.h>    // dlopen
#include <pthread.h>  // pthread_mutex_t
#include <stdbool.h>  // bool
#include <stdio.h>    // snprintf
#include <stdlib.h>   // setenv
#include <string.h>   // strdup

// An environment variable with a temporary value.
typedef struct {
    const char *name;
    char *saved;
} variable;

static variable replace_variable(const char *name, const char *value) {
    const char *old = getenv(name);
    variable variable = {name, old ? strdup(old) : NULL};
    if (value) {
        setenv(name, value, 1);
    } else {
        unsetenv(name);
    }
    return variable;
}

static void restore_variable(variable variable) {
    if (variable.saved) {
        setenv(variable.name, variable.saved, 1);
    } else {
        unsetenv(variable.name);
    }
    free(variable.saved);
}

static void *open_with_core(const char *path, const char *core) {
    const variable coretype = replace_variable("OPENBLAS_CORETYPE", core);
    // One thread from the start: otherwise it starts a pool that is never used.
    const variable threads = replace_variable("OPENBLAS_NUM_THREADS", "1");
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    restore_variable(threads);
    restore_variable(coretype);
    return library;
}

// Looks up a function; ISO C does not allow casting a pointer to an object to one to a function.
static bool find(void *library, const char *name, void *function) {
    void *address = dlsym(library, name);
    memcpy(function, &address, sizeof address);
    return address != NULL;
}

static bool load(const char *path, const char *core, rt_openblas *functions, char *message,
                 int32_t capacity) {
    void *library = open_with_core(path, core);
    if (!library) {
        snprintf(message, (size_t)capacity, "%s", dlerror());
        return false;
    }
    void (*set_threads)(int) = NULL;
    const bool complete = find(library, "cblas_sgemm", &functions->sgemm) &&
                          find(library, "openblas_get_corename", &functions->corename) &&
                          find(library, "openblas_get_config", &functions->config) &&
                          find(library, "openblas_set_num_threads", &set_threads);
    if (!complete) {
        snprintf(message, (size_t)capacity, "%s: %s", path, dlerror());
        dlclose(library);
        return false;
    }
    set_threads(1);
    return true;
}

const rt_openblas *rt_openblas_open(const char *path, const char *core, char *message,
                                    int32_t messageCapacity) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static rt_openblas functions;
    static bool is_open = false;
    pthread_mutex_lock(&lock);
    if (!is_open) is_open = load(path, core, &functions, message, messageCapacity);
    const bool succeeded = is_open;
    pthread_mutex_unlock(&lock);
    return succeeded ? &functions : NULL;
}
