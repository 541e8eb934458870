/* Checkpoints in the engine: x^t is copied while the tokens go on, and a run that begins there has
 * the evaluations of the run that was never stopped, bit by bit, for every method and home of the
 * momentum, with nodes that come and go, a simulated clock, other threads and another way of
 * gossip. The snapshot is kept in memory here; files are looked at in test_resume.c.            */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "linalg/isa.h"
#include "method/method.h"
#include "scenario/churn.h"
#include "scenario/rate.h"
#include "scenario/simclock.h"
#include "sim/toy.h"
#include "twin.h"

struct setup {
    struct tsgd_mixing mixing;
    struct tsgd_population p;
    struct tsgd_rate rate;
    struct toy toy;
    struct tsgd_engine_config c;
    float *init;
};

static void set_up(struct setup *s, const char *topology, uint32_t k, uint32_t nodes)
{
    *s = (struct setup){.toy = toy_make(50, nodes), .init = toy_init(50),
                        .rate = {.kind = TSGD_RATE_COSINE, .eta = 0.05, .rounds = 60}};
    cr_assert(tsgd_topology_build(&s->mixing, topology, k, 1, NULL) == TSGD_OK);
    s->p = (struct tsgd_population){.k = k, .mixing = &s->mixing,
                                    .eta = tsgd_rate_step_size(&s->rate), .rounds = 60,
                                    .eval_every = 7, .eval_at_start = true};
    s->c = (struct tsgd_engine_config){
        .problem = &s->toy.problem, .kernels = tsgd_isa_table(0),
        .population = &s->p, .n_populations = 1, .teleports = true,
        .local_steps = 1, .seed = 9, .threads = 2, .init = s->init,
    };
    cr_assert(tsgd_sgd_rule(&s->c.rule, "token", 0.9, false, 1e-4, NULL) == TSGD_OK);
}

static void tear_down(struct setup *s)
{
    tsgd_mixing_release(&s->mixing);
    free(s->init);
}

/* ---- copies of snapshots ---- */

static void *twin(const void *data, size_t bytes)
{
    void *copy = malloc(bytes);
    memcpy(copy, data, bytes);
    return copy;
}

/* The rows of a snapshot, and what is not rows; what a copy of it owns. */
static void each_part(const struct tsgd_snapshot *s, void (*part)(void *user, void *data,
                                                                   size_t bytes), void *user)
{
    size_t row = s->stride * sizeof(float);
    for (int i = 0; i < TSGD_MAX_ROWS; i++) {
        if (s->exchanged[i])
            part(user, s->exchanged[i], s->tokens * row);
        if (s->own[i])
            part(user, s->own[i], s->tokens * row);
    }
    if (s->node)
        part(user, s->node, s->nodes * row);
    part(user, s->loss, s->tokens * sizeof *s->loss);
    part(user, s->diverged, s->populations * sizeof *s->diverged);
    for (size_t i = 0; i < s->pieces; i++)
        part(user, s->piece[i].data, tsgd_piece_bytes(&s->piece[i]));
}

enum { PARTS = 64 };

struct kept {
    uint64_t round;
    double seconds;
    void *part[PARTS];
    size_t bytes[PARTS], n;
};

static void keep(void *user, void *data, size_t bytes)
{
    struct kept *k = user;
    cr_assert(k->n < PARTS);
    k->bytes[k->n] = bytes;
    k->part[k->n++] = twin(data, bytes);
}

static void give_back(void *user, void *data, size_t bytes)
{
    struct kept *k = user;
    cr_assert(bytes == k->bytes[k->n]);
    memcpy(data, k->part[k->n++], bytes);
}

static void forget(struct kept *k)
{
    for (size_t i = 0; i < k->n; i++)
        free(k->part[i]);
    *k = (struct kept){0};
}

/* ---- runs ---- */

/* What was told of a run. */
struct course {
    uint32_t n;
    struct tsgd_eval eval[128];
    struct kept checkpoint[64];
    uint32_t checkpoints;
    long write_us;              /* writing a checkpoint takes so long */
    uint64_t stop_at;           /* the evaluation of this round asks for a stop; 0: none */
};

static enum tsgd_verdict note_eval(uint32_t q, const struct tsgd_eval *eval, void *user)
{
    struct course *c = user;
    (void)q;
    c->eval[c->n++] = *eval;
    return c->stop_at && eval->round >= c->stop_at ? TSGD_STOP_SOON : TSGD_GO_ON;
}

