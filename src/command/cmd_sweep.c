/* telesgd sweep: a grid of runs from one file, in one process. */
#include "cli/parse.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "cli/human.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "sweep/results.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes a folder, and those that it is in. */
static enum tsgd_status make_folder(const char *path, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct stat s;
    char *part = strdup(path);
    if (!part)
        return tsgd_fail(err, TSGD_ENOMEM, "--output: no memory for '%.200s'", path);
    for (char *c = part + 1; *c; c++)
        if (*c == '/') {
            *c = 0;
            mkdir(part, 0777);
            *c = '/';
        }
    if (mkdir(part, 0777) != 0 && errno != EEXIST)
        st = tsgd_fail(err, TSGD_EIO, "--output: cannot make the folder '%.200s': %s", path,
                       strerror(errno));
    else if (stat(part, &s) != 0 || !S_ISDIR(s.st_mode))
        st = tsgd_fail(err, TSGD_EINVAL, "--output: '%.200s' is not a folder", path);
    free(part);
    return st;
}

/* The folder, for this process alone as long as it lives. */
static enum tsgd_status take_folder(const char *path, bool tunes, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char *tune = NULL;
    TRY(make_folder(path, err));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno != EWOULDBLOCK))
        TRY(tsgd_fail(err, TSGD_EIO, "--output: cannot use '%.200s': %s", path, strerror(errno)));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--output: another sweep is at work in '%.200s'; await its "
                      "end, or give another folder", path));
    TRY(TSGD_NEW(&tune, strlen(path) + 8, "the name of a folder", err));
    sprintf(tune, "%s/tune", path);
    if (tunes)
        TRY(make_folder(tune, err));
done:
    free(tune);
    return st;
}

/* Each run has its log open, and one more while it looks at a log, or the two of a checkpoint and
 * its folder; beside them there are the two tables, their folders, and what the system is asked. */
static enum tsgd_status check_descriptors(uint64_t jobs, struct tsgd_error *err)
{
    const uint64_t most = 500;          /* more run at a time only where memory is no limit */
    return tsgd_check_descriptors((unsigned)(3 * (jobs < most ? jobs : most)) + 8, err);
}

/* ---- --dry-run ---- */

static enum tsgd_status list_runs(const struct tsgd_sweep *s, struct tsgd_error *err)
{
    struct tsgd_table t = TSGD_TABLE_INIT(6);
    char a[TSGD_HUMAN];
    static const char *const heading[] = {"run", "tokens", "rounds", "gradients", "memory",
                                          "state"};
    for (size_t i = 0; i < 6; i++)
        tsgd_table_add(&t, "%s", heading[i]);
    for (size_t i = 0; i < s->grid->n_runs; i++) {
        const struct tsgd_entry *e = &s->entry[i];
        tsgd_table_add(&t, "%s%s", e->from->choice == TSGD_REPORTED ? "" : "tune/", e->from->name);
        tsgd_table_add(&t, "%s", tsgd_human_count(e->tokens, a));
        tsgd_table_add(&t, "%s", tsgd_human_count(e->rounds, a));
        tsgd_table_add(&t, "%s", tsgd_human_count(e->gradients, a));
        tsgd_table_add(&t, "%s", tsgd_human_bytes((double)e->bytes, a));
        tsgd_table_add(&t, "%s", e->state == TSGD_STATE_WAITING ? "" : tsgd_state_name[e->state]);
    }
    enum tsgd_status st = tsgd_table_print(&t, stdout, err);
    tsgd_table_release(&t);
    return st;
}

static enum tsgd_status dry_run(const struct tsgd_sweep *s, struct tsgd_error *err)
{
    char a[TSGD_HUMAN], b[TSGD_HUMAN];
    size_t n = s->grid->n_runs, there = n - tsgd_sweep_count(s, TSGD_STATE_WAITING);
    size_t candidates = 0;
    enum tsgd_status st = list_runs(s, err);
    double seconds = tsgd_sweep_seconds(s);
    if (st != TSGD_OK)
        return st;
    for (size_t i = 0; i < n; i++)
        candidates += s->grid->run[i].choice != TSGD_REPORTED;
    printf("\n%s runs", tsgd_human_count(n, a));
    if (candidates)
        printf(", %s of them candidates (tune/); what is not chosen yet counts as the first choice",
               tsgd_human_count(candidates, a));
    if (there)
        printf("; %s there already", tsgd_human_count(there, a));
    printf("\nmemory          %s for the data and %" PRIu64 " run%s at a time\n",
           tsgd_human_bytes((double)tsgd_sweep_bytes(s), a), s->jobs, s->jobs == 1 ? "" : "s");
    if (!isnan(seconds))
        printf("expected time   %s on %" PRIu64 " CPU%s, without evaluation\n",
               tsgd_human_time(seconds, b), s->cpus, s->cpus == 1 ? "" : "s");
    return TSGD_OK;
}

