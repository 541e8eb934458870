/* telesgd.h: the public interface of telesgd, in plain C types.
 *
 * telesgd trains models by Decentralized SGD with TELEPORTATION (Takezawa & Stich, "Scalable
 * Decentralized Learning with Teleportation", ICLR 2025, arXiv:2501.15259) on one machine.
 *
 *     struct tsgd_settings *s;
 *     struct tsgd_error err;
 *     struct tsgd_summary end;
 *     struct tsgd_run *run = NULL;
 *     if (tsgd_settings_create(&s, &err) == TSGD_OK &&
 *         tsgd_settings_set(s, "data", "fashion-mnist", &err) == TSGD_OK &&
 *         tsgd_settings_set(s, "model", "lenet", &err) == TSGD_OK &&
 *         tsgd_run_create(&run, s, &err) == TSGD_OK)
 *         tsgd_run_train(run, NULL, NULL, &end, &err);
 *     tsgd_run_free(run);
 *     tsgd_settings_free(s);
 *
 * Words: a node is a participant with its own data; a token is a row of parameters that travels
 * between nodes; a round is one local step of every token and one gossip step among the tokens.
 * The same settings give the same bits for any number of threads.
 *
 * Calls need 64 KiB of the calling thread's stack, and what on_eval and an objective take of it;
 * the threads that a run starts have 1 MiB each. Any number of runs may exist and train at the same
 * time, each with an isa of its own. A lack of memory is an error of create, never the end of the
 * process.
 *
 * NULL: `err` and `user` may always be NULL, and so may an argument of which its call says it. Any
 * other pointer that is NULL is refused, and nothing else is done: a call that returns a status
 * returns TSGD_EINVAL with a sentence that names the call and the argument, one that returns a
 * pointer NULL, a whole number 0, another number NaN; one that returns nothing does nothing.
 * Threads: each group of calls says who may make them. What is said to be safe from any thread may
 * be called at any time between create and free, by many threads at once.                       */
#ifndef TELESGD_H
#define TELESGD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
/* What stands in this header is all that the shared library shows. */
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define TELESGD_VERSION "0.1.0"

/* The version of the library that the program runs with: the TELESGD_VERSION of its own build. From
 * any thread.                                                                                   */
const char *tsgd_version(void);

/* Every function that can fail returns one of these; the text of the error is one sentence that
 * names the file or setting, the value found and the value wanted. Code, name, meaning.         */
#define TSGD_STATUS_LIST(X)                                                   \
    X(0, OK, "success")                                                       \
    X(1, EINVAL, "a setting is wrong, or settings contradict each other")     \
    X(2, EFORMAT, "the contents of a file are not what they should be")       \
    X(3, EIO, "a file cannot be opened, read or written")                     \
    X(4, ENOMEM, "not enough memory")                                         \
    X(5, EDIVERGED, "the training produced a number that is not finite")

enum tsgd_status {
#define TSGD_STATUS_ENUM(code, name, text) TSGD_##name = code,
    TSGD_STATUS_LIST(TSGD_STATUS_ENUM)
#undef TSGD_STATUS_ENUM
};

/* Filled in by a call that fails. Every call takes NULL in its place. */
struct tsgd_error {
    enum tsgd_status status;
    char text[1024];
};

/* ---- settings: what to train, and how ----
 *
 * Settings are named texts, the options of `telesgd train` and `telesgd tune` without the dashes:
 * "lr" = "0.05", "nesterov" = "true". A number has a decimal point whatever the locale. What is not
 * set has its default, or what follows from the rest; `telesgd train --help-all` lists them all.
 * Threads: settings are changed (set, free) by one thread at a time, while no other uses them; any
 * number may read them (get, copy, the create of runs and searches) while nobody changes them.  */
struct tsgd_settings;

/* All defaults. The caller frees it. On error *out is NULL. TSGD_ENOMEM. */
enum tsgd_status tsgd_settings_create(struct tsgd_settings **out, struct tsgd_error *err);

/* A copy of its own, for the caller to free. On error *out is NULL. TSGD_ENOMEM. */
enum tsgd_status tsgd_settings_copy(struct tsgd_settings **out, const struct tsgd_settings *from,
                                    struct tsgd_error *err);

/* Sets one, to a copy of `value`; NULL takes it back to its default. TSGD_EINVAL: there is no such
 * setting (suggests the nearest), it belongs to the program telesgd alone, or it cannot have this
 * value; what needs other settings to be judged is left to tsgd_run_create and tsgd_tune_create.
 * TSGD_ENOMEM. On error nothing changes.                                                        */
enum tsgd_status tsgd_settings_set(struct tsgd_settings *s, const char *name, const char *value,
                                   struct tsgd_error *err);

