/* The watchdog: a worker is held up for good in the middle of a step, an evaluation or a plan. The
 * others must come as far as the rules allow and no further, the watchdog must name the token, the
 * worker and the rule, and once the worker goes on the run must end with the simulator's bits.
 * A held worker stays where it is until the text is as it should be, so nothing here depends on how
 * fast the machine is.                                                                          */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/holders.h"
#include "linalg/isa.h"
#include "method/method.h"
#include "run/settings.h"
#include "program.h"
#include "twin.h"
#include "scenario/rate.h"
#include "sim/settings.h"
#include "sim/sim.h"
#include "sim/toy.h"
#include "sim/within.h"

/* ---- a worker that is held ---- */

enum { MOST_K = 8, ROUNDS = 30, TEXTS = 64, TEXT = 8192 };

/* Where: in the gradient, or a part of it, or the count, of a node's minibatch; or in a block. */
static struct {
    enum { NOWHERE, GRADIENT, PART, COUNT, BLOCK } where;
    uint32_t node;
    uint64_t batch;
    uint32_t block;
    int pass;                           /* of the block: how often it has come by before */
} hold;
static int gate[2];                     /* a held worker reads a byte from here */
static pthread_t caller;                /* worker 0 */
static _Atomic int held_by;             /* 0: the caller, 1: another worker; -1: nobody yet */
static _Atomic int blocks;              /* that came by */

static int told[2] = {-1, -1};          /* a byte is written here when a worker is held */

static void held(void)
{
    char byte;
    if (told[1] >= 0)
        cr_assert(write(told[1], "", 1) == 1);
    held_by = !pthread_equal(pthread_self(), caller);
    cr_assert(read(gate[0], &byte, 1) == 1);
}

static const struct tsgd_problem_ops *toy_ops;

static double gradient(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                       float *grad, void *scratch)
{
    if (hold.where == GRADIENT && node == hold.node && b == hold.batch)
        held();
    return toy_ops->gradient(p, node, b, x, grad, scratch);
}

static double part_gradient(const struct tsgd_problem *p, uint32_t node, uint64_t b, uint32_t part,
                            const float *x, float *grad, void *scratch)
{
    if (hold.where == PART && node == hold.node && b == hold.batch && part == 0)
        held();
    return toy_ops->part_gradient(p, node, b, part, x, grad, scratch);
}

/* The planner is the first to ask. */
static uint32_t batch_count(const struct tsgd_problem *p, uint32_t node, uint64_t b)
{
    if (hold.where == COUNT && held_by < 0 && node == hold.node && b == hold.batch)
        held();
    return toy_ops->batch_count(p, node, b);
}

static void evaluate(const struct tsgd_problem *p, uint32_t block, const float *x, void *scratch,
                     struct tsgd_measure *out)
{
    if (hold.where == BLOCK && block == hold.block && blocks++ == hold.pass)
        held();
    toy_ops->evaluate(p, block, x, scratch, out);
}

/* ---- what the watchdog said ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t said = PTHREAD_COND_INITIALIZER;
static char texts[TEXTS][TEXT];
static int n_texts;

static void on_stall(const char *text, void *user)
{
    (void)user;                         /* the simulator's collector */
    pthread_mutex_lock(&lock);
    if (n_texts < TEXTS)
        snprintf(texts[n_texts++], TEXT, "%s", text);
    pthread_cond_signal(&said);
    pthread_mutex_unlock(&lock);
}

/* Waits for text number i. */
static const char *await_text(int i)
{
    cr_assert(i < TEXTS);
    pthread_mutex_lock(&lock);
    while (n_texts <= i)
        pthread_cond_wait(&said, &lock);
    pthread_mutex_unlock(&lock);
    return texts[i];
}

/* ---- a run in which a worker is held ---- */

