/* What every public call does when it is given NULL, argument by argument; that no argument is left
 * out is seen by reading telesgd.h. And calls that come at the wrong time.                       */
#include "program.h"
#include "scratch.h"
#include "sim/settings.h"
#include "telesgd.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(nulls, .init = enter_folder, .fini = leave_folder, .timeout = 60);

static const char small[] = "data=digits model=logistic nodes=10 active=4 rounds=5 threads=2";

enum { MOST = 128 };

/* Which arguments were tried, as "CALL ARGUMENT". */
struct tried {
    struct tsgd_error *err;     /* what calls are given; may be NULL */
    char of[MOST][96];
    size_t n;
};

static void note(struct tried *w, const char *call, const char *argument)
{
    cr_assert(w->n < MOST);
    snprintf(w->of[w->n++], sizeof w->of[0], "%s %s", call, argument);
}

static void see_refused(struct tried *w, const char *call, const char *argument,
                        enum tsgd_status st)
{
    char sentence[128];
    snprintf(sentence, sizeof sentence, "%s: %s is NULL", call, argument);
    cr_expect(st == TSGD_EINVAL, "%s: status %d", sentence, st);
    if (w->err) {
        cr_expect(w->err->status == TSGD_EINVAL);
        cr_expect(!strcmp(w->err->text, sentence), "'%s', want '%s'", w->err->text, sentence);
        *w->err = (struct tsgd_error){.status = TSGD_OK};
    }
    note(w, call, argument);
}

static void see(struct tried *w, const char *call, const char *argument, bool as_it_should)
{
    cr_expect(as_it_should, "%s: %s is NULL", call, argument);
    note(w, call, argument);
}

/* REFUSED: the status. FINE: what must hold after the call. */
#define REFUSED(call, argument, ...) see_refused(w, #call, #argument, call(__VA_ARGS__))
#define FINE(call, argument, ...) see(w, #call, #argument, (__VA_ARGS__))

static void try_settings(struct tried *w, struct tsgd_settings *s)
{
    struct tsgd_settings *out = s;
    REFUSED(tsgd_settings_create, out, NULL, w->err);
    REFUSED(tsgd_settings_copy, out, NULL, s, w->err);
    REFUSED(tsgd_settings_copy, from, &out, NULL, w->err);
    cr_expect(out == NULL, "on error *out is NULL");
    REFUSED(tsgd_settings_set, s, NULL, "lr", "0.5", w->err);
    REFUSED(tsgd_settings_set, name, s, NULL, "0.5", w->err);
    cr_assert(tsgd_settings_set(s, "lr", "0.5", NULL) == TSGD_OK);
    FINE(tsgd_settings_set, value, tsgd_settings_set(s, "lr", NULL, w->err) == TSGD_OK &&
                                   !strcmp(tsgd_settings_get(s, "lr"), "0.1"));
    FINE(tsgd_settings_get, s, tsgd_settings_get(NULL, "lr") == NULL);
    FINE(tsgd_settings_get, name, tsgd_settings_get(s, NULL) == NULL);
    FINE(tsgd_settings_free, s, (tsgd_settings_free(NULL), true));
}

static double gradient(const struct tsgd_call *call, const float *x, float *grad, void *user)
{
    (void)call, (void)x, (void)grad, (void)user;
    return 0;
}

static void try_objective(struct tried *w, struct tsgd_settings *s)
{
    const struct tsgd_objective o = {.size = sizeof o, .name = "flat", .dim = 3, .nodes = 4,
                                     .gradient = gradient};
    struct tsgd_random random;
    float out[3] = {7, 7, 7};
    REFUSED(tsgd_settings_set_objective, s, NULL, &o, w->err);
    cr_assert(tsgd_settings_set_objective(s, &o, w->err) == TSGD_OK);
    cr_expect(!strcmp(tsgd_settings_get(s, "model"), "objective:flat"));
    FINE(tsgd_settings_set_objective, objective,
         tsgd_settings_set_objective(s, NULL, w->err) == TSGD_OK && !tsgd_settings_get(s, "model"));
    FINE(tsgd_random_init, out, (tsgd_random_init(NULL, 1, 2), true));
    tsgd_random_init(&random, 1, 2);
    FINE(tsgd_random_u64, r, tsgd_random_u64(NULL) == 0 && tsgd_random_u64(&random) != 0);
    FINE(tsgd_random_below, r, tsgd_random_below(NULL, 5) == 0);
    cr_expect(tsgd_random_below(&random, 0) == 0);
    FINE(tsgd_random_uniform, r, isnan(tsgd_random_uniform(NULL)));
    FINE(tsgd_random_normal, r, isnan(tsgd_random_normal(NULL)));
    FINE(tsgd_random_normals, r, (tsgd_random_normals(NULL, out, 3), out[0] == 7));
    FINE(tsgd_random_normals, out, (tsgd_random_normals(&random, NULL, 3), true));
}

