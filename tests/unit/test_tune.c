/* The search for k: its passes, its populations against the same runs done alone, its winner. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/partition.h"
#include "sim/settings.h"
#include "telesgd.h"

static struct tsgd_settings *quadratic(uint64_t nodes)
{
    return settings_of("model=quadratic nodes=%d rounds=80 lr=0.01 seed=4", (int)nodes);
}

static struct tsgd_settings *network(void)
{
    return settings_of("data=blobs:600,12,4 model=mlp:8 nodes=9 rounds=30 batch=7");
}

static struct tsgd_tune *create(const struct tsgd_settings *s)
{
    struct tsgd_tune *t;
    struct tsgd_error err;
    cr_assert(tsgd_tune_create(&t, s, &err) == TSGD_OK, "%s", err.text);
    return t;
}

static struct tsgd_tuning run(struct tsgd_tune *t)
{
    struct tsgd_tuning end;
    struct tsgd_error err;
    cr_assert(tsgd_tune_run(t, NULL, NULL, &end, &err) == TSGD_OK, "%s", err.text);
    return end;
}

static uint64_t hash_alone(const struct tsgd_settings *s, uint64_t k)
{
    struct tsgd_run *r;
    struct tsgd_summary end;
    cr_assert(tsgd_run_create(&r, settings_with(s, "active=%d", (int)k), NULL) == TSGD_OK);
    cr_assert(tsgd_run_train(r, NULL, NULL, &end, NULL) == TSGD_OK);
    tsgd_run_free(r);
    return end.last.state_hash;
}

Test(tune, puts_the_powers_of_two_into_the_papers_passes)
{
    static const struct { uint64_t nodes; size_t candidates, passes, in_first; } cases[] = {
        {1, 1, 1, 1}, {2, 2, 2, 1}, {3, 2, 1, 2}, {25, 5, 2, 4}, {31, 5, 1, 5}, {32, 6, 2, 5},
        {100, 7, 2, 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tsgd_tune *t = create(quadratic(cases[i].nodes));
        struct tsgd_tuning end = run(t);
        size_t n, first = 0;
        const struct tsgd_candidate *c = tsgd_tune_candidates(t, &n);
        for (size_t j = 0; j < n; j++) {
            cr_expect(c[j].active == (uint64_t)1 << j);
            first += c[j].pass == 1;
        }
        cr_expect(n == cases[i].candidates && end.passes == cases[i].passes &&
                  first == cases[i].in_first, "n=%d: %zu candidates, %d passes, %zu in the first",
                  (int)cases[i].nodes, n, (int)end.passes, first);
        cr_expect(end.rounds_spent == 80 * end.passes && end.rounds_spent <= 160);
        cr_expect(end.rounds_grid == 80 * n);
        tsgd_tune_free(t);
    }
}

/* The first population draws first, as a run alone does; a pass of one population is a run alone.
 */
Test(tune, populations_are_the_runs_done_alone_bit_for_bit)
{
    struct tsgd_settings *s = quadratic(25);
    struct tsgd_tune *t = create(s);
    size_t n;
    run(t);
    const struct tsgd_candidate *c = tsgd_tune_candidates(t, &n);
    cr_expect(c[0].last.state_hash == hash_alone(s, 1), "k = 1");
    cr_expect(c[4].last.state_hash == hash_alone(s, 16), "k = 16");
    cr_expect(c[1].last.state_hash != hash_alone(s, 2), "k = 2 has nodes of its own");
    tsgd_tune_free(t);
}

/* Given --active, qg-dsgdm teleports for every k, so that what a search chose can be done again. */
Test(tune, quasi_global_momentum_teleports_alone_too_when_k_is_n)
{
    struct tsgd_settings *s = settings_of("model=quadratic nodes=16 rounds=80 lr=0.005 seed=4 "
                                          "method=qg-dsgdm momentum=0.5");
    struct tsgd_tune *t = create(s);
    struct tsgd_run *fixed;
    struct tsgd_summary end;
    size_t n;
    run(t);
    const struct tsgd_candidate *c = tsgd_tune_candidates(t, &n);
    cr_assert(n == 5 && c[4].active == 16 && c[4].pass == 2);
    cr_expect(c[4].last.state_hash == hash_alone(s, 16));
    cr_expect(c[4].last.bytes_teleport > 0);
    cr_assert(tsgd_run_create(&fixed, s, NULL) == TSGD_OK);
    cr_assert(tsgd_run_train(fixed, NULL, NULL, &end, NULL) == TSGD_OK);
    cr_expect(end.last.bytes_teleport == 0, "without --active tokens stay where they are");
    tsgd_run_free(fixed);
    tsgd_tune_free(t);
}