static enum tsgd_status note_checkpoint(const struct tsgd_snapshot *x, void *user,
                                        struct tsgd_error *err)
{
    struct course *c = user;
    (void)err;
    struct kept *k = &c->checkpoint[c->checkpoints++];
    *k = (struct kept){.round = x->round, .seconds = x->seconds};
    each_part(x, keep, k);
    if (c->write_us)
        usleep((useconds_t)c->write_us);
    return TSGD_OK;
}

/* Runs s->c to its end, from a checkpoint if there is one. */
static struct tsgd_outcome run(struct setup *s, uint32_t threads, struct kept *from,
                               struct course *course)
{
    struct tsgd_engine *e;
    struct tsgd_outcome o;
    struct tsgd_error err;
    s->c.threads = threads;
    s->c.gossip = threads % 2 ? TSGD_GOSSIP_ROWS : TSGD_GOSSIP_SLICES;
    s->c.on_eval = note_eval;
    s->c.checkpoints.write = note_checkpoint;
    s->c.user = s->c.checkpoints.user = course;
    s->c.resumes = from != NULL;
    s->c.first_round = from ? from->round : 0;
    cr_assert(tsgd_engine_create(&e, &s->c, &err) == TSGD_OK, "%s", err.text);
    if (from) {
        struct tsgd_snapshot *x = tsgd_engine_snapshot(e);
        from->n = 0;
        x->round = from->round;
        x->seconds = from->seconds;
        each_part(x, give_back, from);
        cr_assert(tsgd_engine_resume(e));
    }
    cr_assert(tsgd_engine_run(e, &o, &err) == TSGD_OK && !o.diverged);
    tsgd_engine_free(e);
    return o;
}

static void drop(struct course *c)
{
    for (uint32_t i = 0; i < c->checkpoints; i++)
        forget(&c->checkpoint[i]);
    *c = (struct course){0};
}

/* `second` is what `whole` has told from evaluation `skip` on, wall time aside. */
static bool same_from(struct course *whole, uint32_t skip, struct course *second)
{
    if (whole->n != skip + second->n)
        return false;
    for (uint32_t i = 0; i < second->n; i++) {
        whole->eval[skip + i].wall_seconds = second->eval[i].wall_seconds = 0;
        if (memcmp(&whole->eval[skip + i], &second->eval[i], sizeof second->eval[i]))
            return false;
    }
    return true;
}

/* .. after round t. */
static bool goes_on(struct course *whole, uint64_t t, struct course *second)
{
    uint32_t skip = 0;
    while (skip < whole->n && whole->eval[skip].round <= t)
        skip++;
    return same_from(whole, skip, second);
}

/* Case i of a method, all that a run must remember among them. */
static void set_up_case(struct setup *s, const struct tsgd_method *m, uint32_t i,
                        struct tsgd_churn *away, struct tsgd_network *net)
{
    static const char *const homes[] = {"token", "node", "mixed"};
    static const char *const topologies[] = {"ring", "onepeer-exp", "exp"};
    bool teleports = m->teleports || (m->may_teleport && i % 2);
    *away = (struct tsgd_churn){.on = i % 4 == 3, .share = 0.7, .seed = i};
    *net = (struct tsgd_network){
        .on = i % 2, .link_cost = &tsgd_link_costs[1], .share = 0.3, .tau = 5,
        .link_seconds = 1,
        .bandwidth = 1e5, .step_seconds = i % 4 < 2 ? 0.3 : 50, .sigma = 1,
        .serial = i % 3 == 0, .seed = i,
    };
    set_up(s, topologies[i % 3], 8, teleports ? 20 : 8);
    struct tsgd_method_options like = TSGD_METHOD_OPTIONS_INIT;
    like.momentum = m->rule && !m->needs_momentum ? 0 : 0.7;
    like.momentum_home = m->rule ? "token" : homes[i % 3];
    cr_assert(tsgd_method_rule(&s->c.rule, m, &like, NULL) == TSGD_OK);
    s->c.teleports = teleports;
    s->c.local_steps = m->one_step ? 1 : 1 + i % 3;
    s->c.presence = tsgd_churn_presence(away);
    s->c.clock = tsgd_network_clock(net);
    s->toy.problem.parts = i % 5 == 4 ? 3 : 0;
    s->mixing.every = !m->rule && i % 6 == 5 ? 3 : 1;
}