/* The value as text: what was set, in its usual form ("0.1" for "1e-1"), or the default. NULL: it
 * has none, or there is no such setting. Valid until that setting is set again or `s` is freed. */
const char *tsgd_settings_get(const struct tsgd_settings *s, const char *name);

/* NULL is fine. */
void tsgd_settings_free(struct tsgd_settings *s);

/* What there is to set. All texts are constant, in English, and name values as help does. */
struct tsgd_setting {
    const char *name;
    const char *argument;       /* what help calls the value; NULL: it is "true" or "false" */
    const char *choices;        /* "token|node|mixed": these values alone; NULL: others too */
    const char *default_text;   /* NULL: none; then */
    const char *unset;          /* tells what is done without a value */
    const char *group;          /* the heading that it stands under, with those beside it */
    const char *help;           /* one or two sentences */
    const char *owner;          /* what takes it: "every run", "--model quadratic", .. */
    bool changes_result;        /* other values may give other bits, not only another speed */
    bool of_run, of_search;     /* whether tsgd_run_create, and tsgd_tune_create, take it */
    bool of_program;            /* an option of the program telesgd; tsgd_settings_set refuses it */
};

/* The setting number i, 0 <= i < count; NULL beyond. Later versions may have more, and in another
 * order. From any thread.                                                                       */
size_t tsgd_setting_count(void);
const struct tsgd_setting *tsgd_setting_at(size_t i);

/* ---- data of your own ----
 *
 * Samples that are in memory already, in place of files: one data set for any number of runs.
 *
 *     struct tsgd_memory m = {.size = sizeof m, .name = "mine", .width = 20, .classes = 3,
 *                             .train = {.count = n, .floats = x, .labels = y}};
 *     tsgd_data_from_memory(&data, &m, &err);
 *     tsgd_settings_set_data(s, data, &err);
 *                                                                                               */
struct tsgd_data;

/* Samples, and what they should come out as. One of bytes, floats and the three of sparse samples,
 * and one of labels and targets, is given; the others are NULL.                                 */
struct tsgd_memory_part {
    uint64_t count;
    const uint8_t *bytes;       /* [count][features], features = channels * height * width in the
                                 * order C, H, W, of a table width; a byte b stands for b / 255 */
    const float *floats;        /* the same, of any finite numbers */
    /* Sparse: sample i has the features column[j], in ascending order, with the numbers value[j],
     * for start[i] <= j < start[i + 1]; its other features are 0.                               */
    const uint64_t *start;      /* [count + 1], from 0 */
    const uint32_t *column;     /* [start[count]] */
    const float *value;         /* [start[count]], finite */
    const uint16_t *labels;     /* [count], 0 .. classes - 1 */
    const float *targets;       /* [count][targets], finite */
};

struct tsgd_memory {
    size_t size;                /* sizeof (struct tsgd_memory); later versions may add members */
    const char *name;           /* what logs call it: 1 to 30 letters, digits, '_', '-' or '.' */
    uint32_t channels, height, width;   /* of a sample; of a table, whose features are normalised
                                         * each by itself, channels and height are 0 */
    uint32_t classes;           /* 2 to 65536; 0: the targets are numbers, for "loss" "mse" */
    uint32_t targets;           /* numbers of a target, where there are no classes; else 0 */
    const char *const *class_names;     /* [classes] in UTF-8, copied; NULL: they are 0, 1, .. */
    struct tsgd_memory_part train, test;    /* of one kind */
    double test_share;          /* where test.count is 0, the share of the samples of train that
                                 * become test samples: above 0 and below 1; 0: 0.2 */
    uint64_t seed;              /* of that draw */
    uint64_t borrow;            /* not 0: the arrays are used where they are, and stay unchanged
                                 * until the data set is freed; 0, and where test samples are drawn:
                                 * they are copied */
};

/* On error *out is NULL. TSGD_EINVAL: a member is out of its range, or an array holds what it must
 * not. TSGD_ENOMEM. Threads: any number of runs may use one at once; it is never changed.        */
enum tsgd_status tsgd_data_from_memory(struct tsgd_data **out, const struct tsgd_memory *from,
                                       struct tsgd_error *err);

/* After the runs and searches that use it, and when no settings have it any more: those it was set
 * in, and their copies, were freed or given other data. NULL is fine.                           */
void tsgd_data_free(struct tsgd_data *data);

/* Trains on `data`; "data" becomes "memory:NAME", and must not be set to anything else. "data-dir",
 * "label" and "test-share" are refused then. NULL takes it back, and "data" to its default. It is
 * not copied: see tsgd_data_free. TSGD_ENOMEM. On error nothing changes.                         */
