/* tests/faults/faults.c: each call by which the program takes memory, writes, reads, opens, syncs,
 * renames, maps or starts a thread fails once, over a matrix of small commands; memory and the disk
 * also are used up from there on. Whatever fails, the
 * program may not crash or hang; it ends with code 0 only if all that it wrote and printed is as
 * without the fault, and otherwise says one sentence; each file is what it was before, or is whole
 * and right (a log: a right start), and none is left over.
 *     faults PROGRAM SHIM [EVERY [COMMAND [KIND [NTH]]]]
 * EVERY: only every so manieth fault. The others choose one command, kind of call and call.     */
#include "faults/tree.h"
#include "faults/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 60, MOST_WORDS = 64, MOST_LOGS = 4, NO_ANSWER = 99 };

#define SMALL " --data digits --model logistic --nodes 6 --rounds 4 --eval-every 2 --progress off"

struct command {
    const char *name, *words;
    const char *files;              /* of the stock, as it needs them; OLD=NEW gives another name */
    enum {
        ALL_OR_NOTHING,
        /* What cannot be read of the logs that the words name is told of and left out. */
        LEAVES_OUT,
        /* Whichever checkpoints it comes to write, each leads to the end that it comes to. */
        CHECKPOINTS,
        /* Tells in its files which runs are lacking, and the same command makes them; says what
         * stopped a run, and how many were stopped.                                             */
        GOES_ON,
    } manner;
};

/* What the commands below read, made in this order by the program itself. */
static const char *const stock[] = {
    "train" SMALL " --active 3 --seed 7 --threads 1 --log one.jsonl --save one.safetensors"
        " --save-split one.split --trace one.json",
    "train" SMALL " --active 2 --seed 8 --threads 1 --log two.jsonl",
    "train" SMALL " --active 3 --seed 7 --checkpoint one.checkpoint --checkpoint-every 2 "
        "--log stopped.jsonl",
    "tune" SMALL " --seed 7 --threads 1 --log tune.jsonl --save tune.safetensors",
    "sweep grid.ini -o old --jobs 1 --progress off seed=0",
    "compare one.jsonl two.jsonl --plot one.svg",
    "report one.jsonl -o one.html",
};

/* What is written by hand. */
static const struct {
    const char *name, *text;
} texts[] = {
    {"grid.ini", "data = digits\nmodel = logistic\nnodes = 6\nactive = 2\nrounds = 4\n"
                 "eval-every = 2\nseed = 0..1\n"},
    {"run.ini", "# settings\ndata = digits\nmodel = logistic ; small\nnodes = 6\nactive = 3\n"
                "rounds = 4\neval-every = 2\nthreads = 2\nsplit = one.split\n"
                "init = one.safetensors\ntopology = file:graph.txt\n"
                "availability-trace = away.txt\n"},
    {"table.csv", "a;b;kind\n1;2;cat\n3;4;\"dog\"\n5;6;cat\n7;8;dog\n9;0;cat\n1;3;dog\n"},
    {"sparse.txt", "+1 1:2 3:4\n-1 2:5\n+1 3:1\n-1 1:1\n+1 4:7\n-1 2:2\n"},
    {"graph.txt", "# a ring of three\n0 1\n1 2\n2 0\n"},
    {"away.txt", "0 0 1\n1 2 3\n"},
};

#define OUTPUTS " --log run.jsonl --save run.safetensors --save-split run.split --trace run.json"
#define OLD_FILES "one.jsonl=run.jsonl one.safetensors=run.safetensors one.split=run.split " \
    "one.json=run.json"

