/* telesgd train: checks, trains, reports. Nothing is written before all is known to be right. */
#include "cli/parse.h"

#include "command/progress.h"
#include "command/report.h"
#include "command/session.h"
#include "run/agree.h"
#include "run/forecast.h"
#include "run/run.h"

#include <string.h>
#include <unistd.h>

/* A run, and what is told of it. */
struct training {
    struct tsgd_session session;
    struct tsgd_run *run;
    struct tsgd_progress progress;
    struct tsgd_summary summary;
    uint64_t evaluations;
};

static bool on_eval(const struct tsgd_eval *e, void *user)
{
    struct training *t = user;
    t->evaluations++;
    tsgd_log_eval(&t->session.log, e);
    tsgd_progress_eval(&t->progress, e);
    return t->session.log.failure != 0;     /* what the user asked for cannot be had any more */
}

static bool on_checkpoint(const struct tsgd_checkpoint *c, void *user)
{
    struct training *t = user;
    struct tsgd_error tell;
    bool good = tsgd_session_checkpoint(&t->session, c, &tell);
    if (c->stage == TSGD_CHECKPOINT_WRITTEN)
        tsgd_progress_checkpoint(&t->progress, c);
    if (tell.text[0])
        tsgd_progress_warn(&t->progress, tell.text);
    return good;
}

static void on_stall(const char *text, void *user)
{
    tsgd_progress_warn(&((struct training *)user)->progress, text);
}

static void stop(void *what)
{
    struct training *t = what;
    tsgd_session_stops(&t->session);
    tsgd_run_stop(t->run);
}

static void ask_checkpoint(void *what) { tsgd_run_checkpoint(((struct training *)what)->run); }

static enum tsgd_status train(void *what, bool *interrupted, struct tsgd_error *err)
{
    struct training *t = what;
    bool log_on_terminal = tsgd_session_logs_to_stdout(&t->session) && isatty(STDOUT_FILENO);
    tsgd_progress_start(&t->progress, tsgd_session_progress(&t->session), log_on_terminal,
                        t->run);
    tsgd_run_on_stall(t->run, on_stall, t);
    tsgd_run_on_checkpoint(t->run, on_checkpoint, t);
    enum tsgd_status st = tsgd_run_train(t->run, on_eval, t, &t->summary, err);
    tsgd_progress_stop(&t->progress);
    *interrupted = t->summary.interrupted;
    return st;
}

static void log_end(void *what, bool diverged)
{
    struct training *t = what;
    tsgd_log_summary(&t->session.log, t->run, &t->summary, t->evaluations > 0, diverged);
}

static enum tsgd_status save(void *what, const char *path, struct tsgd_error *err)
{
    return tsgd_run_save(((struct training *)what)->run, path, err);
}

static enum tsgd_status save_trace(void *what, struct tsgd_traced *out, struct tsgd_error *err)
{
    return tsgd_run_save_trace(((struct training *)what)->run, out, err);
}

static enum tsgd_status report(void *what, FILE *out, struct tsgd_error *err)
{
    const struct training *t = what;
    (void)err;
    const struct tsgd_session *s = &t->session;
    const char *const files[] = {s->saved, s->logged, s->asked->save_split};
    tsgd_report_end(out, files, tsgd_run_info(t->run), &t->summary, t->evaluations > 0);
    return TSGD_OK;
}

/* Threads that no token has work for are not started; that is said. */
static void tell_idle_threads(const struct tsgd_info *info)
{
    if (info->threads < info->resolved->threads)
        fprintf(stderr, "telesgd: %llu of %llu threads are used, for %llu token%s%s\n",
                (unsigned long long)info->threads, (unsigned long long)info->resolved->threads,
                (unsigned long long)info->tokens, info->tokens == 1 ? "" : "s",
                info->resolved->data ? "; --step-parts lets more of them share a token's step" :
                                       "");
}

/* Plans a run, and tells what it would do. Only where its threads would run is found by starting
 * them; it writes nothing then.                                                                 */
static enum tsgd_status dry_run(const struct tsgd_command *self, const struct tsgd_settings *asked,
                                struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = NULL, *shown = NULL;
    struct tsgd_run *run = NULL;
    struct tsgd_forecast forecast;
    double message;
    TRY(tsgd_settings_copy(&s, asked, err));
    TRY(TSGD_FILL(s, save_split, NULL, err));
    TRY(tsgd_agree(s->transport, tsgd_run_plan(&run, s, NULL, NULL, err), err));
    if (asked->ranks)
        TRY(tsgd_run_exchange(run, &message, err));
    if (!tsgd_speaks(s))
        goto done;
    if (asked->show_placement)
        TRY(tsgd_run_start(run, err));
    if (asked->ranks)
        TRY(tsgd_run_forecast(run, message, &forecast, err));
    if (asked->json) {
        TRY(tsgd_report_forecast_json(stdout, run, &forecast, err));
        goto done;
    }
    TRY(tsgd_settings_copy(&shown, tsgd_run_info(run)->resolved, err));
    TRY(TSGD_FILL(shown, save_split, asked->save_split, err));
    TRY(tsgd_config_write(stdout, shown, asked, self, err));
    tsgd_report_plan(stdout, run);
    if (asked->ranks)
        tsgd_report_forecast(stdout, run, &forecast);
    uint32_t ranks = asked->ranks ? (uint32_t)asked->ranks : asked->transport ?
                                    asked->transport->ranks : 1;
    if (ranks > 1 && !tsgd_run_teleports(run))
        TRY(tsgd_report_cut(stdout, run, ranks, err));
    if (asked->show_placement)
        tsgd_report_placement(stdout, "# ", run);
done:
    tsgd_run_free(run);
    tsgd_settings_free(shown);
    tsgd_settings_free(s);
    return st;
}