enum tsgd_status tsgd_settings_set_data(struct tsgd_settings *s, const struct tsgd_data *data,
                                        struct tsgd_error *err);

/* ---- an objective of your own ----
 *
 * In place of a model from the table: n functions of one row of floats, one for each node, written
 * in the program that calls the library. All methods, topologies, searches, checkpoints and the
 * rest take it as they take a network.
 *
 *     static double gradient(const struct tsgd_call *c, const float *x, float *grad, void *user);
 *     struct tsgd_objective o = {.size = sizeof o, .name = "mine", .dim = 10, .nodes = 100,
 *                                .gradient = gradient, .user = &data};
 *     tsgd_settings_set_objective(s, &o, &err);
 *
 * Threads: the callbacks are called by any number of threads at the same time, in the threads of
 * every run that was given the objective, but `init`, which the creating thread calls. They may
 * read what `user` leads to, and write only what they are handed; whatever else they write is
 * theirs to lock, and must not change what they return. They have 512 KiB of stack.
 * Same bits: a callback must return the same for the same call (node, visit or block, x, random):
 * it may be asked again, in another order, and after a resume. Then results are the same for any
 * number of threads, as with any other model.
 * Errors: a callback cannot fail. It must return, by neither longjmp nor a C++ exception; what can
 * go wrong belongs before the training. A loss or a metric that is not finite ends the training as
 * diverged.                                                                                     */

/* A stream of random numbers: a function of what it was made of and of how much has been drawn from
 * it. The stream that a callback is handed is that of (seed, node, visit), or of (seed, block), so
 * no two visits share their draws, whichever thread makes them. A value, on the stack: a copy goes
 * on by itself, and nothing is freed. What is in it is the library's own.
 * Threads: one at a time for each stream.                                                       */
struct tsgd_random {
    uint64_t own[8];
};

/* Begins a stream of your own, for making data and the like. Each `number` has another one, and
 * none of them is a stream that callbacks are handed.                                           */
void tsgd_random_init(struct tsgd_random *out, uint64_t seed, uint64_t number);

/* The next number of the stream. */
uint64_t tsgd_random_u64(struct tsgd_random *r);                /* 64 random bits */
uint32_t tsgd_random_below(struct tsgd_random *r, uint32_t n);  /* 0 to n - 1, without bias */
double tsgd_random_uniform(struct tsgd_random *r);              /* in [0, 1), of 53 bits */
double tsgd_random_normal(struct tsgd_random *r);               /* standard normal */

/* The next n standard normals, into out[n], in single precision and within 6.66; for rows, several
 * times as fast as the one above. n is at most 2^32.                                            */
void tsgd_random_normals(struct tsgd_random *r, float *out, size_t n);

/* What a call of a callback is about. The library makes it; later versions may have more members,
 * at the end.                                                                                   */
struct tsgd_call {
    uint32_t node;              /* of a gradient: whose, 0 to nodes - 1 */
    uint32_t block;             /* of an evaluation: 0 to blocks - 1 */
    uint64_t visit;             /* of a gradient: which of the node's, from 0 on */
    struct tsgd_random *random; /* the call's own, at its start; valid during the call */
    void *scratch;              /* scratch_bytes that no other thread uses meanwhile, on a cache
                                 * line (64 bytes), with any contents; NULL: none were asked for */
};

/* A number that evaluations report. */
#define TSGD_MOST_METRICS 8
struct tsgd_objective_metric {
    const char *name;           /* for "until"; letters, digits, '_', '-', '.' */
    bool more_is_better;
};

/* A piece of the row, for files: its name, as PyTorch has it, and its shape, in row-major order. */
struct tsgd_objective_tensor {
    const char *name;           /* 1 to 40 letters, digits, '_', '-', '.' */
    uint32_t rank;              /* 0 to 4; 0: one float */
    uint32_t extent[4];
};

/* Members that are 0 or NULL ask for what stands beside them, so an initializer names what it
 * needs. Later versions add members at the end, of which 0 means what holds today: `size` tells
 * which ones the caller knows.
 * Ownership: the struct is copied by tsgd_settings_set_objective; what it points to, `user` too, is
 * borrowed until those settings, their copies and all runs and searches made of them are freed. */
struct tsgd_objective {
    size_t size;                /* sizeof (struct tsgd_objective) */
    const char *name;           /* 1 to 30 letters, digits, '_', '-', '.': what files call it. A
                                 * checkpoint goes on only with the same name, dim and nodes */
    size_t dim;                 /* floats in a row, 1 to 2^30 */
    uint32_t nodes;             /* functions; 0: as many as the setting "nodes" says */
    uint32_t blocks;            /* of an evaluation, up to 2^16; 0: 1 */
    size_t scratch_bytes;       /* that each thread needs */
    void *user;                 /* handed to every callback */