static const struct command matrix[] = {
    {"train", "train" SMALL " --active 3 --threads 2" OUTPUTS, "", 0},
    {"train-over-old-files", "train" SMALL " --active 3 --threads 1" OUTPUTS, OLD_FILES, 0},
    {"train-by-files", "train --config run.ini --progress off --log run.jsonl "
        "--save run.safetensors", "run.ini one.split one.safetensors graph.txt away.txt", 0},
    {"train-by-log", "train --config one.jsonl --threads 2 --progress plain --log -",
        "one.jsonl", 0},
    {"train-quadratic", "train --model quadratic --nodes 5 --rounds 4 --threads 3 "
        "--pin --show-placement --method gt --log run.jsonl --save run.safetensors", "", 0},
    {"train-simulated", "train" SMALL " --threads 2 --method dsgd --validation 0.2 "
        "--link-seconds 0.1 --bandwidth 1e6 --until validation_accuracy>=2 --final-average "
        "--eval tokens --log run.jsonl", "", 0},
    {"dry-run", "train" SMALL " --active 3 --threads 2 --dry-run --show-placement", "", 0},
    {"tune", "tune" SMALL " --threads 1 --lr-grid 0.1,0.2 --log run.jsonl --save run.safetensors "
        "--trace run.json", "tune.jsonl=run.jsonl tune.safetensors=run.safetensors", 0},
    {"sweep", "sweep grid.ini -o out --jobs 2 --checkpoint-every 1 --progress off", "grid.ini",
        GOES_ON},
    {"sweep-goes-on", "sweep grid.ini -o old --jobs 1 --progress off", "grid.ini old/", GOES_ON},
    {"checkpoints", "train" SMALL " --active 3 --threads 2 --checkpoint run.checkpoint "
        "--checkpoint-every 1 --keep 2 --log run.jsonl --save run.safetensors", "", CHECKPOINTS},
    {"resume", "train --resume run.checkpoint --checkpoint-every 1 --keep 2 --threads 2 "
        "--progress off --log run.jsonl --save run.safetensors",
        "one.checkpoint=run.checkpoint stopped.jsonl=run.jsonl", CHECKPOINTS},
    {"train-by-gzip", "train --data mnist --data-dir data --model logistic --nodes 6 --active 3 "
        "--rounds 4 --threads 2 --progress off --partition dirichlet:1 --log run.jsonl",
        "data/", 0},
    {"train-by-csv", "train --data csv:table.csv --model logistic --nodes 2 --active 2 --rounds 4 "
        "--threads 2 --progress off --log run.jsonl", "table.csv", 0},
    {"train-by-libsvm", "train --data libsvm:sparse.txt,sparse.txt --model logistic --nodes 2 "
        "--active 2 --rounds 4 --threads 2 --progress off --log run.jsonl", "sparse.txt", 0},
    {"eval", "eval --init one.safetensors --data digits --json", "one.safetensors", 0},
    {"topology", "topology base:2 --active 7", "", 0},
    {"topology-file", "topology file:graph.txt --active 3 --json", "graph.txt", 0},
    {"topology-dot", "topology onepeer-exp --active 4 --dot", "", 0},
    {"compare", "compare one.jsonl two.jsonl tune.jsonl --ascii --metric test_loss --target 2.3",
        "one.jsonl two.jsonl tune.jsonl", LEAVES_OUT},
    {"compare-csv", "compare one.jsonl two.jsonl --csv --by topology --metric test_loss",
        "one.jsonl two.jsonl", LEAVES_OUT},
    {"compare-latex", "compare one.jsonl two.jsonl --latex --by seed,active --best active",
        "one.jsonl two.jsonl", LEAVES_OUT},
    {"compare-plot", "compare one.jsonl two.jsonl --plot run.svg",
        "one.jsonl two.jsonl one.svg=run.svg", LEAVES_OUT},
    {"report", "report one.jsonl two.jsonl -o run.html", "one.jsonl two.jsonl one.html=run.html",
        LEAVES_OUT},
    {"split", "split --data digits --nodes 5 --partition dirichlet:0.5 --save-split run.split",
        "one.split=run.split", 0},
    {"split-json", "split --data digits --nodes 6 --split one.split --json", "one.split", 0},
    {"list", "list models", "", 0},
    {"manual", "help train --man", "", 0},
};
enum { COMMANDS = sizeof matrix / sizeof *matrix };

/* The ways in which each kind of call fails. A file whose removal fails cannot but stay. */
static const struct {
    enum watch_kind kind;
    int why;
    bool stays;
} ways[] = {
    {WATCH_MEMORY, ENOMEM, false}, {WATCH_MEMORY, ENOMEM, true}, {WATCH_WRITE, ENOSPC, false},
    {WATCH_WRITE, ENOSPC, true}, {WATCH_WRITE, WATCH_SHORT, false}, {WATCH_SYNC, EIO, false},
    {WATCH_RENAME, EACCES, false}, {WATCH_OPEN, EMFILE, false}, {WATCH_OPEN, EMFILE, true},
    {WATCH_TRUNCATE, EIO, false}, {WATCH_CLOSE, EIO, false}, {WATCH_READ, EIO, false},
    {WATCH_READ, WATCH_SHORT, false}, {WATCH_SEEK, EIO, false}, {WATCH_STAT, EIO, false},
    {WATCH_LOCK, ENOLCK, false}, {WATCH_FOLDER, EIO, false}, {WATCH_MAP, ENOMEM, false},
    {WATCH_START, EAGAIN, false},
};
enum { WAYS = sizeof ways / sizeof *ways };

