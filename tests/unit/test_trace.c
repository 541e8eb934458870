/* Traces: the file is what it says it is, and it says what happened. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/probe.h"
#include "base/trace.h"
#include "model/model.h"
#include "sim/settings.h"
#include "topology/topology.h"
#include "trace_check.h"

enum { NODES = 9, TOKENS = 4, ROUNDS = 12, TRACKS = 3 };

static char path[] = "/tmp/telesgd-trace-XXXXXX";
static json_t *file;

static void make_path(void)
{
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    close(fd);
}

static void remove_path(void)
{
    json_decref(file);
    unlink(path);
}

TestSuite(trace, .init = make_path, .fini = remove_path);

/* Gossip goes by rows, so that each token's mix is a slice of its own. */
static struct tsgd_settings *small(void)
{
    return settings_of("data=digits model=mlp:8 nodes=%d active=%d rounds=%d batch=7 "
                       "eval-every=5 threads=%d gossip=rows trace=%s", NODES, TOKENS, ROUNDS,
                       TRACKS, path);
}

static const json_t *parse(void)
{
    json_error_t why;
    json_decref(file);
    file = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    cr_assert(file != NULL, "line %d: %s", why.line, why.text);
    expect_valid_trace(file);
    return json_object_get(file, "traceEvents");
}

static struct tsgd_summary train(const struct tsgd_settings *s, struct tsgd_traced *traced)
{
    struct tsgd_run *run;
    struct tsgd_error err;
    struct tsgd_summary end;
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_train(run, NULL, NULL, &end, &err) == TSGD_OK, "%s", err.text);
    if (tsgd_settings_get(s, "trace"))
        cr_assert(tsgd_run_save_trace(run, traced, &err) == TSGD_OK, "%s", err.text);
    tsgd_run_free(run);
    return end;
}

static const char *text(const json_t *event, const char *name)
{
    const char *value = json_string_value(json_object_get(event, name));
    return value ? value : "";
}

static double number(const json_t *event, const char *name)
{
    const json_t *value = json_object_get(event, name);
    cr_assert(json_is_number(value), "an event has no %s", name);
    return json_number_value(value);
}

static long arg(const json_t *event, const char *name)
{
    const json_t *value = json_object_get(json_object_get(event, "args"), name);
    return json_is_integer(value) ? (long)json_integer_value(value) : -1;
}

/* Times are told in us with three digits: back to whole ns. */
static long ns(const json_t *event, const char *name)
{
    return lround(number(event, name) * 1e3);
}

static bool is(const json_t *event, const char *ph, const char *category)
{
    return !strcmp(text(event, "ph"), ph) && (!category || !strcmp(text(event, "cat"), category));
}

enum { WORKERS = 1, PLACES = 2 };       /* processes of a file */

struct slice {
    long tid, begin, end, token;
    bool inner;                 /* a layer's */
};

struct slices {
    size_t n;
    struct slice *of;
};

static int in_order(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    if (x->tid != y->tid)
        return x->tid < y->tid ? -1 : 1;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->inner - y->inner;
}

/* Without sleeps, which lie within waits. */
static struct slices slices_of(const json_t *events, long pid)
{
    struct slices s = {0, calloc(json_array_size(events) + 1, sizeof *s.of)};
    size_t i;
    json_t *e;
    json_array_foreach(events, i, e)
        if (is(e, "X", NULL) && !is(e, "X", "sleep") && number(e, "pid") == (double)pid)
            s.of[s.n++] = (struct slice){
                (long)number(e, "tid"), ns(e, "ts"), ns(e, "ts") + ns(e, "dur"), arg(e, "token"),
                is(e, "X", "forward") || is(e, "X", "backward"),
            };
    qsort(s.of, s.n, sizeof *s.of, in_order);
    return s;
}

static size_t count(const json_t *events, const char *ph, const char *category)
{
    size_t n = 0, i;
    json_t *e;
    json_array_foreach(events, i, e)
        n += is(e, ph, category);
    return n;
}

static double sum(const json_t *events, const char *category)
{
    double total = 0;
    size_t i;
    json_t *e;
    json_array_foreach(events, i, e)
        if (is(e, "X", category))
            total += number(e, "dur") * 1e-6;
    return total;
}

/* Events that workers recorded; the others follow from them. */
static size_t recorded(const json_t *events)
{
    struct slices all = slices_of(events, WORKERS);
    free(all.of);
    return all.n + count(events, "X", "sleep") + count(events, "C", "gossip") +
           count(events, "C", "eval");
}