    /* Gradient at x[dim] of the loss of call->node that its visit number call->visit sees: the mean
     * over a minibatch, a simulated episode, the whole function. Into grad[dim], which is all 0
     * before. Returns that loss.                                                                */
    double (*gradient)(const struct tsgd_call *call, const float *x, float *grad, void *user);

    /* How many samples that visit uses, for counts ("samples"): fast, in constant time. 0: the node
     * has nothing to learn from; a token there takes no step but gossips, and gradient is not
     * called. NULL: 1.                                                                          */
    uint32_t (*samples)(uint32_t node, uint64_t visit, void *user);

    /* Where all tokens start, into x[dim], which is all 0 before; once for each run. With the
     * setting "init" it is not called. NULL: at 0.                                              */
    void (*init)(struct tsgd_random *random, float *x, void *user);

    /* Measures x[dim] into value[n_metrics], which is all 0 before. With more than one block each
     * call measures its own (call->block) share, so that threads can take one each: a metric is
     * then the sum of its values over the blocks, in order. NULL: nothing is measured but the
     * training loss, and there can be no search. The mean of the tokens is measured, with "eval"
     * "tokens" each of them too.                                                                */
    void (*evaluate)(const struct tsgd_call *call, const float *x, double *value, void *user);
    const struct tsgd_objective_metric *metrics;    /* [n_metrics]; a search judges by the first */

    /* What the row is made of, in its order; their sizes sum to dim. NULL: one tensor `x`. */
    const struct tsgd_objective_tensor *tensors;    /* [n_tensors] */
    uint32_t n_metrics;         /* 1 to TSGD_MOST_METRICS with evaluate, else 0 */
    uint32_t n_tensors;         /* up to 4096 */
};

/* Trains `objective` in place of a model; "model" becomes "objective:NAME", and must not be set to
 * anything else. NULL takes it back, and "model" to its default. Settings that belong to networks,
 * data or the quadratic are refused, as is a "batch" above 1. TSGD_EINVAL: `size` is of no version,
 * or of a newer one that asks for what this one does not know; a member is out of its range; there
 * is no gradient; metrics without evaluate, or evaluate without metrics; tensors that do not sum to
 * dim. "nodes" and "dim" that were set and differ are refused by create. TSGD_ENOMEM. On error
 * nothing changes.                                                                              */
enum tsgd_status tsgd_settings_set_objective(struct tsgd_settings *s,
                                             const struct tsgd_objective *objective,
                                             struct tsgd_error *err);

/* ---- a run ----
 *
 * A run is created, trained once, asked for its results, and freed. A call that comes out of this
 * order does nothing and returns TSGD_EINVAL with a sentence, or NULL where it returns a pointer.
 * Its threads exist from create on, in the process that created it: after a fork the child may only
 * free it, and is told so if it trains.
 * Threads: one at a time, any one, but tsgd_run_stop, _progress, _checkpoint, _info and _tensor,
 * which are safe from any thread, also during the training. Between tsgd_run_train and
 * tsgd_run_free any number of threads may read results (_token, _mean, _place, _worker_shares).  */