/* Where nine nodes are, k = 8 has a pass of its own. */
Test(tune, a_candidate_is_a_run_with_validation)
{
    struct tsgd_tune *t = create(network());
    struct tsgd_run *r;
    struct tsgd_summary end;
    size_t n;
    run(t);
    struct tsgd_eval last = tsgd_tune_candidates(t, &n)[3].last;
    cr_assert(n == 4 && !strcmp(tsgd_settings_get(tsgd_tune_info(t)->resolved, "validation"),
                                "0.1"));
    cr_assert(tsgd_run_create(&r, settings_with(network(), "active=8 validation=0.1"), NULL) ==
              TSGD_OK);
    cr_assert(tsgd_run_train(r, NULL, NULL, &end, NULL) == TSGD_OK);
    last.wall_seconds = end.last.wall_seconds = 0;
    cr_expect(memcmp(&last, &end.last, sizeof last) == 0);
    tsgd_run_free(r);
    tsgd_tune_free(t);
}

Test(tune, the_chosen_one_is_tested_as_a_run_with_validation_is)
{
    struct tsgd_settings *one = settings_with(network(), "nodes=1 validation=0.25");
    struct tsgd_tune *t = create(one);
    struct tsgd_tuning found = run(t);
    struct tsgd_run *r;
    struct tsgd_summary end;
    cr_assert(found.chosen && found.chosen->active == 1);
    cr_assert(tsgd_run_create(&r, one, NULL) == TSGD_OK);
    cr_assert(tsgd_run_train(r, NULL, NULL, &end, NULL) == TSGD_OK);
    cr_expect(found.test_loss == end.test_loss && isfinite(end.test_loss));
    cr_expect(found.test_accuracy == end.test_accuracy);
    tsgd_run_free(r);
    tsgd_tune_free(t);
}

Test(tune, the_least_score_wins)
{
    for (int i = 0; i < 2; i++) {
        struct tsgd_tune *t = create(i ? network() : quadratic(25));
        struct tsgd_tuning end = run(t);
        size_t n;
        uint64_t gradients = 0;
        const struct tsgd_candidate *c = tsgd_tune_candidates(t, &n);
        for (size_t j = 0; j < n; j++) {
            cr_expect(end.chosen->score <= c[j].score);
            cr_expect(c[j].score == (i ? c[j].last.validation_loss : c[j].last.grad_norm2));
            gradients += c[j].last.gradients;
        }
        cr_expect(end.gradients_spent == gradients);
        cr_expect(isnan(end.test_accuracy) == !i);
        tsgd_tune_free(t);
    }
}

Test(tune, same_bits_for_any_threads_even_when_a_candidate_diverges)
{
    uint64_t hash[32] = {0};
    for (uint64_t threads = 1; threads <= 4; threads++) {
        struct tsgd_tune *t = create(settings_with(network(), "lr-grid=0.05,1e9,0.2 threads=%d",
                                                   (int)threads));
        struct tsgd_tuning end = run(t);
        size_t n, lost = 0;
        const struct tsgd_candidate *c = tsgd_tune_candidates(t, &n);
        cr_assert(n == 12);
        for (size_t i = 0; i < n; i++) {
            if (threads == 1)
                hash[i] = c[i].last.state_hash;
            cr_expect(c[i].last.state_hash == hash[i], "candidate %zu, %d threads", i,
                      (int)threads);
            lost += c[i].diverged;
            cr_expect(!c[i].diverged || c[i].lr == 1e9);
        }
        cr_expect(lost > 0 && end.chosen->lr < 1);
        tsgd_tune_free(t);
    }
}

Test(tune, all_candidates_diverging_is_an_error)
{
    struct tsgd_tune *t = create(settings_with(network(), "lr-grid=1e9"));
    struct tsgd_tuning end;
    struct tsgd_error err;
    cr_expect(tsgd_tune_run(t, NULL, NULL, &end, &err) == TSGD_EDIVERGED);
    cr_expect(end.chosen == NULL && strstr(err.text, "every candidate diverged"), "%s", err.text);
    tsgd_tune_free(t);
}

static bool stop_at_once(const struct tsgd_candidate *c, const struct tsgd_eval *e, void *user)
{
    (void)c;
    (void)e;
    (*(int *)user)++;
    return true;
}

Test(tune, stops_when_asked_to)
{
    struct tsgd_settings *s = quadratic(25);
    struct tsgd_tuning end;
    int calls = 0;
    settings_change(s, "rounds=1000000 eval-every=10");
    struct tsgd_tune *t = create(s);
    cr_assert(tsgd_tune_run(t, stop_at_once, &calls, &end, NULL) == TSGD_OK);
    cr_expect(end.interrupted && end.passes == 1 && end.rounds_spent < 1000000 && calls > 0);
    tsgd_tune_free(t);
}