Test(trace, every_step_and_every_mix_has_a_slice_and_slices_of_a_worker_do_not_overlap)
{
    struct tsgd_settings *s = small();
    struct tsgd_traced traced;
    train(s, &traced);
    const json_t *events = parse();
    struct slices all = slices_of(events, WORKERS);
    cr_expect(count(events, "X", "step") == TOKENS * ROUNDS);
    cr_expect(count(events, "X", "mix") == TOKENS * ROUNDS);
    cr_expect(count(events, "X", "plan") == ROUNDS + 1);
    cr_expect(recorded(events) == traced.events && traced.lost == 0);
    for (size_t i = 0; i < all.n; i++) {
        cr_expect(all.of[i].tid >= 1 && all.of[i].tid <= TRACKS && all.of[i].begin >= 0);
        if (i > 0 && all.of[i].tid == all.of[i - 1].tid)
            cr_expect(all.of[i].begin >= all.of[i - 1].end, "%ld before %ld", all.of[i].begin,
                      all.of[i - 1].end);
    }
    free(all.of);
}

Test(trace, each_token_steps_once_a_round)
{
    struct tsgd_settings *s = small();
    struct tsgd_traced traced;
    int steps[ROUNDS][TOKENS] = {{0}};
    size_t i;
    json_t *e;
    train(s, &traced);
    json_array_foreach(parse(), i, e)
        if (is(e, "X", "step")) {
            long t = arg(e, "round"), a = arg(e, "token"), node = arg(e, "node");
            cr_assert(t >= 0 && t < ROUNDS && a >= 0 && a < TOKENS && node >= 0 && node < NODES);
            cr_expect(++steps[t][a] == 1, "token %ld, round %ld", a, t);
        }
}

Test(trace, slices_add_up_to_the_shares_of_the_summary)
{
    struct tsgd_settings *s = small();
    struct tsgd_traced traced;
    settings_change(s, "model=mlp:200 batch=64");
    struct tsgd_summary end = train(s, &traced);
    const json_t *events = parse();
    double step = sum(events, "step");
    cr_expect(step <= end.wall_seconds * TRACKS);
    cr_expect(fabs(sum(events, "mix") / step / (end.share_mix / end.share_step) - 1) < 0.02);
    cr_expect(fabs(sum(events, "eval") / step / (end.share_eval / end.share_step) - 1) < 0.02);
    cr_expect(fabs(sum(events, "wait") / step / (end.share_wait / end.share_step) - 1) < 0.02);
}

/* One chain for each token, over the tracks of nodes: it begins once, ends once, in time, and each
 * link lies in a slice.                                                                         */
static void expect_flows(const json_t *events, long id, long token, size_t links)
{
    struct slices all = slices_of(events, PLACES);
    long first = -1, last = -1, least = LONG_MAX, most = -1;
    size_t n = 0, i;
    json_t *e;
    json_array_foreach(events, i, e) {
        if (!is(e, "s", "token") && !is(e, "t", "token") && !is(e, "f", "token"))
            continue;
        if ((long)number(e, "id") != id)
            continue;
        struct slice at = {(long)number(e, "tid"), ns(e, "ts"), 0, token, false};
        cr_expect(!strcmp(text(e, "bp"), "e"));
        bool inside = false;
        for (size_t j = 0; j < all.n; j++)
            inside |= all.of[j].tid == at.tid && all.of[j].begin == at.begin &&
                      all.of[j].token == token;
        cr_expect(inside, "flow %ld at %ld is in no slice of its token", id, at.begin);
        if (is(e, "s", NULL)) {
            cr_expect(first < 0, "flow %ld begins twice", id);
            first = at.begin;
        }
        if (is(e, "f", NULL)) {
            cr_expect(last < 0, "flow %ld ends twice", id);
            last = at.begin;
        }
        least = at.begin < least ? at.begin : least;
        most = at.begin > most ? at.begin : most;
        n++;
    }
    cr_expect(n == links && first >= 0 && first == least && last > first && last == most,
              "flow %ld: %zu links, want %zu; from %ld to %ld, want %ld to %ld", id, n, links,
              first, last, least, most);
    free(all.of);
}

