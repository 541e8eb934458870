/* Rounds in one process with many workers, simulated: by hand, against a simulation that looks at
 * everything anew at every instant, and against a recursion without workers.                    */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "sim/crew.h"
#include "topology/topology.h"

/* Release its mixing. */
static struct tsgd_crewsim crew_of(struct tsgd_mixing *w, const char *topology, uint32_t k,
                                   uint32_t workers)
{
    *w = (struct tsgd_mixing)TSGD_MIXING_INIT;
    cr_assert(tsgd_topology_build(w, topology, k, 0, NULL) == TSGD_OK);
    return (struct tsgd_crewsim){
        .tokens = k, .nodes = 4 * k, .workers = workers, .teleports = true, .seed = 1,
        .mixing = w, .cost = {.step = 1, .patience = INFINITY, .steal = INFINITY}, .rounds = 200,
    };
}

static struct tsgd_crew_times times(const struct tsgd_crewsim *c)
{
    struct tsgd_crew_times t;
    cr_assert(tsgd_crewsim_run(c, &t, NULL) == TSGD_OK);
    return t;
}

static void expect_about(double got, double want, double within, const char *what)
{
    cr_expect(fabs(got - want) <= within * fabs(want), "%s: found %.9g, want %.9g", what, got,
              want);
}

/* ---- by hand ---- */

Test(crew, one_worker_does_all_there_is)
{
    struct tsgd_mixing w;
    struct tsgd_crewsim c = crew_of(&w, "ring", 5, 1);
    c.cost.read = 0.01;
    c.cost.plan = 0.1;
    c.cost.fetch = c.cost.step_fetch = c.cost.hand = c.cost.wake = 7;   /* there is nobody else */
    struct tsgd_crew_times t = times(&c);
    expect_about(t.seconds, 5 * (1 + 3 * 0.01) + 0.1, 1e-3, "a round");
    expect_about(t.steps, 5, 5e-3, "steps");    /* one more may be under way */
    expect_about(t.mixes, 0.15, 1e-3, "mixes");
    expect_about(t.plans, 0.1, 0.02, "plans");
    cr_expect(t.fetches == 0 && t.asleep == 0);
    c.cost.slices = 1;
    c.cost.mix = 0.5;
    expect_about(times(&c).seconds, 5 + 0.5 + 0.1, 1e-3, "by slices");
    tsgd_mixing_release(&w);
}

Test(crew, workers_share_tokens_that_never_meet)
{
    struct tsgd_mixing w;
    struct tsgd_crewsim c = crew_of(&w, "alone", 12, 4);
    expect_about(times(&c).seconds, 3, 1e-9, "equal parts");
    tsgd_mixing_release(&w);
    c = crew_of(&w, "alone", 6, 4);
    c.cost.steal = 0;
    c.rounds = 400;
    expect_about(times(&c).seconds, 1.5, 0.01, "they steal, rounds apart");
    tsgd_mixing_release(&w);
    c = crew_of(&w, "complete", 6, 4);
    c.cost.steal = 0;
    expect_about(times(&c).seconds, 2, 1e-9, "they wait for each other");
    tsgd_mixing_release(&w);
}

/* Slices begin when the last token has stepped, and all of a round are done before the next. */
Test(crew, slices_are_a_barrier)
{
    struct tsgd_mixing w;
    struct tsgd_crewsim c = crew_of(&w, "ring", 6, 4);
    c.cost.slices = 16;
    c.cost.mix = 1.6;
    expect_about(times(&c).seconds, 2 + 0.4, 1e-9, "two steps and a quarter of the slices");
    c.cost.slices = 2;
    expect_about(times(&c).seconds, 2 + 0.8, 1e-9, "two slices are two workers'");
    c.cost.plan = 0.3;
    expect_about(times(&c).seconds, 2 + 0.8 + 0.3, 1e-9, "and the last one plans");
    c.cost.fetch = 0.01;        /* rows of others: 3 in 4 of what a slice has, each step's own */
    c.cost.step_fetch = 0.02;
    expect_about(times(&c).seconds, 2 * 1.02 + 0.8 + 3 * 0.75 * 0.01 + 0.3, 1e-9, "fetched");
    tsgd_mixing_release(&w);
}