static void try_data(struct tried *w, struct tsgd_settings *s)
{
    static const float x[4] = {1, 2, 3, 4};
    static const uint16_t y[2] = {0, 1};
    const struct tsgd_memory m = {.size = sizeof m, .name = "two", .width = 2, .classes = 2,
                                  .train = {.count = 2, .floats = x, .labels = y},
                                  .test = {.count = 2, .floats = x, .labels = y}};
    struct tsgd_data *data = NULL;
    REFUSED(tsgd_data_from_memory, out, NULL, &m, w->err);
    REFUSED(tsgd_data_from_memory, from, &data, NULL, w->err);
    cr_expect(data == NULL);
    cr_assert(tsgd_data_from_memory(&data, &m, w->err) == TSGD_OK);
    REFUSED(tsgd_settings_set_data, s, NULL, data, w->err);
    cr_assert(tsgd_settings_set_data(s, data, w->err) == TSGD_OK);
    FINE(tsgd_settings_set_data, data,
         tsgd_settings_set_data(s, NULL, w->err) == TSGD_OK && !tsgd_settings_get(s, "data"));
    FINE(tsgd_data_free, data, (tsgd_data_free(NULL), true));
    tsgd_data_free(data);
}

static void try_run(struct tried *w, const struct tsgd_settings *s)
{
    struct tsgd_run *run;
    struct tsgd_placement place;
    struct tsgd_worker_shares shares;
    struct tsgd_tensor_info tensor;
    REFUSED(tsgd_run_create, out, NULL, s, w->err);
    REFUSED(tsgd_run_create, settings, &run, NULL, w->err);
    cr_expect(run == NULL);
    cr_assert(tsgd_run_create(&run, s, w->err) == TSGD_OK);
    FINE(tsgd_run_on_stall, run, (tsgd_run_on_stall(NULL, NULL, NULL), true));
    FINE(tsgd_run_on_stall, on_stall, (tsgd_run_on_stall(run, NULL, NULL), true));
    FINE(tsgd_run_on_checkpoint, run, (tsgd_run_on_checkpoint(NULL, NULL, NULL), true));
    FINE(tsgd_run_on_checkpoint, tell, (tsgd_run_on_checkpoint(run, NULL, NULL), true));
    FINE(tsgd_run_checkpoint, run, (tsgd_run_checkpoint(NULL), true));
    FINE(tsgd_run_stop, run, (tsgd_run_stop(NULL), true));
    FINE(tsgd_run_progress, run, tsgd_run_progress(NULL) == 0);
    FINE(tsgd_run_step_seconds, run, isnan(tsgd_run_step_seconds(NULL)));
    FINE(tsgd_run_info, run, tsgd_run_info(NULL) == NULL);
    REFUSED(tsgd_run_tensor, run, NULL, 0, &tensor, w->err);
    REFUSED(tsgd_run_tensor, out, run, 0, NULL, w->err);
    REFUSED(tsgd_run_train, run, NULL, NULL, NULL, NULL, w->err);
    enum tsgd_status st = tsgd_run_train(run, NULL, NULL, NULL, w->err);
    FINE(tsgd_run_train, on_eval, st == TSGD_OK);
    FINE(tsgd_run_train, summary, st == TSGD_OK);
    REFUSED(tsgd_run_place, run, NULL, 0, &place, w->err);
    REFUSED(tsgd_run_place, out, run, 0, NULL, w->err);
    REFUSED(tsgd_run_worker_shares, run, NULL, 0, &shares, w->err);
    REFUSED(tsgd_run_worker_shares, out, run, 0, NULL, w->err);
    FINE(tsgd_run_token, run, tsgd_run_token(NULL, 0) == NULL);
    FINE(tsgd_run_mean, run, tsgd_run_mean(NULL) == NULL && tsgd_run_mean(run) != NULL);
    REFUSED(tsgd_run_save, run, NULL, "x", w->err);
    REFUSED(tsgd_run_save, path, run, NULL, w->err);
    REFUSED(tsgd_run_save_trace, run, NULL, NULL, w->err);
    FINE(tsgd_run_save_trace, out, tsgd_run_save_trace(run, NULL, w->err) == TSGD_OK);
    FINE(tsgd_run_free, run, (tsgd_run_free(NULL), true));
    tsgd_run_free(run);
}

