/* Rounds over ranks: by hand, against a simulation that looks at everything anew at every instant,
 * against a formula without events, between bounds; and what `train --dry-run --ranks` says. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "run/agree.h"
#include "run/forecast.h"
#include "run/run.h"
#include "scenario/ranksim.h"
#include "sim/fleet.h"
#include "sim/settings.h"
#include "sim/within.h"
#include "transport/exchange.h"
#include "program.h"
#include "scratch.h"

TestSuite(forecast, .init = enter_folder, .fini = leave_folder);

/* A simulation with a core for each thread. Release its mixing. */
static struct tsgd_ranksim ranks_of(struct tsgd_mixing *w, const char *topology, uint32_t k,
                                    uint32_t nodes, bool teleports, uint32_t ranks,
                                    uint32_t threads)
{
    *w = (struct tsgd_mixing)TSGD_MIXING_INIT;
    cr_assert(tsgd_topology_build(w, topology, k, 0, NULL) == TSGD_OK);
    return (struct tsgd_ranksim){
        .tokens = k, .teleports = teleports, .seed = 1, .mixing = w,
        .ranks = {.ranks = ranks, .nodes = nodes}, .threads = threads,
        .cores = (uint64_t)ranks * threads, .cost.row.bytes = 1000, .rounds = 400,
    };
}

static struct tsgd_rank_times times(const struct tsgd_ranksim *c)
{
    struct tsgd_rank_times t;
    cr_assert(tsgd_ranksim_run(c, &t, NULL) == TSGD_OK);
    return t;
}

static void expect_about(double got, double want, double within, const char *what)
{
    cr_expect(fabs(got - want) <= within * fabs(want), "%s: found %.9g, want %.9g", what, got,
              want);
}

/* ---- by hand ---- */

Test(forecast, one_worker_does_all_steps_and_mixes)
{
    struct tsgd_mixing w;
    struct tsgd_ranksim c = ranks_of(&w, "ring", 5, 20, true, 1, 1);
    c.cost.step = 1;
    c.cost.read = 0.01;
    struct tsgd_rank_times t = times(&c);
    expect_about(t.seconds, 5 * (1 + 3 * 0.01), 1e-9, "seconds");
    expect_about(t.work, t.seconds, 1e-9, "work");
    cr_expect(t.messages == 0 && t.bytes == 0 && t.most_bytes == 0 && t.most_tokens == 5);
    tsgd_mixing_release(&w);
}

Test(forecast, fixed_holders_in_equal_parts_share_the_work)
{
    struct tsgd_mixing w;
    struct tsgd_ranksim c = ranks_of(&w, "alone", 8, 8, false, 4, 2);
    c.cost.step = 1;
    expect_about(times(&c).seconds, 1, 1e-9, "seconds");
    c.cores = 2;
    expect_about(times(&c).seconds, 4, 0.02, "on two cores, whose turns drift apart");
    tsgd_mixing_release(&w);
}

/* Ranks 0 and 2 begin on the same core, and have something to do at all times. */
Test(forecast, who_waits_for_a_core_takes_another_one_unless_steps_are_short)
{
    struct tsgd_mixing w;
    struct tsgd_ranksim c = ranks_of(&w, "alone", 3, 3, false, 3, 1);
    c.cores = 2;
    c.cost.step = 1;
    expect_about(times(&c).seconds, 1.5, 0.02, "as long as they may move");
    c.stays = 1;
    expect_about(times(&c).seconds, 2, 0.02, "where they stay");
    tsgd_mixing_release(&w);
}

Test(forecast, two_ranks_wait_for_each_others_half_steps)
{
    struct tsgd_mixing w;
    struct tsgd_ranksim c = ranks_of(&w, "ring", 2, 2, false, 2, 1);
    c.cost = (struct tsgd_rank_costs){.step = 1, .read = 0.01, .row = {0.5, 0.25, 1000}};
    struct tsgd_rank_times t = times(&c);
    expect_about(t.seconds, 1 + 0.25 + 0.5 + 0.25 + 2 * 0.01, 1e-9, "seconds");
    expect_about(t.messages, 2, 1e-9, "messages");
    expect_about(t.bytes, 2000, 1e-9, "bytes");
    expect_about(t.most_bytes, 1000, 1e-9, "bytes of the busiest");
    tsgd_mixing_release(&w);
}