Test(trace, a_token_is_one_flow_from_its_first_slice_to_its_last)
{
    struct tsgd_settings *s = small();
    struct tsgd_traced traced;
    train(s, &traced);
    const json_t *events = parse();
    cr_expect(count(events, "s", "token") == TOKENS && count(events, "f", "token") == TOKENS);
    for (long a = 0; a < TOKENS; a++)
        expect_flows(events, a, a, ROUNDS);
}

/* As the net has them: one may do what a second one was asked for. */
static uint32_t layers(void)
{
    struct tsgd_net net;
    struct tsgd_backend on;
    struct tsgd_shape in = {1, 1, 12};
    cr_assert(tsgd_backend_init(&on, NULL, NULL) == TSGD_OK);
    cr_assert(tsgd_model_build(&net, "mlp:8", in, 4, &on, NULL) == TSGD_OK);
    uint32_t n = net.n_layers;
    tsgd_net_release(&net);
    return n;
}

Test(trace, layers_lie_within_steps)
{
    struct tsgd_settings *s = small();
    struct tsgd_traced traced;
    settings_change(s, "trace-layers=true");
    train(s, &traced);
    const json_t *events = parse();
    struct slices all = slices_of(events, WORKERS);
    const struct slice *outer = NULL, *before = NULL;
    cr_expect(count(events, "X", "step") == TOKENS * ROUNDS);
    cr_expect(count(events, "X", "forward") == layers() * TOKENS * ROUNDS);
    cr_expect(count(events, "X", "backward") == layers() * TOKENS * ROUNDS);
    for (size_t i = 0; i < all.n; i++) {
        const struct slice *x = &all.of[i];
        if (!x->inner) {
            outer = x;
            before = NULL;
            continue;
        }
        cr_assert(outer != NULL);
        cr_expect(x->tid == outer->tid && x->begin >= outer->begin && x->end <= outer->end &&
                  outer->token >= 0, "a layer lies outside a step");
        cr_expect(!before || x->begin >= before->end);
        before = x;
    }
    free(all.of);
}

Test(trace, a_full_track_stops_and_says_how_much_is_lost)
{
    struct tsgd_settings *s = small();
    struct tsgd_traced all, some;
    settings_change(s, "threads=1");
    train(s, &all);
    settings_change(s, "trace-events=50");
    train(s, &some);
    const json_t *events = parse(), *other = json_object_get(file, "otherData");
    cr_expect(some.events == 50 && some.lost > 0 && some.lost <= all.events);
    cr_expect(recorded(events) == 50);
    cr_expect(json_integer_value(json_object_get(other, "lost")) == (json_int_t)some.lost);
    cr_expect(json_integer_value(json_object_get(other, "events")) == 50);
    cr_expect(count(events, "s", "token") == count(events, "f", "token"));
}

Test(trace, what_is_computed_does_not_depend_on_it)
{
    struct tsgd_settings *s = small();
    struct tsgd_traced traced;
    uint64_t hash = train(s, &traced).last.state_hash;
    settings_change(s, "trace-layers=true");
    cr_expect(train(s, &traced).last.state_hash == hash);
    settings_change(s, "trace-layers=false trace=");
    cr_expect(train(s, &traced).last.state_hash == hash);
}

