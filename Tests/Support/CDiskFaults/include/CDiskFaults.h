// SPDX-License-Identifier: Apache-2.0
//
// The file operations of a whole process, including SQLite's, on their way to the kernel: this
// library's own write, fsync, rename, … replace glibc's and forward to the kernel. Linked into a
// test it asks that test; preloaded into a program it reads RETOM_DISK_FAULT.
#ifndef RETOM_CDISKFAULTS_H
#define RETOM_CDISKFAULTS_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    RT_DISK_OPEN,      // offset: the flags
    RT_DISK_WRITE,
    RT_DISK_TRUNCATE,  // offset: the new length
    RT_DISK_SYNC,      // of a file or a directory
    RT_DISK_RENAME,
    RT_DISK_LINK,
    RT_DISK_UNLINK,
    RT_DISK_MKDIR,
    RT_DISK_LOCK,  // of an open file description
} rt_disk_operation;

/// A hook's verdict other than an error number.
enum {
    RT_DISK_GO_ON = 0,
    RT_DISK_DONE = -1,  // success, without calling the kernel
};

/// An operation about to be performed on a file.
typedef struct {
    rt_disk_operation operation;
    const char *path;
    const char *other;  // the new name of RENAME and LINK
    const void *bytes;
    size_t count;
    int64_t offset;
} rt_disk_request;

/// Decides about an operation; must perform none itself.
typedef int (*rt_disk_hook)(const rt_disk_request *request);

/// Calls `hook` from now on, on all threads.
void rt_set_disk_hook(rt_disk_hook hook);

#endif