Test(tune, what_contradicts_a_search_is_refused)
{
    struct tsgd_error err;
#define BAD(option, change)                                                                      \
    do {                                                                                         \
        cr_expect(settings_try_tune(network(), change, &err) == TSGD_EINVAL, "%s", change);      \
        cr_expect(strstr(err.text, option), "'%s' does not name %s", err.text, option);          \
    } while (0)
    BAD("--active", "active=4");
    BAD("--samples", "samples=4");
    BAD("--epochs", "epochs=4");
    BAD("--warmup-epochs", "warmup-epochs=4");
    BAD("--until", "until=test_loss<=1");
    BAD("--save-split", "save-split=x");
    BAD("--eval", "eval=tokens");
    BAD("--final-average", "final-average=true");
    BAD("--rounds", "rounds=0");
    BAD("--method", "method=dsgd");
    BAD("--momentum-home", "momentum-home=node momentum=0.5");
    BAD("--validation", "validation=1");
    BAD("--validation", "validation=0");
    BAD("--validation", "validation=1e-9");
    BAD("--topology", "topology=torus:3x3");
    BAD("--validation", "data= model=quadratic validation=0.1");
    BAD("--lr-grid: '0.1' stands there twice", "lr-grid=0.1,0.1");
    BAD("--lr-grid", "lr-grid=0.2,-1");
    BAD("--lr-grid", "lr-grid=1e60");
    BAD("--lr:", "lr-grid=0.1 lr=0.2");
#undef BAD
    cr_expect(settings_try_run(network(), "active=3 lr-grid=0.1", &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "--lr-grid: belongs to the search"), "%s", err.text);
}

Test(tune, a_search_that_is_refused_is_null)
{
    struct tsgd_error err;
    struct tsgd_tune *t = (struct tsgd_tune *)&err;
    cr_expect(tsgd_tune_create(&t, settings_with(network(), "active=3"), &err) == TSGD_EINVAL);
    cr_expect(t == NULL);
}

/* ---- samples held out ---- */

static struct tsgd_split split_of(uint32_t nodes, uint32_t samples)
{
    struct tsgd_split s = TSGD_SPLIT_INIT;
    struct tsgd_samples train = {.count = samples};
    train.labels = calloc(samples, 1);
    cr_assert(tsgd_split_draw(&s, "iid", nodes, &train, 2, 0, false, 3, NULL) == TSGD_OK);
    free(train.labels);
    return s;
}

Test(hold_out, takes_its_share_of_every_sample_set_once)
{
    static const struct { uint32_t nodes, samples; double share; } cases[] = {
        {5, 1000, 0.1}, {300, 1000, 0.1}, {1, 10, 0.5}, {7, 50, 0.34},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tsgd_split s = split_of(cases[i].nodes, cases[i].samples);
        uint64_t before = s.hash;
        uint32_t *held, n, *seen = calloc(cases[i].samples, sizeof *seen);
        cr_assert(tsgd_split_hold_out(&s, cases[i].share, 5, &held, &n, NULL) == TSGD_OK);
        cr_expect(fabs(n - cases[i].share * cases[i].samples) <= 1, "case %zu: %u held", i, n);
        cr_expect(s.start[s.nodes] + n == cases[i].samples && s.hash != before);
        for (uint32_t j = 0; j < n; j++)
            seen[held[j]]++;
        for (uint32_t j = 0; j < s.start[s.nodes]; j++)
            seen[s.index[j]]++;
        for (uint32_t j = 0; j < cases[i].samples; j++)
            cr_expect(seen[j] == 1, "sample %u", j);
        for (uint32_t j = 0; j < s.nodes; j++)
            cr_expect(s.start[j + 1] > s.start[j], "node %u lost its last sample", j);
        free(seen);
        free(held);
        tsgd_split_release(&s);
    }
}

Test(hold_out, is_uniform_over_a_nodes_samples)
{
    uint32_t count[20] = {0};
    for (uint64_t seed = 0; seed < 4000; seed++) {
        struct tsgd_split s = split_of(1, 20);
        uint32_t *held, n;
        cr_assert(tsgd_split_hold_out(&s, 0.25, seed, &held, &n, NULL) == TSGD_OK && n == 5);
        for (uint32_t j = 0; j < n; j++)
            count[held[j]]++;
        free(held);
        tsgd_split_release(&s);
    }
    for (int j = 0; j < 20; j++)
        cr_expect(fabs(count[j] - 1000.0) < 5 * sqrt(4000 * 0.25 * 0.75), "sample %d: %u", j,
                  count[j]);
}