Test(forecast, a_rank_sends_and_receives_one_message_after_the_other)
{
    struct tsgd_mixing w;
    struct tsgd_ranksim c = ranks_of(&w, "complete", 6, 6, false, 2, 3);
    c.cost = (struct tsgd_rank_costs){.step = 1, .row = {0.5, 0, 1000}};
    struct tsgd_rank_times t = times(&c);
    expect_about(t.seconds, 1 + 3 * 0.5, 1e-9, "seconds");
    expect_about(t.messages, 6, 1e-9, "messages");
    tsgd_mixing_release(&w);
}

Test(forecast, workers_of_a_rank_share_the_parts_of_a_step)
{
    struct tsgd_mixing w;
    struct tsgd_ranksim c = ranks_of(&w, "ring", 2, 2, false, 2, 3);
    c.cost = (struct tsgd_rank_costs){.step = 1, .parts = 4, .row = {0.5, 0.25, 1000}};
    expect_about(times(&c).seconds, 2 * 0.25 + 0.25 + 0.5 + 0.25, 1e-9, "seconds");
    tsgd_mixing_release(&w);
}

Test(forecast, a_plan_that_takes_longer_than_the_steps_sets_the_pace)
{
    struct tsgd_mixing w;
    struct tsgd_ranksim c = ranks_of(&w, "alone", 4, 4, false, 2, 3);
    c.cost = (struct tsgd_rank_costs){.step = 1, .plan = 3};
    expect_about(times(&c).seconds, 3, 0.02, "seconds");
    tsgd_mixing_release(&w);
}

Test(forecast, private_rows_go_to_the_next_holders_rank_alone)
{
    struct tsgd_mixing w;
    struct tsgd_ranksim c = ranks_of(&w, "alone", 6, 60, true, 3, 1);
    c.cost = (struct tsgd_rank_costs){.step = 1, .row = {0.1, 0, 1000}, .own = {0.1, 0, 500}};
    struct tsgd_rank_times t = times(&c);
    expect_about(t.bytes, 1500 * t.messages, 1e-9, "alone: every message has them");
    tsgd_mixing_release(&w);
    c = ranks_of(&w, "ring", 6, 6, false, 3, 1);
    c.cost = (struct tsgd_rank_costs){.step = 1, .row = {0.1, 0, 1000}, .own = {0.1, 0, 500}};
    t = times(&c);
    expect_about(t.bytes, 1000 * t.messages, 1e-9, "fixed holders: none has");
    expect_about(t.messages, 6, 1e-9, "each end of a block sends one");
    tsgd_mixing_release(&w);
}

static bool odd_there(const void *churn, uint32_t node, uint64_t t)
{
    (void)churn;
    (void)t;
    return node % 2;
}

Test(forecast, tokens_of_nodes_that_are_away_take_no_step)
{
    struct tsgd_mixing w;
    struct tsgd_ranksim c = ranks_of(&w, "ring", 6, 6, false, 1, 1);
    c.cost.step = 1;
    c.cost.read = 0.01;
    c.presence.there = odd_there;
    expect_about(times(&c).seconds, 3 + 6 * 0.03, 1e-9, "held");
    c.presence.isolates = true;
    expect_about(times(&c).seconds, 3 + 3 * 0.03, 1e-9, "isolated");
    tsgd_mixing_release(&w);
}

Test(forecast, tokens_that_do_not_mix_in_a_round_pay_no_mix)
{
    struct tsgd_mixing w;
    struct tsgd_ranksim c = ranks_of(&w, "ring", 4, 4, false, 1, 1);
    cr_assert(tsgd_mixing_thin(&w, 4, NULL) == TSGD_OK);
    c.cost.step = 1;
    c.cost.read = 0.01;
    expect_about(times(&c).seconds, 4 + 4 * 0.03 / 4, 1e-9, "seconds");
    tsgd_mixing_release(&w);
}

/* ---- with random holders, by probability ---- */

/* On a ring a half-step is wanted on the ranks of three tokens' next holders: with p = 1 - 1/R a
 * rank has none of them with probability p^3, and one of R is its own.                          */
