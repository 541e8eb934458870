/* What control groups leave of memory, in folders made up as Linux lays them out. */
#include "base/cgroup.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct scratch scratch;

static void enter_folder(void) { scratch_enter(&scratch, "cgroup"); }
static void leave_folder(void) { scratch_leave(&scratch); }

TestSuite(cgroup, .init = enter_folder, .fini = leave_folder);

/* A file, and the folders that it is in. */
static void put(const char *path, const char *text)
{
    char command[512];
    snprintf(command, sizeof command, "mkdir -p \"$(dirname '%s')\"", path);
    cr_assert(system(command) == 0);
    scratch_write(path, text, strlen(text));
}

static void put_group_2(const char *group, const char *limit, const char *used, const char *stat)
{
    char path[256];
    snprintf(path, sizeof path, "sys/fs/cgroup%s/memory.max", group);
    put(path, limit);
    snprintf(path, sizeof path, "sys/fs/cgroup%s/memory.current", group);
    put(path, used);
    snprintf(path, sizeof path, "sys/fs/cgroup%s/memory.stat", group);
    put(path, stat);
}

static void put_group_1(const char *group, const char *limit, const char *used, const char *stat)
{
    char path[256];
    snprintf(path, sizeof path, "sys/fs/cgroup/memory%s/memory.limit_in_bytes", group);
    put(path, limit);
    snprintf(path, sizeof path, "sys/fs/cgroup/memory%s/memory.usage_in_bytes", group);
    put(path, used);
    snprintf(path, sizeof path, "sys/fs/cgroup/memory%s/memory.stat", group);
    put(path, stat);
}

static void expect_left(size_t want)
{
    size_t got = tsgd_cgroup_memory(".");
    cr_expect(got == want, "%zu bytes, want %zu", got, want);
}

Test(cgroup, without_groups_there_is_no_limit)
{
    expect_left(SIZE_MAX);
    put("proc/self/cgroup", "0::/\n");
    expect_left(SIZE_MAX);
}

Test(cgroup, max_is_no_limit)
{
    put("proc/self/cgroup", "0::/work\n");
    put_group_2("/work", "max\n", "1000\n", "");
    expect_left(SIZE_MAX);
}

Test(cgroup, of_a_container_whose_group_is_the_mount)
{
    put("proc/self/cgroup", "0::/\n");
    put_group_2("", "5000\n", "1000\n", "anon 1000\n");
    expect_left(4000);
}

Test(cgroup, a_nested_group_is_found_by_its_path)
{
    put("proc/self/cgroup", "0::/system.slice/run 1.service\n");
    put_group_2("/system.slice/run 1.service", "5000\n", "1000\n", "");
    put_group_2("/system.slice", "max\n", "2000\n", "");
    put_group_2("/other.slice", "10\n", "5\n", "");
    expect_left(4000);
}

Test(cgroup, what_an_outer_group_leaves_may_be_less)
{
    put("proc/self/cgroup", "0::/outer/middle/inner\n");
    put_group_2("/outer/middle/inner", "50000\n", "100\n", "");
    put_group_2("/outer/middle", "max\n", "100\n", "");
    put_group_2("/outer", "7000\n", "6500\n", "");
    expect_left(500);
}

Test(cgroup, page_cache_makes_room_and_files_in_memory_do_not)
{
    put("proc/self/cgroup", "0::/work\n");
    put_group_2("/work", "9000\n", "8000\n", "anon 1000\nfile 7000\nkernel 0\nshmem 2000\n");
    expect_left(9000 - (8000 - (7000 - 2000)));
}

Test(cgroup, a_group_that_uses_more_than_its_limit_leaves_nothing)
{
    put("proc/self/cgroup", "0::/work\n");
    put_group_2("/work", "900\n", "8000\n", "file 100\n");
    expect_left(0);
}

Test(cgroup, version_1_has_a_tree_for_memory)
{
    put("proc/self/cgroup", "11:cpu,cpuacct:/batch/7\n5:hugetlb,memory:/batch/7\n0::/\n");
    put_group_1("/batch/7", "9223372036854771712\n", "300\n", "cache 1\ntotal_cache 200\n");
    put_group_1("/batch", "4000\n", "3000\n", "cache 9\ntotal_cache 800\ntotal_shmem 300\n");
    expect_left(4000 - (3000 - 500));
}

Test(cgroup, a_group_of_another_controller_is_not_the_memorys)
{
    put("proc/self/cgroup", "3:memory_x,xmemory:/batch\n");
    put_group_1("/batch", "4000\n", "3000\n", "");
    expect_left(SIZE_MAX);
}

/* As in Docker with version 1: the path is the host's, the mount is the container's own group. */
Test(cgroup, a_path_that_is_not_there_leads_to_the_mount)
{
    put("proc/self/cgroup", "9:memory:/docker/0123abcd\n");
    put_group_1("", "4000\n", "3000\n", "");
    expect_left(1000);
    put("proc/self/cgroup", "9:memory:/../../elsewhere\n");
    put("sys/fs/elsewhere/memory.limit_in_bytes", "1\n");
    put("sys/fs/elsewhere/memory.usage_in_bytes", "1\n");
    expect_left(1000);
}