static void try_search(struct tried *w, const struct tsgd_settings *s)
{
    struct tsgd_tune *t;
    struct tsgd_tensor_info tensor;
    size_t n = 9;
    REFUSED(tsgd_tune_create, out, NULL, s, w->err);
    REFUSED(tsgd_tune_create, settings, &t, NULL, w->err);
    cr_expect(t == NULL);
    cr_assert(tsgd_tune_create(&t, s, w->err) == TSGD_OK);
    FINE(tsgd_tune_on_stall, t, (tsgd_tune_on_stall(NULL, NULL, NULL), true));
    FINE(tsgd_tune_on_stall, on_stall, (tsgd_tune_on_stall(t, NULL, NULL), true));
    FINE(tsgd_tune_on_checkpoint, t, (tsgd_tune_on_checkpoint(NULL, NULL, NULL), true));
    FINE(tsgd_tune_on_checkpoint, tell, (tsgd_tune_on_checkpoint(t, NULL, NULL), true));
    FINE(tsgd_tune_checkpoint, t, (tsgd_tune_checkpoint(NULL), true));
    FINE(tsgd_tune_stop, t, (tsgd_tune_stop(NULL), true));
    FINE(tsgd_tune_progress, t, tsgd_tune_progress(NULL) == 0);
    FINE(tsgd_tune_info, t, tsgd_tune_info(NULL) == NULL);
    REFUSED(tsgd_tune_tensor, t, NULL, 0, &tensor, w->err);
    REFUSED(tsgd_tune_tensor, out, t, 0, NULL, w->err);
    FINE(tsgd_tune_candidates, t, tsgd_tune_candidates(NULL, &n) == NULL && n == 0);
    FINE(tsgd_tune_candidates, n, tsgd_tune_candidates(t, NULL) != NULL);
    REFUSED(tsgd_tune_run, t, NULL, NULL, NULL, NULL, w->err);
    enum tsgd_status st = tsgd_tune_run(t, NULL, NULL, NULL, w->err);
    FINE(tsgd_tune_run, on_eval, st == TSGD_OK);
    FINE(tsgd_tune_run, out, st == TSGD_OK);
    FINE(tsgd_tune_mean, t, tsgd_tune_mean(NULL) == NULL && tsgd_tune_mean(t) != NULL);
    REFUSED(tsgd_tune_save, t, NULL, "x", w->err);
    REFUSED(tsgd_tune_save, path, t, NULL, w->err);
    REFUSED(tsgd_tune_save_trace, t, NULL, NULL, w->err);
    FINE(tsgd_tune_save_trace, out, tsgd_tune_save_trace(t, NULL, w->err) == TSGD_OK);
    FINE(tsgd_tune_free, t, (tsgd_tune_free(NULL), true));
    tsgd_tune_free(t);
}

static void try_files(struct tried *w, const struct tsgd_settings *s)
{
    struct tsgd_evaluated of;
    REFUSED(tsgd_evaluate_file, path, NULL, s, &of, w->err);
    REFUSED(tsgd_evaluate_file, settings, "x", NULL, &of, w->err);
    REFUSED(tsgd_evaluate_file, out, "x", s, NULL, w->err);
}

static void try_all(struct tried *w)
{
    try_settings(w, settings_of("%s", small));
    try_objective(w, settings_of("rounds=5"));
    try_data(w, settings_of("rounds=5"));
    try_run(w, settings_of("%s trace=trace.json", small));
    try_search(w, settings_of("data=blobs:300,5,3 model=logistic nodes=4 rounds=5 trace=t.json"));
    try_files(w, settings_of("data=digits"));
    cr_expect(access("x", F_OK) != 0, "what was refused wrote a file");
}

Test(nulls, what_must_be_there_is_asked_for_by_name_and_the_rest_may_be_left_out)
{
    struct tsgd_error err = {.status = TSGD_OK};
    struct tried with = {.err = &err}, without = {.err = NULL};
    try_all(&with);
    try_all(&without);
}

/* ---- the header ---- */

/* Blanks out comments, lines of the preprocessor, and the bodies of types. */
static void strip(char *text)
{
    int depth = 0;
    bool line = true;
    for (char *c = text; *c; c++) {
        if (c[0] == '/' && c[1] == '*') {
            char *end = strstr(c + 2, "*/");
            cr_assert(end != NULL);
            memset(c, ' ', (size_t)(end + 2 - c));
        }
        if (line && (*c == '#' || !strncmp(c, "extern \"C\"", 10) || !strncmp(c, "}\n", 2)))
            for (; *c && *c != '\n'; c++) {
                if (c[0] == '\\' && c[1] == '\n')
                    *c++ = ' ';
                *c = ' ';
            }
        line = *c == '\n';
        depth -= *c == '}';
        if (depth > 0 || *c == '}')
            *c = ' ';
        depth += *c == '{';
    }
}

