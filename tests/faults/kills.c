/* tests/faults/kills.c: trainings of every method write checkpoints and are killed by SIGKILL at
 * random moments, most of them several times. They go on from the newest checkpoint, with another
 * number of threads, or begin anew where there is none yet. What they come to at last must be what
 * they come to undisturbed and without checkpoints: the same hash, log and saved file, no other
 * file beside them, and not more memory however often they went on.
 *     kills PROGRAM KILLS [SEED]                                                                */
#include "faults/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECKPOINT "run.checkpoint"
enum { MOST_IN_A_ROW = 5, SECONDS = 120, NO_ANSWER = 99, MOST_RANKS = 4 };

#define SLICES " --gossip slices"
#define END " --seed 3 --progress off --log run.jsonl --save run.safetensors"
#define DIGITS " --data digits --nodes 12 --eval-every 5" END
#define BLOBS " --data blobs:300,1x16x16,10 --nodes 6 --batch 16 --eval-every 3" END
#define QUADRATIC " --model quadratic --nodes 8 --dim 2000 --lr 0.01 --eval-every 10" END

static const char *const trainings[] = {
    "train --method teleport --active 4 --model mlp:40 --momentum 0.9 --rounds 120" DIGITS,
    "train --method dsgd --model logistic --topology exp --lazy --rounds 150" DIGITS,
    "train --method allreduce --model mlp:40 --schedule cosine --warmup 5 --rounds 60" DIGITS,
    "train --method walk --active 3 --model mlp:40 --order iid --rounds 120" DIGITS,
    "train --method d2 --lazy --model logistic --rounds 150" DIGITS,
    "train --method gt --model mlp:40 --partition dirichlet:1 --rounds 50" DIGITS,
    "train --method momentum-tracking --momentum 0.9 --model logistic --rounds 100" DIGITS,
    "train --method qg-dsgdm --active 6 --momentum 0.9 --model logistic --rounds 200" DIGITS,
    "train --method teleport --active 5 --model logistic --availability 0.7 --rounds 200" DIGITS,
    "train --method teleport --active 4 --model mlp:40 --momentum 0.9 --momentum-home node"
        " --topology base:1 --rounds 100" DIGITS,
    "train --method teleport --active 4 --model mlp:40 --step-parts 2 --local-steps 2"
        " --validation 0.1 --eval tokens --final-average --rounds 60" DIGITS,
    "train --method teleport --active 6 --model logistic --link-seconds 0.01 --bandwidth 1e6"
        " --mix-every 3" SLICES " --rounds 200" DIGITS,
    "train --method teleport --active 3 --model lenet --augment flip --rounds 12" BLOBS,
    "train --method gt --model lenet --rounds 6" BLOBS,
    "train --method teleport --active 5 --rounds 4000" QUADRATIC,
    "train --method gt --rounds 1500" QUADRATIC,
    "train --method d2 --lazy --gossip rows --rounds 1500" QUADRATIC,
    "tune --model logistic --rounds 60 --lr-grid 0.05,0.1" DIGITS,
    "tune --rounds 300" QUADRATIC,
    "sweep ../grid.ini -o out --jobs 2 --progress off",
};
enum { TRAININGS = sizeof trainings / sizeof *trainings };

/* What the sweep trains, and chooses from. */
static const char grid[] =
    "data = digits\nmodel = logistic\nnodes = 8\nactive = 3\nrounds = 100\neval-every = 10\n"
    "topology = ring, exp\nmomentum = 0, 0.9\nseed = 0..1\n";

/* A training as it goes undisturbed. */
struct whole {
    struct tree after;
    long most_kib;
    uint64_t ns;
};

static const char *program, *ranked, *launcher;     /* the last two NULL: no ranks */
static char scratch[PATH_MAX], folder[PATH_MAX + 8];
static uint64_t state;              /* of the draws */

