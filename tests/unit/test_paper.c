/* The sweep files of perf/paper: each is one that `telesgd sweep` takes, with as many runs as its
 * axes make by hand; and the script that makes cells of a page out of results.                  */
#include "program.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(paper, .init = enter_folder, .fini = leave_folder, .timeout = 240);

/* perf/paper of the tree that these tests were built in: they stand in build/VARIANT. */
static const char *file(const char *name)
{
    static char path[PATH_MAX + 64];
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    cr_assert(n > 0);
    path[n] = 0;
    for (int up = 0; up < 3; up++)
        *strrchr(path, '/') = 0;
    strcat(strcat(path, "/perf/paper/"), name);
    cr_assert(access(path, R_OK) == 0, "%s", path);
    return path;
}

/* Dry-runs a sweep file, with changes, and expects so many runs. */
static void expect_runs(const char *name, const char *changes, const char *runs)
{
    char words[PATH_MAX + 512];
    snprintf(words, sizeof words, "sweep %s -o out --dry-run %s", file(name), changes);
    struct result r = run(words);
    expect_code(&r, 0);
    cr_expect(strstr(r.out, runs), "%s: want '%s' in:\n%s%s", name, runs, r.out, r.err);
    cr_expect(access("out", F_OK) != 0, "a dry run writes nothing");
}

/* 3 graphs and 2 conditions: 6 cells of D-SGD with 11 step sizes and 3 seeds, 6 of TELEPORTATION
 * with 11 step sizes for 5 k.                                                                   */
Test(paper, quadratics_are_a_sweep)
{
    expect_runs("fig2.ini", "", "\n432 runs, 396 of them candidates");
    expect_runs("fig2.ini", "nodes=4 tune\037teleport.active=1,\0372,\0374",
                "\n300 runs, 264 of them candidates");
    expect_runs("searched.ini", "active=4 lr=0.01", "\n3 runs\n");
}

/* 2 partitions and 4 graphs: 8 cells of each method, with 3 step sizes, 5 k for what teleports. */
Test(paper, lenet_is_a_sweep)
{
    expect_runs("lenet.ini", "", "\n192 runs, 144 of them candidates");
    expect_runs("links.ini", "", "\n24 runs, 12 of them candidates");
}

/* Data in the format of CIFAR-10, which is not at hand where tests run. */
static void write_cifar(const char *folder)
{
    enum { RECORD = 3073, RECORDS = 100 };
    static unsigned char record[RECORD];
    cr_assert(mkdir(folder, 0777) == 0);
    for (int i = 0; i < 6; i++) {
        char path[64];
        snprintf(path, sizeof path, i < 5 ? "%s/data_batch_%d.bin" : "%s/test_batch.bin", folder,
                 i + 1);
        FILE *f = fopen(path, "wb");
        cr_assert(f != NULL);
        for (int r = 0; r < RECORDS; r++) {
            memset(record, r, sizeof record);
            record[0] = (unsigned char)(r % 10);
            cr_assert(fwrite(record, 1, RECORD, f) == RECORD);
        }
        cr_assert(fclose(f) == 0);
    }
}

Test(paper, vgg11_is_a_sweep)
{
    write_cifar("cifar");
    expect_runs("vgg11.ini", "data-dir=cifar partition=iid topology=ring seed=0 tune.lr=0.1",
                "\n8 runs, 6 of them candidates");
}

/* Means and deviations by hand: 1, 2, 6 are 3 on average, their variance is (4 + 1 + 9) / 2 = 7. */
Test(paper, cells_have_the_mean_and_the_deviation_of_their_runs)
{
    char command[PATH_MAX + 256];
    write_file("results.csv",
               "run,method,lr,seed,state,reached,round\n"
               "a,x,0.1,0,done,true,1\na,x,0.1,1,done,true,2\na,x,0.1,2,done,true,6\n"
               "b,y,0.2,0,done,true,5\nb,y,0.2,1,done,false,9\n"
               "c,z,0.3,0,diverged,true,5\n");
    snprintf(command, sizeof command, "awk -F, -v by=method -v show=lr -v metric=round -v factor=2 "
             "-f %s results.csv > cells", file("rows.awk"));
    cr_assert(system(command) == 0);
    const char *cells = read_file("cells");
    cr_expect_str_eq(cells, "x\t0.1\t6\t5.2915\t3\ny\t0.2\tnever\t\t2\nz\t0.3\tnever\t\t1\n");
}
