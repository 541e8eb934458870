/* tests/model/explorer/evaluation.c: engine/evaluation.c, two tokens and two blocks. */
#include "explorer.h"
#include "quiet.h"

#include "base/hash.h"
#include "linalg/vec.h"
#include "model/problem.h"

/* Rows are only told of. */
static double folds(double *sum, const float *x);
static double ends_fold(float *mean, const double *sum);
static void adds(const struct tsgd_measure *part);
#define tsgd_hash(bytes, n) ((uint64_t)0)
#define tsgd_fold(kernels, sum, x, ref, dim) folds(sum, x)
#define tsgd_fold_finish(kernels, mean, sum, ref, dim, k) ends_fold(mean, sum)
#define tsgd_measure_add(sum, part) adds(part)
#include "engine/evaluation.c"

static struct state s;
static struct evaluation e;
static struct evaluated_pop measured;
static struct pop pop;
static struct tsgd_seq word[2];
static struct tsgd_tally tally[2];
static struct worker worker[4];
static float row[2][16], ref[2], mean[2];
static double sum[2];
static uint64_t hash[2];
static struct tsgd_measure part[2];
static char log_line;

static double folds(double *into, const float *x)
{
    explorer_read(x, "a fold reads a row that is being written");
    explorer_write(into, "two folds add to a sum at once");
    return 0;
}

static double ends_fold(float *into, const double *from)
{
    explorer_read(from, "a mean lacks a row");
    explorer_write(into, "a mean is written while it is measured");
    return 0;
}

static void adds(const struct tsgd_measure *p) { explorer_read(p, "a report lacks a block"); }

static void evaluate(const struct tsgd_problem *p, uint32_t block, const float *x, void *scratch,
                     struct tsgd_measure *out)
{
    (void)p, (void)block, (void)scratch;
    explorer_read(x, "a block measures a mean that is being written");
    explorer_write(out, "two workers measure a block");
}

static void no_report(const struct tsgd_problem *p, const struct tsgd_measure *all,
                      double consensus, double *value)
{
    (void)p, (void)all, (void)consensus, (void)value;
}

static enum tsgd_verdict told(uint32_t q, const struct tsgd_eval *eval, void *user)
{
    (void)q, (void)eval, (void)user;
    explorer_write(&log_line, "two evaluations are reported at once");
    return TSGD_GO_ON;
}

static const struct tsgd_problem_ops ops = {.evaluate = evaluate, .report = no_report};
static const struct tsgd_problem problem = {.ops = &ops, .dim = 1, .eval_blocks = 2};

static void begin(void)
{
    pop = (struct pop){.c = {.k = 2}};
    s = (struct state){.pop = &pop, .tokens = 2, .exchanged = 1,
                       .c = {.problem = &problem, .n_populations = 1, .on_eval = told}};
    s.arena = (struct tsgd_arena){.seq = word, .row = row[0], .tally = tally, .tokens = 2, .dim = 1,
                                  .stride = 16, .places = 2, .exchanged = 1,
                                  .token_step = 16};
    measured = (struct evaluated_pop){.blocks = 2, .part = part, .hash = hash};
    for (int i = 0; i < 2; i++) {
        measured.ref[i] = &ref[i];
        measured.mean[i] = &mean[i];
        measured.sum[i] = &sum[i];
        atomic_init(&word[i].word, 0);
    }
    e = (struct evaluation){.s = &s, .pop = &measured};
    atomic_init(&measured.folded.word, 0);
    atomic_init(&measured.evaluated.word, 0);
    atomic_init(&measured.evals, 0);
    atomic_init(&measured.next_block, 0);
    atomic_init(&measured.blocks_done, 0);
    for (int i = 0; i < RECORDS; i++)
        atomic_init(&measured.record[i].round, 0);
    atomic_init(&pop.diverged, NEVER);
    atomic_init(&pop.end_round, NEVER);
    atomic_init(&s.left, 4);
    atomic_init(&s.stop, false);
    atomic_init(&s.sleep.epoch, 0);
}

/* ---- a record is filled before it is counted, rows are there before they are folded ---- */

static void opens(void)
{
    struct due due = {.round = 0};
    explorer_write(&measured.record[0], "a record is filled while it is in use");
    tsgd_evaluation_open(&e, 0, &due);
}

/* As in tasks.c. */
static void looks_for_a_fold(void)
{
    uint64_t w = tsgd_seq_load(&measured.folded), folded = tsgd_seq_phase(w);
    if (tsgd_seq_busy(w) || folded >= 2 || !tsgd_fold_ready(&e, 0, folded) ||
        !tsgd_seq_claim(&measured.folded, folded))
        return;
    explorer_read(&measured.record[0], "a record is filled while it is in use");
    tsgd_fold_run(&e, &worker[explorer_self()], 0, folded);
}

/* Token 1 has yet to be filled. */
static void begin_unfilled(void)
{
    begin();
    atomic_init(&word[1].word, 1);
    atomic_init(&measured.evals, 1);
}

static void fills(void)
{
    explorer_write(row[1], "a row is filled while it is folded");
    tsgd_seq_finish(&word[1], 0);
}

/* R3 */
static void steps(void)
{
    if (tsgd_evaluation_has_passed(&e, 0, 0, 0, NULL))
        explorer_write(row[0], "a token steps away while its row is folded");
}

/* ---- blocks ---- */

static void begin_folded(void)
{
    begin();
    atomic_init(&measured.evals, 1);
    atomic_init(&measured.folded.word, 2 * 2);
}

static void looks_for_a_block(void)
{
    uint64_t block = atomic_load_explicit(&measured.next_block, memory_order_relaxed);
    if (block < 2 && tsgd_block_ready(&e, 0, block) && tsgd_block_claim(&e, 0, block))
        tsgd_block_run(&e, &worker[explorer_self()], 0, block);
}

static void looks_for_two_blocks(void)
{
    looks_for_a_block();
    looks_for_a_block();
}

/* Whoever sees that an evaluation is done may use its buffer anew, and log the next one. */
static void next_evaluation(void)
{
    if (!tsgd_seq_reached(&measured.evaluated, 1))
        return;
    explorer_write(&mean[0], "a mean is written while it is measured");
    explorer_write(&log_line, "two evaluations are reported at once");
}

/* The fold ends, and its mean is measured. */
static void folds_all(void)
{
    looks_for_a_fold();
    looks_for_a_block();
}

const struct program programs_of_evaluation[] = {
    {"an evaluation is opened and folded", begin, {opens, looks_for_a_fold}, NULL},
    {"two workers fold, a token is filled, another steps away", begin_unfilled,
     {fills, looks_for_a_fold, looks_for_a_fold, steps}, NULL},
    {"two workers measure blocks, the next evaluation follows", begin_folded,
     {looks_for_two_blocks, looks_for_a_block, next_evaluation}, NULL},
    {"a mean is folded by one and measured by two", begin_unfilled,
     {fills, folds_all, looks_for_a_block}, NULL},
    {0},
};