/* The identifier that ends before `end`, into out[64]; empty if there is none. */
static void word_before(const char *start, const char *end, char out[64])
{
    while (end > start && isspace((unsigned char)end[-1]))
        end--;
    const char *first = end;
    while (first > start && (isalnum((unsigned char)first[-1]) || first[-1] == '_'))
        first--;
    snprintf(out, 64, "%.*s", (int)(end - first), first);
}

static bool was_tried(const struct tried *w, const char *call, const char *argument)
{
    char text[160];
    snprintf(text, sizeof text, "%s %s", call, argument);
    for (size_t i = 0; i < w->n; i++)
        if (!strcmp(w->of[i], text))
            return true;
    return false;
}

Test(nulls, every_pointer_of_every_call_in_the_header_is_tried)
{
    struct tried w = {.err = NULL};
    char path[PATH_MAX], call[64], argument[64];
    size_t calls = 0, pointers = 0;
    try_all(&w);
    tree_path(path, "include/telesgd.h");
    char *text = read_file(path), *rest = text, *statement;
    strip(text);
    while ((statement = strsep(&rest, ";"))) {
        char *open = strchr(statement, '('), *close = strrchr(statement, ')');
        if (!open || !close || strstr(statement, "typedef"))
            continue;
        word_before(statement, open, call);
        cr_assert(!strncmp(call, "tsgd_", 5), "'%s' in '%s'", call, statement);
        calls++;
        *close = 0;
        for (char *next = open + 1, *one; (one = strsep(&next, ","));) {
            word_before(one, one + strlen(one), argument);
            if (!strchr(one, '*') || !strcmp(argument, "err") || !strcmp(argument, "user"))
                continue;
            pointers++;
            cr_expect(was_tried(&w, call, argument), "%s: nothing tries %s", call, argument);
        }
    }
    cr_expect(calls >= 39, "%zu calls", calls);
    cr_expect(pointers == w.n, "%zu pointers, %zu tried", pointers, w.n);
}

/* ---- at the wrong time ---- */

static bool never(const struct tsgd_eval *e, void *user)
{
    (void)e;
    *(int *)user += 1;
    return false;
}

static void stalled(const char *text, void *user) { (void)text, (void)user; }

static bool free_it(const struct tsgd_eval *e, void *user)
{
    (void)e;
    tsgd_run_on_stall(user, stalled, NULL);
    tsgd_run_on_checkpoint(user, NULL, NULL);
    tsgd_run_free(user);
    return false;
}

/* Whoever frees a run too early keeps it, and whoever wants to be told too late is not. */
Test(nulls, a_run_that_is_trained_is_not_freed)
{
    struct tsgd_run *run;
    struct tsgd_summary end;
    int told = 0;
    cr_assert(tsgd_run_create(&run, settings_of("%s", small), NULL) == TSGD_OK);
    cr_assert(tsgd_run_train(run, free_it, run, &end, NULL) == TSGD_OK);
    cr_expect(end.last.round == 5 && tsgd_run_mean(run) != NULL);
    cr_expect(tsgd_run_train(run, never, &told, NULL, NULL) == TSGD_EINVAL && told == 0);
    tsgd_run_free(run);
}

static bool free_search(const struct tsgd_candidate *c, const struct tsgd_eval *e, void *user)
{
    (void)c, (void)e;
    tsgd_tune_free(user);
    return false;
}

Test(nulls, a_search_that_runs_is_not_freed)
{
    struct tsgd_tune *t;
    struct tsgd_settings *s = settings_of("data=blobs:300,5,3 model=logistic nodes=4 rounds=5");
    cr_assert(tsgd_tune_create(&t, s, NULL) == TSGD_OK);
    cr_assert(tsgd_tune_run(t, free_search, t, NULL, NULL) == TSGD_OK);
    cr_expect(tsgd_tune_mean(t) != NULL);
    tsgd_tune_free(t);
}

/* ---- the version, and tensors ---- */

Test(nulls, the_version_is_that_of_the_header_and_of_the_program)
{
    char line[64];
    struct result r = run("--version");
    snprintf(line, sizeof line, "telesgd %s\n", tsgd_version());
    cr_expect(!strncmp(r.out, line, strlen(line)), "%s", r.out);
    cr_expect(!strcmp(tsgd_version(), TELESGD_VERSION));
}

