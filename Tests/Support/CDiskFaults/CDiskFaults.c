// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CDiskFaults.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic(rt_disk_hook) current_hook;

void rt_set_disk_hook(rt_disk_hook hook) { atomic_store(&current_hook, hook); }

// The verdict for an operation on a path; sets errno for an error.
static int ask(rt_disk_request request) {
    rt_disk_hook hook = atomic_load(&current_hook);
    if (!hook || !request.path) return RT_DISK_GO_ON;
    int saved = errno;
    int answer = hook(&request);
    errno = answer > 0 ? answer : saved;
    return answer;
}

// The same for an operation on a descriptor.
static int ask_about(int descriptor, rt_disk_request request) {
    if (!atomic_load(&current_hook)) return RT_DISK_GO_ON;
    int saved = errno;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = syscall(SYS_readlink, link, path, sizeof path - 1);
    errno = saved;
    if (length < 0) return RT_DISK_GO_ON;
    path[length] = 0;
    request.path = path;
    return ask(request);
}

// Returns from the calling function on an error or a pretended success; otherwise does nothing.
#define DECIDE(answer, success)                  \
    do {                                         \
        int decided = (answer);                  \
        if (decided > 0) return -1;              \
        if (decided == RT_DISK_DONE) return (success); \
    } while (0)

static ssize_t write_at(int descriptor, const void *bytes, size_t count, off_t offset, int moves) {
    rt_disk_request request = {
        .operation = RT_DISK_WRITE, .bytes = bytes, .count = count, .offset = offset};
    DECIDE(ask_about(descriptor, request), (ssize_t)count);
    return moves ? syscall(SYS_write, descriptor, bytes, count)
                 : syscall(SYS_pwrite64, descriptor, bytes, count, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    off_t offset = 0;
    if (atomic_load(&current_hook)) {
        int saved = errno;
        offset = syscall(SYS_lseek, descriptor, 0, SEEK_CUR);
        errno = saved;
    }
    return write_at(descriptor, bytes, count, offset, 1);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    return write_at(descriptor, bytes, count, offset, 0);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    return write_at(descriptor, bytes, count, offset, 0);
}

int fsync(int descriptor) {
    DECIDE(ask_about(descriptor, (rt_disk_request){.operation = RT_DISK_SYNC}), 0);
    return (int)syscall(SYS_fsync, descriptor);
}

int fdatasync(int descriptor) {
    DECIDE(ask_about(descriptor, (rt_disk_request){.operation = RT_DISK_SYNC}), 0);
    return (int)syscall(SYS_fdatasync, descriptor);
}

int ftruncate64(int descriptor, off64_t length) {
    rt_disk_request request = {.operation = RT_DISK_TRUNCATE, .offset = length};
    DECIDE(ask_about(descriptor, request), 0);
    return (int)syscall(SYS_ftruncate, descriptor, length);
}

int ftruncate(int descriptor, off_t length) { return ftruncate64(descriptor, length); }

int rename(const char *old, const char *new) {
    rt_disk_request request = {.operation = RT_DISK_RENAME, .path = old, .other = new};
    DECIDE(ask(request), 0);
    return (int)syscall(SYS_renameat, AT_FDCWD, old, AT_FDCWD, new);
}

int link(const char *old, const char *new) {
    rt_disk_request request = {.operation = RT_DISK_LINK, .path = old, .other = new};
    DECIDE(ask(request), 0);
    return (int)syscall(SYS_linkat, AT_FDCWD, old, AT_FDCWD, new, 0);
}

int unlink(const char *path) {
    DECIDE(ask((rt_disk_request){.operation = RT_DISK_UNLINK, .path = path}), 0);
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int mkdir(const char *path, mode_t mode) {
    DECIDE(ask((rt_disk_request){.operation = RT_DISK_MKDIR, .path = path}), 0);
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

static int open_file(const char *path, int flags, mode_t mode) {
    rt_disk_request request = {.operation = RT_DISK_OPEN, .path = path, .offset = flags};
    DECIDE(ask(request), -1);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#define MODE(flags)                                             \
    ({                                                          \
        mode_t mode = 0;                                        \
        if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { \
            va_list rest;                                       \
            va_start(rest, flags);                              \
            mode = va_arg(rest, mode_t);                        \
            va_end(rest);                                       \
        }                                                       \
        mode;                                                   \
    })

int open(const char *path, int flags, ...) { return open_file(path, flags, MODE(flags)); }

int open64(const char *path, int flags, ...) {
    return open_file(path, flags | O_LARGEFILE, MODE(flags));
}

static int control(int descriptor, int command, void *argument) {
    if (command == F_OFD_SETLK)
        DECIDE(ask_about(descriptor, (rt_disk_request){.operation = RT_DISK_LOCK}), 0);
    return (int)syscall(SYS_fcntl, descriptor, command, argument);
}

#define ARGUMENT(command)               \
    ({                                  \
        va_list rest;                   \
        va_start(rest, command);        \
        void *argument = va_arg(rest, void *); \
        va_end(rest);                   \
        argument;                       \
    })

int fcntl(int descriptor, int command, ...) {
    return control(descriptor, command, ARGUMENT(command));
}

int fcntl64(int descriptor, int command, ...) {
    return control(descriptor, command, ARGUMENT(command));
}

// RETOM_DISK_FAULT="sync /latents/ 2 5": the second sync of a file whose path has this part fails
// with error 5.
static struct {
    int operation;
    char part[256];
    int ordinal;
    int error;
    atomic_int seen;
} planned;

static int planned_fault(const rt_disk_request *request) {
    if ((int)request->operation != planned.operation) return RT_DISK_GO_ON;
    if (!strstr(request->path, planned.part)) return RT_DISK_GO_ON;
    return atomic_fetch_add(&planned.seen, 1) + 1 == planned.ordinal ? planned.error
                                                                     : RT_DISK_GO_ON;
}

__attribute__((constructor)) static void read_plan(void) {
    static const char *const names[] = {"open",   "write", "truncate", "sync",
                                        "rename", "link",  "unlink",   "mkdir", "lock"};
    const char *text = getenv("RETOM_DISK_FAULT");
    char name[16];
    if (!text || sscanf(text, "%15s %255s %d %d", name, planned.part, &planned.ordinal,
                        &planned.error) != 4)
        return;
    for (int index = 0; index < 9; index++) {
        if (strcmp(name, names[index]) != 0) continue;
        planned.operation = index;
        rt_set_disk_hook(planned_fault);
    }
}