Test(forecast, half_steps_go_once_to_each_rank_that_wants_them)
{
    struct tsgd_mixing w;
    for (uint32_t ranks = 2; ranks <= 8; ranks *= 2) {
        struct tsgd_ranksim c = ranks_of(&w, "ring", 8, 80000, true, ranks, 1);
        double p = 1 - 1 / (double)ranks;
        c.cost.step = 1;
        c.rounds = 4000;
        expect_about(times(&c).messages / 8, (ranks - 1) * (1 - p * p * p), 0.02, "messages");
        tsgd_mixing_release(&w);
    }
}

/* Of 8 tokens on two ranks the busier steps 4 + |X - 4|, X binomial (8, 1/2). */
Test(forecast, the_busiest_rank_has_the_largest_part_of_a_binomial)
{
    static const double choose[] = {1, 8, 28, 56, 70, 56, 28, 8, 1};
    struct tsgd_mixing w;
    struct tsgd_ranksim c = ranks_of(&w, "ring", 8, 80000, true, 2, 1);
    double mean = 4;
    for (int i = 0; i <= 8; i++)
        mean += abs(i - 4) * choose[i] / 256;
    c.cost.step = 1;
    c.rounds = 8000;
    expect_about(times(&c).most_tokens, mean, 0.01, "tokens");
    tsgd_mixing_release(&w);
}

/* ---- a second and a third way ---- */

static const struct example {
    const char *topology;
    uint32_t k, nodes, ranks, threads, cores;
    bool teleports;
} examples[] = {
    {"ring", 8, 100, 2, 1, 0, true}, {"ring", 8, 8, 2, 1, 0, false},
    {"ring", 8, 100, 2, 2, 0, true}, {"ring", 8, 100, 4, 1, 0, true},
    {"ring", 8, 100, 3, 1, 2, true}, {"ring", 8, 8, 3, 1, 2, false},
    {"ring", 8, 100, 4, 1, 2, true}, {"ring", 16, 1000, 4, 2, 3, true},
    {"exp", 8, 8, 4, 1, 3, false}, {"ring", 16, 1000, 4, 2, 0, true},
    {"ring", 16, 16, 4, 2, 0, false}, {"ring", 32, 1000, 8, 2, 0, true},
    {"exp", 8, 100, 2, 1, 0, true}, {"exp", 16, 16, 4, 2, 0, false},
    {"exp", 32, 1000, 8, 2, 0, true}, {"onepeer-exp", 16, 100, 4, 1, 0, true},
    {"complete", 8, 100, 4, 1, 0, true}, {"complete", 8, 8, 3, 1, 0, false},
    {"star", 8, 8, 2, 1, 0, false}, {"alone", 8, 100, 4, 1, 0, true},
    {"torus", 16, 200, 4, 2, 0, true}, {"ring", 4, 100, 8, 1, 0, true},
};

static const struct tsgd_rank_costs costs[] = {
    {.step = 1},
    {.step = 1, .read = 0.013, .row = {0.017, 0.031, 1000}},
    {.step = 1, .read = 0.013, .row = {0.37, 0, 1000}, .own = {0.11, 0, 1000}},
    {.step = 0.1, .read = 0.0013, .row = {0.17, 0.011, 1000}},
};

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, (void (*)(struct criterion_test_params *))cr_free);
}

ParameterizedTestParameters(forecast, other_ways)
{
    return rows(sizeof examples / sizeof *examples);
}

/* The simulation and its twin agree but for which of several tasks goes first that are equal. The
 * formula finishes a round on a rank before the next one, which costs little where steps do most of
 * the work; where messages wait for each other at the ports it is off by more, and of cores that
 * ranks share it knows nothing: so it is not what users see.                                    */
