/* A trace of several ranks is one file: each is a process of it, on one clock, and what one sends
 * and another receives is an arrow. Ranks are threads here; what they record is made up, or of a
 * run.                                                                                          */
#include "base/clock.h"
#include "over_ranks.h"
#include "run/place.h"
#include "run/trace.h"
#include "sim/settings.h"
#include "sim/within.h"
#include "trace_check.h"
#include "transport/await.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(trace_ranks, .timeout = 120);

enum { RANKS = 3, MESSAGES = 4, ROOM = 64, MS = 1000000 };

static const struct tsgd_trace_kind
    step = {"step", "step", {"token", "round", "node"}, TSGD_TRACE_FLOWS},
    sent = {"send", "message", {"token", "round", "rank"}, TSGD_TRACE_SENT},
    received = {"receive", "message", {"token", "round", "rank"}, TSGD_TRACE_RECEIVED};

struct told {
    char path[64];
    struct within *world;
    size_t room;                /* of a track */
    int64_t ahead[RANKS];       /* that each rank's clock is said to be */
    enum tsgd_status st[RANKS];
    struct tsgd_error err[RANKS];
    struct tsgd_traced traced[RANKS];
    struct tsgd_clock_offset offset[RANKS];
};

struct teller {
    struct told *all;
    uint32_t rank;
};

/* The same moment by both clocks: of some tries the one in which least passed between the two. */
static void look_at_clocks(uint64_t *ticks, uint64_t *ns)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 8; i++) {
        uint64_t before = tsgd_now_ns(), now = tsgd_ticks(), took = tsgd_ns_since(before);
        if (took < least) {
            least = took;
            *ns = before;
            *ticks = now;
        }
    }
}

static double ticks_per_ns(void)
{
    uint64_t ns[2], ticks[2];
    look_at_clocks(&ticks[0], &ns[0]);
    while (tsgd_ns_since(ns[0]) < 5 * MS)
        ;
    look_at_clocks(&ticks[1], &ns[1]);
    return (double)(ticks[1] - ticks[0]) / (double)(ns[1] - ns[0]);
}

static uint64_t start_ticks;    /* 0 ms of what is recorded: a moment that is still to come */
static double per_ns;

static void add(struct tsgd_trace *t, const struct tsgd_trace_kind *kind, double ms, uint32_t token,
                uint32_t round, uint32_t third)
{
    tsgd_track_add(tsgd_trace_track(t, 0), &(struct tsgd_trace_event){
        .begin = start_ticks + (uint64_t)(ms * MS * per_ns),
        .end = start_ticks + (uint64_t)((ms + 0.25) * MS * per_ns), .kind = kind,
        .number = {token, round, third}});
}

/* In round t token 0 is stepped on rank t % RANKS, and sent to the next one, where it arrives half
 * a millisecond later.                                                                          */
static void record(struct tsgd_trace *t, uint32_t rank)
{
    for (uint32_t round = 0; round < MESSAGES; round++) {
        uint32_t from = round % RANKS, to = (round + 1) % RANKS;
        if (rank == from) {
            add(t, &step, round, 0, round, rank);
            add(t, &sent, round + 0.25, 0, round, to);
        }
        if (rank == to)
            add(t, &received, round + 0.75, 0, round, from);
    }
}

static void *tell(void *arg)
{
    struct teller *me = arg;
    struct told *all = me->all;
    struct tsgd_setup setup = {.s = settings_of("trace=%s", all->path)};
    setup.ranks = (struct tsgd_ranks){.rank = me->rank, .ranks = RANKS, .nodes = RANKS};
    setup.s->transport = within_rank(all->world, me->rank);
    cr_assert(tsgd_trace_create(&setup.trace, all->room, false, NULL) == TSGD_OK);
    cr_assert(tsgd_trace_reserve(setup.trace, 1 + (me->rank == 1), NULL) == TSGD_OK);
    tsgd_trace_set_clock(setup.trace, all->ahead[me->rank], 0);
    record(setup.trace, me->rank);
    usleep(20000);              /* ticks are told by what passes between create and now */
    all->st[me->rank] = tsgd_trace_save(&setup, &all->traced[me->rank], &all->err[me->rank]);
    tsgd_trace_free(setup.trace);
    return NULL;
}