/* One evaluation, of x^t after gossip. A metric that does not apply is NaN. */
struct tsgd_eval {
    uint64_t round;             /* completed rounds */
    uint64_t samples;           /* data points used in gradients so far */
    uint64_t gradients;         /* minibatch gradients taken so far */
    uint64_t bytes_gossip;      /* bytes that a network would have carried for gossip so far */
    uint64_t bytes_teleport;    /* and for rows that changed their holder */
    double sim_seconds;         /* seconds that it would have taken on the simulated network */
    double wall_seconds;        /* since the training started, without the pauses between a stop
                                 * and "resume" */
    double train_loss;          /* mean over the samples since the last evaluation, before steps */
    double test_loss;           /* of xbar, the mean of the tokens */
    double test_accuracy;       /* share of test samples classified right, 0 to 1 */
    double test_r2;             /* of targets that are numbers: 1 - test_loss / their variance, the
                                 * coefficient of determination */
    double validation_loss;     /* of xbar, on the samples that "validation" holds out; then there
                                 * are no test_*, here and below */
    double validation_accuracy;
    double validation_r2;
    double test_loss_mean;      /* mean and worst over the tokens, with eval "tokens" */
    double test_loss_worst;
    double test_accuracy_mean;
    double test_accuracy_worst;
    double test_r2_mean;
    double test_r2_worst;
    double validation_loss_mean;
    double validation_loss_worst;
    double validation_accuracy_mean;
    double validation_accuracy_worst;
    double validation_r2_mean;
    double validation_r2_worst;
    double consensus;           /* 1/k * sum of ||x_a - xbar||^2 */
    double grad_norm2;          /* ||grad f(xbar)||^2, f the mean over the nodes; of a quadratic */
    double grad_norm2_tokens;   /* the mean over the tokens of ||grad f(x_a)||^2 */
    double objective;           /* f(xbar), with "optimum": the training loss of all nodes and the
                                 * weight decay's term, in double precision */
    double suboptimality;       /* f(xbar) - f*; rounding may leave it slightly below 0 */
    double suboptimality_mean;  /* mean and worst over the tokens, with eval "tokens" */
    double suboptimality_worst;
    double distance2;           /* ||xbar - x*||^2, x* the optimum of f; with "optimum", and of a
                                 * quadratic */
    double lr;                  /* step size of the last completed round */
    uint64_t state_hash;        /* XXH3-64 over the tokens' own XXH3-64 hashes, in token order */
    /* The metrics of an objective, in its order: of xbar, and with eval "tokens" the mean and the
     * worst over the tokens.                                                                    */
    double metric[TSGD_MOST_METRICS];
    double metric_mean[TSGD_MOST_METRICS];
    double metric_worst[TSGD_MOST_METRICS];
    uint64_t bytes_between_ranks;       /* that tokens have cost between the ranks of a run over
                                         * several since it was started or resumed; 0 on one */
};

/* A trace that was written. */
struct tsgd_traced {
    uint64_t events;
    uint64_t lost;              /* came after their worker's room was used up; not written */
};

struct tsgd_summary {
    struct tsgd_eval last;      /* the last evaluation */
    double test_loss;           /* of xbar at the end, also with "validation"; NaN for quadratics */
    double test_accuracy;       /* NaN where targets are numbers */
    double test_r2;             /* NaN where they are not */
    double wall_seconds;        /* of the whole training, also before "resume" */
    double samples_per_second;  /* of this process, over the time in which there was more than
                                 * evaluation to do; NaN where the clock did not move */
    double share_step;          /* shares of the workers' time; they sum to 1 */
    double share_mix;
    double share_eval;
    double share_messages;      /* over several ranks: waiting for rows that were on their way, and
                                 * sending and receiving them; else 0 */
    double share_wait;          /* for lack of work: over several ranks, that is uneven load */
    double share_other;         /* planning, claiming, looking for work; and while another program
                                 * ran to whom a worker had left its core between two tasks */
    double share_ran;           /* the same time by whether a worker had a CPU; they sum to 1 */
    double share_slept;         /* for lack of work: it left the CPU to others */
    double share_taken;         /* neither: others had its CPU, or memory or a file was awaited */
    uint64_t steals;            /* token tasks run by another worker than the token's own */
    uint64_t sleeps;            /* times a worker slept for lack of work */
    bool interrupted;           /* ended early, by tsgd_run_stop or an on_eval that said so */
    bool has_until, reached;    /* a condition was given; it was met */
    uint64_t checkpoints;       /* that were written */
    bool checkpoint_failed;     /* the last one was not */
    uint64_t diverged_round;    /* after TSGD_EDIVERGED: the smallest (round, token) */
    uint32_t diverged_token;    /* UINT32_MAX: the evaluation of that round */
};

/* The minimum of f that "optimum" asks for. */
struct tsgd_minimum {
    double value;               /* f*; NaN: it was not asked for, or the run is only planned */
    double gap;                 /* f* is at most so far above the true minimum: proven */
    uint64_t steps, products;   /* of Newton's method; with the Hessian, in all of them */
    double seconds;             /* that create took to find it */
};

/* What a run is made of, for logs and reports. Valid as long as the run. */
struct tsgd_info {
    const struct tsgd_settings *resolved;   /* every default filled in; they belong to the run */
    uint64_t parameters;            /* floats in a row */
    uint64_t tensors;               /* that a row is made of */
    uint64_t tokens;
    uint64_t threads;               /* workers that will run */
    uint64_t train_samples, test_samples;           /* 0, like the next five, without data */
    uint32_t channels, height, width, classes;      /* of samples; classes 0: targets are numbers */
    uint32_t targets;               /* numbers of a target; 0: there are classes */
    const char *const *class_names; /* [classes], UTF-8, as the data call them; NULL: 0, 1, .. */
    uint64_t step_flops;            /* of one full minibatch: forward, weight and input gradients */
    uint64_t memory_bytes;          /* estimate: data, rows, mixing matrices, scratch */
    uint64_t split_hash;            /* XXH3-64, as in split files; 0 without data */
    uint64_t init_hash;             /* XXH3-64 of the floats that "init" gave; 0 without it */
    uint64_t resumed_round;         /* of the checkpoint that "resume" names; 0 without it */
    uint64_t resumed_pass;          /* of a search: the pass that it is of; of a run 1 */
    const char *cpu;                /* the processor's name */
    const char *kernels;            /* BLIS's kernel set */
    struct tsgd_minimum minimum;
};