/* A command as it goes without a fault. */
struct plain {
    struct tree before, after;
    struct watch_end end;
    struct tree without[MOST_LOGS]; /* of LEAVES_OUT: what it leaves when a log is not named */
    size_t n_without;
};

static const char *program, *shim;
static char scratch[PATH_MAX];
static struct plain plain[COMMANDS];

/* Counted by all processes. */
static struct tally {
    uint64_t faults, files, findings;
} *tally;

static void die(const char *what)
{
    fprintf(stderr, "faults: %s: %s\n", what, strerror(errno));
    exit(NO_ANSWER);
}

/* ---- running a command ---- */

static struct watch_end run(const char *words, const char *folder, unsigned kinds,
                            const struct watch_fault *fault)
{
    char *text = strdup(words), *argv[MOST_WORDS] = {(char *)(size_t)"telesgd"}, *rest = text;
    int n = 1;
    for (char *w; text && (w = strsep(&rest, " ")) && n < MOST_WORDS - 1;)
        if (*w)
            argv[n++] = w;
    struct watch_end end = watch_run(&(struct watch){
        .program = program, .shim = shim, .folder = folder, .argv = argv, .kinds = kinds,
        .fault = *fault, .seconds = SECONDS,
    });
    free(text);
    return end;
}

static char *path_of(const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", scratch, name) < 0)
        die("no memory");
    return path;
}

static void make_folder(const char *name)
{
    char *path = path_of(name);
    if (mkdir(path, 0777) != 0)
        die(path);
    free(path);
}

/* A copy of a file in the folder to work in: a build meanwhile does not change what is tested. */
static char *copy_of(const char *path, const char *name)
{
    static char block[1 << 16];
    char *copy = path_of(name);
    FILE *in = fopen(path, "rb"), *out = fopen(copy, "wb");
    size_t n;
    while (in && out && (n = fread(block, 1, sizeof block, in)) > 0)
        fwrite(block, 1, n, out);
    if (!in || !out || ferror(in) || fclose(out) != 0 || chmod(copy, 0755) != 0)
        die(path);
    fclose(in);
    return copy;
}

/* The digits that telesgd has in itself, as files of MNIST's names. */
static void copy_data(void)
{
    static const char *const name[] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                       "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"};
    make_folder("stock/data");
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        char from[128], to[128];
        snprintf(from, sizeof from, "datasets/digits/%s", name[i]);
        snprintf(to, sizeof to, "stock/data/%s", name[i]);
        free(copy_of(from, to));
    }
}

static struct tree make_stock(void)
{
    char *folder = path_of("stock");
    make_folder("stock");
    copy_data();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *name;
        FILE *f = asprintf(&name, "%s/%s", folder, texts[i].name) < 0 ? NULL : fopen(name, "w");
        if (!f || fputs(texts[i].text, f) == EOF || fclose(f) != 0)
            die(texts[i].name);
        free(name);
    }
    for (size_t i = 0; i < sizeof stock / sizeof *stock; i++) {
        struct watch_end end = run(stock[i], folder, 0, &(struct watch_fault){.nth = 0});
        if (end.code != 0) {
            fprintf(stderr, "faults: telesgd %s: code %d: %s\n", stock[i], end.code, end.err);
            exit(NO_ANSWER);
        }
        watch_end_release(&end);
    }
    struct tree t = tree_read(folder);
    free(folder);
    return t;
}

/* The files that a command needs, out of the stock. */
static struct tree choose(const struct tree *all, const char *names)
{
    struct tree t = {.file = calloc(all->n, sizeof *t.file)};
    char *text = strdup(names), *rest = text;
    for (char *w; text && (w = strsep(&rest, " "));) {
        char *as = strchr(w, '=');
        bool is_folder = *w && w[strlen(w) - 1] == '/';
        if (as)
            *as++ = 0;
        for (size_t i = 0; i < all->n; i++) {
            const struct tree_file *f = &all->file[i];
            if (is_folder ? strncmp(f->path, w, strlen(w)) != 0 : strcmp(f->path, w) != 0)
                continue;
            struct tree_file *copy = &t.file[t.n++];
            *copy = (struct tree_file){strdup(as ? as : f->path), malloc(f->n + 1), f->n};
            memcpy(copy->bytes, f->bytes, f->n + 1);
        }
    }
    free(text);
    tree_sort(&t);
    return t;
}

