/* Checkpoints of runs over ranks: the file has the bytes that one process writes, one rank writes
 * it, and it leads to the same end on any number of ranks. The ranks are threads of one process
 * (sim/within.h).                                                                               */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "run/settings.h"
#include "scratch.h"
#include "sim/settings.h"
#include "sim/within.h"
#include "twin.h"

enum { MOST_RANKS = 4, MOST_EVALS = 200 };

/* What rank 0 was told, and what all came to. */
struct course {
    uint32_t n;
    struct tsgd_eval eval[MOST_EVALS];
    enum tsgd_status status;
    struct tsgd_summary summary;
    const char *remove;         /* this folder goes away at the first evaluation */
};

/* What trainings over ranks share. */
struct common {
    const char *words, *remove;
    bool tunes;
    const struct tsgd_objective *objective;     /* NULL: a model */
};

struct rank {
    struct tsgd_settings *s;
    struct course course;
    bool tunes;
    uint64_t active;            /* that a search has chosen */
    struct tsgd_error err;
};

static bool note(const struct tsgd_eval *eval, void *user)
{
    struct course *c = user;
    cr_assert(c->n < MOST_EVALS);
    struct tsgd_eval *to = &c->eval[c->n++];
    *to = *eval;
    to->wall_seconds = 0;
    to->bytes_between_ranks = 0;        /* of which one process has none */
    if (c->remove)
        cr_assert(c->n > 1 || rmdir(c->remove) == 0);
    return false;
}

static bool note_of(const struct tsgd_candidate *c, const struct tsgd_eval *eval, void *user)
{
    (void)c, (void)eval, (void)user;
    return false;
}

static void tune(struct rank *r)
{
    struct tsgd_error err;
    struct tsgd_tune *t;
    struct tsgd_tuning out;
    size_t n;
    cr_assert(tsgd_tune_create(&t, r->s, &err) == TSGD_OK, "%s", err.text);
    r->course.status = tsgd_tune_run(t, note_of, NULL, &out, &err);
    cr_assert(r->course.status == TSGD_OK, "%s", err.text);
    const struct tsgd_candidate *c = tsgd_tune_candidates(t, &n);
    for (size_t i = 0; i < n; i++)
        if (!c[i].diverged)             /* a resumed search knows no evaluation before */
            note(&c[i].last, &r->course);
    r->active = out.chosen->active;
    tsgd_tune_free(t);
}

static void *train(void *rank)
{
    struct rank *r = rank;
    struct tsgd_error err;
    struct tsgd_run *run;
    if (r->tunes) {
        tune(r);
        return NULL;
    }
    cr_assert(tsgd_run_create(&run, r->s, &err) == TSGD_OK, "%s", err.text);
    r->course.status = tsgd_run_train(run, note, &r->course, &r->course.summary, &err);
    tsgd_run_free(run);
    return NULL;
}

/* Trains, or searches, over so many ranks; one: as ever, in one process. */
static struct course over_with(uint32_t ranks, const struct common *all)
{
    static struct rank rank[MOST_RANKS];
    pthread_t thread[MOST_RANKS];
    struct within *w = within_create(ranks, 1, 20);
    for (uint32_t r = 0; r < ranks; r++) {
        rank[r] = (struct rank){.s = settings_of("%s", all->words), .tunes = all->tunes,
                                .course.remove = r == 0 ? all->remove : NULL};
        if (all->objective)
            cr_assert(tsgd_settings_set_objective(rank[r].s, all->objective, NULL) == TSGD_OK);
        rank[r].s->transport = ranks > 1 ? within_rank(w, r) : NULL;
        cr_assert(pthread_create(&thread[r], NULL, train, &rank[r]) == 0);
    }
    for (uint32_t r = 0; r < ranks; r++)
        pthread_join(thread[r], NULL);
    for (uint32_t r = 1; r < ranks; r++) {
        cr_assert(rank[r].course.status == rank[0].course.status);
        cr_assert(rank[r].active == rank[0].active);
    }
    cr_assert(within_is_empty(w));
    within_free(w);
    return rank[0].course;
}

static struct course over(uint32_t ranks, const char *command, const char *words)
{
    return over_with(ranks, &(struct common){.words = words, .tunes = !strcmp(command, "tune")});
}

/* Whether b was told what a was told of the rounds that b has. */
static bool is_end_of(const struct course *a, const struct course *b)
{
    if (b->n == 0 || b->n > a->n)
        return false;
    return !memcmp(&a->eval[a->n - b->n], b->eval, b->n * sizeof *b->eval);
}

/* ---- kinds of trainings ---- */