static void die(const char *what)
{
    fprintf(stderr, "kills: %s: %s\n", what, strerror(errno));
    exit(NO_ANSWER);
}

/* splitmix64 */
static uint64_t draw(uint64_t below)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % below;
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* words: all but the program's name; ranks 0: without the launcher. */
static void become(const char *words, unsigned ranks)
{
    char *text, *argv[96];
    int n = 0, out = open("../stdout", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (asprintf(&text, "%s %u %s %s", ranks ? launcher : "", ranks, ranks ? ranked : "telesgd",
                 words) < 0)
        _exit(NO_ANSWER);
    for (char *w, *rest = text; (w = strsep(&rest, " ")) && n < 95;)
        if (*w)
            argv[n++] = w;
    argv[n] = NULL;
    int err = open("../stderr", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    alarm(SECONDS);
    if (ranks)
        execvp(argv[0], argv);
    else
        execv(program, argv + 1);       /* without the number of ranks */
    _exit(NO_ANSWER);
}

/* ---- processes that a launcher started ---- */

enum { MOST_PROCESSES = 64 };

/* A process's parent, and whether it is a rank; 0: it is gone. */
static pid_t parent_of(pid_t process, bool *is_rank)
{
    char path[64], text[400], name[32];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    if (!fgets(text, sizeof text, f) ||
        sscanf(text, "%*d (%31[^)]) %*c %d", name, &parent) != 2)
        parent = 0;
    fclose(f);
    *is_rank = parent && !strncmp(ranked + strlen(ranked) - strlen(name), name, strlen(name));
    return parent;
}

/* Processes below `top`, itself the first, and those that their parents have left to this one. */
static size_t descendants(pid_t top, pid_t found[MOST_PROCESSES], bool is_rank[MOST_PROCESSES])
{
    size_t n = 0;
    found[n] = top;
    is_rank[n++] = false;
    for (size_t before = 0; before != n;) {
        DIR *all = opendir("/proc");
        before = n;
        for (struct dirent *d; all && (d = readdir(all)) != NULL;) {
            pid_t process = (pid_t)atoi(d->d_name), parent;
            bool rank = false, known = process <= 0 || n == MOST_PROCESSES, below = false;
            for (size_t i = 0; i < n; i++)
                known |= found[i] == process;
            if (known || !(parent = parent_of(process, &rank)))
                continue;
            for (size_t i = 0; i < n; i++)
                below |= found[i] == parent;
            if (below || parent == getpid()) {
                found[n] = process;
                is_rank[n++] = rank;
            }
        }
        if (all)
            closedir(all);
    }
    return n;
}

/* Kills the launcher with all ranks, or one rank alone, if there are any yet. */
static void kill_ranks(pid_t top)
{
    pid_t found[MOST_PROCESSES], rank[MOST_PROCESSES];
    bool is_rank[MOST_PROCESSES];
    size_t n = descendants(top, found, is_rank), ranks = 0;
    for (size_t i = 0; i < n; i++)
        if (is_rank[i])
            rank[ranks++] = found[i];
    if (ranks && draw(2))
        kill(rank[draw(ranks)], SIGKILL);
    else
        for (size_t i = 0; i < n; i++)
            kill(found[i], SIGKILL);
}

/* Ends what a launcher has left, which would write into the next training's files. */
static void end_rest(void)
{
    pid_t found[MOST_PROCESSES];
    bool is_rank[MOST_PROCESSES];
    size_t n = descendants(getpid(), found, is_rank);
    for (size_t i = 1; i < n; i++)
        kill(found[i], SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

/* ---- trainings ---- */

/* Runs it, and kills it after so long; 0: not at all. Returns its status. */
static int run(const char *words, unsigned ranks, uint64_t kill_after_ns, struct rusage *used)
{
    int status;
    pid_t child = fork();
    if (child < 0)
        die("no process");
    if (child == 0) {
        if (chdir(folder) != 0)
            _exit(NO_ANSWER);
        become(words, ranks);
    }
    if (kill_after_ns) {
        struct timespec t = {.tv_sec = (time_t)(kill_after_ns / 1000000000),
                             .tv_nsec = (long)(kill_after_ns % 1000000000)};
        nanosleep(&t, NULL);
        if (ranks)
            kill_ranks(child);
        else
            kill(child, SIGKILL);
    }
    if (wait4(child, &status, 0, used) != child)
        die("lost a process");
    if (ranks)
        end_rest();
    return status;
}

static bool fail(const char *words, const char *what, const char *name)
{
    char text[300] = "", path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/stderr", scratch);
    FILE *f = fopen(path, "r");
    if (f) {
        text[fread(text, 1, sizeof text - 1, f)] = 0;
        fclose(f);
    }
    fprintf(stderr, "telesgd %s\n    %s %s; stderr: %s\n", words, what, name, text);
    return false;
}

/* The newest checkpoint: FILE, or one that FILE was the name of a moment before. NULL: none. */
static const char *newest(unsigned keep)
{
    static char name[32];
    char path[PATH_MAX + 64];
    for (unsigned i = 0; i < keep; i++) {
        snprintf(name, sizeof name, i ? CHECKPOINT ".%u" : CHECKPOINT, i);
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (access(path, F_OK) == 0)
            return name;
    }
    return NULL;
}

#define LAUNCH_NS 500000000ull

/* How a training writes checkpoints. */
struct manner {
    unsigned every, keep;
};

/* Begins it, or goes on with it where it was killed. */
static int go_on(const char *words, const struct manner *m, uint64_t kill_after_ns,
                 struct rusage *used)
{
    char with[1200];
    bool is_sweep = !strncmp(words, "sweep", 5);
    const char *from = newest(m->keep);
    snprintf(with, sizeof with, "%s --threads %d --checkpoint " CHECKPOINT " --checkpoint-every %u "
             "--keep %u%s%s", words, 1 + (int)draw(4), m->every, m->keep, from ? " --resume " : "",
             from ? from : "");
    char *slices = ranked ? strstr(with, SLICES) : NULL;
    if (slices)                         /* those want all tokens in one process */
        memset(slices, ' ', strlen(SLICES));
    if (is_sweep)                       /* the same command goes on */
        snprintf(with, sizeof with, "%s --checkpoint-every %u", words, m->every);
    return run(with, ranked ? 1 + (unsigned)draw(MOST_RANKS) : 0, kill_after_ns, used);
}

static bool judge(const char *words, const struct whole *w, const struct manner *m, int status,
                  const struct rusage *used)
{
    struct tree now_there;
    char why[400];
    bool good = true;
    size_t checkpoints = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail(words, "does not come to its end", "");
    now_there = tree_read(folder);
    for (size_t i = 0; i < now_there.n; i++) {
        const struct tree_file *f = &now_there.file[i], *want = tree_find(&w->after, f->path);
        if (!strncmp(f->path, CHECKPOINT, strlen(CHECKPOINT)))
            checkpoints++;
        else if (!want)
            good = fail(words, "leaves", f->path);
        else if (!tree_same(f, want)) {
            tree_differ(f, want, why, sizeof why);
            good = fail(words, f->path, why);
        }
    }
    if (checkpoints > m->keep)
        good = fail(words, "keeps more checkpoints than asked for", "");
    if (now_there.n - checkpoints < w->after.n)
        good = fail(words, "lacks a file", "");
    if (!ranked && used->ru_maxrss > w->most_kib + w->most_kib / 4 + 4096)
        good = fail(words, "takes more memory than undisturbed", "");
    tree_release(&now_there);
    return good;
}

static void look_at_whole(struct whole *w, const char *words)
{
    struct rusage used;
    tree_restore(&(struct tree){.n = 0}, folder);
    uint64_t start = now();
    int status = run(words, 0, 0, &used);
    w->ns = now() - start;
    w->most_kib = used.ru_maxrss;
    w->after = tree_read(folder);
    if (!judge(words, w, &(struct manner){0}, status, &used))
        exit(NO_ANSWER);
}

/* Killed launchers leave files; they go away with the others. And nobody else takes over what they
 * have started.                                                                                 */
static void prepare_launcher(void)
{
    if (!ranked)
        return;
    setenv("TMPDIR", scratch, 1);
    setenv("OMPI_MCA_btl_vader_backing_directory", scratch, 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        die("no subreaper");
}

int main(int argc, char **argv)
{
    static struct whole whole[TRAININGS];
    static char path[PATH_MAX + 16], file[PATH_MAX];
    const char *tmp = getenv("TMPDIR");
    uint64_t most_percent = 0;
    uint64_t kills = 0, trained = 0, went_on = 0, broken = 0;
    if (argc < 3 || argc == 5 || !realpath(argv[1], file) ||
        (argc > 5 && !(ranked = realpath(argv[4], NULL)))) {
        fprintf(stderr, "usage: kills PROGRAM KILLS [SEED [RANKED LAUNCHER]]\n");
        return NO_ANSWER;
    }
    launcher = ranked ? argv[5] : NULL;
    program = file;
    uint64_t wanted = strtoull(argv[2], NULL, 10);
    state = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    snprintf(scratch, sizeof scratch, "%s/telesgd-kills-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(scratch))
        die("no folder to work in");
    snprintf(folder, sizeof folder, "%s/run", scratch);
    if (mkdir(folder, 0777) != 0)
        die(folder);
    FILE *f = fopen(strcat(strcpy(path, scratch), "/grid.ini"), "w");
    if (!f || fputs(grid, f) == EOF || fclose(f) != 0)
        die("cannot write the file of the sweep");
    prepare_launcher();
    size_t kinds = ranked ? TRAININGS - 1 : TRAININGS;      /* no sweeps over ranks */
    for (size_t i = 0; i < kinds; i++)
        look_at_whole(&whole[i], trainings[i]);
    for (uint64_t i = 0; kills < wanted; i++) {
        size_t which = i % kinds;
        uint64_t in_a_row = 1 + draw(MOST_IN_A_ROW);
        struct manner m = {1 + (unsigned)draw(4), 1 + (unsigned)draw(3)};
        struct rusage used;
        tree_restore(&(struct tree){.n = 0}, folder);
        for (uint64_t k = 0; k < in_a_row; k++) {
            went_on += newest(m.keep) != NULL;
            uint64_t start = ranked ? LAUNCH_NS + 2 * whole[which].ns : 0;
            int status = go_on(trainings[which], &m, 1 + draw(start + 2 * whole[which].ns), &used);
            kills += WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
        }
        went_on += newest(m.keep) != NULL;
        int status = go_on(trainings[which], &m, 0, &used);
        broken += !judge(trainings[which], &whole[which], &m, status, &used);
        uint64_t percent = 100 * (uint64_t)used.ru_maxrss / (uint64_t)whole[which].most_kib;
        most_percent = percent > most_percent ? percent : most_percent;
        if (draw(4) == 0) {             /* the last checkpoint leads to the same end once more */
            status = go_on(trainings[which], &m, 0, &used);
            broken += !judge(trainings[which], &whole[which], &m, status, &used);
        }
        trained++;
    }
    printf("%" PRIu64 " kills in %" PRIu64 " trainings of %d kinds, %" PRIu64 " times gone on from "
           "a checkpoint: %" PRIu64 " did not come to the same; memory at most %" PRIu64
           " %% of that undisturbed\n", kills, trained, (int)kinds, went_on, broken, most_percent);
    tree_restore(&(struct tree){.n = 0}, scratch);
    rmdir(scratch);
    return broken ? 1 : 0;
}