/* ---- the end ---- */

static void report_choices(const struct tsgd_sweep *s)
{
    for (size_t i = 0; i < s->grid->n_cells; i++) {
        const struct tsgd_cell *c = &s->grid->cell[i];
        if (!c->choices || c->chosen == SIZE_MAX)
            continue;
        printf("chosen         ");
        for (size_t j = 0; j < c->n_tuned; j++) {
            printf("%s %s ", j ? "," : "", c->tuned[j]->row->shown.name);
            tsgd_human_print(stdout, tsgd_grid_choice(c, c->chosen, j));
        }
        if (*c->name)
            printf(" for ");
        tsgd_human_print(stdout, c->name);
        putchar('\n');
    }
}

static void report(const struct tsgd_sweep *s, bool interrupted, double seconds)
{
    char a[TSGD_HUMAN];
    size_t n = s->grid->n_runs, found = 0;
    const struct { enum tsgd_state state; const char *word; } shown[] = {
        {TSGD_STATE_DIVERGED, "diverged"}, {TSGD_STATE_FAILED, "failed"},
        {TSGD_STATE_WAITING, "not made"},
    };
    for (size_t i = 0; i < n; i++)
        found += s->entry[i].found;
    report_choices(s);
    printf("runs            %zu of %zu done", tsgd_sweep_count(s, TSGD_STATE_DONE), n);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (tsgd_sweep_count(s, shown[i].state))
            printf(", %zu %s", tsgd_sweep_count(s, shown[i].state), shown[i].word);
    if (found)
        printf("; %zu %s there before", found, found == 1 ? "was" : "were");
    printf("\ntime            %s, %" PRIu64 " run%s at a time\n", tsgd_human_time(seconds, a),
           s->jobs, s->jobs == 1 ? "" : "s");
    if (interrupted)
        printf("interrupted: the same command goes on with what is missing\n");
    printf("written         ");
    tsgd_human_print(stdout, s->folder);
    printf(": results.csv, curves.csv, sweep.json, and a log a run (telesgd compare, telesgd "
           "report)\n");
}

static enum tsgd_exit run_sweep(const struct tsgd_command *self, struct tsgd_sweep *s)
{
    struct tsgd_error err;
    uint64_t start = tsgd_now_ns();
    tsgd_signals_catch(tsgd_sweep_stop, NULL, s);
    enum tsgd_status st = tsgd_sweep_run(s, self, &err);
    bool interrupted = atomic_load_explicit(&s->stop, memory_order_relaxed) &&
                       tsgd_sweep_count(s, TSGD_STATE_WAITING) > 0;
    if (st == TSGD_OK)
        st = tsgd_results_write(s, &err);
    tsgd_signals_release();
    if (st != TSGD_OK) {
        tsgd_complain(self, &err);
        return TSGD_EXIT_FAILED;
    }
    report(s, interrupted, (double)tsgd_ns_since(start) * 1e-9);
    return interrupted ? TSGD_EXIT_INTERRUPTED :
           tsgd_sweep_count(s, TSGD_STATE_FAILED) ? TSGD_EXIT_FAILED : TSGD_EXIT_DONE;
}

static enum tsgd_exit run(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    const struct tsgd_settings *asked = cli->settings;
    enum tsgd_status st = TSGD_OK;
    enum tsgd_exit code = TSGD_EXIT_USAGE;
    struct tsgd_grid grid = TSGD_GRID_INIT;
    struct tsgd_sweep s = {.grid = NULL};
    struct tsgd_error err;
    if (!asked->output)
        TRY(tsgd_fail(&err, TSGD_EINVAL, "--output: is missing; say which folder the logs and "
                      "results go to: -o FOLDER"));
    TRY(tsgd_grid_init(&grid, cli->operand[0], cli->operand + 1, cli->n_operands - 1, &err));
    TRY(tsgd_sweep_init(&s, &grid, asked, self, &err));
    if (asked->dry_run) {
        TRY(dry_run(&s, &err));
        code = TSGD_EXIT_DONE;
        goto done;
    }
    s.quiet = !strcmp(asked->progress, "off");
    s.live = !strcmp(asked->progress, "auto") && tsgd_terminal_redraws();
    TRY(check_descriptors(s.jobs < grid.n_runs ? s.jobs : grid.n_runs, &err));
    TRY(tsgd_results_check(&s, &err));
    TRY(take_folder(asked->output, tsgd_grid_tunes(&grid), &err));
    code = run_sweep(self, &s);
done:
    if (st != TSGD_OK)
        tsgd_complain(self, &err);
    if (s.grid)
        tsgd_sweep_release(&s);
    tsgd_grid_release(&grid);
    return code;
}