static const char *const kinds[] = {
    "train data=digits model=mlp:8 nodes=9 active=5 momentum=0.9",
    "train data=digits model=mlp:8 nodes=9 active=3 momentum=0.9 momentum-home=node"
        " topology=base:1",
    "train data=digits model=mlp:8 nodes=9 active=1 momentum=0.9 momentum-home=node",
    "train data=digits model=logistic nodes=9 active=6 availability=0.6",
    "train data=digits model=logistic nodes=9 method=dsgd momentum=0.9 momentum-home=node"
        " availability=0.7 offline=isolate",
    "train data=digits model=logistic nodes=9 active=4 mix-every=3 link-seconds=0.01 bandwidth=1e6",
    "train data=digits model=mlp:8 nodes=9 active=4 local-steps=2 validation=0.1 eval=tokens"
        " final-average=true",
    "train data=digits model=logistic nodes=6 method=gt",
    "train data=digits model=logistic nodes=6 method=momentum-tracking momentum=0.9",
    "train data=digits model=logistic nodes=6 method=d2 lazy=true",
    "train data=digits model=logistic nodes=6 method=allreduce",
    "train data=digits model=logistic nodes=6 active=5 method=qg-dsgdm momentum=0.9",
    "train model=quadratic nodes=9 dim=200000 active=5 momentum=0.9 lr=0.01",
    "tune data=digits model=logistic nodes=7",
    "tune model=quadratic nodes=5 lr-grid=0.01,0.02",
    "tune model=quadratic nodes=5 lr-grid=0.01,1e30",
};
enum { KINDS = sizeof kinds / sizeof *kinds, DIVERGES = KINDS - 1 };

/* Its command is left out. */
static const char *settings_of_kind(size_t kind) { return strchr(kinds[kind], ' ') + 1; }

static const char *command_of(size_t kind) { return kinds[kind][1] == 'u' ? "tune" : "train"; }

/* ---- files ---- */

struct file {
    json_t *header;
    char *data;
    size_t bytes;
};

/* Without what clocks and the checksum say. */
static struct file load(const char *path)
{
    struct file x = {.header = NULL};
    uint64_t length = 0;
    FILE *f = fopen(path, "rb");
    cr_assert(f && fread(&length, sizeof length, 1, f) == 1 && length < 1 << 20, "%s", path);
    char *text = calloc(1, length + 1);
    cr_assert(fread(text, 1, length, f) == length);
    x.header = json_loads(text, 0, NULL);
    json_t *meta = json_object_get(x.header, "__metadata__");
    cr_assert(json_object_del(meta, "telesgd.seconds") == 0);
    cr_assert(json_object_del(meta, "telesgd.xxh3") == 0);
    free(text);
    long at = ftell(f);
    fseek(f, 0, SEEK_END);
    x.bytes = (size_t)(ftell(f) - at);
    x.data = malloc(x.bytes);
    fseek(f, at, SEEK_SET);
    cr_assert(fread(x.data, 1, x.bytes, f) == x.bytes);
    fclose(f);
    return x;
}

/* Where a tensor begins, and its bytes; NULL: it is not there. */
static char *find(const struct file *x, const char *name, size_t *bytes)
{
    const json_t *at = json_object_get(json_object_get(x->header, name), "data_offsets");
    size_t from = (size_t)json_integer_value(json_array_get(at, 0));
    *bytes = (size_t)json_integer_value(json_array_get(at, 1)) - from;
    return at ? x->data + from : NULL;
}

/* What the passes before have taken. */
static void mask_search(const struct file *x)
{
    const size_t row = offsetof(struct tsgd_eval, metric);
    size_t n, last;
    char *took = find(x, "telesgd.search.seconds", &n);
    char *evals = find(x, "telesgd.search.last", &last);
    if (!took)
        return;
    memset(took, 0, n);
    for (size_t at = 0; at < last; at += row)
        memset(evals + at + offsetof(struct tsgd_eval, wall_seconds), 0, 8);
}

/* Of two populations the second has diverged, and not the first. */
static bool second_diverged(const struct file *x)
{
    size_t n;
    const char *key = find(x, "telesgd.diverged", &n);
    return n == 16 && key[7] == -1 && key[15] != -1;
}

/* diverged: looks at that alone. How soon a population stops to step after it has diverged, and so
 * what its rows become, depends on timing.                                                      */
static bool alike(const char *a, const char *b, bool diverged)
{
    struct file x = load(a), y = load(b);
    mask_search(&x);
    mask_search(&y);
    bool same = json_equal(x.header, y.header) && x.bytes == y.bytes &&
                (diverged ? second_diverged(&x) && second_diverged(&y) :
                            !memcmp(x.data, y.data, x.bytes));
    json_decref(x.header);
    json_decref(y.header);
    free(x.data);
    free(y.data);
    return same;
}