/* ---- judging it ---- */

struct trial {
    const struct command *command;
    const struct plain *plain;
    struct watch_fault fault;
    struct watch_end end;
    struct tree now;
    struct tally *tally;
};

static void find(const struct trial *t, const char *what, const char *name)
{
    char callers[600];
    const struct watch_fault *f = &t->fault;
    watch_callers(program, &t->end, callers, sizeof callers);
    fprintf(stderr, "%s: %s %" PRIu64 "%s (%s): %s%s%s; code %d, stderr: %.200s%s    in %s\n",
            t->command->name, watch_kind_name[f->kind], f->nth, f->stays ? " and on" : "",
            f->why == WATCH_SHORT ? "short" : strerrorname_np(f->why), what, *name ? " " : "",
            name, t->end.code, t->end.err, *t->end.err ? "" : "\n", callers);
    __atomic_add_fetch(&t->tally->findings, 1, __ATOMIC_RELAXED);
}

static void find_other(const struct trial *t, const char *what, const struct tree_file *got,
                       const struct tree_file *want)
{
    char words[400];
    size_t n = (size_t)snprintf(words, sizeof words, "%s: ", got->path);
    tree_differ(got, want, words + n, sizeof words - n);
    find(t, what, words);
}

/* Times and workers differ in traces, so a right one is one that can be read to its end. */
static bool is_trace(const struct tree_file *f) { return !strcmp(f->path, "run.json"); }

/* a: what is there; b: what is wanted. */
static bool same_file(const struct tree_file *a, const struct tree_file *b)
{
    if (!is_trace(a))
        return tree_same(a, b);
    json_t *t = json_loadb(a->bytes, a->n, 0, NULL);
    const json_t *events = json_object_get(json_object_get(t, "otherData"), "events");
    bool whole = json_is_array(json_object_get(t, "traceEvents")) && json_is_integer(events);
    json_decref(t);
    return whole;
}

/* What was printed, as a file. */
static bool same_output(const struct trial *t)
{
    char name[] = "stdout";
    return tree_same(&(struct tree_file){name, t->end.out, t->end.out_bytes},
                     &(struct tree_file){name, t->plain->end.out, t->plain->end.out_bytes});
}

/* ---- files that may be otherwise ---- */

/* Every row is as it would be, or says that the run is not done. */
static bool right_as_far(const struct tree_file *got, const struct tree_file *want)
{
    struct tree_file a = tree_mask(got), b = tree_mask(want);
    bool right = a.n > 0 && a.bytes[a.n - 1] == '\n';
    for (char *line = a.bytes; right && *line; line += strcspn(line, "\n") + 1) {
        size_t n = strcspn(line, "\n");
        right = tree_has_line(&b, line, n) || memmem(line, n, ",failed,", 8) ||
                memmem(line, n, ",lacking,", 9);
    }
    free(a.bytes);
    free(b.bytes);
    return right;
}

static bool ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n >= m && !strcmp(path + n - m, end);
}

/* Whether a checkpoint leads to the end that the command comes to. */
static bool leads_to_the_end(const struct trial *t, const struct tree_file *f)
{
    static uint64_t count;
    char name[48];
    struct tree there = {.file = &(struct tree_file){f->path, f->bytes, f->n}, .n = 1};
    snprintf(name, sizeof name, "resume-%ld-%" PRIu64, (long)getpid(), count++);
    make_folder(name);
    char *folder = path_of(name), *words;
    tree_restore(&there, folder);
    if (asprintf(&words, "train --resume %s --checkpoint-every never --progress off --save "
                 "run.safetensors", f->path) < 0)
        die("no memory");
    struct watch_end end = run(words, folder, 0, &(struct watch_fault){.nth = 0});
    struct tree now = tree_read(folder);
    const struct tree_file *got = tree_find(&now, "run.safetensors");
    const struct tree_file *want = tree_find(&t->plain->after, "run.safetensors");
    bool same = end.code == 0 && got && want && tree_same(got, want);
    tree_restore(&(struct tree){.n = 0}, folder);
    rmdir(folder);
    tree_release(&now);
    watch_end_release(&end);
    free(words);
    free(folder);
    return same;
}