static void *compare(void *arg)
{
    struct teller *me = arg;
    me->all->offset[me->rank] = tsgd_compare_clocks(within_rank(me->all->world, me->rank));
    return NULL;
}

static void run_ranks(struct told *all, void *(*main)(void *), uint32_t late)
{
    pthread_t thread[RANKS];
    struct teller teller[RANKS];
    all->world = within_create(RANKS, 3, late);
    for (uint32_t r = 0; r < RANKS; r++) {
        teller[r] = (struct teller){all, r};
        cr_assert(pthread_create(&thread[r], NULL, main, &teller[r]) == 0);
    }
    for (uint32_t r = 0; r < RANKS; r++)
        pthread_join(thread[r], NULL);
    cr_expect(within_is_empty(all->world));
    within_free(all->world);
}

/* The file's events; the caller frees the file. */
static json_t *tell_all(struct told *all)
{
    json_error_t why;
    strcpy(all->path, "/tmp/telesgd-ranks-XXXXXX");
    int fd = mkstemp(all->path);
    cr_assert(fd >= 0);
    close(fd);
    per_ns = ticks_per_ns();
    start_ticks = tsgd_ticks() + (uint64_t)(100 * MS * per_ns);
    run_ranks(all, tell, 5);
    for (uint32_t r = 0; r < RANKS; r++)
        cr_assert(all->st[r] == TSGD_OK, "rank %u: %s", r, all->err[r].text);
    json_t *file = json_load_file(all->path, JSON_REJECT_DUPLICATES, &why);
    cr_assert(file != NULL, "line %d: %s", why.line, why.text);
    if (!all->ahead[1])         /* else it arrives before it is sent, as clocks are said to be */
        expect_valid_trace(file);
    unlink(all->path);
    return file;
}

static bool is(const json_t *e, const char *ph, const char *name)
{
    const char *p = json_string_value(json_object_get(e, "ph"));
    const char *n = json_string_value(json_object_get(e, "name"));
    return p && n && !strcmp(p, ph) && !strcmp(n, name);
}

static double number(const json_t *e, const char *name)
{
    const json_t *value = json_object_get(e, name);
    cr_assert(json_is_number(value), "an event has no %s", name);
    return json_number_value(value);
}

/* Of an arrow that begins in event s, the end; there must be one, and one alone. */
static const json_t *end_of(const json_t *events, const json_t *s)
{
    const json_t *found = NULL;
    json_t *e;
    size_t i;
    json_array_foreach(events, i, e)
        if (is(e, "f", "message") &&
            json_equal(json_object_get(e, "id"), json_object_get(s, "id"))) {
            cr_expect(!found, "an arrow ends twice");
            found = e;
        }
    cr_assert(found, "an arrow has no end");
    return found;
}

static size_t count(const json_t *events, const char *ph, const char *name)
{
    size_t n = 0, i;
    json_t *e;
    json_array_foreach(events, i, e)
        n += is(e, ph, name);
    return n;
}

/* ---- tests ---- */

Test(trace_ranks, are_processes_of_one_file_with_a_name_each)
{
    struct told all = {.room = ROOM};
    char host[64] = "", want[96];
    bool seen[RANKS + 1] = {false};
    json_t *file = tell_all(&all), *events = json_object_get(file, "traceEvents"), *e;
    size_t i;
    gethostname(host, sizeof host - 1);
    json_array_foreach(events, i, e) {
        uint32_t rank = (uint32_t)number(e, "pid") - 1;
        cr_assert(rank <= RANKS);
        if (!is(e, "M", "process_name"))
            continue;
        if (rank == RANKS)
            strcpy(want, "nodes");
        else
            snprintf(want, sizeof want, "rank %u (%s)", rank, host);
        cr_expect_str_eq(json_string_value(json_object_get(json_object_get(e, "args"), "name")),
                         want);
        cr_expect(!seen[rank]);
        seen[rank] = true;
    }
    cr_expect(seen[0] && seen[1] && seen[2] && seen[RANKS]);
    cr_expect_eq(count(events, "M", "thread_name"), RANKS + 1 + RANKS);         /* and nodes */
    json_decref(file);
}