ParameterizedTestParameters(ranks_files, a_file_of_many_ranks_is_that_of_one_process)
{
    return twin_rows(KINDS);
}

/* Of round 12, the only one in 18 rounds that is due; more than a chunk comes from each rank where
 * the model is large.                                                                           */
ParameterizedTest(size_t *row, ranks_files, a_file_of_many_ranks_is_that_of_one_process,
                  .timeout = 120)
{
    struct scratch dir;
    char words[400], name[16];
    scratch_enter(&dir, "bytes");
    for (uint32_t ranks = 1; ranks <= MOST_RANKS; ranks++) {
        snprintf(words, sizeof words, "%s rounds=18 eval-every=5 threads=2 checkpoint=run.%u"
                 " checkpoint-every=12 keep=1", settings_of_kind(*row), ranks);
        over(ranks, command_of(*row), words);
        snprintf(name, sizeof name, "run.%u", ranks);
        cr_assert(alike("run.1", name, *row == DIVERGES), "%s: over %u ranks", kinds[*row], ranks);
    }
    scratch_leave(&dir);
}

ParameterizedTestParameters(ranks_files, a_run_goes_on_over_any_number_of_ranks)
{
    return twin_rows(KINDS);
}

/* From checkpoints in rounds that depend on the number of ranks and on timing. */
ParameterizedTest(size_t *row, ranks_files, a_run_goes_on_over_any_number_of_ranks, .timeout = 300)
{
    struct scratch dir;
    char words[400];
    const char *command = command_of(*row);
    scratch_enter(&dir, "goes-on");
    snprintf(words, sizeof words, "%s rounds=26 eval-every=3 threads=1", settings_of_kind(*row));
    struct course whole = over(1, command, words);
    for (uint32_t before = 1; before <= MOST_RANKS; before++)
        for (uint32_t after = 1; after <= MOST_RANKS; after++) {
            snprintf(words, sizeof words, "%s rounds=26 eval-every=3 threads=2 checkpoint=run.ckpt"
                     " checkpoint-every=%u", settings_of_kind(*row), 1 + before + after);
            struct course first = over(before, command, words);
            cr_assert(first.n == whole.n && is_end_of(&whole, &first), "%s: over %u ranks",
                      kinds[*row], before);
            snprintf(words, sizeof words, "resume=run.ckpt threads=%u", after % 3 + 1);
            struct course second = over(after, command, words);
            cr_assert(is_end_of(&whole, &second), "%s: from %u to %u ranks", kinds[*row], before,
                      after);
            cr_assert(unlink("run.ckpt") == 0);
        }
    scratch_leave(&dir);
}

/* Where nodes are is the machine's, as the number of ranks is. */
Test(ranks_files, a_run_goes_on_with_its_nodes_placed_otherwise, .timeout = 120)
{
    static const char *const place[] = {"block", "graph"};
    const char *kind = "data=digits model=mlp:8 nodes=12 method=dsgd topology=torus momentum=0.9"
                       " momentum-home=node rounds=26 eval-every=3";
    struct scratch dir;
    char words[400];
    scratch_enter(&dir, "placed");
    struct course whole = over(1, "train", kind);
    for (size_t i = 0; i < 2; i++)
        for (uint32_t after = 2; after <= MOST_RANKS; after++) {
            snprintf(words, sizeof words, "%s place=%s checkpoint=run.ckpt checkpoint-every=12",
                     kind, place[i]);
            over(3, "train", words);
            snprintf(words, sizeof words, "resume=run.ckpt place=%s", place[1 - i]);
            struct course second = over(after, "train", words);
            cr_assert(is_end_of(&whole, &second), "from 3 ranks by %s to %u", place[i], after);
            cr_assert(unlink("run.ckpt") == 0);
        }
    scratch_leave(&dir);
}

/* ---- what goes wrong on the rank that writes ---- */

Test(ranks_files, a_run_whose_checkpoints_cannot_be_written_goes_on, .timeout = 60)
{
    struct scratch dir;
    const char *words = "data=digits model=mlp:8 nodes=9 active=5 rounds=40 eval-every=4"
                        " checkpoint=there/run.ckpt checkpoint-every=9";
    scratch_enter(&dir, "gone");
    cr_assert(system("mkdir there") == 0);
    struct course whole = over(1, "train", words);
    cr_assert(whole.summary.checkpoints > 0 && !whole.summary.checkpoint_failed);
    cr_assert(system("rm there/run.ckpt") == 0);
    struct course c = over_with(3, &(struct common){.words = words, .remove = "there"});
    cr_assert(c.summary.checkpoints == 0 && c.summary.checkpoint_failed);
    cr_assert(c.n == whole.n && is_end_of(&whole, &c));
    scratch_leave(&dir);
}