static bool is_checkpoint(const struct trial *t, const char *path)
{
    return t->command->manner == CHECKPOINTS && !strncmp(path, "run.checkpoint", 14);
}

/* Right although it is not what it would be without the fault. */
static bool right_in_its_manner(const struct trial *t, const struct tree_file *f,
                                const struct tree_file *want)
{
    if (is_checkpoint(t, f->path))
        return leads_to_the_end(t, f);
    if (t->command->manner == GOES_ON && ends_in(f->path, ".csv"))
        return want && right_as_far(f, want);
    if (t->command->manner == GOES_ON && ends_in(f->path, ".json")) {
        json_t *read = json_loadb(f->bytes, f->n, 0, NULL);
        json_decref(read);
        return read != NULL;
    }
    for (size_t i = 0; i < t->plain->n_without; i++) {
        const struct tree_file *other = tree_find(&t->plain->without[i], f->path);
        if (other && same_file(f, other))
            return true;
    }
    return false;
}

static void expect_files(const struct trial *t)
{
    const struct tree *want = &t->plain->after;
    for (size_t i = 0; i < want->n; i++) {
        const struct tree_file *got = tree_find(&t->now, want->file[i].path);
        if (!got && !is_checkpoint(t, want->file[i].path))
            find(t, "code 0 without", want->file[i].path);
        else if (got && !is_checkpoint(t, got->path) && !same_file(got, &want->file[i]))
            find_other(t, "code 0, but wrong", got, &want->file[i]);
    }
    for (size_t i = 0; i < t->now.n; i++) {
        const struct tree_file *f = &t->now.file[i];
        if (is_checkpoint(t, f->path) && !leads_to_the_end(t, f))
            find(t, "code 0, but does not lead to the end:", f->path);
        else if (!is_checkpoint(t, f->path) && !tree_find(want, f->path))
            find(t, "code 0, left over", f->path);
    }
    if (t->command->manner == CHECKPOINTS && !tree_find(&t->now, "run.checkpoint"))
        find(t, "code 0 without", "run.checkpoint");
}

/* All must be as without the fault. */
static void expect_all(const struct trial *t)
{
    expect_files(t);
    if (!same_output(t))
        find(t, "code 0, but other words on the standard output", "");
}

/* Nothing but what was there, what should come, or the start of a log. */
static void expect_honest(const struct trial *t)
{
    const struct tree *before = &t->plain->before, *after = &t->plain->after;
    for (size_t i = 0; i < t->now.n; i++) {
        const struct tree_file *f = &t->now.file[i];
        const struct tree_file *old = tree_find(before, f->path), *new = tree_find(after, f->path);
        if (t->command->manner == GOES_ON && ends_in(f->path, ".ckpt"))
            continue;                   /* of a run that is gone on with */
        if (!old && !new && !is_checkpoint(t, f->path))
            find(t, "left over", f->path);
        else if ((old && old->n == f->n && !memcmp(old->bytes, f->bytes, f->n)) ||
                 (new && same_file(f, new)) ||
                 (new && ends_in(f->path, ".jsonl") && tree_starts(f, new)) ||
                 right_in_its_manner(t, f, new))
            continue;
        else
            find_other(t, "neither old nor new", f, new ? new : old);
    }
    for (size_t i = 0; i < before->n; i++)
        if (!tree_find(&t->now, before->file[i].path))
            find(t, "lost", before->file[i].path);
}

/* Exit code 2 of those that train: nothing was touched, unless the sentence says so. */
static void expect_untouched(const struct trial *t)
{
    const struct tree *before = &t->plain->before;
    if (strstr(t->end.err, "is written, but its folder cannot be synced"))
        return;
    for (size_t i = 0; i < t->now.n; i++) {
        const struct tree_file *f = &t->now.file[i], *old = tree_find(before, f->path);
        if (!old || old->n != f->n || memcmp(old->bytes, f->bytes, f->n) != 0)
            find(t, "code 2, but touched", f->path);
    }
}

static bool is_training(const struct command *c)
{
    return !strncmp(c->words, "train", 5) || !strncmp(c->words, "tune", 4);
}

