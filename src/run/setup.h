/* run/setup.h: settings, checked and resolved, and what a training is made of besides its
 * populations: method, mixing matrices, task (data, split and model), churn, network. Jobs train
 * populations of it (run/job.h): a run one, a search for k many.
 * Ownership: whoever inits it releases it, after the engines that use it. One thread.           */
#ifndef TSGD_RUN_SETUP_H
#define TSGD_RUN_SETUP_H

#include "base/cpu.h"
#include "engine/engine.h"
#include "linalg/backend.h"
#include "method/method.h"
#include "run/task.h"
#include "scenario/churn.h"
#include "scenario/rate.h"
#include "scenario/simclock.h"
#include "transport/ranks.h"

struct tsgd_setup {
    struct tsgd_settings *s;    /* resolved: every default filled in; see init and make */
    struct tsgd_backend on;     /* what it computes with */
    unsigned owners;            /* of settings that have a meaning here: bits, 1 << TSGD_OWNER_.. */
    const struct tsgd_method *method;
    bool teleports;
    uint64_t tokens;            /* of a run; of a search 1, which its methods can always have */
    const struct tsgd_task_ops *kind;
    struct tsgd_shelf *shelf, *own_shelf;   /* own_shelf: NULL when it is the caller's */
    struct tsgd_task *task;
    struct tsgd_churn churn;
    struct tsgd_network network;
    struct tsgd_ranks ranks;    /* which nodes are here; of a table, once make has begun */
    uint32_t *placed;           /* its table; NULL: blocks */
    struct tsgd_rule rule;
    enum tsgd_gossip gossip;
    struct tsgd_mixing_for *mixing; /* a list, by the number of tokens */
    struct tsgd_trace *trace;   /* NULL: not asked for */
    void *test_scratch;         /* NULL: tsgd_setup_test is not needed */
    char cpu[TSGD_CPU_NAME];    /* the processor's name */
};

/* Copies, checks and resolves, but for what only the data tell; reads nothing. command:
 * TSGD_FOR_TRAIN, or TSGD_FOR_TUNE. On error *out is untouched. TSGD_EINVAL, TSGD_ENOMEM.       */
enum tsgd_status tsgd_setup_init(struct tsgd_setup *out, const struct tsgd_settings *settings,
                                 unsigned command, struct tsgd_error *err);

/* Makes churn and network, which need no data but the rounds; make does it too. Errors as of both
 * and of tsgd_setup_mixing.                                                                     */
enum tsgd_status tsgd_setup_make_scene(struct tsgd_setup *r, struct tsgd_error *err);

/* Makes ranks, task, churn and network, from data on the shelf (NULL: on one of its own), and
 * resolves the rest. Errors as of all these.                                                    */
enum tsgd_status tsgd_setup_make(struct tsgd_setup *r, struct tsgd_shelf *shelf,
                                 struct tsgd_error *err);
void tsgd_setup_release(struct tsgd_setup *r);

/* The mixing matrices for k tokens, built when they are first asked for; they belong to the setup.
 * TSGD_EINVAL: the topology or the method has none of this size. TSGD_ENOMEM.                   */
enum tsgd_status tsgd_setup_mixing(struct tsgd_setup *r, uint64_t k,
                                   const struct tsgd_mixing **out, struct tsgd_error *err);

/* The rank of each node, of so many, as --place has it for tokens that mix by w; NULL: in blocks.
 * Free *of. Errors as of tsgd_place_graph.                                                      */
enum tsgd_status tsgd_setup_place(const struct tsgd_setup *r, const struct tsgd_mixing *w,
                                  uint32_t ranks, uint32_t **of, struct tsgd_error *err);

/* Takes what tsgd_setup_test needs, so that it cannot fail after a long training. TSGD_ENOMEM. */
enum tsgd_status tsgd_setup_prepare_test(struct tsgd_setup *r, struct tsgd_error *err);

/* The row x on the test samples, measured in the calling thread: the fields test_* of *out, where
 * what does not apply is NaN.                                                                   */
void tsgd_setup_test(const struct tsgd_setup *r, const float *x, struct tsgd_eval *out);

/* Tensor i of a row, for `call`, a public one; the name belongs to the setup. TSGD_EINVAL: there is
 * none.                                                                                         */
enum tsgd_status tsgd_setup_tensor(const struct tsgd_setup *r, uint64_t i, const char *call,
                                   struct tsgd_tensor_info *out, struct tsgd_error *err);

/* Fills in what callers are told. engine_bytes: what tsgd_engine_bytes says. */
void tsgd_setup_describe(const struct tsgd_setup *r, uint64_t tokens, uint64_t engine_bytes,
                         struct tsgd_info *out);

/* The minimum that --optimum asks for, once the first job has started; its value is NaN before, and
 * without.                                                                                      */
struct tsgd_minimum tsgd_setup_minimum(const struct tsgd_setup *r);

/* XXH3-64 of the floats that --init gave; 0 without it. */
uint64_t tsgd_setup_init_hash(const struct tsgd_setup *r);

/* Writes the split where --save-split asks for it, on rank 0. */
enum tsgd_status tsgd_setup_write_split(const struct tsgd_setup *r, struct tsgd_error *err);

/* Writes the row x as the task's safetensors file. */
enum tsgd_status tsgd_setup_save(const struct tsgd_setup *r, const float *x, const char *path,
                                 struct tsgd_error *err);

#endif