ParameterizedTest(size_t *row, forecast, other_ways)
{
    enum { COSTS = sizeof costs / sizeof *costs };
    const struct example *e = &examples[*row];
    struct tsgd_mixing w;
    struct tsgd_ranksim c = ranks_of(&w, e->topology, e->k, e->nodes, e->teleports, e->ranks,
                                     e->threads);
    c.cores = e->cores ? e->cores : c.cores;
    c.rounds = 100;
    for (size_t i = 0; i < (e->cores ? 2 * COSTS : COSTS); i++) {
        c.cost = costs[i % COSTS];
        c.stays = i < COSTS ? 0 : INFINITY;
        double events = times(&c).seconds, least = fleet_least(&c);
        expect_about(events, fleet_seconds(&c), 0.05, "the twin");
        if (!e->cores)
            expect_about(events, fleet_formula(&c), c.cost.row.way < 0.1 * c.cost.step ? 0.05 :
                         0.25, "the formula");
        cr_expect(events > 0.98 * least, "found %g, and no schedule can beat %g", events, least);
    }
    tsgd_mixing_release(&w);
}

/* ---- a message, tried out ---- */

static void *exchange(void *transport)
{
    char *room = calloc(1, tsgd_exchange_room(100000));
    cr_assert(room);
    double seconds = tsgd_exchange_seconds(transport, 100000, room);
    cr_expect(seconds > 1e-7 && seconds < 1e-2, "found %g s a message", seconds);
    free(room);
    return NULL;
}

/* A third rank takes no part. Every message that was posted comes. */
Test(forecast, two_ranks_try_messages_out, .timeout = 120)
{
    struct within *w = within_create(3, 1, 20);
    pthread_t other;
    cr_assert(pthread_create(&other, NULL, exchange, within_rank(w, 1)) == 0);
    exchange(within_rank(w, 0));
    cr_assert(pthread_join(other, NULL) == 0);
    cr_expect(within_bytes(w, TSGD_CHANNEL_ROWS) % 100000 == 0);
    cr_expect(within_bytes(w, TSGD_CHANNEL_ROWS) >= 2 * ((uint64_t)64 << 20) * 99 / 100);
    cr_expect(within_is_empty(w));
    within_free(w);
}

/* Each rank has its own nodes' data and a part of the test samples. */
static void *plan_on_rank(void *settings)
{
    struct tsgd_settings *s = settings;
    struct tsgd_run *run = NULL;
    struct tsgd_forecast f;
    struct tsgd_error err = {.text = ""};
    double message;
    cr_assert(tsgd_agree(s->transport, tsgd_run_plan(&run, s, NULL, NULL, &err), &err) == TSGD_OK,
              "%s", err.text);
    cr_assert(tsgd_run_exchange(run, &message, &err) == TSGD_OK, "%s", err.text);
    cr_expect((message > 0) == (s->transport->rank < 2));
    if (s->transport->rank == 0) {
        cr_assert(tsgd_run_forecast(run, message, &f, &err) == TSGD_OK, "%s", err.text);
        cr_expect(f.exchanged);
        expect_about(f.cost.row.worker, message, 1e-9, "a message");
        cr_expect(f.evaluation > 0 && f.cost.step > 0);
    }
    tsgd_run_free(run);
    return NULL;
}

Test(forecast, a_rank_measures_what_it_has, .timeout = 120)
{
    enum { RANKS = 3 };
    struct within *w = within_create(RANKS, 1, 20);
    struct tsgd_settings *s[RANKS];
    pthread_t other[RANKS];
    for (uint32_t r = 0; r < RANKS; r++) {
        s[r] = settings_of("data=blobs:2000,20,4 model=logistic nodes=30 active=4 rounds=10 "
                           "threads=1");
        s[r]->transport = within_rank(w, r);
        cr_assert(tsgd_settings_give(s[r], &tsgd_setting_rows[TSGD_SET_ranks], "5", "--ranks",
                                     NULL) == TSGD_OK);
    }
    for (uint32_t r = 1; r < RANKS; r++)
        cr_assert(pthread_create(&other[r], NULL, plan_on_rank, s[r]) == 0);
    plan_on_rank(s[0]);
    for (uint32_t r = 1; r < RANKS; r++)
        cr_assert(pthread_join(other[r], NULL) == 0);
    cr_expect(within_is_empty(w));
    within_free(w);
}

/* ---- what users see ---- */

#define QUADRATIC "train --dry-run --model quadratic --nodes 16 --rounds 100 "

static json_t *forecast(const char *words)
{
    char line[512];
    snprintf(line, sizeof line, QUADRATIC "--json %s", words);
    struct result r = run(line);
    expect_code(&r, 0);
    json_t *lines = parse_lines(r.out), *o = json_incref(json_array_get(lines, 0));
    cr_assert(json_array_size(lines) == 1);
    return o;
}