static const char about[] =
    "Trains all combinations of the settings in FILE, some at a time in one process, from data "
    "that are loaded once. What FOLDER has already stays: after a kill, or with more values, the "
    "same command makes the runs that are missing, and goes on with those that were under way. "
    "--dry-run lists the runs, with memory and expected time; combinations that cannot be are all "
    "told before anything starts.\n";

static const char closing[] =
    "# The file\n"
    "Lines 'name = value' with the names of the options of 'telesgd train'. A comma and a space "
    "separate the values of a list, 0..4 is a range; every combination is a run. Sections hold "
    "what belongs together, and are one more axis:\n"
    "    data = digits\n"
    "    model = mlp:64\n"
    "    topology = ring, exp\n"
    "    seed = 0..2\n"
    "    [dsgd]\n"
    "    method = dsgd\n"
    "    [teleport]\n"
    "    method = teleport\n"
    "# Examples\n"
    "    telesgd sweep grid.ini -o grid --dry-run\n"
    "    telesgd sweep grid.ini -o quick seed=0 samples=20000\n"
    "    telesgd compare grid\n";

static const char more[] =
    "# What is to be chosen\n"
    "Section tune has what is to be chosen: for every combination of the rest each of its "
    "combinations is trained with its own seeds and part of the samples held out (validation, "
    "0.1), and the best one on average is then trained with the seeds of the file. 'by' names the "
    "metric, of which less is better but for accuracies and R2; if it is not said, "
    "validation_loss, or grad_norm2 of a quadratic. Lengths and evaluation in it (epochs, "
    "eval-every, ..) are those of the candidates. 'tune NAME' is for section NAME alone:\n"
    "    [tune]\n"
    "    lr = 0.1, 0.03, 0.01\n"
    "    seed = 100, 101\n"
    "    [tune teleport]\n"
    "    active = 4, 8, 16\n"
    "# The command line\n"
    "NAME=VALUE stands in place of what the file says of NAME, SECTION.NAME=VALUE in place of what "
    "it says there.\n"
    "# The folder\n"
    "= NAME.jsonl\tthe log of a run, as of 'telesgd train --log', named by what differs; in tune/ "
    "those of candidates\n"
    "= results.csv\ta row for each run: what differs, and its summary\n"
    "= curves.csv\ta row for each evaluation\n"
    "= NAME.ckpt\tthe checkpoint of a run that has not come to its end\n"
    "= sweep.json\tthe runs with their states, and what was chosen\n"
    "A number with the name of a setting is told from it: samples_used, lr_used.\n"
    "# Exit codes\n"
    "= 0\tevery run is there; one that diverged is a result too\n"
    "= 1\tsome runs failed, or results could not be written\n"
    "= 2\ta file, a combination or an option is wrong: nothing was trained\n"
    "= 130\tinterrupted; the runs under way are gone on with by the same command\n";

static const struct tsgd_option_help options[] = {
    {"output", NULL,
     "the folder of logs and results, made if it is not there; -o FOLDER for short"},
    {"dry-run", NULL, "list the runs, their memory and the expected time; train and write nothing"},
    {"progress", NULL,
     "on the standard error: a moving line on a terminal (auto), a line for each run (plain, and "
     "auto elsewhere), nothing (off)"},
    {"checkpoint-every", NULL,
     "how often runs under way write a checkpoint: R rounds, or 30s, 5m, 2h; never: none, which "
     "saves memory"},
    {NULL, NULL, NULL},
};

const struct tsgd_command tsgd_command_sweep = {
    .name = "sweep",
    .options = TSGD_FOR_SWEEP,
    .own_help = options,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .ranks = TSGD_RANKS_NONE,
    .usage = "FILE [[SECTION.]NAME=VALUE]... -o FOLDER [OPTION]...",
    .summary = "a grid of runs from one file",
    .about = about,
    .closing = closing,
    .more = more,
    .run = run,
};