struct stall {
    struct tsgd_mixing mixing;
    struct tsgd_population p;
    struct tsgd_rate rate;
    struct toy toy;
    struct tsgd_problem_ops ops;
    struct tsgd_engine_config c;
    struct sim_end end;
    struct sim_log got, want;
    pthread_t thread;
};

static struct stall s;

/* Token a stays with node a, so that its step of round t has node a's minibatch t. */
static void set_up(const char *topology, uint32_t k, uint32_t threads)
{
    s = (struct stall){.toy = toy_make(50, k), .rate = {.eta = 0.1}};
    cr_assert(tsgd_topology_build(&s.mixing, topology, k, 1, NULL) == TSGD_OK);
    toy_ops = s.toy.problem.ops;
    s.ops = *toy_ops;
    s.ops.gradient = gradient;
    s.ops.part_gradient = part_gradient;
    s.ops.batch_count = batch_count;
    s.ops.evaluate = evaluate;
    s.toy.problem.ops = &s.ops;
    s.p = (struct tsgd_population){.k = k, .mixing = &s.mixing, .rounds = ROUNDS,
                                   .eta = tsgd_rate_step_size(&s.rate)};
    s.c = (struct tsgd_engine_config){
        .problem = &s.toy.problem, .kernels = tsgd_isa_table(0),
        .population = &s.p, .n_populations = 1, .gossip = TSGD_GOSSIP_ROWS,
        .local_steps = 1, .seed = 9, .threads = threads, .init = toy_init(50),
        .stall_seconds = 0.04, .on_stall = on_stall,
    };
    cr_assert(tsgd_sgd_rule(&s.c.rule, "token", 0.9, false, 1e-4, NULL) == TSGD_OK);
    cr_assert(pipe(gate) == 0);
    held_by = -1;
    blocks = 0;
}

static void *train(void *arg)
{
    struct tsgd_outcome o;
    (void)arg;
    caller = pthread_self();
    sim_engine(&s.c, s.end, &s.got, &o);
    return NULL;
}

static void begin(void) { cr_assert(pthread_create(&s.thread, NULL, train, NULL) == 0); }
static void let_go(void) { cr_assert(write(gate[1], "", 1) == 1); }

/* The held worker goes on; the run must end with the bits of a run in which nobody was held. */
static void finish(void)
{
    char what[512] = "";
    let_go();
    pthread_join(s.thread, NULL);
    hold.where = NOWHERE;
    sim_run(&s.c, s.end, &s.want);
    cr_expect(!sim_differ(&s.c, &s.want, &s.got, what, sizeof what), "%s", what);
    sim_log_release(&s.want);
    sim_log_release(&s.got);
    tsgd_mixing_release(&s.mixing);
    free((float *)s.c.init);
}

/* Waits for a text that has this line, in which %d stands for the worker that is held. When there
 * is none for many doublings of the time there will not be any; the last text is then shown.    */
static const char *expect_line(int *i, const char *format)
{
    char line[256];
    const char *text = "";
    for (int end = *i + 9; *i < end; ++*i) {
        text = await_text(*i);
        snprintf(line, sizeof line, format, (int)held_by);
        char *found = strstr(text, line);
        if (found && (found[strlen(line)] == '\n' || strchr(line, ',')))
            return text;
    }
    cr_assert(false, "no line '%s' in\n%s", line, text);
    return NULL;
}

/* ---- how far the rules let tokens come ---- */

enum { PLANS = 8 };

/* Rules R1, R2 and R5 of engine/seq.h by hand, until nothing changes: phase[a] of each token when
 * `stuck` stays in its step of round `at`.                                                      */
