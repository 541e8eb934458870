/* base/cgroup.h: what the control groups of this process leave it of memory, of version 2 and of
 * version 1. A group is limited by every group that it is in, up to the outermost.
 * Takes no memory but a buffer of the C library's. Any thread.                                  */
#ifndef TSGD_BASE_CGROUP_H
#define TSGD_BASE_CGROUP_H

#include <stddef.h>

/* The least, over all groups that this process is in, of a group's limit less what it uses. Page
 * cache does not count as used, since the kernel gives it up when asked; files in memory do.
 * SIZE_MAX: no limit, or none that the system tells. root: "", or a folder with proc/self/cgroup
 * and sys/fs/cgroup in it.                                                                      */
size_t tsgd_cgroup_memory(const char *root);

#endif