Test(crew, who_waits_comes_a_hand_over_later)
{
    struct tsgd_mixing w;
    struct tsgd_crewsim c = crew_of(&w, "complete", 4, 4);
    c.cost.read = 0.01;
    c.cost.hand = 0.2;
    /* All end their steps at once: the last one sees that and the others are called. */
    expect_about(times(&c).seconds, 1 + 0.04 + 0.2, 1e-6, "a round");
    tsgd_mixing_release(&w);
}

Test(crew, a_row_of_another_worker_is_fetched)
{
    struct tsgd_mixing w;
    struct tsgd_crewsim c = crew_of(&w, "ring", 8, 2);
    c.cost.read = 0.001;
    c.cost.fetch = 0.01;
    c.rounds = 400;
    /* Of 24 rows that are read in a round four are of the neighbours at the two seams. */
    struct tsgd_crew_times t = times(&c);
    cr_expect(t.fetches > 0.9 * 0.04 && t.fetches < 0.25, "%g", t.fetches);
    cr_expect(t.seconds > 4 * 1.003);
    tsgd_mixing_release(&w);
}

/* Each of four workers reads the 9 rows of the others, and each of its three tokens reads them. */
Test(crew, a_row_is_fetched_once_until_it_is_written)
{
    struct tsgd_mixing w;
    struct tsgd_crewsim c = crew_of(&w, "complete", 12, 4);
    c.cost.read = 0.001;
    c.cost.fetch = 0.01;
    struct tsgd_crew_times t = times(&c);
    expect_about(t.fetches, 4 * 9 * 0.01, 1e-3, "fetches");
    expect_about(t.seconds, 3 * (1 + 12 * 0.001) + 9 * 0.01, 1e-3, "a round");
    tsgd_mixing_release(&w);
}

/* Six tokens that never meet, with four workers: two have two at home and two have one, and those
 * take some of the others'. Their own rows move with each theft, and back.                      */
Test(crew, a_stolen_step_fetches_the_tokens_own_rows)
{
    struct tsgd_mixing w;
    struct tsgd_crewsim c = crew_of(&w, "alone", 6, 4);
    c.cost.step_fetch = 0.05;
    struct tsgd_crew_times t = times(&c);
    cr_expect(t.fetches == 0, "nobody steals, and %g are fetched", t.fetches);
    c.cost.steal = 0;
    c.rounds = 400;
    t = times(&c);
    cr_expect(t.fetches > 0.05 && t.fetches < 6 * 0.05, "%g", t.fetches);
    expect_about(t.steps, 6 + t.fetches, 0.01, "steps");
    tsgd_mixing_release(&w);
}

Test(crew, a_team_shares_a_step_and_its_update)
{
    struct tsgd_mixing w;
    struct tsgd_crewsim c = crew_of(&w, "alone", 1, 3);
    c.cost.parts = 6;
    c.cost.update = 0.4;
    c.cost.ranges = 8;
    expect_about(times(&c).seconds, 2 * (1 / 6.0) + 3 * 0.05, 1e-9, "six parts, eight ranges");
    c.workers = 1;
    expect_about(times(&c).seconds, 1.4, 1e-9, "alone");
    tsgd_mixing_release(&w);
}

Test(crew, rounds_are_not_faster_than_their_plans)
{
    struct tsgd_mixing w;
    struct tsgd_crewsim c = crew_of(&w, "alone", 64, 64);
    c.cost.plan = 3;
    c.rounds = 400;
    double seconds = times(&c).seconds;
    cr_expect(seconds >= 3 && seconds < 3 + 1 + 1e-9, "%g", seconds);
    tsgd_mixing_release(&w);
}

/* With slices everybody has fallen asleep when the long step ends: sleepers come one by one. */
Test(crew, sleepers_are_woken_for_slices_some_by_each)
{
    struct tsgd_mixing w;
    struct tsgd_crewsim c = crew_of(&w, "ring", 5, 4);
    c.cost.slices = 4;
    c.cost.mix = 4;
    double awake = times(&c).seconds;
    expect_about(awake, 2 + 1, 1e-9, "awake");
    c.cost.patience = 0.8;
    c.cost.wake = 0.25;
    struct tsgd_crew_times t = times(&c);
    expect_about(t.seconds, 2 + 1 + 0.25, 1e-9, "all three by the one that is awake");
    cr_expect(t.asleep > 0);
    c.cost.at_once = 1;
    expect_about(times(&c).seconds, 2 + 1 + 3 * 0.25, 1e-9, "the third sleeper comes last");
    tsgd_mixing_release(&w);
    c = crew_of(&w, "ring", 10, 9);
    c.cost.slices = 9;
    c.cost.mix = 9;
    c.cost.patience = 0.8;
    c.cost.wake = 0.25;
    expect_about(times(&c).seconds, 2 + 1 + 2 * 0.25, 1e-9, "four, and four by those");
    tsgd_mixing_release(&w);
}