/* Each checkpoint of a run of 60 rounds, also one between evaluations, is gone on from with other
 * threads and another way of gossip.                                                            */
ParameterizedTestParameters(checkpoint, a_run_goes_on_as_if_it_had_not_been_stopped)
{
    return twin_rows(tsgd_n_methods);
}
ParameterizedTest(size_t *row, checkpoint, a_run_goes_on_as_if_it_had_not_been_stopped,
                  .timeout = 120)
{
    const struct tsgd_method *m = tsgd_methods[*row];
    static struct course whole, written, second;
    for (uint32_t i = 0; i < 12; i++) {
        struct setup s;
        struct tsgd_churn away;
        struct tsgd_network net;
        set_up_case(&s, m, i, &away, &net);
        run(&s, 1 + i % 3, NULL, &whole);
        s.c.checkpoints.every_rounds = 4 + i % 8;
        run(&s, 1 + (i + 1) % 3, NULL, &written);
        cr_expect(same_from(&whole, 0, &written), "%s, case %u", m->name, i);
        cr_expect(written.checkpoints > 0, "%s, case %u", m->name, i);
        s.c.checkpoints.every_rounds = 0;
        for (uint32_t j = 0; j < written.checkpoints; j++) {
            uint64_t t = written.checkpoint[j].round;
            run(&s, 1 + (i + j) % 4, &written.checkpoint[j], &second);
            cr_expect(t > 0 && t < 60 && goes_on(&whole, t, &second), "%s, case %u, round %llu",
                      m->name, i, (unsigned long long)t);
            drop(&second);
        }
        drop(&written);
        drop(&whole);
        tear_down(&s);
    }
}

/* A checkpoint that is due while the one before is being written comes later; none is lost for
 * good, and a stop waits for its own.                                                           */
Test(checkpoint, a_stopped_run_ends_with_a_checkpoint_of_its_last_round, .timeout = 120)
{
    static struct course whole, first, second;
    for (uint32_t i = 0; i < 24; i++) {
        struct setup s;
        set_up(&s, "ring", 5, 9);
        cr_assert(tsgd_sgd_rule(&s.c.rule, i % 2 ? "node" : "token", 0.9, false, 0, NULL) ==
                  TSGD_OK);
        run(&s, 2, NULL, &whole);
        first.stop_at = 1 + i;
        first.write_us = i % 3 ? 0 : 3000;
        s.toy.sleep_ns = i % 3 ? 0 : 20000;
        s.c.checkpoints.every_rounds = i % 4 == 3 ? 0 : 1 + i % 4;
        struct tsgd_outcome o = run(&s, 1 + i % 3, NULL, &first);
        uint64_t end = first.eval[first.n - 1].round;
        if (!o.interrupted) {           /* the writer kept it busy to its end */
            cr_expect(end == 60);
        } else {
            cr_assert(first.checkpoints > 0);
            struct kept *last = &first.checkpoint[first.checkpoints - 1];
            cr_expect(last->round == end, "%llu, want %llu", (unsigned long long)last->round,
                      (unsigned long long)end);
            s.c.checkpoints.every_rounds = 0;
            run(&s, 2, last, &second);
            cr_expect(goes_on(&whole, end, &second), "case %u, round %llu", i,
                      (unsigned long long)end);
        }
        drop(&second);
        drop(&first);
        drop(&whole);
        tear_down(&s);
    }
}

/* Rounds are so short that the clock asks for a checkpoint far more often than one can be written;
 * whenever one was taken, it is one of x^t.                                                     */
Test(checkpoint, the_clock_asks_for_checkpoints_too, .timeout = 120)
{
    static struct course whole, written, second;
    struct setup s;
    set_up(&s, "exp", 6, 12);
    run(&s, 2, NULL, &whole);
    s.c.checkpoints.every_ns = 200000;
    s.toy.sleep_ns = 100000;
    run(&s, 2, NULL, &written);
    cr_expect(written.checkpoints > 1, "%u", written.checkpoints);
    s.c.checkpoints.every_ns = 0;
    s.toy.sleep_ns = 0;
    for (uint32_t j = 0; j < written.checkpoints; j++) {
        run(&s, 1 + j % 3, &written.checkpoint[j], &second);
        cr_expect(goes_on(&whole, written.checkpoint[j].round, &second));
        drop(&second);
    }
    drop(&written);
    drop(&whole);
    tear_down(&s);
}