static void settle(uint32_t k, uint32_t stuck, uint64_t at, uint64_t *phase)
{
    uint64_t planned = 0;
    memset(phase, 0, k * sizeof *phase);
    for (bool moved = true; moved;) {
        moved = false;
        uint64_t least = UINT64_MAX;
        for (uint32_t a = 0; a < k; a++)
            least = phase[a] < least ? phase[a] : least;
        for (uint32_t a = 0; a < k; a++) {
            uint64_t t = phase[a] / 2;
            bool may = true;
            if (phase[a] % 2 == 0) {
                if (planned == t && (t < PLANS || least >= 2 * (t - PLANS) + 2))
                    planned++;
                may = planned > t && !(a == stuck && t == at);
            }
            for (uint32_t b = 0; phase[a] % 2 && b < k; b++) {
                const struct tsgd_csr *w = tsgd_mixing_at(&s.mixing, t);
                for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
                    may &= w->col[i] != b || phase[b] >= 2 * t + 1;
                if (t == 0)
                    continue;
                w = tsgd_mixing_at(&s.mixing, t - 1);
                for (uint32_t i = w->ptr[b]; i < w->ptr[b + 1]; i++)
                    may &= w->col[i] != a || phase[b] >= 2 * t;
            }
            phase[a] += may;
            moved |= may;
        }
    }
}

/* The phases that a text tells. */
static void read_phases(const char *text, uint32_t k, uint64_t *phase)
{
    for (uint32_t a = 0; a < k; a++) {
        char name[32];
        unsigned long long round;
        char where[16];
        snprintf(name, sizeof name, "  token %u, ", a);
        const char *line = strstr(text, name);
        cr_assert(line && sscanf(line + strlen(name), "round %llu, %15s", &round, where) == 2,
                  "token %u is missing in\n%s", a, text);
        phase[a] = 2 * round + !strcmp(where, "has");
    }
}

/* Held in the step of token 3 in round 7: tokens come as far as they may, with any graph. */
static const char *expect_phases(int *i, uint32_t k)
{
    uint64_t want[MOST_K], got[MOST_K];
    settle(k, 3, 7, want);
    for (int end = *i + 9; *i < end; ++*i) {
        read_phases(await_text(*i), k, got);
        if (!memcmp(want, got, k * sizeof *want))
            return texts[*i];
    }
    for (uint32_t a = 0; a < k; a++)
        cr_expect(got[a] == want[a], "token %u: phase %d, want %d", a, (int)got[a], (int)want[a]);
    return "";
}

static void hold_step(const char *topology, uint32_t k, uint32_t threads)
{
    set_up(topology, k, threads);
    hold.where = GRADIENT;
    hold.node = 3;
    hold.batch = 7;
}

Test(watchdog, others_come_as_far_as_the_rules_allow, .timeout = 120)
{
    static const char *const graphs[] = {"ring", "exp", "onepeer-exp", "complete", "line", "alone"};
    for (uint32_t i = 0; i < 12; i++) {
        int text = 0;
        n_texts = 0;
        hold_step(graphs[i / 2], 5 + i % 4, 2 + i % 3);
        begin();
        expect_phases(&text, s.p.k);
        if (s.c.threads == 2) {
            expect_line(&text, "  token 3, round 7, between holders: its step is under way, "
                               "worker %d");
            expect_line(&text, "  worker %d: the step of token 3 at node 3, round 7, for ");
        }
        finish();
    }
}

Test(watchdog, a_neighbour_waits_by_R1, .timeout = 60)
{
    int i = 0;
    hold_step("ring", 5, 2);
    begin();
    expect_line(&i, "  token 2, round 7, has stepped: its mix waits for token 3 to take its step "
                    "of round 7 (R1)");
    expect_line(&i, "  token 1, round 8, has stepped: its mix waits for token 2 to take its step "
                    "of round 8 (R1)");
    finish();
}

/* exp: token a reads a + 1, a + 2 and a + 4 of 8. So 4 is read by 2, which reads 3 and waits for
 * it; but 4 itself reads 5, 6 and 0, of which none reads 3: only its own row, which 2 has yet to
 * read, keeps it.                                                                               */
Test(watchdog, who_is_read_waits_by_R2, .timeout = 60)
{
    int i = 0;
    hold_step("exp", 8, 2);
    begin();
    expect_line(&i, "  token 4, round 8, has stepped: its mix waits for token 2 to mix in round 7, "
                    "for which it reads the row to be overwritten (R2)");
    finish();
}

