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

static struct slices slices_of(const json_t *events)
{
    struct slices s = {0, calloc(json_array_size(events) + 1, sizeof *s.of)};
    size_t i;
    json_t *e;
    json_array_foreach(events, i, e)
        if (is(e, "X", NULL))
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

Test(trace, every_step_and_every_mix_has_a_slice_and_slices_of_a_worker_do_not_overlap)
{
    struct tsgd_settings *s = small();
    struct tsgd_traced traced;
    train(s, &traced);
    const json_t *events = parse();
    struct slices all = slices_of(events);
    cr_expect(count(events, "X", "step") == TOKENS * ROUNDS);
    cr_expect(count(events, "X", "mix") == TOKENS * ROUNDS);
    cr_expect(count(events, "X", "plan") == ROUNDS + 1);
    cr_expect(all.n == traced.events && traced.lost == 0);
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

/* One chain for each token: it begins once, ends once, in time, and each link lies in a slice. */
static void expect_flows(const json_t *events, long id, long token, size_t links)
{
    struct slices all = slices_of(events);
    long first = -1, last = -1, least = LONG_MAX, most = -1;
    size_t n = 0, i;
    json_t *e;
    json_array_foreach(events, i, e) {
        if (!is(e, "s", NULL) && !is(e, "t", NULL) && !is(e, "f", NULL))
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
        expect_flows(events, a, a, 2 * ROUNDS);
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
    struct slices all = slices_of(events);
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
    cr_expect(count(events, "X", NULL) == 50);
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
    expect_flows(events, 6, 6, 2 * ROUNDS);
    expect_flows(events, (1L << 32) + 6, 6, 2 * ROUNDS);
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