/* What only a dry run can be asked. A run is on as many ranks as it was started on. */
static enum tsgd_status check_ranks(const struct tsgd_settings *s, struct tsgd_error *err)
{
    unsigned long long ranks = s->transport ? s->transport->ranks : 1, asked = s->ranks;
    if (s->json && !(s->dry_run && asked))
        return tsgd_fail(err, TSGD_EINVAL, "--json: needs --dry-run and --ranks, whose forecast is "
                         "printed; a run's numbers are in its --log");
    if (s->dry_run)
        return tsgd_forecast_check(s, err);
    if (s->cores)
        return tsgd_fail(err, TSGD_EINVAL, "--cores: needs --dry-run and --ranks");
    if (TSGD_HAS(s, memory_bandwidth))
        return tsgd_fail(err, TSGD_EINVAL, "--memory-bandwidth: needs --dry-run and --ranks 1");
    if (asked && asked != ranks)
        return tsgd_fail(err, TSGD_EINVAL, "--ranks: found %llu, but this run has %llu; leave it "
                         "out, start telesgd-mpi with 'mpirun -n %llu', or plan with --dry-run",
                         asked, ranks, asked);
    return TSGD_OK;
}

static enum tsgd_exit run(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    const struct tsgd_settings *asked = cli->settings;
    enum tsgd_status st = TSGD_OK;
    enum tsgd_exit code = TSGD_EXIT_USAGE;
    struct training t = {.run = NULL};
    struct tsgd_error err;
    TRY(check_ranks(asked, &err));
    TRY(tsgd_session_init(&t.session, self, cli, &err));
    if (asked->dry_run) {
        TRY(dry_run(self, asked, &err));
        return TSGD_EXIT_DONE;
    }
    TRY(tsgd_run_create(&t.run, asked, &err));
    const struct tsgd_info *info = tsgd_run_info(t.run);
    if (tsgd_session_tells(&t.session)) {
        tsgd_report_defaults(stderr, asked, info);
        tell_idle_threads(info);
        tsgd_report_minimum(stderr, "telesgd: ", info);
    }
    if (asked->show_placement && tsgd_speaks(asked))
        tsgd_report_placement(stderr, "", t.run);
    code = tsgd_session_run(&t.session, &(struct tsgd_trainee){
        .what = &t, .info = info, .stop = stop, .ask_checkpoint = ask_checkpoint, .train = train,
        .log = log_end, .save = save, .save_trace = save_trace, .report = report,
    });
done:
    if (st != TSGD_OK)
        tsgd_complain(self, &err);
    tsgd_run_free(t.run);
    return code;
}

static const char about[] =
    "Trains a model on --nodes participants, each with its own share of the data. Each round, "
    "--active of them take a step on a row of parameters (a token) and mix it over --topology; "
    "with method teleport the tokens then move on to other nodes. Defaults are in [brackets].\n";

static const char closing[] =
    "# Settings files\n"
    "--config reads lines 'name = value' with the names of the options, without --; flags are "
    "true or false. A line that starts with # or ; is a comment, and so is what follows a ; after "
    "a space. --dry-run prints such a file. The log of an earlier run (--log) may stand in its "
    "place: then what changes the result is as it was there, and the run is repeated; it is "
    "refused when a file of --split or --init has changed.\n"
    "What the command line says wins over the file: --until= (nothing after the =) takes a setting "
    "back to its default, and --lazy=false a flag. What followed from other settings follows anew "
    "when the command line changes the result.\n"
    "# Examples\n"
    "A first run, on data that are part of the program:\n"
    "    telesgd train --data digits --model mlp:64 --nodes 25 --active 4 --rounds 500\n"
    "LeNet on 100 nodes, 8 of them active each round, in a ring:\n"
    "    telesgd train --data fashion-mnist --model lenet --nodes 100 --active 8 \\\n"
    "      --lr 0.05 --rounds 2000\n"
    "Plain D-SGD on 25 nodes with very different data, with a log and the result kept:\n"
    "    telesgd train --method dsgd --nodes 25 --data fashion-mnist --model lenet \\\n"
    "      --partition dirichlet:0.1 --momentum 0.9 --lr 0.01 --rounds 1000 \\\n"
    "      --log dsgd.jsonl --save dsgd.safetensors\n"
    "How fast that would be on 8 machines of 32 cores, with 10 Gbit/s and 20 us between them:\n"
    "    telesgd train --data fashion-mnist --model lenet --nodes 1000 --active 512 --dry-run \\\n"
    "      --ranks 8 --threads 32 --bandwidth 1.25e9 --link-seconds 20e-6\n"
    "Settings from a file, another seed, an end at 80 % accuracy:\n"
    "    telesgd train --config paper.ini --seed 3 --until 'test_accuracy>=0.8'\n"
    "The run of a log once more:\n"
    "    telesgd train --config dsgd.jsonl\n"
    "# Exit codes\n"
    "= 0\tdone, also when --until ended it\n"
    "= 1\treading, writing or memory failed during the training, or after it: "
    "then the result is printed all the same\n"
    "= 2\tan option, input or output is wrong: nothing was trained, no file touched\n"
    "= 3\tthe training diverged: a loss was not finite; nothing was saved\n"
    "= 130\tinterrupted by SIGINT, SIGTERM or SIGHUP; --log and --save "
    "hold what there was by then\n";

const struct tsgd_command tsgd_command_train = {
    .name = "train",
    .options = TSGD_FOR_TRAIN,
    .ranks = TSGD_RANKS_ALL,
    .usage = "[OPTION]...",
    .summary = "train a model on simulated nodes",
    .about = about,
    .closing = closing,
    .run = run,
};