Test(watchdog, who_meets_nobody_waits_for_a_plan_by_R5, .timeout = 60)
{
    int i = 0;
    hold_step("alone", 4, 3);
    begin();
    expect_line(&i, "  token 0, round 15, between holders: its step waits for the plan of round "
                    "15, which waits for token 3 to mix in round 7, for there is room for 8 plans "
                    "(R5)");
    finish();
}

Test(watchdog, slices_wait_by_R6, .timeout = 60)
{
    int i = 0;
    hold_step("ring", 5, 2);
    s.c.gossip = TSGD_GOSSIP_SLICES;
    begin();
    expect_line(&i, "  mixing all tokens waits for token 3 to take its step of round 7 (R6)");
    expect_line(&i, "  token 0, round 7, has stepped: its mix waits for all tokens to be mixed at "
                    "once");
    finish();
}

static bool never(const struct tsgd_eval *e) { return e->test_loss < 0; }

Test(watchdog, tokens_wait_for_a_verdict_by_R3, .timeout = 60)
{
    int i = 0;
    set_up("ring", 5, 2);
    s.p.eval_every = 7;
    s.end.until = never;
    hold.where = BLOCK;
    hold.block = 1;
    begin();
    expect_line(&i, "  token 4, round 7, between holders: its step waits for the verdict on the "
                    "evaluation of round 7 (R3)");
    expect_line(&i, "  worker %d: block 1 of an evaluation, round 7, for ");
    expect_line(&i, "  an evaluation is not over, round 7");
    finish();
}

/* With an evaluation in every round: that of round 1 is held, that of round 2 has the other buffer,
 * that of round 3 needs the held one's.                                                         */
Test(watchdog, tokens_wait_for_the_fold_by_R3, .timeout = 60)
{
    int i = 0;
    set_up("ring", 5, 2);
    s.p.eval_every = 1;
    hold.where = BLOCK;
    hold.block = 1;
    begin();
    expect_line(&i, "  token 0, round 3, between holders: its step waits for the evaluation of "
                    "round 3 to read its row (R3)");
    expect_line(&i, "  the next evaluation waits for the evaluation of round 1 to be measured");
    expect_line(&i, "  worker %d: block 1 of an evaluation, round 1, for ");
    finish();
}

Test(watchdog, tokens_wait_for_a_plan_that_is_being_made, .timeout = 60)
{
    int i = 0;
    set_up("ring", 5, 2);
    hold.where = COUNT;
    hold.node = 3;
    hold.batch = 7;
    begin();
    expect_line(&i, "  worker %d: the plan, round 7, for ");
    /* Not token 0 always: it may be the one in whose mix the plan is made. */
    expect_line(&i, ", round 7, between holders: its step waits for the plan of round 7, which "
                    "waits for the worker that makes it");
    finish();
}

Test(watchdog, a_part_of_a_shared_step_is_named, .timeout = 60)
{
    int i = 0;
    set_up("ring", 5, 2);
    s.toy.problem.parts = 2;
    hold.where = PART;
    hold.node = 3;
    hold.batch = 7;
    begin();
    expect_line(&i, "  worker %d: part 0 of the step of token 3, round 7, for ");
    expect_line(&i, "  token 3, round 7, between holders: its step is under way, worker %d");
    finish();
}

/* Momentum that stays with the nodes, holders at random: who visits a node waits for the visitor
 * before. Which those are is told by the draws alone.                                           */