struct tsgd_run;

/* Called in round order, once for a round, by one worker at a time, in its own thread, while the
 * others train on; it may call tsgd_run_stop and tsgd_run_progress, and `eval` is valid during the
 * call. Return true to end the training after the rounds that are under way. With final_average the
 * last round's evaluation is that of the average.                                               */
typedef bool tsgd_eval_fn(const struct tsgd_eval *eval, void *user);

/* What becomes of a checkpoint. */
enum tsgd_checkpoint_stage {
    TSGD_CHECKPOINT_TAKEN,      /* its file is about to replace the one before */
    TSGD_CHECKPOINT_WRITTEN,    /* it has, and is on the disk */
    TSGD_CHECKPOINT_FAILED      /* it was not written, or given up; the one before is still there */
};

struct tsgd_checkpoint {
    enum tsgd_checkpoint_stage stage;
    uint64_t round;             /* it is of x after so many rounds */
    const char *path;
    uint64_t bytes;
    double seconds;             /* that writing took, beside the training; 0 at first */
    const struct tsgd_error *error;     /* of one that failed, else NULL */
};

/* Called twice for each checkpoint of the setting "checkpoint", by a thread of its own, while the
 * others train on: at TAKEN, when all evaluations up to its round have been told, for whoever keeps
 * something of them that must be on the disk before the checkpoint is (a log); false there gives
 * the checkpoint up. And at its end. `c` is valid during the call.                              */
typedef bool tsgd_checkpoint_fn(const struct tsgd_checkpoint *c, void *user);

/* Checks the settings, reads the data, draws the split, allocates everything. All that can fail,
 * fails here, also threads that cannot be had. On error *out is NULL and `err` says why. save-split
 * is the one file it writes, at the very end, so an error leaves none. What it needs of `settings`
 * is copied: they may be changed or freed right away, but not data in memory and what an objective
 * points to.                                                                                    */
enum tsgd_status tsgd_run_create(struct tsgd_run **out, const struct tsgd_settings *settings,
                                 struct tsgd_error *err);

/* Runs the training in the calling thread and "threads" - 1 more; returns when it has ended. Once a
 * run: TSGD_EINVAL if it was trained before, or the process has forked since create.
 * TSGD_EDIVERGED: a loss was not finite; `summary` says where. on_eval and summary may be NULL. */
enum tsgd_status tsgd_run_train(struct tsgd_run *run, tsgd_eval_fn *on_eval, void *user,
                                struct tsgd_summary *summary, struct tsgd_error *err);

/* Told when a training stands still: no step, mix or evaluation has ended for "stall-seconds", and
 * again after twice, four times, .. as long; and once more when it goes on. `text` is lines of
 * English: which tokens stand still, what they wait for, what each worker does. It is called by a
 * thread of the run's own, one at a time, and only during the training; there is no such thread
 * if "stall-seconds" is 0. A process that was stopped is not taken for a training that stands
 * still.                                                                                        */
typedef void tsgd_stall_fn(const char *text, void *user);

/* Before tsgd_run_train; after that it does nothing. on_stall may be NULL, which is what holds
 * without this call: nobody is told.                                                            */
void tsgd_run_on_stall(struct tsgd_run *run, tsgd_stall_fn *on_stall, void *user);

/* Has `tell` called with checkpoints; NULL: nobody. Before the training; after that it does
 * nothing.                                                                                      */
void tsgd_run_on_checkpoint(struct tsgd_run *run, tsgd_checkpoint_fn *tell, void *user);

/* Asks for a checkpoint soon, if the setting "checkpoint" is set; from any thread or a signal
 * handler. NULL is fine.                                                                        */
void tsgd_run_checkpoint(struct tsgd_run *run);

/* Asks a training to end early, also before it begins; from any thread or a signal handler. With
 * the setting "checkpoint" it ends with a checkpoint of its last round. NULL is fine.           */
void tsgd_run_stop(struct tsgd_run *run);

/* Rounds planned so far: how far the training has come; from any thread. */
uint64_t tsgd_run_progress(const struct tsgd_run *run);

/* Times gradient steps for about 0.2 s in the calling thread; returns the seconds that one takes,
 * or NaN without memory for it. Only before tsgd_run_train: NaN during and after it.            */