Test(trace_ranks, have_an_arrow_for_each_message_from_its_sender_to_its_receiver)
{
    struct told all = {.room = ROOM};
    json_t *file = tell_all(&all), *events = json_object_get(file, "traceEvents"), *s;
    size_t i, arrows = 0;
    json_array_foreach(events, i, s) {
        if (!is(s, "s", "message"))
            continue;
        const json_t *f = end_of(events, s);
        uint32_t round = (uint32_t)(number(s, "ts") / 1e3);     /* one begins every ms */
        cr_expect_eq((uint32_t)number(s, "pid") - 1, round % RANKS);
        cr_expect_eq((uint32_t)number(f, "pid") - 1, (round + 1) % RANKS);
        cr_expect_float_eq(number(f, "ts") - number(s, "ts"), 500, 50);
        arrows++;
    }
    cr_expect_eq(arrows, MESSAGES);
    cr_expect_eq(count(events, "f", "message"), MESSAGES);
    json_decref(file);
}

/* Rank 1's clock is 10 ms ahead of rank 0's: what it saw happened 10 ms earlier than it says. */
Test(trace_ranks, tell_times_by_the_clock_of_the_first)
{
    struct told all = {.room = ROOM, .ahead = {0, 10 * MS, -7 * MS}};
    json_t *file = tell_all(&all), *events = json_object_get(file, "traceEvents"), *s;
    size_t i;
    double least = 1e9;
    json_array_foreach(events, i, s)
        least = is(s, "X", "step") && number(s, "ts") < least ? number(s, "ts") : least;
    json_array_foreach(events, i, s) {
        if (!is(s, "X", "step"))
            continue;
        double round = number(json_object_get(s, "args"), "round");
        double ahead = (double)all.ahead[(int)round % RANKS] / 1e3;
        /* The first of all is round 0's receive on rank 1, at 0.75 ms - 10 ms. */
        cr_expect_float_eq(number(s, "ts"), round * 1e3 - ahead - (750 - 1e4), 50);
    }
    json_decref(file);
}

/* One chain for token 0, over the nodes: it begins at node 0, of rank 0, and ends at that of the
 * last rank that stepped it.                                                                    */
Test(trace_ranks, show_a_token_as_one_flow_across_all)
{
    struct told all = {.room = ROOM};
    json_t *file = tell_all(&all), *events = json_object_get(file, "traceEvents"), *e;
    size_t i;
    cr_expect_eq(count(events, "s", "token"), 1);
    cr_expect_eq(count(events, "t", "token"), MESSAGES - 2);
    cr_expect_eq(count(events, "f", "token"), 1);
    json_array_foreach(events, i, e) {
        if (is(e, "s", "token"))
            cr_expect(number(e, "pid") == RANKS + 1 && number(e, "tid") == 1);
        if (is(e, "f", "token"))
            cr_expect(number(e, "pid") == RANKS + 1 &&
                      number(e, "tid") == 1 + (MESSAGES - 1) % RANKS);
    }
    json_decref(file);
}

/* Tracks have room for two events: rank 1 loses what it sends in round 1. So no arrow is left of
 * rounds from 1 on, whatever others have recorded of them.                                      */
Test(trace_ranks, show_no_arrow_of_which_one_end_was_lost)
{
    struct told all = {.room = 2};
    json_t *file = tell_all(&all), *events = json_object_get(file, "traceEvents"), *s;
    const json_t *other = json_object_get(file, "otherData");
    size_t i, arrows = 0;
    uint64_t events_told = 0, lost = 0;
    json_array_foreach(events, i, s)
        if (is(s, "s", "message")) {
            end_of(events, s);
            arrows++;
        }
    cr_expect_eq(arrows, count(events, "f", "message"));
    cr_expect_eq(arrows, 1);
    for (uint32_t r = 0; r < RANKS; r++) {
        events_told = all.traced[r].events;
        lost = all.traced[r].lost;
        cr_expect(events_told == 6 && lost == 3 * MESSAGES - 6, "%lu, %lu", events_told, lost);
    }
    cr_expect_eq(number(other, "events"), (double)events_told);
    cr_expect_eq(number(other, "lost"), (double)lost);
    cr_expect_eq(count(events, "X", "step") + count(events, "X", "send") +
                 count(events, "X", "receive"), events_told);
    json_decref(file);
}