Test(watchdog, a_visitor_waits_for_the_one_before_by_R4, .timeout = 60)
{
    enum { K = 2, NODES = 5 };
    struct tsgd_holding holding = TSGD_HOLDING_INIT;
    struct tsgd_holders h;
    uint32_t node[ROUNDS][K], visits[NODES] = {0};
    int i = 0;
    uint64_t from = 0, to = 0;
    char line[200];
    set_up("alone", K, 2);
    s.toy.problem.nodes = NODES;
    s.c.teleports = true;
    cr_assert(tsgd_sgd_rule(&s.c.rule, "node", 0.9, false, 1e-4, NULL) == TSGD_OK);
    h = (struct tsgd_holders){.nodes = NODES, .tokens = K, .teleports = true, .seed = s.c.seed};
    cr_assert(tsgd_holders_init(&h, &holding, NULL) == TSGD_OK);
    for (uint64_t t = 0; t < ROUNDS; t++) {
        tsgd_holders_begin(&h, t);
        tsgd_holders_next(&h, 0, K, node[t]);
        tsgd_holders_end(&h);
    }
    tsgd_holding_release(&holding);
    /* Token 0 is held at a node where token 1 comes next, a few rounds later. */
    for (bool found = false; !found; from += !found) {
        cr_assert(from < 12);
        for (to = from + 1; to < from + PLANS && node[to][0] != node[from][0] &&
             node[to][1] != node[from][0]; to++)
            ;
        found = to < from + PLANS && node[to][1] == node[from][0];
        for (uint32_t a = 0; a < K && !found; a++)
            visits[node[from][a]]++;
    }
    hold.where = GRADIENT;
    hold.node = node[from][0];
    hold.batch = visits[hold.node];
    begin();
    snprintf(line, sizeof line, "  token 1, round %d, between holders: its step waits for token 0, "
             "the node's visitor before, to take its step of round %d (R4)", (int)to, (int)from);
    expect_line(&i, line);
    finish();
}

/* ---- when it speaks ---- */

Test(watchdog, it_speaks_after_twice_as_long_each_time_and_when_it_goes_on, .timeout = 120)
{
    static const char *const heads[] = {
        "nothing has moved for 0.4 s\n", "nothing has moved for 0.8 s\n",
        "nothing has moved for 1.6 s\n",
    };
    int i = 0;
    hold_step("ring", 5, 2);
    s.c.stall_seconds = 0.4;
    begin();
    while (strncmp(await_text(i), heads[0], strlen(heads[0])) || !strstr(texts[i], "round 7"))
        i++;                            /* a slow machine may have been told of before */
    for (int j = 0; j < 3; j++)
        cr_expect(!strncmp(await_text(i + j), heads[j], strlen(heads[j])), "%s", texts[i + j]);
    hold.batch = 9;                     /* seen by the worker that is let go */
    let_go();
    for (i += 3; strncmp(await_text(i), "it moves again, after ", 22); i++)
        ;
    cr_expect(!strncmp(await_text(i + 1), heads[0], strlen(heads[0])), "%s", texts[i + 1]);
    expect_line(&i, "  token 3, round 9, between holders: its step is under way, worker %d");
    finish();
}

static int threads_while_held(double stall_seconds, bool somebody_is_told)
{
    int n = 0;
    hold_step("ring", 5, 2);
    s.c.stall_seconds = stall_seconds;
    s.c.on_stall = somebody_is_told ? on_stall : NULL;
    begin();
    while (held_by < 0)
        usleep(1000);
    DIR *d = opendir("/proc/self/task");
    cr_assert(d);
    while (readdir(d))
        n++;
    closedir(d);
    finish();
    return n;
}

Test(watchdog, it_has_a_thread_only_where_somebody_is_told, .timeout = 60)
{
    int without = threads_while_held(0, true);
    cr_expect(threads_while_held(1000, false) == without);
    cr_expect(threads_while_held(1000, true) == without + 1);
}

/* A process that is stopped while a worker is held, for longer than it takes the watchdog to speak.
 * The worker is let go after the process, so that the watchdog looks once in between: it must not
 * take the time outside for its own. (It would speak rightly if a slow machine left the worker held
 * for 3 s more.)                                                                                */