double tsgd_run_step_seconds(struct tsgd_run *run);

/* What create has found out. From any thread. */
const struct tsgd_info *tsgd_run_info(const struct tsgd_run *run);

/* A tensor of the parameters: the floats from `offset` on of every row, a token's or the mean, in
 * row-major order. Names and shapes are those that tsgd_run_save writes.                        */
struct tsgd_tensor_info {
    const char *name;                   /* "conv1.weight"; belongs to the run, or the search */
    uint64_t offset, count;             /* floats within a row */
    uint32_t rank;
    uint32_t shape[4];                  /* [rank], the rest is 0; their product is count */
};

/* Tensor i, 0 to info->tensors - 1, in the order of a row: they fill it without a gap. From any
 * thread. TSGD_EINVAL: there is no such tensor.                                                 */
enum tsgd_status tsgd_run_tensor(const struct tsgd_run *run, uint64_t i,
                                 struct tsgd_tensor_info *out, struct tsgd_error *err);

/* Where a worker runs, and the tokens whose rows it keeps near. */
struct tsgd_placement {
    bool pinned;                        /* else the system chooses, and the next four are 0 */
    uint32_t cpu, numa;                 /* the system's numbers of the CPU and its NUMA domain */
    uint32_t core, cache;               /* the least CPU that has the same core, last-level cache */
    uint64_t first_token, tokens;
};

/* Of a worker, 0 to info->threads - 1; the first is the thread that calls tsgd_run_train.
 * TSGD_EINVAL: there is no such worker.                                                         */
enum tsgd_status tsgd_run_place(const struct tsgd_run *run, uint64_t worker,
                                struct tsgd_placement *out, struct tsgd_error *err);

/* Shares of a worker's time; they sum to 1, or are 0 where it had none. So do the last three. */
struct tsgd_worker_shares {
    double step, mix, eval, messages, wait;     /* as in struct tsgd_summary */
    double other;                               /* as share_other there */
    double ran, slept, taken;
};

/* After training, also one that diverged: of a worker, numbered as for tsgd_run_place.
 * TSGD_EINVAL: it was not trained, or there is no such worker.                                  */
enum tsgd_status tsgd_run_worker_shares(const struct tsgd_run *run, uint64_t worker,
                                        struct tsgd_worker_shares *out, struct tsgd_error *err);

/* After training: parameters of token `a`, 0 to info->tokens - 1; info->parameters floats, which
 * belong to the run. NULL: it has not been trained, it diverged, or there is no such token.     */
const float *tsgd_run_token(const struct tsgd_run *run, uint64_t a);

/* After training: the mean of the tokens; as tsgd_run_token. */
const float *tsgd_run_mean(const struct tsgd_run *run);

/* After training: writes the mean as a safetensors file, through a temporary file and a rename.
 * The tensors' names and shapes are those of the PyTorch modules that `telesgd model --pytorch`
 * prints.
 * TSGD_EINVAL: there is no result, because it was not trained or diverged. TSGD_EIO.            */
enum tsgd_status tsgd_run_save(const struct tsgd_run *run, const char *path,
                               struct tsgd_error *err);

/* After training, also one that diverged: writes the file of the setting "trace", through a
 * temporary file and a rename. `out` may be NULL. TSGD_EINVAL: it was not trained, or the setting
 * was not set. TSGD_EIO.                                                                        */
enum tsgd_status tsgd_run_save_trace(const struct tsgd_run *run, struct tsgd_traced *out,
                                     struct tsgd_error *err);

/* NULL is fine. Not while it is being trained: then it does nothing. */
void tsgd_run_free(struct tsgd_run *run);

/* ---- the search for k (the paper's Algorithm 2): within 2 T rounds ----
 *
 * Populations of k = 1, 2, 4, .., 2^(q-1) tokens, q = floor(log2(n + 1)), train side by side for T
 * rounds on disjoint sets of active nodes, then k = 2^q alone if there are as many nodes. The least
 * loss on samples held out from training wins (of quadratics grad_norm2, of an objective its first
 * metric); its parameters are trained already. With step sizes to choose from, every pair (k, step
 * size) is a population; as many as have room among the n nodes train side by side, the largest
 * first.                                                                                        */

/* One population. */
struct tsgd_candidate {
    uint64_t active;            /* k */
    double lr;
    uint64_t pass;              /* trained in this one of `passes`, from 1 */
    struct tsgd_eval last;      /* its last evaluation; test_* do not apply */
    double score;               /* what it is judged by: less is better, unless an objective's
                                 * first metric says more; NaN: not yet evaluated */
    bool diverged;              /* it produced a number that is not finite, and cannot win */
};