/* One for what went wrong. A run of a sweep that fails is counted in another one; a checkpoint that
 * fails is told when it does, and again after the result if it was the last.                    */
static unsigned most_sentences(const struct command *c)
{
    return c->manner == GOES_ON || c->manner == CHECKPOINTS ? 2 : 1;
}

static unsigned sentences(const char *text)
{
    unsigned n = 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += line != text;
        n += !strncmp(line, "telesgd: ", 9);
    }
    return n;
}

static void judge(const struct trial *t)
{
    const struct watch_end *end = &t->end;
    bool mute = end->failed_fd == STDERR_FILENO && t->fault.kind == WATCH_WRITE;
    if (end->hung)
        find(t, "hangs", "");
    else if (end->signal)
        find(t, "killed by signal", strsignal(end->signal));
    else if (end->code == NO_ANSWER)
        find(t, "could not be run", "");
    else if (end->code == 0)
        expect_all(t);
    else if (end->code != 1 && end->code != 2)
        find(t, "an exit code that it should not have", "");
    else if (!end->failed)
        find(t, "failed without a fault", "");
    else if (t->fault.why == WATCH_SHORT)
        find(t, "failed, though some bytes were written or read", "");
    else if (sentences(end->err) == 0 && !mute)
        find(t, "no sentence", "");
    else if (sentences(end->err) > most_sentences(t->command) && !t->fault.stays)
        find(t, "many sentences", "");
    if (end->code != 0)
        expect_honest(t);
    if (end->code == 2 && is_training(t->command))
        expect_untouched(t);
    __atomic_add_fetch(&t->tally->files, t->now.n, __ATOMIC_RELAXED);
    __atomic_add_fetch(&t->tally->faults, end->failed, __ATOMIC_RELAXED);
}

/* The same command makes what is lacking. */
static void go_on(const struct trial *before, const char *folder)
{
    struct trial t = *before;
    t.fault.nth = 0;
    t.end = run(t.command->words, folder, 0, &t.fault);
    t.now = tree_read(folder);
    t.fault = before->fault;
    if (t.end.code != 0)
        find(&t, "cannot be gone on with", "");
    else
        expect_files(&t);
    tree_release(&t.now);
    watch_end_release(&t.end);
}

static void try_fault(size_t command, const struct watch_fault *fault, const char *folder)
{
    struct trial t = {
        .command = &matrix[command], .plain = &plain[command], .fault = *fault,
        .tally = &tally[command],
    };
    tree_restore(&t.plain->before, folder);
    t.end = run(t.command->words, folder, fault->kind == WATCH_MEMORY ? 0 : 1u << fault->kind,
                fault);
    t.now = tree_read(folder);
    judge(&t);
    if (t.end.code != 0 && t.command->manner == GOES_ON)
        go_on(&t, folder);
    tree_release(&t.now);
    watch_end_release(&t.end);
}

/* ---- all of them ---- */

struct choice {
    uint64_t every;
    const char *command, *kind;
    uint64_t nth;
};

static bool is_chosen(const char *wanted, const char *name)
{
    return !wanted || !strcmp(wanted, name);
}

/* The faults of worker `number` out of `workers`, each in a folder of its own. */
static void work(const struct choice *c, uint64_t number, uint64_t workers)
{
    char name[32];
    uint64_t seen = 0, taken = 0;
    snprintf(name, sizeof name, "worker-%" PRIu64, number);
    make_folder(name);
    char *folder = path_of(name);
    for (size_t i = 0; i < COMMANDS; i++)
        for (size_t w = 0; w < WAYS; w++)
            for (uint64_t n = 1; n <= plain[i].end.calls[ways[w].kind]; n++) {
                if (!is_chosen(c->command, matrix[i].name) ||
                    !is_chosen(c->kind, watch_kind_name[ways[w].kind]) || (c->nth && n != c->nth) ||
                    seen++ % c->every != 0 || taken++ % workers != number)
                    continue;
                try_fault(i, &(struct watch_fault){ways[w].kind, n, ways[w].why, ways[w].stays},
                          folder);
            }
    free(folder);
}