Test(watchdog, a_process_that_is_stopped_does_not_stand_still, .timeout = 60)
{
    char byte;
    hold_step("ring", 5, 2);
    s.c.stall_seconds = 4;
    cr_assert(pipe(told) == 0);
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        train(NULL);
        _exit(n_texts);
    }
    cr_assert(read(told[0], &byte, 1) == 1);
    usleep(700000);                     /* a look before, and one after */
    cr_assert(kill(child, SIGSTOP) == 0);
    sleep(5);
    cr_assert(kill(child, SIGCONT) == 0);
    usleep(700000);
    let_go();
    cr_expect(code_of(child) == 0);
}

/* ---- the library ---- */

/* Steps that take many of the watchdog's shortest slices. */
static void train_slowly(tsgd_stall_fn *told_of, void *user)
{
    struct tsgd_run *run;
    struct tsgd_error err;
    const struct tsgd_settings *slow = settings_of(
        "data=digits model=mlp:2048,2048 batch=1024 nodes=1 active=1 rounds=2 threads=1 "
        "step-parts=1 stall-seconds=1e-6");
    cr_assert(tsgd_run_create(&run, slow, &err) == TSGD_OK, "%s", err.text);
    if (told_of)
        tsgd_run_on_stall(run, told_of, user);
    cr_expect(tsgd_run_train(run, NULL, NULL, NULL, &err) == TSGD_OK);
    tsgd_run_free(run);
}

static void count_text(const char *text, void *user)
{
    *(int *)user += strstr(text, "\n  worker 0: ") != NULL;
}

Test(watchdog, a_caller_of_the_library_is_told_if_it_asks, .timeout = 120)
{
    int n = 0;
    train_slowly(count_text, &n);
    cr_expect(n > 0);
    train_slowly(NULL, NULL);
}

/* ---- over ranks ---- */

enum { HELD_VISIT = 6 };

/* Node `user` is on rank 1 of two, and stays in a gradient until rank 0 has told whom
 * it awaits.                                                                                    */
static double held_gradient(const struct tsgd_call *call, const float *x, float *grad, void *user)
{
    char byte;
    (void)x;
    if (call->node == *(const uint32_t *)user && call->visit == HELD_VISIT)
        cr_assert(read(gate[0], &byte, 1) == 1);
    grad[0] = 1;
    return 1;
}

struct watched_rank {
    struct tsgd_settings *s;
    const char *wanted;
    bool told;
};

static void let_go_when_told(const char *text, void *user)
{
    struct watched_rank *r = user;
    if (r->told || !strstr(text, r->wanted))
        return;
    r->told = true;
    let_go();
}

static void *train_watched(void *user)
{
    struct watched_rank *r = user;
    struct tsgd_error err;
    struct tsgd_summary end;
    struct tsgd_run *run;
    cr_assert(tsgd_run_create(&run, r->s, &err) == TSGD_OK, "%s", err.text);
    if (r->wanted)
        tsgd_run_on_stall(run, let_go_when_told, r);
    cr_assert(tsgd_run_train(run, NULL, NULL, &end, &err) == TSGD_OK, "%s", err.text);
    tsgd_run_free(run);
    return NULL;
}

static void expect_rank_0_tells(const char *words, uint32_t node, const char *wanted)
{
    const struct tsgd_objective o = {.size = sizeof o, .name = "held", .dim = 3,
                                     .gradient = held_gradient, .user = &node};
    struct within *world = within_create(2, 5, 0);
    struct watched_rank rank[2] = {{.wanted = wanted}, {.wanted = NULL}};
    pthread_t thread[2];
    cr_assert(pipe(gate) == 0);
    for (uint32_t r = 0; r < 2; r++) {
        rank[r].s = settings_of("method=dsgd rounds=30 stall-seconds=0.2 %s", words);
        cr_assert(tsgd_settings_set_objective(rank[r].s, &o, NULL) == TSGD_OK);
        rank[r].s->transport = within_rank(world, r);
        cr_assert(pthread_create(&thread[r], NULL, train_watched, &rank[r]) == 0);
    }
    for (uint32_t r = 0; r < 2; r++)
        pthread_join(thread[r], NULL);
    within_free(world);
}

