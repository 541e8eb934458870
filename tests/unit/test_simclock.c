/* The simulated clock: by hand on two or three nodes, and against a discrete-event simulation for
 * every topology, way of moving and rule.                                                       */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/isa.h"
#include "scenario/simclock.h"
#include "sim/graphs.h"
#include "sim/sim.h"
#include "sim/toy.h"
#include "method/sgd.h"
#include "scenario/churn.h"
#include "scenario/rate.h"

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, (void (*)(struct criterion_test_params *))cr_free);
}

/* ---- by hand: a half-step is 100 bytes, a teleport 200 ---- */

struct hand {
    struct tsgd_network network;
    struct tsgd_mixing w;
    struct tsgd_simclock *clock;
};

static void set_hand(struct hand *h, const char *topology, uint32_t k, uint32_t nodes)
{
    h->network.on = true;
    h->network.bandwidth = h->network.bandwidth > 0 ? h->network.bandwidth : INFINITY;
    cr_assert(tsgd_topology_build(&h->w, topology, k, 0, NULL) == TSGD_OK);
    cr_assert(tsgd_simclock_create(&h->clock, &h->network, k, 200, 100, nodes, NULL) == TSGD_OK);
}

static void drop_hand(struct hand *h)
{
    tsgd_simclock_free(h->clock);
    tsgd_mixing_release(&h->w);
    tsgd_network_release(&h->network);
}

/* One round with these gradients at these nodes; the time after it. */
static double play(struct hand *h, const uint32_t *node, const uint32_t *gradients)
{
    for (uint32_t a = 0; a < h->w.w->n; a++)
        tsgd_simclock_visit(h->clock, a, node[a], gradients[a]);
    tsgd_simclock_round(h->clock, h->w.w, 0);
    return tsgd_simclock_now(h->clock, 0, h->w.w->n);
}

static void expect_time(double got, double want)
{
    cr_expect(fabs(got - want) < 1e-12, "%.17g seconds, want %g", got, want);
}

Test(simclock, two_nodes_step_and_exchange)
{
    struct hand h = {.network = {.step_seconds = 3, .link_seconds = 1, .bandwidth = 50}};
    set_hand(&h, "ring", 2, 2);
    expect_time(tsgd_simclock_now(h.clock, 0, 2), 0);
    expect_time(play(&h, (uint32_t[]){0, 1}, (uint32_t[]){1, 1}), 3 + 1 + 2);
    expect_time(play(&h, (uint32_t[]){0, 1}, (uint32_t[]){1, 1}), 12);
    drop_hand(&h);
}

Test(simclock, a_straggler_is_waited_for_by_its_neighbours_alone)
{
    struct hand h = {.network = {.step_seconds = 1}};
    set_hand(&h, "line", 3, 3);
    play(&h, (uint32_t[]){0, 1, 2}, (uint32_t[]){10, 1, 1});
    expect_time(tsgd_simclock_now(h.clock, 0, 1), 10);
    expect_time(tsgd_simclock_now(h.clock, 1, 1), 10);
    expect_time(tsgd_simclock_now(h.clock, 2, 1), 1);      /* no barrier */
    play(&h, (uint32_t[]){0, 1, 2}, (uint32_t[]){0, 1, 1});
    expect_time(tsgd_simclock_now(h.clock, 0, 1), 11);
    expect_time(tsgd_simclock_now(h.clock, 2, 1), 11);
    drop_hand(&h);
}

Test(simclock, a_teleport_is_sent_when_the_mix_ends_and_only_if_the_node_changes)
{
    struct hand h = {.network = {.step_seconds = 1, .bandwidth = 100}};
    set_hand(&h, "alone", 1, 3);
    expect_time(play(&h, (uint32_t[]){2}, (uint32_t[]){1}), 1);     /* round 0: x^0 is everywhere */
    expect_time(play(&h, (uint32_t[]){1}, (uint32_t[]){1}), 1 + 2 + 1);
    expect_time(play(&h, (uint32_t[]){1}, (uint32_t[]){1}), 5);
    drop_hand(&h);
}

Test(simclock, a_node_runs_one_step_at_a_time)
{
    struct hand h = {.network = {.step_seconds = 1}};
    set_hand(&h, "alone", 2, 2);
    play(&h, (uint32_t[]){0, 1}, (uint32_t[]){10, 1});
    play(&h, (uint32_t[]){1, 0}, (uint32_t[]){1, 1});
    expect_time(tsgd_simclock_now(h.clock, 0, 1), 11);
    expect_time(tsgd_simclock_now(h.clock, 1, 1), 11);  /* there at 1; node 0 is busy until 10 */
    drop_hand(&h);
}

Test(simclock, a_serial_port_receives_by_ready_time_then_sender)
{
    struct hand h = {.network = {.step_seconds = 1, .link_seconds = 4, .serial = true}};
    set_hand(&h, "complete", 3, 3);
    play(&h, (uint32_t[]){0, 1, 2}, (uint32_t[]){1, 3, 2});
    expect_time(tsgd_simclock_now(h.clock, 0, 1), 2 + 4 + 4);   /* from 2 at 2, then from 1 */
    expect_time(tsgd_simclock_now(h.clock, 1, 1), 1 + 4 + 4);
    expect_time(tsgd_simclock_now(h.clock, 2, 1), 1 + 4 + 4);
    drop_hand(&h);
}