/* The tensors cut a row as the file of its mean does, whose header says where each of them is. */
static void expect_tensors(const struct tsgd_info *info, const float *mean, const char *path,
                           enum tsgd_status (*ask)(const void *of, uint64_t i,
                                                   struct tsgd_tensor_info *out,
                                                   struct tsgd_error *err), const void *of)
{
    struct tsgd_tensor_info t;
    struct tsgd_error err;
    FILE *f = fopen(path, "rb");
    uint64_t head_bytes, at = 0;
    cr_assert(f && fread(&head_bytes, 1, 8, f) == 8 && head_bytes < 1 << 16);
    char *head = keep(calloc(head_bytes + 1, 1));
    cr_assert(fread(head, 1, head_bytes, f) == head_bytes);
    json_t *all = json_loads(head, 0, NULL);
    cr_assert(all != NULL);
    cr_expect(json_object_size(all) == info->tensors + 1, "beside them, __metadata__");
    for (uint64_t i = 0; i < info->tensors; i++) {
        uint64_t product = 1;
        cr_assert(ask(of, i, &t, &err) == TSGD_OK, "%s", err.text);
        const json_t *there = json_object_get(all, t.name);
        const json_t *shape = json_object_get(there, "shape");
        const json_t *place = json_object_get(there, "data_offsets");
        cr_assert(there != NULL && json_array_size(shape) == t.rank, "%s", t.name);
        for (uint32_t j = 0; j < t.rank; j++)
            cr_expect(json_integer_value(json_array_get(shape, j)) == t.shape[j], "%s", t.name);
        for (uint32_t j = 0; j < 4; j++)
            product *= j < t.rank ? t.shape[j] : t.shape[j] == 0;
        cr_expect(product == t.count && t.offset == at, "%s", t.name);
        at += t.count;
        long from = (long)(8 + head_bytes) + json_integer_value(json_array_get(place, 0));
        float *stored = (float *)(void *)keep(calloc(t.count, sizeof *stored));
        cr_assert(fseek(f, from, SEEK_SET) == 0 && fread(stored, 4, t.count, f) == t.count);
        cr_expect(!memcmp(stored, mean + t.offset, 4 * t.count), "%s", t.name);
    }
    cr_expect(at == info->parameters);
    cr_expect(ask(of, info->tensors, &t, &err) == TSGD_EINVAL &&
              strstr(err.text, ": found tensor "), "%s", err.text);
    cr_expect(ask(of, UINT64_MAX, &t, &err) == TSGD_EINVAL);
    json_decref(all);
    fclose(f);
}

static enum tsgd_status ask_run(const void *of, uint64_t i, struct tsgd_tensor_info *out,
                                struct tsgd_error *err)
{
    return tsgd_run_tensor(of, i, out, err);
}

static enum tsgd_status ask_search(const void *of, uint64_t i, struct tsgd_tensor_info *out,
                                   struct tsgd_error *err)
{
    return tsgd_tune_tensor(of, i, out, err);
}

Test(nulls, tensors_cut_a_row_as_the_file_does)
{
    struct tsgd_settings *s = settings_of("data=digits nodes=10 active=4 rounds=3 threads=2");
    static const char *const models[] = {"mlp:12,7", "logistic"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct tsgd_run *run;
        settings_change(s, "model=%s", models[i]);
        cr_assert(tsgd_run_create(&run, s, NULL) == TSGD_OK);
        cr_assert(tsgd_run_train(run, NULL, NULL, NULL, NULL) == TSGD_OK);
        cr_assert(tsgd_run_save(run, "run", NULL) == TSGD_OK);
        expect_tensors(tsgd_run_info(run), tsgd_run_mean(run), "run", ask_run, run);
        tsgd_run_free(run);
    }
}

Test(nulls, tensors_of_a_search_cut_the_winners_row)
{
    struct tsgd_settings *s = settings_of("data=blobs:300,5,3 model=mlp:4 nodes=4 rounds=5");
    struct tsgd_tune *t;
    cr_assert(tsgd_tune_create(&t, s, NULL) == TSGD_OK);
    cr_expect(tsgd_tune_mean(t) == NULL);
    cr_assert(tsgd_tune_run(t, NULL, NULL, NULL, NULL) == TSGD_OK);
    cr_assert(tsgd_tune_save(t, "best", NULL) == TSGD_OK);
    expect_tensors(tsgd_tune_info(t), tsgd_tune_mean(t), "best", ask_search, t);
    tsgd_tune_free(t);
}