/* A row of 50 floats is 4 cache lines, after one of the token's own; --compute-seconds is so large
 * that what is measured here is nothing beside it.                                              */
Test(forecast, the_command_tells_what_the_simulation_says)
{
    json_t *f = forecast("--method dsgd --ranks 4 --threads 1 --compute-seconds 1 "
                         "--link-seconds 0.5 --bandwidth 200");
    expect_about(number(f, "message_seconds"), 0.5 + 5 * 64 / 200.0, 1e-9, "a message");
    expect_about(number(f, "messages_per_rank"), 2, 1e-9, "messages");     /* to both sides */
    expect_about(number(f, "bytes_per_rank"), 640, 1e-9, "bytes");
    expect_about(number(f, "round_seconds_free_messages"), 4, 1e-3, "four steps");
    expect_about(number(f, "round_seconds_one_thread"), 16, 1e-3, "all of them");
    expect_about(number(f, "round_seconds_one_rank"), 16, 1e-3, "all of them");
    expect_about(number(f, "share_work") + number(f, "share_uneven_load") +
                 number(f, "share_messages"), 1, 1e-6, "shares");
    json_decref(f);
    f = forecast("--method dsgd --ranks 4 --threads 1 --compute-seconds 1 --cores 2");
    expect_about(number(f, "round_seconds"), 8, 1e-3, "on two cores");
    json_decref(f);
    f = forecast("--method dsgd --ranks 2 --threads 1 --compute-seconds 1 --local-steps 3");
    expect_about(number(f, "round_seconds"), 24, 1e-3, "three steps a round");
    json_decref(f);
}

Test(forecast, stragglers_take_as_long_as_the_clock_says)
{
    json_t *f = forecast("--method dsgd --ranks 1 --threads 1 --compute-seconds 1:lognormal:1");
    json_t *same = forecast("--method dsgd --ranks 1 --threads 1 --compute-seconds 1");
    cr_expect(number(f, "round_seconds") > 1.1 * number(same, "round_seconds"));
    json_decref(f);
    json_decref(same);
}

Test(forecast, steps_are_measured_where_nothing_is_said)
{
    json_t *f = forecast("--active 4 --ranks 2 --threads 1");
    cr_expect(number(f, "step_seconds") > 1e-8 && number(f, "step_seconds") < 1e-2);
    cr_expect(number(f, "message_seconds") == 0);
    json_decref(f);
}

/* 16 tokens, 4 workers: four steps each, so long that what is measured here is nothing. */
Test(forecast, one_process_is_simulated_with_its_own_scheduler)
{
    json_t *f = forecast("--method dsgd --ranks 1 --threads 4 --compute-seconds 1000 --gossip "
                         "rows");
    const json_t *p = json_object_get(f, "process"), *without = NULL;
    cr_assert(p);
    cr_expect(!strcmp(json_string_value(json_object_get(p, "gossip")), "rows"));
    cr_expect(number(p, "workers") == 4 && number(p, "slices") == 0);
    expect_about(number(f, "round_seconds"), 4000, 1e-3, "a round");
    expect_about(number(f, "round_seconds_one_thread"), 16000, 1e-3, "by one thread");
    expect_about(number(p, "steps_seconds_per_round"), 16000, 1e-2, "steps");
    without = json_object_get(p, "round_seconds_without");
    cr_expect(json_object_size(without) == TSGD_CAUSES);
    for (int i = 0; i < TSGD_CAUSES; i++)
        expect_about(number(without, tsgd_crew_causes[i]), 4000, 1e-3, tsgd_crew_causes[i]);
    cr_expect(!strcmp(json_string_value(json_object_get(p, "largest_cause")), "none"));
    json_decref(f);
    f = forecast("--method dsgd --ranks 1 --threads 4 --compute-seconds 1 --gossip slices "
                 "--dim 1000000");
    p = json_object_get(f, "process");
    cr_expect(!strcmp(json_string_value(json_object_get(p, "gossip")), "slices"));
    expect_about(number(p, "slices"), ceil(1e6 / (ceil((1e6 / 16 + 1) / 512) * 512)), 0, "slices");
    json_decref(f);
    f = forecast("--method dsgd --ranks 2 --threads 2 --compute-seconds 1");
    cr_expect(!json_object_get(f, "process"), "of one process alone");
    json_decref(f);
}