struct tsgd_tuning {
    const struct tsgd_candidate *chosen;    /* NULL: all diverged, or it was interrupted early */
    uint64_t passes;
    uint64_t rounds_spent;      /* passes * T */
    uint64_t rounds_grid;       /* candidates * T: what trying one after the other takes */
    uint64_t gradients_spent;
    double test_loss, test_accuracy;        /* of the winner's parameters; NaN as in summaries */
    double test_r2;
    double wall_seconds;
    bool interrupted;
};

/* Threads: as for a run. */
struct tsgd_tune;

/* As tsgd_eval_fn; of candidate `c`. In round order for each candidate, one call at a time; which
 * candidate comes first may depend on timing.                                                   */
typedef bool tsgd_tune_fn(const struct tsgd_candidate *c, const struct tsgd_eval *eval, void *user);

/* settings: as for a run, with a method that teleports and without what a single run alone takes,
 * such as active; "lr-grid" has the step sizes to choose from, else there is "lr" alone. What it
 * needs of `settings` is copied. Errors as tsgd_run_create.                                     */
enum tsgd_status tsgd_tune_create(struct tsgd_tune **out, const struct tsgd_settings *settings,
                                  struct tsgd_error *err);

/* Runs all passes; once, as tsgd_run_train. Candidates that diverge drop out; TSGD_EDIVERGED: all
 * did. on_eval and out may be NULL.                                                             */
enum tsgd_status tsgd_tune_run(struct tsgd_tune *t, tsgd_tune_fn *on_eval, void *user,
                               struct tsgd_tuning *out, struct tsgd_error *err);

/* All candidates, in order of k, then of the step sizes as given, and their number (n may be NULL).
 * They belong to the search, and change while it runs: during that, on_eval alone may look, at the
 * one that it is told of.                                                                       */
const struct tsgd_candidate *tsgd_tune_candidates(const struct tsgd_tune *t, size_t *n);

/* As for a run: of its largest pass; its tensors; ends the search early; who is told when it stands
 * still; rounds of all passes so far.                                                           */
const struct tsgd_info *tsgd_tune_info(const struct tsgd_tune *t);
enum tsgd_status tsgd_tune_tensor(const struct tsgd_tune *t, uint64_t i,
                                  struct tsgd_tensor_info *out, struct tsgd_error *err);
void tsgd_tune_stop(struct tsgd_tune *t);
void tsgd_tune_on_stall(struct tsgd_tune *t, tsgd_stall_fn *on_stall, void *user);
uint64_t tsgd_tune_progress(const struct tsgd_tune *t);

/* As for a run. */
void tsgd_tune_on_checkpoint(struct tsgd_tune *t, tsgd_checkpoint_fn *tell, void *user);
void tsgd_tune_checkpoint(struct tsgd_tune *t);

/* After the search: the winner's parameters; info->parameters floats, which belong to the search.
 * NULL: none was chosen, or nothing has run.                                                    */
const float *tsgd_tune_mean(const struct tsgd_tune *t);

/* Writes the winner's parameters, as tsgd_run_save does. TSGD_EINVAL: none was chosen, or nothing
 * has run. TSGD_EIO.                                                                            */
enum tsgd_status tsgd_tune_save(const struct tsgd_tune *t, const char *path,
                                struct tsgd_error *err);

/* As tsgd_run_save_trace. */
enum tsgd_status tsgd_tune_save_trace(const struct tsgd_tune *t, struct tsgd_traced *out,
                                      struct tsgd_error *err);

/* NULL is fine. Not while it runs: then it does nothing. */
void tsgd_tune_free(struct tsgd_tune *t);

/* Loss and accuracy of the parameters in a safetensors file that tsgd_run_save wrote, or of the
 * mean of the tokens in a checkpoint of a run, on the test samples of the setting "data"; in the
 * calling thread alone. Of the other settings those count that say how the data are read
 * ("data-dir", "label") or made ("split-seed", "seed"). The file says which model it holds, what
 * the classes are called and, where test samples were drawn from the others, which: the same are
 * drawn again. TSGD_EINVAL: there are no such data, or that is no network, or one for other data,
 * or a checkpoint of a search. TSGD_EIO, TSGD_EFORMAT: the file or the data, named. TSGD_ENOMEM.
 * On error *out is not to be used.                                                              */
struct tsgd_evaluated {
    char model[64];             /* a longer one is cut and ends in ".." */
    uint64_t parameters, test_samples;
    double test_loss, test_accuracy, test_r2;   /* NaN as in summaries */
};
enum tsgd_status tsgd_evaluate_file(const char *path, const struct tsgd_settings *settings,
                                    struct tsgd_evaluated *out, struct tsgd_error *err);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