/* Node 0, on rank 0, mixes with node 3. */
Test(watchdog, names_the_rank_that_a_token_is_awaited_from, .timeout = 120)
{
    expect_rank_0_tells("nodes=4 threads=1 eval-every=30", 3,
                        "  token 3, round 5, has stepped: its mix is for rank 1; its next "
                        "half-step is awaited from there\n");
}

/* Rows are read in the order of the tokens. Those of nodes 5 to 7 are not mixed without node 6. */
Test(watchdog, names_the_rank_that_an_evaluation_awaits_a_row_from, .timeout = 120)
{
    expect_rank_0_tells("nodes=8 threads=2 eval-every=7", 6,
                        "  the next evaluation waits for the row of token 5 from rank 1\n");
}

/* ---- the program ---- */

TestSuite(stall, .init = enter_folder, .fini = leave_folder, .timeout = 120);

/* Runs a command whose log nobody reads until the standard error has this text; then it must end
 * well. Returns all that was told.                                                              */
static const char *run_into_a_full_pipe(const char *words, const char *wanted)
{
    int out[2], err[2];
    size_t used = 0;
    char *text = keep(calloc(1, TEXT)), bytes[4096];
    cr_assert(pipe(out) == 0 && pipe(err) == 0);
    pid_t child = start(out[1], err[1], RLIM_INFINITY, words);
    close(out[1]);
    close(err[1]);
    while (!strstr(text, wanted)) {
        ssize_t n = read(err[0], text + used, TEXT - 1 - used);
        cr_assert(n > 0, "no '%s' in %s", wanted, text);
        used += (size_t)n;
    }
    while (read(out[0], bytes, sizeof bytes) > 0)
        ;
    cr_expect(code_of(child) == 0);
    close(out[0]);
    close(err[0]);
    return text;
}

Test(stall, a_log_that_nobody_reads_is_told_of)
{
    const char *text = run_into_a_full_pipe(
        TINY " --rounds 3000 --eval-every 1 --stall-seconds 0.2 --log -" QUIET,
        ": tells an evaluation, round 2");
    cr_expect(strstr(text, "telesgd: nothing has moved for 0.2 s\n  token ") == text, "%s", text);
    cr_expect(strstr(text, "(R3)\n") && strstr(text, "  an evaluation is not over, round 2"), "%s",
              text);
}

/* The hash of the state after the run of a log. */
static const char *hash_of(const char *path)
{
    return json_string_value(json_object_get(last_line(parse_lines(read_file(path))),
                                             "state_hash"));
}

/* The second thread of a process, which is worker 1; 0: it has not three of them yet. */
static pid_t second_thread(pid_t process)
{
    char path[64];
    pid_t least = 0;
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    DIR *d = opendir(path);
    cr_assert(d);
    for (struct dirent *e; (e = readdir(d));) {
        pid_t id = (pid_t)atoi(e->d_name);
        n += id > 0;
        least = id > process && (!least || id < least) ? id : least;
    }
    closedir(d);
    return n == 3 ? least : 0;
}

/* Whether the text is told within five times the time after which the watchdog speaks. */
static bool is_told(int err, const char *wanted)
{
    char text[TEXT] = "";
    size_t used = 0;
    struct pollfd p = {.fd = err, .events = POLLIN};
    while (!strstr(text, wanted) && poll(&p, 1, 500) == 1) {
        ssize_t n = read(err, text + used, TEXT - 1 - used);
        if (n <= 0)
            return false;
        used += (size_t)n;
        text[used] = 0;
    }
    return strstr(text, wanted) != NULL;
}

/* Worker 1 is stopped by the system, in the middle of whatever it does. In a step it holds the
 * others up, and is told of. Asleep or between two tasks it does not: then it goes on, and is
 * stopped again; the run is long enough for ten times.                                          */