/* What it leaves when one of its logs is not named. */
static void look_without(size_t i, const char *folder)
{
    struct plain *p = &plain[i];
    for (const char *w = matrix[i].words, *end; *w; w = *end ? end + 1 : end) {
        char *words = NULL;
        end = strchrnul(w, ' ');
        if (end - w < 6 || strncmp(end - 6, ".jsonl", 6) != 0)
            continue;
        if (p->n_without == MOST_LOGS || asprintf(&words, "%.*s%s", (int)(w - matrix[i].words),
                                                  matrix[i].words, end) < 0)
            die("no room for a command");
        tree_restore(&p->before, folder);
        struct watch_end without = run(words, folder, 0, &(struct watch_fault){.nth = 0});
        if (without.code == 0)
            p->without[p->n_without++] = tree_read(folder);
        watch_end_release(&without);
        free(words);
    }
}

/* Runs it twice without a fault: what differs then is no sign of one. */
static void look_at_plain(size_t i, const struct tree *all)
{
    struct trial t = {.command = &matrix[i], .plain = &plain[i], .tally = &tally[i]};
    char *folder = path_of("plain");
    plain[i].before = choose(all, matrix[i].files);
    for (int again = 0; again < 2; again++) {
        tree_restore(&plain[i].before, folder);
        t.end = run(matrix[i].words, folder, ~0u, &t.fault);
        t.now = tree_read(folder);
        if (!again) {
            plain[i].end = t.end;
            plain[i].after = t.now;
        }
    }
    if (t.end.code != 0)
        find(&t, "fails without a fault", "");
    expect_all(&t);
    if (matrix[i].manner == LEAVES_OUT)
        look_without(i, folder);
    tree_release(&t.now);
    watch_end_release(&t.end);
    free(folder);
}

static void remove_scratch(void)
{
    tree_restore(&(struct tree){.n = 0}, scratch);
    rmdir(scratch);
}

static bool report(void)
{
    struct tally sum = {0};
    uint64_t all_calls = 0;
    for (size_t i = 0; i < COMMANDS; i++) {
        uint64_t calls = 0;
        for (size_t k = 0; k < WATCH_KINDS; k++)
            calls += plain[i].end.calls[k];
        if (tally[i].faults)
            printf("%-22s %6" PRIu64 " calls  %6" PRIu64 " faults  %6" PRIu64 " files checked  %"
                   PRIu64 " findings\n", matrix[i].name, calls, tally[i].faults, tally[i].files,
                   tally[i].findings);
        all_calls += calls;
        sum.faults += tally[i].faults;
        sum.files += tally[i].files;
        sum.findings += tally[i].findings;
    }
    printf("%d commands, %" PRIu64 " calls, %" PRIu64 " faults injected, %" PRIu64
           " files checked, %" PRIu64 " findings\n", COMMANDS, all_calls, sum.faults, sum.files,
           sum.findings);
    return sum.findings == 0 && sum.faults > 0;
}

int main(int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (argc < 3) {
        fprintf(stderr, "usage: faults PROGRAM SHIM [EVERY [COMMAND [KIND [NTH]]]]\n");
        return NO_ANSWER;
    }
    struct choice c = {
        .every = argc > 3 ? strtoull(argv[3], NULL, 10) : 1, .command = argc > 4 ? argv[4] : NULL,
        .kind = argc > 5 ? argv[5] : NULL, .nth = argc > 6 ? strtoull(argv[6], NULL, 10) : 0,
    };
    c.every += c.every == 0;
    tally = mmap(NULL, COMMANDS * sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                 -1, 0);
    snprintf(scratch, sizeof scratch, "%s/telesgd-faults-XXXXXX", tmp ? tmp : "/tmp");
    if (tally == MAP_FAILED || !mkdtemp(scratch))
        die("no folder to work in");
    program = copy_of(argv[1], "telesgd");
    shim = copy_of(argv[2], "shim.so");
    make_folder("plain");
    struct tree all = make_stock();
    for (size_t i = 0; i < COMMANDS; i++)
        if (is_chosen(c.command, matrix[i].name))
            look_at_plain(i, &all);
    fflush(stdout);
    for (long i = 0; i < cpus; i++) {
        pid_t child = fork();
        if (child < 0)
            die("no process");
        if (child == 0) {
            work(&c, (uint64_t)i, (uint64_t)cpus);
            _exit(0);
        }
    }
    int status, broken = 0;
    while (wait(&status) > 0)
        broken |= status;
    bool good = report() && !broken;
    remove_scratch();
    return good ? 0 : 1;
}
