/* What is told again from settings is what the run did: its trace says who held which token. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/replay.h"
#include "sim/settings.h"

enum { NODES = 11, ROUNDS = 60, THREADS = 3 };

static char trace[] = "/tmp/telesgd-replay-XXXXXX", away[] = "/tmp/telesgd-away-XXXXXX";

static void make_files(void)
{
    FILE *f = fdopen(mkstemp(away), "w");
    int fd = mkstemp(trace);
    cr_assert(f != NULL && fd >= 0);
    fprintf(f, "0 0 20\n3 0 7\n3 12 30\n4 0 0\n5 0 0\n6 0 0\n7 0 0\n8 0 0\n9 30 60\n");
    fclose(f);
    close(fd);
}

static void remove_files(void)
{
    unlink(trace);
    unlink(away);
}

TestSuite(replay, .init = make_files, .fini = remove_files, .timeout = 120);

/* seen[t][a]: who held token a in round t, as the trace has it; TSGD_AWAY where it took no step. */
static uint32_t seen[ROUNDS][NODES];

static void look(const json_t *event)
{
    const json_t *args = json_object_get(event, "args");
    const char *category = json_string_value(json_object_get(event, "cat"));
    const json_t *token = json_object_get(args, "token"), *node = json_object_get(args, "node");
    const json_t *round = json_object_get(args, "round");
    if (!category || strcmp(category, "step") || !json_is_integer(node))
        return;
    cr_assert(json_integer_value(round) < ROUNDS && json_integer_value(token) < NODES);
    seen[json_integer_value(round)][json_integer_value(token)] =
        (uint32_t)json_integer_value(node);
}

static void train(const struct tsgd_settings *s)
{
    struct tsgd_run *run;
    struct tsgd_error err;
    size_t i;
    json_t *event;
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_train(run, NULL, NULL, NULL, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_save_trace(run, NULL, &err) == TSGD_OK, "%s", err.text);
    tsgd_run_free(run);
    json_t *file = json_load_file(trace, 0, NULL);
    cr_assert(file != NULL);
    for (uint32_t t = 0; t < ROUNDS; t++)
        for (uint32_t a = 0; a < NODES; a++)
            seen[t][a] = TSGD_AWAY;
    json_array_foreach(json_object_get(file, "traceEvents"), i, event)
        look(event);
    json_decref(file);
}

/* Trains with these settings and replays them, in an order of rounds that no training has. Returns
 * how many steps there were.                                                                    */
static uint32_t expect_same(const char *settings)
{
    struct tsgd_settings *s = settings_of("data=digits model=logistic nodes=%d rounds=%d "
                                          "threads=%d batch=3 trace=%s %s", NODES, ROUNDS,
                                          THREADS, trace, settings);
    struct tsgd_replay r;
    struct tsgd_error err;
    uint32_t node[NODES], steps = 0;
    train(s);
    cr_assert(tsgd_replay_init(&r, s, &err) == TSGD_OK, "%s", err.text);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t t = i * 7 % ROUNDS;
        tsgd_replay_round(&r, t, node);
        for (uint32_t a = 0; a < r.setup.tokens; a++) {
            cr_assert(node[a] == seen[t][a], "%s: round %u, token %u: node %u, want %u", settings,
                      t, a, node[a], seen[t][a]);
            steps += node[a] != TSGD_AWAY;
        }
    }
    tsgd_replay_release(&r);
    return steps;
}

Test(replay, of_tokens_that_travel_is_what_the_trace_shows)
{
    cr_expect(expect_same("method=teleport active=4 seed=5") == 4 * ROUNDS);
    cr_expect(expect_same("method=teleport active=11 seed=6 topology=complete") == 11 * ROUNDS);
    cr_expect(expect_same("method=walk seed=7 active=3") == 3 * ROUNDS);
    cr_expect(expect_same("method=qg-dsgdm momentum=0.9 active=5") == 5 * ROUNDS);
}

Test(replay, of_tokens_that_stay_is_what_the_trace_shows)
{
    cr_expect(expect_same("method=dsgd topology=exp") == NODES * ROUNDS);
    cr_expect(expect_same("method=gt") == NODES * ROUNDS);
    cr_expect(expect_same("method=qg-dsgdm momentum=0.9") == NODES * ROUNDS);
}

Test(replay, of_nodes_that_come_and_go_is_what_the_trace_shows)
{
    char with[128];
    uint32_t steps = expect_same("method=teleport active=9 availability=0.6 seed=8");
    cr_expect(steps < 9 * ROUNDS && steps > 4 * ROUNDS, "%u steps", steps);
    steps = expect_same("method=dsgd availability=0.5 offline=isolate");
    cr_expect(steps < 8 * ROUNDS && steps > 4 * ROUNDS, "%u steps", steps);
    snprintf(with, sizeof with, "method=teleport active=6 availability-trace=%s", away);
    steps = expect_same(with);
    cr_expect(steps < 6 * ROUNDS && steps > 4 * ROUNDS, "%u steps", steps);
}

Test(replay, has_the_matrices_that_the_method_mixes_by)
{
    struct tsgd_settings *s = settings_of("data=digits model=logistic nodes=9 method=dsgd "
                                          "lazy=true topology=base:1");
    struct tsgd_replay r;
    struct tsgd_error err;
    cr_assert(tsgd_replay_init(&r, s, &err) == TSGD_OK, "%s", err.text);
    cr_assert(r.setup.tokens == 9 && r.mixing->w[0].n == 9 && r.mixing->period > 1);
    for (uint32_t t = 0; t < r.mixing->period; t++)
        for (uint32_t a = 0; a < 9; a++)
            for (uint32_t i = r.mixing->w[t].ptr[a]; i < r.mixing->w[t].ptr[a + 1]; i++)
                if (r.mixing->w[t].col[i] == a)
                    cr_expect(r.mixing->w[t].val[i] >= 0.5, "a lazy token keeps half of itself");
    tsgd_replay_release(&r);
}

Test(replay, needs_no_data_but_settings_that_go_together)
{
    struct tsgd_settings *s = settings_of("data=mnist data-dir=/nowhere model=lenet nodes=9 "
                                          "active=3");
    struct tsgd_replay r;
    struct tsgd_error err;
    cr_assert(tsgd_replay_init(&r, s, &err) == TSGD_OK, "%s", err.text);
    tsgd_replay_release(&r);
    s = settings_of("data=mnist model=lenet nodes=9 active=10");
    cr_expect(tsgd_replay_init(&r, s, &err) == TSGD_EINVAL && strstr(err.text, "--active"));
    tsgd_replay_release(&r);
}