Test(trace_ranks, all_hear_that_the_file_cannot_be_written)
{
    struct told all = {.room = ROOM, .path = "/nowhere/at/all.json"};
    start_ticks = tsgd_ticks();
    per_ns = 1;
    run_ranks(&all, tell, 0);
    for (uint32_t r = 0; r < RANKS; r++) {
        cr_expect_eq(all.st[r], TSGD_EIO);
        cr_expect(strstr(all.err[r].text, "--trace: "), "rank %u: %s", r, all.err[r].text);
    }
}

/* All ranks of a test have one clock. */
Test(trace_ranks, find_how_far_their_clocks_are_apart)
{
    struct told all = {.room = ROOM};
    run_ranks(&all, compare, 3);
    for (uint32_t r = 0; r < RANKS; r++)
        cr_expect((uint64_t)llabs((long long)all.offset[r].ahead) <= all.offset[r].error,
                  "rank %u: %ld ns, at most %lu off", r, all.offset[r].ahead, all.offset[r].error);
    cr_expect(all.offset[0].error == 0 && all.offset[1].error > 0);
}

/* ---- of runs ---- */

static json_t *trace_run(const char *more, uint32_t ranks, struct tsgd_traced *traced)
{
    char path[64] = "/tmp/telesgd-ranks-XXXXXX";
    struct over_ranks got;
    json_error_t why;
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    close(fd);
    run_over_ranks(&got, settings_of("data=digits model=mlp:8 rounds=12 eval-every=5 threads=2 "
                                     "trace=%s %s", path, more), ranks, 6);
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    cr_assert(file != NULL, "line %d: %s", why.line, why.text);
    expect_valid_trace(file);
    unlink(path);
    for (uint32_t r = 0; r < ranks; r++)
        cr_expect(got.traced[r].events == got.traced[0].events && got.traced[r].lost == 0);
    *traced = got.traced[0];
    return file;
}

/* The slice at which an arrow begins or ends. */
static const json_t *slice_at(const json_t *events, const json_t *arrow, const char *name)
{
    json_t *e;
    size_t i;
    json_array_foreach(events, i, e)
        if (is(e, "X", name) && number(e, "pid") == number(arrow, "pid") &&
            number(e, "tid") == number(arrow, "tid") && number(e, "ts") == number(arrow, "ts"))
            return e;
    cr_assert_fail("an arrow is in no slice '%s'", name);
    return NULL;
}

static uint32_t arg(const json_t *slice, const char *name)
{
    return (uint32_t)number(json_object_get(slice, "args"), name);
}

/* Each arrow leads from what sends a token's half-step of a round to what receives that, on the
 * rank that it was sent to, and forwards in time as far as the clocks can tell. How many there
 * are.                                                                                          */
static size_t check_arrows(const json_t *file)
{
    const json_t *events = json_object_get(file, "traceEvents"), *s;
    double error = number(json_object_get(file, "otherData"), "clock_error_ns") / 1e3;
    size_t i, arrows = 0;
    json_array_foreach(events, i, s) {
        if (!is(s, "s", "message"))
            continue;
        const json_t *f = end_of(events, s);
        const json_t *from = slice_at(events, s, "send"), *to = slice_at(events, f, "receive");
        cr_expect(arg(from, "token") == arg(to, "token") && arg(from, "round") == arg(to, "round"));
        cr_expect_eq(arg(from, "rank") + 1, number(to, "pid"));
        cr_expect_eq(arg(to, "rank") + 1, number(from, "pid"));
        cr_expect(number(f, "ts") >= number(s, "ts") - 2 * error, "received at %g, sent at %g, "
                  "clocks may be %g off", number(f, "ts"), number(s, "ts"), error);
        arrows++;
    }
    cr_expect_eq(count(events, "f", "message"), arrows);
    cr_expect_eq(count(events, "X", "send"), arrows);
    cr_expect_eq(count(events, "X", "receive"), arrows);
    return arrows;
}