Test(trace, a_search_is_one_trace_whose_passes_share_no_flow)
{
    struct tsgd_settings *s = small();
    struct tsgd_tune *tune;
    struct tsgd_error err;
    struct tsgd_tuning end;
    struct tsgd_traced traced;
    settings_change(s, "active=");
    cr_assert(tsgd_tune_create(&tune, s, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_tune_run(tune, NULL, NULL, &end, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_tune_save_trace(tune, &traced, &err) == TSGD_OK, "%s", err.text);
    tsgd_tune_free(tune);
    const json_t *events = parse();         /* 1 + 2 + 4 tokens, then 8 */
    cr_expect(end.passes == 2 && count(events, "X", "step") == 15 * ROUNDS);
    cr_expect(count(events, "s", "token") == 15 && count(events, "f", "token") == 15);
    expect_flows(events, 6, 6, ROUNDS);
    expect_flows(events, (1L << 32) + 6, 6, ROUNDS);
}

Test(trace, a_training_that_diverged_can_be_looked_at)
{
    struct tsgd_settings *s = small();
    struct tsgd_run *run;
    struct tsgd_error err;
    struct tsgd_summary end;
    struct tsgd_traced traced;
    settings_change(s, "lr=1e30");
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_train(run, NULL, NULL, &end, &err) == TSGD_EDIVERGED);
    cr_assert(tsgd_run_save_trace(run, &traced, &err) == TSGD_OK, "%s", err.text);
    tsgd_run_free(run);
    cr_expect(count(parse(), "X", "step") >= TOKENS);
}

Test(trace, any_text_is_written_as_json)
{
    static const struct tsgd_trace_kind kind = {NULL, "odd", {"n", NULL, "m"}, TSGD_TRACE_ALONE};
    struct tsgd_trace *t;
    struct tsgd_traced traced;
    cr_assert(tsgd_trace_create(&t, 4, false, NULL) == TSGD_OK);
    cr_assert(tsgd_trace_reserve(t, 1, NULL) == TSGD_OK);
    uint64_t now = tsgd_ticks();
    tsgd_track_add(tsgd_trace_track(t, 0), &(struct tsgd_trace_event){
        .begin = now, .end = now + 10, .kind = &kind, .text = "a \"b\\\n\tc\x01",
        .number = {7, 8, TSGD_TRACE_NONE}});
    FILE *f = fopen(path, "w");
    cr_assert(f && tsgd_trace_write(t, f, &traced, NULL) == TSGD_OK && fclose(f) == 0);
    tsgd_trace_free(t);
    const json_t *events = parse(), *e = json_array_get(events, json_array_size(events) - 1);
    cr_expect(!strcmp(text(e, "name"), "a \"b\\\n\tc\x01") && arg(e, "n") == 7);
    cr_expect(json_object_size(json_object_get(e, "args")) == 1);
}

static void expect_refused(const struct tsgd_settings *s, const char *sentence)
{
    struct tsgd_run *run;
    struct tsgd_error err;
    enum tsgd_status st = tsgd_run_create(&run, s, &err);
    tsgd_run_free(run);
    cr_assert(st == TSGD_EINVAL || st == TSGD_ENOMEM, "wants '%s'", sentence);
    cr_expect(strstr(err.text, sentence), "wants '%s', says: %s", sentence, err.text);
}

Test(trace, what_goes_with_no_trace_is_refused)
{
    const struct tsgd_settings *s = small();
    expect_refused(settings_with(s, "trace-events=9223372036854775807"),
                   "--trace-events: more memory than can be counted; give fewer");
    expect_refused(settings_with(s, "trace-events=281474976710655"),
                   "are available; give fewer");
    expect_refused(settings_with(s, "trace= trace-events=5"), "--trace-events: needs --trace");
    expect_refused(settings_with(s, "trace= trace-layers=true"), "--trace-layers: needs --trace");
    expect_refused(settings_with(s, "data= model=quadratic batch= trace-layers=true"),
                   "--trace-layers: model quadratic has no layers");
}

Test(trace, gossip_by_slices_shows_each_slice)
{
    struct tsgd_settings *s = small();
    struct tsgd_traced traced;
    settings_change(s, "gossip=slices");
    train(s, &traced);
    const json_t *events = parse();
    cr_expect(count(events, "X", "step") == TOKENS * ROUNDS);
    /* Short rows fit in one slice a round, but where races are looked for. */
    size_t slices = count(events, "X", "mix");
    cr_expect(slices >= ROUNDS && slices % ROUNDS == 0, "%zu slices", slices);
}

/* ---- the arrows of the algorithm, and the tracks of nodes ---- */

/* The slice of a worker at which an arrow begins or ends; a slice within another one comes last. */
static const json_t *slice_at(const json_t *events, const json_t *arrow)
{
    const json_t *found = NULL;
    size_t i;
    json_t *e;
    json_array_foreach(events, i, e)
        if (is(e, "X", NULL) && number(e, "pid") == number(arrow, "pid") &&
            number(e, "tid") == number(arrow, "tid") && ns(e, "ts") == ns(arrow, "ts"))
            found = e;
    cr_assert(found, "an arrow is in no slice");
    return found;
}

static const json_t *end_of(const json_t *events, const json_t *begin)
{
    size_t i;
    json_t *e;
    json_array_foreach(events, i, e)
        if (is(e, "f", text(begin, "cat")) &&
            json_equal(json_object_get(e, "id"), json_object_get(begin, "id")))
            return e;
    cr_assert_fail("an arrow has no end");
    return NULL;
}

/* Of arrows with this name, how many lead from what to what, by the round of the first and both
 * tokens.                                                                                       */
struct arrows { int n[ROUNDS][TOKENS][TOKENS]; };

static struct arrows arrows_of(const json_t *events, const char *name, const char *from,
                               const char *to, int rounds_on)
{
    struct arrows all = {{{{0}}}};
    size_t i;
    json_t *s;
    json_array_foreach(events, i, s) {
        if (!is(s, "s", name))
            continue;
        const json_t *a = slice_at(events, s), *b = slice_at(events, end_of(events, s));
        long t = arg(a, "round");
        cr_assert(is(a, "X", from) && is(b, "X", to), "%s leads from %s to %s", name,
                  text(a, "name"), text(b, "name"));
        cr_assert(t >= 0 && t < ROUNDS && arg(b, "round") == t + rounds_on);
        cr_expect(ns(a, "ts") + ns(a, "dur") <= ns(b, "ts"), "%s: from %s at %ld to %s at %ld",
                  name, text(a, "name"), ns(a, "ts"), text(b, "name"), ns(b, "ts"));
        if (!strcmp(name, "teleport") || !strcmp(name, "stay"))
            cr_expect((arg(a, "node") != arg(b, "node")) == !strcmp(name, "teleport"));
        all.n[t][arg(a, "token")][arg(b, "token")]++;
    }
    return all;
}

/* A mix reads the tokens that the topology says, in each round. */
Test(trace, arrows_of_gossip_lead_from_the_steps_that_a_mix_reads)
{
    static const char *const topology[] = {"ring", "exp", "onepeer-exp", "line"};
    struct tsgd_traced traced;
    for (size_t g = 0; g < sizeof topology / sizeof *topology; g++) {
        struct tsgd_settings *s = small();
        struct tsgd_mixing w = TSGD_MIXING_INIT;
        settings_change(s, "topology=%s", topology[g]);
        train(s, &traced);
        const json_t *events = parse();
        struct arrows got = arrows_of(events, "gossip", "step", "mix", 0);
        struct arrows own = arrows_of(events, "step", "step", "mix", 0);
        cr_assert(tsgd_topology_build(&w, topology[g], TOKENS, 0, NULL) == TSGD_OK);
        for (uint32_t t = 0; t < ROUNDS; t++)
            for (uint32_t a = 0; a < TOKENS; a++)
                for (uint32_t b = 0; b < TOKENS; b++) {
                    const struct tsgd_csr *m = &w.w[t % w.period];
                    int want = 0;
                    for (uint32_t i = m->ptr[a]; i < m->ptr[a + 1]; i++)
                        want += m->col[i] == b && b != a;
                    cr_expect_eq(got.n[t][b][a], want, "%s: from %u to %u in round %u",
                                 topology[g], b, a, t);
                    cr_expect_eq(own.n[t][b][a], a == b);
                }
        tsgd_mixing_release(&w);
    }
}

/* Each token has an arrow from its mix, or its step where it does not mix, to its next step: named
 * after whether the node is another one, which arrows_of looks at.                              */
static void expect_next_steps(const json_t *events, const char *from)
{
    struct arrows moved = arrows_of(events, "teleport", from, "step", 1);
    struct arrows stayed = arrows_of(events, "stay", from, "step", 1);
    for (uint32_t t = 0; t < ROUNDS; t++)
        for (uint32_t a = 0; a < TOKENS; a++)
            for (uint32_t b = 0; b < TOKENS; b++)
                cr_expect_eq(moved.n[t][a][b] + stayed.n[t][a][b], a == b && t + 1 < ROUNDS);
}

Test(trace, arrows_of_teleports_lead_from_each_mix_to_the_next_step)
{
    struct tsgd_settings *s = small();
    struct tsgd_traced traced;
    train(s, &traced);
    const json_t *events = parse();
    expect_next_steps(events, "mix");
    cr_expect(count(events, "s", "teleport") > ROUNDS);
    settings_change(s, "method=dsgd nodes=%d active=", TOKENS);
    train(s, &traced);
    events = parse();
    expect_next_steps(events, "mix");
    cr_expect(count(events, "s", "teleport") == 0);
}

/* By slices every step leads to the round's slices, and they lead to the next steps. */
Test(trace, arrows_lead_through_slices_too)
{
    struct tsgd_settings *s = small();
    struct tsgd_traced traced;
    settings_change(s, "gossip=slices");
    train(s, &traced);
    const json_t *events = parse();
    cr_expect(count(events, "s", "gossip") == TOKENS * ROUNDS);
    cr_expect(count(events, "s", "teleport") + count(events, "s", "stay") ==
              TOKENS * (ROUNDS - 1));
}

Test(trace, a_mix_has_no_more_arrows_than_so_many)
{
    struct tsgd_settings *s = small();
    struct tsgd_traced traced;
    settings_change(s, "nodes=20 active=20 topology=complete rounds=2");
    train(s, &traced);
    const json_t *events = parse();
    cr_expect(count(events, "X", "mix") == 40);
    cr_expect(count(events, "s", "gossip") == 40 * 16);
}

static const char *thread_name(const json_t *events, const json_t *slice)
{
    size_t i;
    json_t *e;
    json_array_foreach(events, i, e)
        if (is(e, "M", NULL) && !strcmp(text(e, "name"), "thread_name") &&
            number(e, "pid") == number(slice, "pid") && number(e, "tid") == number(slice, "tid"))
            return text(json_object_get(e, "args"), "name");
    return "";
}

/* Each step at a node is on the node's track as well, for the same time, called by its token. */
Test(trace, a_node_has_a_track_of_what_was_there)
{
    struct tsgd_settings *s = small();
    struct tsgd_traced traced;
    size_t i, j, stays = 0;
    json_t *e, *other;
    train(s, &traced);
    const json_t *events = parse();
    json_array_foreach(events, i, e) {
        char node[32], token[32];
        bool found = false;
        if (!is(e, "X", "step"))
            continue;
        snprintf(node, sizeof node, "node %ld", arg(e, "node"));
        snprintf(token, sizeof token, "token %ld", arg(e, "token"));
        json_array_foreach(events, j, other)
            if (is(other, "X", "node") && ns(other, "ts") == ns(e, "ts") &&
                arg(other, "token") == arg(e, "token")) {
                cr_expect(number(other, "pid") == PLACES && ns(other, "dur") == ns(e, "dur"));
                cr_expect(!strncmp(thread_name(events, other), node, strlen(node)), "%s at %s",
                          node, thread_name(events, other));
                cr_expect_str_eq(text(other, "name"), token);
                cr_expect(arg(other, "track") == (long)number(e, "tid"));
                cr_expect(arg(other, "round") == arg(e, "round"));
                found = true;
            }
        cr_expect(found, "%s is not seen at %s", token, node);
        stays++;
    }
    cr_expect(count(events, "X", "node") == stays && stays == TOKENS * ROUNDS);
}

/* ---- counters ---- */

static struct tsgd_eval told[ROUNDS + 1];
static size_t n_told;

static bool keep(const struct tsgd_eval *eval, void *user)
{
    (void)user;
    told[n_told++] = *eval;
    return true;
}

static double value_of(const json_t *e)
{
    return json_number_value(json_object_iter_value(json_object_iter(json_object_get(e, "args"))));
}

static bool is_counter(const json_t *e, const char *name)
{
    return is(e, "C", NULL) && !strcmp(text(e, "name"), name);
}

Test(trace, counters_tell_the_consensus_and_the_bytes_of_the_evaluations)
{
    struct tsgd_run *run;
    struct tsgd_error err;
    struct tsgd_summary end;
    struct tsgd_traced traced;
    size_t i, seen = 0;
    double bytes = 0;
    json_t *e;
    cr_assert(tsgd_run_create(&run, small(), &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_train(run, keep, NULL, &end, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_save_trace(run, &traced, &err) == TSGD_OK, "%s", err.text);
    tsgd_run_free(run);
    json_array_foreach(parse(), i, e) {
        bool found = false;
        if (is_counter(e, "consensus")) {
            for (size_t k = 0; k < n_told; k++)
                found |= fabs(value_of(e) - told[k].consensus) <= 1e-8 * told[k].consensus;
            cr_expect(found, "%g", value_of(e));
            seen++;
        }
        if (is_counter(e, "bytes gossiped"))
            bytes = fmax(bytes, value_of(e));
    }
    cr_expect(seen == n_told && n_told >= 2, "%zu of %zu", seen, n_told);
    cr_expect(bytes == (double)end.last.bytes_gossip && bytes > 0);
}

/* Whether a step or a mix at `e`, of a ring, was ready at a moment and had not begun: by what the
 * slices say, looked up anew each time.                                                         */
static long end_in_round(const json_t *events, const char *name, long round, long token)
{
    size_t i;
    json_t *e;
    json_array_foreach(events, i, e)
        if (is(e, "X", name) && arg(e, "round") == round && (token < 0 || arg(e, "token") == token))
            return ns(e, "ts") + ns(e, "dur");
    return LONG_MAX;
}

static long most(long a, long b) { return a > b ? a : b; }

static long ready_at(const json_t *events, const json_t *e)
{
    long t = arg(e, "round"), a = arg(e, "token"), ready = 0;
    if (is(e, "X", "step")) {
        ready = end_in_round(events, "plan", t, -1);
        return t ? most(ready, end_in_round(events, "mix", t - 1, a)) : ready;
    }
    for (long b = a + TOKENS - 1; b <= a + TOKENS + 1; b++)
        ready = most(ready, end_in_round(events, "step", t, b % TOKENS));
    return ready;
}

/* Whether a counter has another value later on in the same nanosecond, of several ticks. */
static bool is_overtaken(const json_t *events, size_t i)
{
    const json_t *e = json_array_get(events, i), *other;
    for (size_t j = i + 1; (other = json_array_get(events, j)); j++)
        if (is_counter(other, text(e, "name")) && ns(other, "ts") == ns(e, "ts"))
            return true;
    return false;
}

/* A counter's value at each of its moments is how many of the spans hold it. */
static void expect_counter(const json_t *events, const char *name, const long (*span)[2], size_t n)
{
    size_t i, seen = 0;
    double last = 0, least = 0;
    json_t *e;
    json_array_foreach(events, i, e) {
        int want = 0;
        if (!is_counter(e, name) || is_overtaken(events, i))
            continue;
        for (size_t k = 0; k < n; k++)
            want += span[k][0] <= ns(e, "ts") && ns(e, "ts") < span[k][1];
        last = value_of(e);
        least = fmin(least, last);
        cr_expect(last == want, "%s at %ld is %g, want %d", name, ns(e, "ts"), last, want);
        seen++;
    }
    cr_expect(last == 0 && least == 0, "%s ends at %g", name, last);
    cr_expect((seen > 0) == (n > 0), "%s has %zu values for %zu spans", name, seen, n);
}

Test(trace, counters_tell_the_tokens_that_are_ready_and_the_workers_that_sleep)
{
    struct tsgd_settings *s = small();
    struct tsgd_traced traced;
    long ready[2 * TOKENS * ROUNDS][2], asleep[4096][2];
    size_t n = 0, sleeps = 0, i;
    json_t *e;
    settings_change(s, "topology=ring");
    train(s, &traced);
    const json_t *events = parse();
    json_array_foreach(events, i, e) {
        if (is(e, "X", "step") || is(e, "X", "mix")) {
            ready[n][0] = ready_at(events, e);
            ready[n][1] = ns(e, "ts");
            n += ready[n][0] < ready[n][1];
        }
        if (is(e, "X", "sleep") && ns(e, "dur") > 0) {
            cr_assert(sleeps < 4096);
            asleep[sleeps][0] = ns(e, "ts");
            asleep[sleeps++][1] = ns(e, "ts") + ns(e, "dur");
        }
    }
    cr_expect(n > 0);
    expect_counter(events, "tokens ready", (const long (*)[2])ready, n);
    expect_counter(events, "sleepers", (const long (*)[2])asleep, sleeps);
}

/* ---- all kinds of runs ---- */

Test(trace, of_every_kind_of_run_is_valid, .timeout = 120)
{
    static const char *const runs[] = {
        "threads=1", "gossip=slices", "gossip=slices method=qg-dsgdm momentum=0.9", "mix-every=3",
        "mix-every=3 gossip=slices", "availability=0.6", "step-parts=2 batch=64",
        "trace-layers=true", "method=dsgd nodes=4 active= topology=exp", "momentum=0.9",
        "method=momentum-tracking nodes=5 active= momentum=0.9", "method=gt nodes=5 active=",
        "local-steps=2", "final-average=true", "trace-events=60", "trace-events=60 gossip=slices",
        "eval=tokens",
    };
    struct tsgd_traced traced;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        struct tsgd_settings *s = small();
        settings_change(s, "%s", runs[i]);
        train(s, &traced);
        cr_expect(count(parse(), "X", "step") > 0, "%s", runs[i]);
    }
}

/* What the check itself must find, in a file of one worker's track; ' stands for ". */
Test(trace, the_check_of_a_file_finds_what_is_wrong)
{
#define HEAD "{'displayTimeUnit':'ns','otherData':{'program':'t','events':2,'lost':0}," \
             "'traceEvents':["
#define TRACK "'pid':1,'tid':1,"
#define NAMES "{'ph':'M','name':'process_name','pid':1,'args':{'name':'p'}}," \
              "{'ph':'M','name':'thread_name'," TRACK "'args':{'name':'w'}},"
#define SLICE(ts, dur) "{'ph':'X','name':'a','cat':'c'," TRACK "'ts':" ts ",'dur':" dur "," \
                       "'args':{}}"
#define FLOW(ph, ts) "{'ph':'" ph "','name':'f','cat':'f'," TRACK "'ts':" ts ",'bp':'e','id':7}"
#define COUNT(value) "{'ph':'C','name':'n','cat':'c'," TRACK "'ts':1,'args':" value "}"
    static const struct { const char *events, *says; } files[] = {
        {NAMES SLICE("0", "10") "," SLICE("20", "5") "," FLOW("s", "1") "," FLOW("f", "20"), ""},
        {NAMES SLICE("0", "10") "," SLICE("2", "8") "," COUNT("{'v':1.5}"), ""},
        {NAMES SLICE("0", "10") "," SLICE("2", "9"), "ends after it"},
        {NAMES SLICE("1", "10"), "the first thing happens at 1000"},
        {NAMES SLICE("0", "-1"), "ends before it begins"},
        {SLICE("0", "10"), "is named 0 times"},
        {NAMES NAMES SLICE("0", "10"), "is named 2 times"},
        {NAMES SLICE("0", "10") "," FLOW("s", "1"), "begins 1 times and ends 0 times"},
        {NAMES SLICE("0", "10") "," FLOW("f", "1"), "begins 0 times and ends 1 times"},
        {NAMES SLICE("0", "10") "," FLOW("s", "1") "," FLOW("s", "2") "," FLOW("f", "3"),
         "begins 2 times"},
        {NAMES SLICE("0", "10") "," FLOW("s", "5") "," FLOW("f", "4"), "goes back in time"},
        {NAMES SLICE("0", "10") "," FLOW("s", "1") "," FLOW("f", "11"), "is in no slice"},
        {NAMES SLICE("0", "10") "," COUNT("{}"), "has 0 values"},
        {NAMES SLICE("0", "10") "," COUNT("{'v':'1'}"), "has the value 'v'"},
        {NAMES "{'ph':'B'}", "is of kind 'B'"},
        {NAMES "{'ph':'X','name':'a'," TRACK "'ts':0,'dur':1,'args':{}}", "lacks a field"},
        {NAMES "{'ph':'C','name':'n','cat':'c'," TRACK "'ts':0,'dur':1,'args':{'v':1}}",
         "has a field 'dur'"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char all[4096], why[512];
        json_error_t where;
        snprintf(all, sizeof all, HEAD "%s]}", files[i].events);
        for (char *c = all; *c; c++)
            *c = *c == '\'' ? '"' : *c;
        json_t *made = json_loads(all, 0, &where);
        cr_assert(made != NULL, "%s: %s", where.text, all);
        cr_expect(trace_is_valid(made, why, sizeof why) == !*files[i].says, "%zu: %s", i, why);
        cr_expect(strstr(why, files[i].says), "%zu: '%s', want '%s'", i, why, files[i].says);
        json_decref(made);
    }
}

#ifdef TSGD_HAS_PROBES
/* Each probe leaves a note in the program: provider and name, each ending with a zero. */
Test(trace, probes_are_there_for_those_who_attach)
{
    static const char *const names[] = {"round", "step__begin", "step__end", "mix__begin",
                                        "mix__end", "slice__begin", "slice__end", "claim",
                                        "wait__begin", "wait__end"};
    FILE *f = fopen("/proc/self/exe", "r");
    cr_assert(f && fseek(f, 0, SEEK_END) == 0);
    size_t size = (size_t)ftell(f);
    char *all = malloc(size);
    rewind(f);
    cr_assert(all && fread(all, 1, size, f) == size);
    fclose(f);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char note[64] = "telesgd";
        strcpy(note + sizeof "telesgd", names[i]);
        cr_expect(memmem(all, size, note, sizeof "telesgd" + strlen(names[i]) + 1), "no probe %s",
                  names[i]);
    }
    free(all);
}
#endif