/* Four workers that each move nine rows of 4 MB in a step, and five more in a mix of three. */
Test(forecast, memory_that_all_cores_share_slows_them_down)
{
    json_t *f = forecast("--nodes 4 --active 4 --ranks 1 --threads 4 --dim 1000000 --gossip rows "
                         "--compute-seconds 1e-3 --memory-bandwidth 1e8");
    const json_t *p = json_object_get(f, "process");
    double least = 4 * 9 * 4e6 / 1e8, most = 4 * (9 + 5) * 4e6 / 1e8;
    cr_expect(number(f, "round_seconds") > 0.99 * least &&
              number(f, "round_seconds") < 1.05 * most, "%g", number(f, "round_seconds"));
    cr_expect(!strcmp(json_string_value(json_object_get(p, "largest_cause")), "memory"));
    json_decref(f);
}

/* What is measured, with few tokens and many workers, one and several rows a token, steps in parts,
 * and short rows of so many tokens that they do not all fit where slices are timed.              */
Test(forecast, one_process_of_any_shape_is_measured, .timeout = 300)
{
    static const struct {
        const char *words;
        bool slices;
        double workers;
    } shapes[] = {
        {"--active 1 --threads 3 --gossip slices", true, 1},
        {"--active 2 --threads 1 --gossip rows", false, 1},
        {"--active 3 --threads 2 --gossip rows", false, 2},
        {"--active 3 --threads 2 --gossip slices --dim 2000", true, 2},
        {"--active 5 --threads 4 --topology complete --gossip rows", false, 4},
        {"--active 5 --threads 4 --gossip slices --momentum 0.9", true, 4},
        {"--method gt --threads 3 --gossip rows", false, 3},
        {"--method gt --threads 3 --gossip slices --dim 4000", true, 3},
    };
    uint32_t cpus = tsgd_cpu_count();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        char words[160];
        snprintf(words, sizeof words, "--ranks 1 %s", shapes[i].words);
        json_t *f = forecast(words);
        const json_t *p = json_object_get(f, "process");
        cr_expect(number(p, "workers") == shapes[i].workers, "%s", words);
        cr_expect(number(f, "round_seconds") > 0 && number(p, "step_seconds") > 0, "%s", words);
        cr_expect((number(p, "row_seconds") > 0) != shapes[i].slices, "%s", words);
        cr_expect((number(p, "slices_seconds") > 0) == shapes[i].slices, "%s", words);
        cr_expect((number(p, "slices") > 0) == shapes[i].slices, "%s", words);
        bool alone = shapes[i].workers == 1 || cpus < 2;
        for (int j = 0; j < 2; j++) {
            double fetch = number(p, j ? "fetch_seconds" : "step_fetch_seconds");
            cr_expect(alone ? fetch == 0 : fetch >= 0 && fetch < 1, "%s: %g", words, fetch);
        }
        json_decref(f);
    }
    cr_expect(tsgd_cpu_count() == cpus, "the calling thread has its CPUs again");
}

static double memory(const char *method, int ranks)
{
    char words[128];
    snprintf(words, sizeof words, "--dim 100000 --gossip rows %s --threads 1 --ranks %d", method,
             ranks);
    json_t *f = forecast(words);
    double bytes = number(f, "memory_bytes");
    json_decref(f);
    return bytes;
}

/* A token has two rows of 100,000 floats. Of a ring over 16 nodes one of 2 ranks keeps its own
 * eight tokens and the two beside them, one of 8 its own two and those.                         */
Test(forecast, memory_of_a_rank_falls_where_holders_are_fixed)
{
    double row = 2 * 4 * 100000;
    double dropped = memory("--method dsgd", 2) - memory("--method dsgd", 8);
    cr_expect(dropped > 5.9 * row && dropped < 6.1 * row, "%g rows less",
              dropped / row);
    dropped = memory("--active 8", 2) - memory("--active 8", 8);
    cr_expect(dropped < 0.1 * row, "%g rows less", dropped / row);
}