Test(simclock, links_that_are_not_preferred_take_tau_times_as_long)
{
    for (uint32_t serial = 0; serial < 2; serial++) {
        struct hand h = {.network = {.link_seconds = 1, .tau = 5, .link_cost = &tsgd_link_costs[0],
                                     .serial = serial}};
        cr_assert(tsgd_topology_build(&h.network.links, "line", 3, 0, NULL) == TSGD_OK);
        set_hand(&h, "complete", 3, 3);
        play(&h, (uint32_t[]){0, 1, 2}, (uint32_t[]){1, 1, 1});
        expect_time(tsgd_simclock_now(h.clock, 0, 1), serial ? 6 : 5);  /* 0-1 a link, 0-2 not */
        expect_time(tsgd_simclock_now(h.clock, 1, 1), serial ? 2 : 1);
        drop_hand(&h);
    }
}

Test(simclock, a_token_that_rests_passes_its_row_on_at_once_unless_cut)
{
    for (uint32_t cut = 0; cut < 2; cut++) {
        struct hand h = {.network = {.step_seconds = 3, .link_seconds = 1}};
        set_hand(&h, "ring", 2, 2);
        tsgd_simclock_visit(h.clock, 0, 0, 1);
        tsgd_simclock_rest(h.clock, 1, cut);
        tsgd_simclock_round(h.clock, h.w.w, 0);
        expect_time(tsgd_simclock_now(h.clock, 0, 1), 3);
        expect_time(tsgd_simclock_now(h.clock, 1, 1), cut ? 0 : 4);
        drop_hand(&h);
    }
}

/* ---- shares ---- */

Test(simclock, as_many_links_and_nodes_are_slow_as_asked)
{
    struct tsgd_network n = {.link_cost = &tsgd_link_costs[1], .share = 0.2, .tau = 5,
                             .link_seconds = 1, .bandwidth = INFINITY, .seed = 3};
    double links = 0, nodes = 0;
    for (uint32_t i = 0; i < 150; i++)
        for (uint32_t j = 0; j < i; j++) {
            links += tsgd_network_transfer(&n, i, j, 0) == 5;
            cr_assert(tsgd_network_transfer(&n, i, j, 0) == tsgd_network_transfer(&n, j, i, 0));
        }
    cr_expect(fabs(links / 11175 - 0.2) < 5 * sqrt(0.16 / 11175), "%g links", links);
    n.link_cost = &tsgd_link_costs[2];
    for (uint32_t i = 0; i < 20000; i++)        /* disjoint pairs: one of the two is slow */
        nodes += tsgd_network_transfer(&n, 2 * i, 2 * i + 1, 0) == 5;
    cr_expect(fabs(nodes / 20000 - 0.36) < 5 * sqrt(0.36 * 0.64 / 20000), "%g pairs", nodes);
}

Test(simclock, drawn_speeds_have_the_median_and_spread_asked_for)
{
    struct tsgd_network n = {.step_seconds = 0.01, .sigma = 0.5, .seed = 3};
    double sum = 0, square = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        double z = log(tsgd_network_step(&n, i) / 0.01) / 0.5;
        sum += z;
        square += z * z;
    }
    cr_expect(fabs(sum / 20000) < 5 / sqrt(20000));
    cr_expect(fabs(square / 20000 - 1) < 5 * sqrt(2.0 / 20000));
}

/* ---- against the discrete-event simulation ---- */

ParameterizedTestParameters(simclock, every_topology_rule_and_port_matches_the_event_simulation)
{
    return rows(tsgd_n_topologies);
}
ParameterizedTest(size_t *row, simclock, every_topology_rule_and_port_matches_the_event_simulation,
                  .timeout = 300)
{
    const char *name = tsgd_topologies[*row]->example;
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t k = i & 32 ? 5 : 8, nodes = i & 4 ? k : 11;
        struct tsgd_mixing w = TSGD_MIXING_INIT;
        if (!graph_build(&w, *row, k, 1))
            continue;
        cr_assert(i < 48 || tsgd_mixing_thin(&w, 2 + i % 3, NULL) == TSGD_OK);
        struct toy toy = toy_make(20, nodes);
        float *init = toy_init(20);
        struct tsgd_churn away = {.on = i & 16, .share = 0.7, .seed = i};
        struct tsgd_network n = {.on = true, .tau = 5, .share = 0.3, .serial = i & 8, .seed = i,
                                 .link_seconds = i % 3 ? 1 : 0, .bandwidth = i % 5 ? 40 : INFINITY,
                                 .step_seconds = i % 7 ? 0.7 : 0, .sigma = i % 2 ? 0.8 : 0};
        n.link_cost = i % 4 < 3 ? &tsgd_link_costs[i % 4] : NULL;
        struct tsgd_population p = {
            .k = k, .mixing = &w, .rounds = 30, .eval_every = 1, .eval_at_start = true,
            .eta = tsgd_rate_step_size(&(struct tsgd_rate){.eta = 0.1}),
        };
        struct tsgd_engine_config c = {
            .problem = &toy.problem, .kernels = tsgd_isa_table(0),
            .population = &p, .n_populations = 1,
            .clock = tsgd_network_clock(&n), .teleports = nodes > k || i & 2,
            .local_steps = 1 + i % 2, .seed = i,
            .threads = 2, .init = init,
        };
        toy.empty_every = i % 3 == 2 ? 4 : 0;
        cr_assert(tsgd_topology_build(&n.links, "ring", nodes, 1, NULL) == TSGD_OK);
        cr_assert(tsgd_sgd_rule(&c.rule, i & 1 ? "token" : "mixed", 0.5, false, 0, NULL) ==
                  TSGD_OK);
        away.isolate = away.on && !c.teleports && tsgd_mixing_symmetric(&w);
        c.presence = tsgd_churn_presence(&away);
        cr_expect(sim_compare(name, &c, (struct sim_end){0}) == 0, "%s case %u", name, i);
        tsgd_network_release(&n);
        tsgd_mixing_release(&w);
        free(init);
    }
}