/* The worker of the fifth step is alone awake when it ends. It takes two of the next five steps;
 * the second sleeper comes when it ends the first of them, and who came first takes the last.   */
Test(crew, sleepers_are_woken_for_rows_one_by_one)
{
    struct tsgd_mixing w;
    struct tsgd_crewsim c = crew_of(&w, "complete", 5, 4);
    c.cost.patience = 0.2;
    c.cost.steal = 0;
    c.cost.wake = 0.5;
    expect_about(times(&c).seconds, 2.5, 1e-9, "one by one");
    c.cost.at_once = 3;
    expect_about(times(&c).seconds, 2, 1e-9, "all at once");
    tsgd_mixing_release(&w);
}

Test(crew, memory_is_shared_by_those_who_are_busy)
{
    struct tsgd_mixing w;
    struct tsgd_crewsim c = crew_of(&w, "alone", 8, 8);
    c.cost.step_bytes = 10;
    c.cost.bandwidth = 100;
    expect_about(times(&c).seconds, 1, 1e-9, "there is enough");
    c.cost.bandwidth = 40;
    expect_about(times(&c).seconds, 8 * 10 / 40.0, 0.1, "80 bytes a round");
    tsgd_mixing_release(&w);
}

/* ---- a second and a third way ---- */

static const struct { const char *topology; uint32_t k, workers; double read; } examples[] = {
    {"ring", 8, 1, 0.01}, {"ring", 8, 2, 0.01}, {"ring", 8, 3, 0.1}, {"ring", 16, 5, 0.03},
    {"exp", 16, 4, 0.01}, {"exp", 16, 7, 0.05}, {"onepeer-exp", 16, 6, 0.1},
    {"complete", 6, 4, 0.01}, {"torus", 16, 8, 0.02}, {"alone", 7, 3, 0}, {"star", 6, 6, 0.02},
    {"ring", 32, 31, 0.05},
};

static struct tsgd_network stragglers(double sigma, uint32_t nodes)
{
    struct tsgd_network n = TSGD_NETWORK_INIT;
    char text[32];
    snprintf(text, sizeof text, "1:lognormal:%g", sigma);
    cr_assert(tsgd_network_make(&n, &(struct tsgd_network_options){
        .tau = 1, .bandwidth = INFINITY, .compute_seconds = text, .nodes = nodes}, NULL) ==
        TSGD_OK);
    return n;
}

Test(crew, a_simulation_that_looks_at_everything_says_the_same)
{
    struct tsgd_mixing w;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct tsgd_crewsim c = crew_of(&w, examples[i].topology, examples[i].k,
                                        examples[i].workers);
        struct tsgd_network n = stragglers(0.5, c.nodes);
        c.cost.read = examples[i].read;
        c.cost.steal = 0;
        c.stragglers = &n;
        c.rounds = 120;
        expect_about(times(&c).seconds, crew_seconds(&c), 0.01, examples[i].topology);
        tsgd_network_release(&n);
        tsgd_mixing_release(&w);
    }
}

Test(crew, with_a_worker_for_each_token_times_follow_from_each_other)
{
    static const char *const topology[] = {"ring", "exp", "complete", "onepeer-exp", "torus"};
    struct tsgd_mixing w;
    for (size_t i = 0; i < 5; i++) {
        struct tsgd_crewsim c = crew_of(&w, topology[i], 16, 16);
        struct tsgd_network n = stragglers(0.3, c.nodes);
        c.cost.read = 0.02;
        c.cost.hand = 0.05;
        c.stragglers = &n;
        expect_about(times(&c).seconds, crew_recursion(&c), 1e-9, topology[i]);
        tsgd_network_release(&n);
        tsgd_mixing_release(&w);
    }
}
