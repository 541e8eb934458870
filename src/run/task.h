/* run/task.h: what a run trains, ready to be trained: a problem with all that it stands on (data,
 * split and network, the constants of a quadratic, or what the caller handed over), where the
 * tokens start, and how the result is written. There is one for each kind of model, so that the
 * rest of a run need not know them.
 * Ownership: whoever creates a task frees it, after the engine that uses its problem.
 * Threads: create, write and free alone; the problem as model/problem.h says.                   */
#ifndef TSGD_RUN_TASK_H
#define TSGD_RUN_TASK_H

#include "model/model.h"
#include "linalg/backend.h"
#include "model/problem.h"
#include "model/safetensors.h"
#include "run/settings.h"
#include "run/shelf.h"
#include "transport/ranks.h"

#include <stdio.h>

struct tsgd_task {
    const struct tsgd_problem *problem;
    const struct tsgd_problem *test;    /* the same, evaluated on test samples; NULL: none, or
                                         * they are on another rank */
    float *init;                /* x^0 of every token, problem->dim floats */
    const struct tsgd_minimum *minimum; /* that prepare has found; NULL: none was asked for */
};

struct tsgd_task_ops {
    unsigned owners;            /* of settings that have a meaning here: bits, 1 << TSGD_OWNER_.. */
    bool has_layers;            /* which a trace can show */
    /* Refuses settings that contradict each other, and fills in what follows from the others. Reads
     * no file. TSGD_EINVAL, TSGD_ENOMEM.                                                        */
    enum tsgd_status (*resolve)(struct tsgd_settings *s, struct tsgd_error *err);
    /* Makes the task that resolved settings ask for, to be computed with `on` from data on the
     * shelf, and fills in what only the data tell; borrows all of these. Where there are several
     * ranks, gradients are of nodes that are here, and evaluations of the blocks that this rank
     * measures (tsgd_first_block), or with --eval tokens of all. On error *out is untouched.
     * TSGD_EINVAL, TSGD_EFORMAT, TSGD_EIO, TSGD_ENOMEM.                                         */
    enum tsgd_status (*create)(struct tsgd_task **out, struct tsgd_settings *s,
                               const struct tsgd_backend *on, struct tsgd_shelf *shelf,
                               const struct tsgd_ranks *ranks, struct tsgd_error *err);
    /* What takes long and only a training needs, before its first thread starts; further calls do
     * nothing. NULL: there is nothing of the kind. TSGD_ENOMEM.                                 */
    enum tsgd_status (*prepare)(struct tsgd_task *t, struct tsgd_error *err);
    /* Fills in what it knows: samples, shapes, step_flops, split_hash; adds to memory_bytes. */
    void (*describe)(const struct tsgd_task *t, struct tsgd_info *out);
    /* The split, as --save-split wants it; NULL without TSGD_OWNER_DATA. Failed writes are left to
     * the caller's commit, here and below.                                                      */
    enum tsgd_status (*write_split)(const struct tsgd_task *t, FILE *f);
    /* The row x, as a safetensors file. TSGD_ENOMEM. */
    enum tsgd_status (*write)(const struct tsgd_task *t, FILE *f, const float *x,
                              struct tsgd_error *err);
    /* What a saved file says of itself; what it points to belongs to the task. */
    void (*identify)(const struct tsgd_task *t, struct tsgd_saved *out);
    /* Tensor i of a row, in the order of the row; NULL beyond the last. */
    const struct tsgd_tensor *(*tensor)(const struct tsgd_task *t, uint32_t i);
    void (*free)(struct tsgd_task *t);
};

extern const struct tsgd_task_ops tsgd_task_network, tsgd_task_quadratic, tsgd_task_objective;

/* How models of this kind are trained. */
const struct tsgd_task_ops *tsgd_task_kind(enum tsgd_model_kind kind);

#endif