/* The file is open and partly written when the disk has no more room for it. */
Test(ranks_files, a_run_whose_disk_is_full_goes_on, .timeout = 60)
{
    struct scratch dir;
    const char *words = "model=quadratic nodes=9 dim=200000 active=5 rounds=40 eval-every=4 lr=0.01"
                        " checkpoint=run.ckpt checkpoint-every=9";
    scratch_enter(&dir, "full");
    struct course whole = over(1, "train", words);
    cr_assert(unlink("run.ckpt") == 0);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert(setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20}) == 0);
    struct course c = over(3, "train", words);
    cr_assert(c.summary.checkpoints == 0 && c.summary.checkpoint_failed);
    cr_assert(c.n == whole.n && is_end_of(&whole, &c));
    cr_assert(access("run.ckpt", F_OK) != 0);
    scratch_leave(&dir);
}

/* ---- ranks that see other files ---- */

static void *try_run(void *rank)
{
    struct rank *r = rank;
    struct tsgd_run *run;
    r->course.status = tsgd_run_create(&run, r->s, &r->err);
    return NULL;
}

Test(ranks_files, a_rank_with_another_checkpoint_or_none_is_named, .timeout = 60)
{
    const char *words = "data=digits model=mlp:8 nodes=9 active=5 rounds=18 checkpoint=one"
                        " checkpoint-every=12";
    static const char *const other[] = {"other", "none"};
    static const char *const want[] = {"--resume: the checksum: found ", "none: cannot open: "};
    struct scratch dir;
    scratch_enter(&dir, "other");
    over(1, "train", words);
    cr_assert(system("mv one other") == 0);     /* they differ in what time it took */
    over(1, "train", words);
    for (size_t i = 0; i < 2; i++) {
        struct rank rank[3];
        pthread_t thread[3];
        struct within *w = within_create(3, 1, 20);
        for (uint32_t r = 0; r < 3; r++) {
            const char *from = r == 1 ? other[i] : "one";
            rank[r] = (struct rank){.s = settings_of("checkpoint=new resume=%s", from)};
            rank[r].s->transport = within_rank(w, r);
            cr_assert(pthread_create(&thread[r], NULL, try_run, &rank[r]) == 0);
        }
        for (uint32_t r = 0; r < 3; r++)
            pthread_join(thread[r], NULL);
        for (uint32_t r = 0; r < 3; r++) {
            cr_assert(rank[r].course.status != TSGD_OK);
            cr_assert(!strncmp(rank[r].err.text, "rank 1 on ", 10) &&
                      strstr(rank[r].err.text, want[i]), "%s", rank[r].err.text);
        }
        within_free(w);
    }
    scratch_leave(&dir);
}

/* ---- a divergence that the token alone knows of ---- */

enum { BAD_ROUND = 11 };
static _Atomic uint64_t gradients;

/* Slow, so that all is planned far ahead. The loss of the round before the checkpoint is bad. */
static double turn_bad(const struct tsgd_call *call, const float *x, float *grad, void *user)
{
    (void)call, (void)x, (void)user;
    usleep(2000);
    grad[0] = 1;
    return gradients++ == BAD_ROUND ? (double)NAN : 1;
}

/* One token walks from rank to rank. Where it stands in round 12 nobody has seen it diverge. */
Test(ranks_files, a_run_that_has_diverged_on_another_rank_writes_nothing, .timeout = 60)
{
    const struct tsgd_objective o = {.size = sizeof o, .name = "bad", .dim = 3, .nodes = 9,
                                     .gradient = turn_bad};
    struct scratch dir;
    char words[200];
    scratch_enter(&dir, "diverged");
    for (unsigned seed = 0; seed < 8; seed++) {
        snprintf(words, sizeof words, "method=walk active=1 rounds=30 eval-every=99 seed=%u"
                 " checkpoint=run.ckpt checkpoint-every=12", seed);
        gradients = 0;
        struct course c = over_with(3, &(struct common){.words = words, .objective = &o});
        cr_assert(c.status == TSGD_EDIVERGED && c.summary.checkpoints == 0, "seed %u", seed);
        cr_assert(c.summary.diverged_round == BAD_ROUND && access("run.ckpt", F_OK) != 0);
    }
    gradients = BAD_ROUND + 1;          /* never bad */
    struct course c = over_with(3, &(struct common){.words = words, .objective = &o});
    cr_assert(c.status == TSGD_OK && c.summary.checkpoints > 0);
    scratch_leave(&dir);
}