Test(stall, a_thread_that_is_stopped_is_named_and_goes_on_to_the_same_bits)
{
    static const char words[] = "train --data digits --model mlp:1024 --batch 256 --nodes 9 "
                                "--active 4 --rounds %d --eval-every 2000 --threads 2 "
                                "--step-parts 1 --stall-seconds 0.1 --force" QUIET " --log %s";
    const int rounds = TWIN_SLOW ? 400 : 2000;
    char text[400];
    int err[2];
    pid_t thread;
    bool named = false;
    snprintf(text, sizeof text, words, rounds, "calm");
    struct result r = run(text);
    expect_code(&r, 0);
    snprintf(text, sizeof text, words, rounds, "stopped");
    cr_assert(pipe(err) == 0);
    pid_t child = start(open("/dev/null", O_WRONLY), err[1], RLIM_INFINITY, text);
    close(err[1]);
    while (!(thread = second_thread(child)))
        usleep(1000);
    for (int i = 0; i < 20 && !named; i++) {
        usleep(20000);
        if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0) {
            cr_assert(errno == EPERM, "the run was over before its thread was caught in a step");
            kill(child, SIGKILL);
            cr_skip_test("threads may not be traced here");
        }
        cr_assert(ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) == 0);
        cr_assert(waitpid(thread, NULL, __WALL) == thread);
        named = is_told(err[0], "  worker 1: the ");
        cr_assert(ptrace(PTRACE_DETACH, thread, NULL, NULL) == 0);
    }
    cr_expect(named);
    cr_expect(code_of(child) == 0);
    cr_expect_str_eq(hash_of("stopped"), hash_of("calm"));
}

Test(stall, a_search_is_watched_too)
{
    run_into_a_full_pipe("tune --data digits --model logistic --nodes 7 --rounds 2000 --threads 2 "
                         "--eval-every 1 --stall-seconds 0.2 --log -" QUIET,
                         ": tells an evaluation, round ");
}

/* Steps that take many of the watchdog's shortest slices. */
Test(stall, every_run_of_a_sweep_is_watched)
{
    write_file("grid.ini", "data = digits\nmodel = mlp:2048,2048\nbatch = 1024\nnodes = 1\n"
               "active = 1\nrounds = 3\nthreads = 1\nstep-parts = 1\nstall-seconds = 1e-6\n"
               "seed = 0, 1\n");
    struct result r = run("sweep grid.ini -o grid --jobs 2" QUIET);
    expect_code(&r, 0);
    cr_expect(strstr(r.err, "telesgd: seed=0: nothing has moved for 0.008 s\n"), "%s", r.err);
    cr_expect(strstr(r.err, "telesgd: seed=1: nothing has moved for 0.008 s\n"), "%s", r.err);
    cr_expect(strstr(r.err, " s\n  token 0, round 0, between holders: its step is under way, "
                            "worker 0\n"), "%s", r.err);
    cr_expect(strstr(r.err, "it moves again, after "), "%s", r.err);
}

Test(stall, nothing_is_told_where_it_is_not_asked_for)
{
    struct result r = run("train --data digits --model mlp:2048,2048 --batch 1024 --nodes 1 "
                          "--active 1 --rounds 3 --threads 1 --step-parts 1 --stall-seconds 0"
                          QUIET);
    expect_code(&r, 0);
    cr_expect(!*r.err, "%s", r.err);
}

Test(stall, times_that_are_none_are_refused)
{
    static const char *const wrong[] = {"-1", "nan", "1e10", "soon"};
    for (int i = 0; i < 4; i++) {
        char words[200];
        snprintf(words, sizeof words, TINY " --stall-seconds=%s", wrong[i]);
        struct result r = run(words);
        expect_code(&r, 2);
        cr_expect(strstr(r.err, "--stall-seconds: "), "%s", r.err);
    }
}