Test(forecast, a_million_nodes_take_seconds)
{
    struct result r = run("train --dry-run --model quadratic --nodes 1000000 --active 512 "
                          "--ranks 256 --threads 2 --link-seconds 1e-6");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "# forecast        256 ranks of 2 threads"), "%s", r.out);
    cr_expect(strstr(r.out, "to uneven load"), "%s", r.out);
    cr_expect(!strstr(r.out, "ranks ="), "not a setting of the run: %s", r.out);
}

/* What stands behind a word of the forecast for people. */
static void expect_told(const char *options, const char *word, const char *want)
{
    char words[256];
    snprintf(words, sizeof words, QUADRATIC "--method dsgd --threads 1 --ranks 4 %s", options);
    struct result r = run(words);
    expect_code(&r, 0);
    const char *at = strstr(r.out, word);
    cr_assert(at, "%s", r.out);
    cr_expect(!strncmp(at + strlen(word), want, strlen(want)), "%s: %.99s, want %s", options, at,
              want);
    cr_expect(!strstr(r.out, "nan") && !strstr(r.out, "inf "), "%s", r.out);
}

/* A message is 5 lines of 64 bytes; a year has 31,557,600 s. A step of 4 s is a quarter of a round,
 * so 16 tokens on 4 ranks take one step a second.                                               */
Test(forecast, what_is_huge_or_tiny_keeps_its_unit)
{
    expect_told("--compute-seconds 4", "so ", "1 steps a second");
    expect_told("--compute-seconds 40", "so ", "0.1 steps a second");
    expect_told("--compute-seconds 4e20", "a round         ", "5.07e+13 years, so 1e-20 steps");
    expect_told("--compute-seconds 1 --bandwidth 1e-30", "tried out), ", "1.01e+25 years on its");
    expect_told("--compute-seconds 1 --link-seconds 31557600e5", "tried out), ", "100000 years on");
    expect_told("--compute-seconds 1 --link-seconds 31557600e6", "tried out), ", "1e+06 years on");
    expect_told("--compute-seconds 1 --link-seconds 31557600e90", "tried out), ", "1e+90 years on");
}

Test(forecast, what_cannot_be_is_refused_by_name)
{
    expect_program_refuses(QUADRATIC "--ranks 4 --bandwidth 1e-300", 2, "--ranks: a round would "
                           "take more than 1e+100 seconds");
    expect_program_refuses(QUADRATIC "--ranks 4 --link-seconds 1e308", 2, "--ranks: a round would "
                           "take more than 1e+100 seconds");
    expect_program_refuses(QUADRATIC "--ranks 1 --threads 1 --compute-seconds 1e300", 2,
                           "--ranks: a round would take more than 1e+100 seconds");
    expect_program_refuses(QUADRATIC "--nodes 140000 --active 140000 --ranks 1 --threads 2", 2,
                           "--ranks 1: 140000 tokens take too long to simulate; want at most "
                           "131072");
    expect_program_refuses(QUADRATIC "--ranks 17", 2, "--ranks: found 17, want at most --nodes, "
                           "16");
    expect_program_refuses(QUADRATIC "--ranks 2 --port serial", 2, "--port: cannot go with "
                           "--ranks");
    expect_program_refuses(QUADRATIC "--ranks 2 --link-cost slow-nodes:0.1", 2, "--link-cost: "
                           "cannot go with --ranks");
    expect_program_refuses(QUADRATIC "--cores 2", 2, "--cores: needs --ranks");
    expect_program_refuses(QUADRATIC "--memory-bandwidth 1e9", 2, "--memory-bandwidth: needs "
                           "--ranks 1");
    expect_program_refuses(QUADRATIC "--ranks 2 --memory-bandwidth 1e9", 2, "--memory-bandwidth: "
                           "needs --ranks 1");
    expect_program_refuses("train --model quadratic --memory-bandwidth 1e9", 2,
                           "--memory-bandwidth: needs --dry-run");
    expect_program_refuses(QUADRATIC "--json", 2, "--json: needs --dry-run and --ranks");
    expect_program_refuses("train --model quadratic --ranks 2", 2, "--ranks: found 2, but this run "
                           "has 1");
    expect_program_refuses("train --model quadratic --ranks 1 --cores 1", 2, "--cores: needs "
                           "--dry-run");
}
