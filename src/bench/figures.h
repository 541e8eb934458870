/* bench/figures.h: what this machine gives, in figures: limits of a core, hand-offs, steps of
 * models, gossip, and how a training gains by threads. Each has its spread, and says whether others
 * were running meanwhile.
 * Ownership: whoever inits it releases it. One thread, which starts others.                     */
#ifndef TSGD_BENCH_FIGURES_H
#define TSGD_BENCH_FIGURES_H

#include "base/status.h"
#include "base/timing.h"
#include "run/settings.h"

#include <stdbool.h>
#include <stdio.h>

enum tsgd_figure_group {
    TSGD_FIGURE_PEAK,           /* multiply-adds of a core, for each instruction set */
    TSGD_FIGURE_BANDWIDTH,      /* x *= a in place; size: bytes of x */
    TSGD_FIGURE_HAND_OFF,       /* of a token, from one core to another */
    TSGD_FIGURE_STEP,           /* of a model, with momentum; size: its parameters */
    TSGD_FIGURE_GOSSIP,         /* of a round; size: parameters of a token */
    TSGD_FIGURE_THREADS,        /* a training; size: worker threads */
    TSGD_FIGURE_GROUPS
};

struct tsgd_figure {
    enum tsgd_figure_group group;
    char name[72];              /* "avx512", "in L2", "claim", "lenet", "ring, slices" */
    double size;                /* NaN: has none */
    double median, least, most; /* in the group's unit */
    size_t turns;               /* that it is the spread of */
    double share;               /* of the peak; over a scale of as many bytes; over one thread; NaN:
                                 * not compared */
    double ran;                 /* CPU time over wall time of the threads that were measured */
    double others;              /* CPUs that others kept busy; NaN: not told */
    char disturbance[96];       /* what others did to it, as a clause; "": nothing */
    uint64_t hash;              /* of a training: its state at the end */
};

/* What a group is called, and its unit. */
struct tsgd_figure_kind {
    const char *title;          /* "a step" */
    const char *key, *name_key, *size_key;      /* of the JSON; size_key NULL: has none */
    const char *unit, *unit_key;
    const char *share, *share_key;              /* "of the peak"; NULL: is not compared */
};
extern const struct tsgd_figure_kind tsgd_figure_kinds[TSGD_FIGURE_GROUPS];

struct tsgd_bench {
    const struct tsgd_settings *s;      /* model, input, batch, threads, isa, seconds */
    /* Told what is measured next, and how many of how many seconds have been planned to be over by
     * then. May be NULL.                                                                        */
    void (*progress)(const char *what, double done, double all, void *user);
    void *user;
    uint32_t cpus;              /* that this process may use */
    uint32_t online;            /* of the machine */
    uint64_t threads;           /* of the last figure */
    uint64_t tokens;            /* of the training */
    const char *isa;            /* of the kernels */
    double load;                /* as tsgd_load_average says, before */
    double peak;                /* GFLOP/s of the widest vectors */
    double done, all;           /* seconds, for progress */
    struct tsgd_figure *figure;
    size_t n, room;
};

/* Measures everything, in about s->seconds; longer where a step takes long. Release it either way.
 * TSGD_EINVAL: no such model or instruction set, or it does not suit --input. TSGD_ENOMEM.      */
enum tsgd_status tsgd_bench_run(struct tsgd_bench *b, struct tsgd_error *err);
void tsgd_bench_release(struct tsgd_bench *b);

#endif