/* As many arrows as there are rows between the ranks. */
Test(trace_ranks, of_a_run_with_fixed_holders_have_an_arrow_for_each_row)
{
    struct tsgd_traced traced;
    struct tsgd_mixing w = TSGD_MIXING_INIT;
    struct tsgd_cut cut;
    cr_assert(tsgd_topology_build(&w, "exp", 10, 0, NULL) == TSGD_OK);
    for (uint32_t ranks = 2; ranks <= RANKS; ranks++) {
        json_t *file = trace_run("method=dsgd topology=exp nodes=10", ranks, &traced);
        struct tsgd_ranks r = {.ranks = ranks, .nodes = 10};
        cr_assert(tsgd_place_cut(&cut, &w, &r, NULL) == TSGD_OK);
        cr_expect_eq(check_arrows(file), cut.rows * 12, "%u ranks", ranks);
        json_decref(file);
    }
    tsgd_mixing_release(&w);
}

/* The thread that writes checkpoints looks at the network too, and what it sends and receives is in
 * the trace as well.                                                                            */
Test(trace_ranks, of_a_run_with_checkpoints_lose_no_arrow)
{
    struct tsgd_traced traced;
    struct tsgd_mixing w = TSGD_MIXING_INIT;
    struct tsgd_ranks r = {.ranks = RANKS, .nodes = 10};
    struct tsgd_cut cut;
    char path[] = "/tmp/telesgd-ranks-XXXXXX", more[128];
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    close(fd);
    snprintf(more, sizeof more, "method=dsgd topology=exp nodes=10 checkpoint=%s "
             "checkpoint-every=2", path);
    json_t *file = trace_run(more, RANKS, &traced), *e;
    const json_t *events = json_object_get(file, "traceEvents");
    size_t i, writers = 0;
    unlink(path);
    cr_assert(tsgd_topology_build(&w, "exp", 10, 0, NULL) == TSGD_OK);
    cr_assert(tsgd_place_cut(&cut, &w, &r, NULL) == TSGD_OK);
    cr_expect_eq(check_arrows(file), cut.rows * 12);
    json_array_foreach(events, i, e)
        writers += is(e, "M", "thread_name") && !strcmp("checkpoints", json_string_value(
            json_object_get(json_object_get(e, "args"), "name")));
    cr_expect_eq(writers, RANKS);
    json_decref(file);
    tsgd_mixing_release(&w);
}

/* A token is stepped once a round, on whatever rank, and mixed once. */
Test(trace_ranks, of_a_run_that_teleports_have_each_step_once)
{
    enum { TOKENS = 5, ROUNDS = 12 };
    struct tsgd_traced traced;
    int steps[ROUNDS][TOKENS] = {{0}};
    json_t *file = trace_run("nodes=20 active=5 momentum=0.9", RANKS, &traced), *e;
    const json_t *events = json_object_get(file, "traceEvents");
    size_t i;
    cr_expect(check_arrows(file) > 0);
    json_array_foreach(events, i, e)
        if (is(e, "X", "step"))
            cr_expect(++steps[arg(e, "round")][arg(e, "token")] == 1);
    cr_expect_eq(count(events, "X", "step"), TOKENS * ROUNDS);
    cr_expect_eq(count(events, "X", "mix"), TOKENS * ROUNDS);
    cr_expect_eq(count(events, "s", "token"), TOKENS);
    cr_expect_eq(count(events, "f", "token"), TOKENS);
    cr_expect(count(events, "X", "send: private rows") > 0);
    /* Each mix reads its token's half-step and those of two others, made here or received. */
    cr_expect_eq(count(events, "s", "step"), TOKENS * ROUNDS);
    cr_expect_eq(count(events, "s", "gossip"), 2 * TOKENS * ROUNDS);
    cr_expect_eq(count(events, "s", "teleport") + count(events, "s", "stay"),
                 TOKENS * (ROUNDS - 1));
    json_decref(file);
}
