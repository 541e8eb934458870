/* command/report_forecast.c: what `train --dry-run --ranks` says. */
#include "command/report.h"

#include "base/json.h"
#include "cli/human.h"
#include "run/forecast.h"
#include "run/place.h"
#include "run/run.h"

#include <inttypes.h>
#include <string.h>

/* Shares of the time of all cores: they sum to 1. */
struct shares {
    double work;                /* steps and mixes */
    double load;                /* lost because some ranks have more to do than others, or there are
                                 * too few tokens */
    double messages;            /* lost because of them */
};

static struct shares shares_of(const struct tsgd_forecast *f)
{
    double cores = (double)f->cores;
    struct shares s = {.work = f->times.work / cores / f->times.seconds};
    double free = f->times.work / cores / f->free_seconds;
    s.load = 1 - free;
    s.messages = free - s.work;
    return s;
}

static uint64_t evaluations(const struct tsgd_info *info)
{
    const struct tsgd_settings *s = info->resolved;
    uint64_t rounds = tsgd_expected_rounds(info);
    return s->eval_every ? (rounds - 1) / s->eval_every + 1 + s->eval_at_start : 1;
}

static double whole_seconds(const struct tsgd_info *info, const struct tsgd_forecast *f)
{
    return (double)tsgd_expected_rounds(info) * f->times.seconds +
           (double)evaluations(info) * f->evaluation;
}

/* Also of what takes less than a millisecond. */
static const char *short_time(double seconds, char *text)
{
    if (seconds >= 1e-3)
        return tsgd_human_time(seconds, text);
    snprintf(text, TSGD_HUMAN, "%.3g us", 1e6 * seconds);
    return text;
}

static void print_cut(FILE *out, const struct tsgd_cut *c)
{
    char a[TSGD_HUMAN], b[TSGD_HUMAN], rows[TSGD_HUMAN];
    fprintf(out, "%s of %s links, %s rows a round, %u to %u nodes a rank\n",
            tsgd_human_count(c->links, a), tsgd_human_count(c->of_links, b),
            tsgd_human_short((double)c->rows / (double)c->rounds, rows), c->least, c->most);
}

enum tsgd_status tsgd_report_cut(FILE *out, struct tsgd_run *run, uint32_t ranks,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_cut placed, blocks;
    TRY(tsgd_run_cut(run, ranks, &placed, &blocks, err));
    fputs("# between ranks   ", out);
    print_cut(out, &placed);
    if (!strcmp(tsgd_run_info(run)->resolved->place, "graph")) {
        fputs("# .. in blocks    ", out);
        print_cut(out, &blocks);
    }
done:
    return st;
}

static void print_question(FILE *out, const struct tsgd_settings *s, const struct tsgd_forecast *f)
{
    char a[TSGD_HUMAN], b[TSGD_HUMAN], c[TSGD_HUMAN];
    fprintf(out, "#\n# forecast        %" PRIu64 " rank%s of %" PRIu64 " thread%s", f->ranks,
            f->ranks == 1 ? "" : "s", f->threads, f->threads == 1 ? "" : "s");
    if (f->cores < f->ranks * f->threads)
        fprintf(out, " on %s core%s", tsgd_human_count(f->cores, a), f->cores == 1 ? "" : "s");
    fprintf(out, ", %" PRIu64 " rounds simulated\n", f->rounds);
    fprintf(out, "# a step          %s, %s to mix a row with another, %s to plan a round\n",
            short_time(f->cost.step, a), short_time(f->cost.read, b),
            short_time(f->cost.plan, c));
    fprintf(out, "# a message       %s of a worker at either end (%s)",
            short_time(f->cost.row.worker, a),
            f->exchanged ? "between two ranks here" : "a copy; under mpirun it is tried out");
    if (f->cost.row.way > 0)
        fprintf(out, ", %s on its way\n", short_time(f->cost.row.way, a));
    else
        fprintf(out, ", none on its way without --bandwidth and --link-seconds\n");
    if (TSGD_GIVEN(s, compute_seconds))
        fprintf(out, "#                 (steps by --compute-seconds, the others measured here)\n");
}

/* What is worth a word, as a share of a round. */
#define WORTH 0.02

static double gain(const struct tsgd_crew_forecast *c, enum tsgd_crew_cause cause)
{
    return 1 - c->without[cause] / c->times.seconds;
}

/* The cause that costs most, and what share of a round: gossip as a whole where no other one costs
 * anything to speak of, and of hand-overs the waking, where it is most of them.                 */
static enum tsgd_crew_cause worst(const struct tsgd_crew_forecast *c, double *share)
{
    enum tsgd_crew_cause most = TSGD_CAUSE_GOSSIP;
    for (enum tsgd_crew_cause i = 0; i < TSGD_CAUSES; i++)
        if (i != TSGD_CAUSE_GOSSIP && gain(c, i) >= WORTH &&
            (most == TSGD_CAUSE_GOSSIP || gain(c, i) > gain(c, most)))
            most = i;
    if (most == TSGD_CAUSE_HAND_OVERS && gain(c, TSGD_CAUSE_WAKES) >= 0.8 * gain(c, most))
        most = TSGD_CAUSE_WAKES;
    *share = gain(c, most);
    return most;
}

static void print_crew(FILE *out, const struct tsgd_crew_forecast *c)
{
    static const char *const words[TSGD_CAUSES] = {
        [TSGD_CAUSE_GOSSIP] = "tokens did not mix",
        [TSGD_CAUSE_FETCHES] = "no row came from another core's cache",
        [TSGD_CAUSE_HAND_OVERS] = "nobody waited for a hand-over",
        [TSGD_CAUSE_WAKES] = "sleepers were woken all at once",
        [TSGD_CAUSE_PLANS] = "plans took no time", [TSGD_CAUSE_MEMORY] = "memory had no limit",
    };
    char a[TSGD_HUMAN], b[TSGD_HUMAN], d[TSGD_HUMAN];
    double share;
    enum tsgd_crew_cause cause = worst(c, &share);
    fprintf(out, "# in one process  gossip by %s; %s to hand a token over, %s to wake a worker, ",
            c->slices ? "slices" : "rows", short_time(c->cost.hand, a),
            short_time(c->cost.wake, b));
    fprintf(out, "%s to fetch a row\n", short_time(c->cost.fetch, d));
    if (share >= WORTH)
        fprintf(out, "# it would gain   %.1f %% of a round, if %s\n", 100 * share, words[cause]);
}

void tsgd_report_forecast(FILE *out, const struct tsgd_run *run, const struct tsgd_forecast *f)
{
    const struct tsgd_info *info = tsgd_run_info(run);
    const struct tsgd_rank_times *t = &f->times;
    struct shares s = shares_of(f);
    char a[TSGD_HUMAN], b[TSGD_HUMAN], c[TSGD_HUMAN];
    print_question(out, info->resolved, f);
    if (f->has_crew)
        print_crew(out, &f->crew);
    fprintf(out, "# a round         %s, so %s steps a second\n", short_time(t->seconds, a),
            tsgd_human_short((double)info->tokens * (double)info->resolved->local_steps /
                             t->seconds, b));
    fprintf(out, "# speed-up        %.2f over one rank of as many threads, %.2f over one thread\n",
            f->one_rank / t->seconds, f->one_thread / t->seconds);
    fprintf(out, "# cores' time     %.1f %% steps and mixes; lost: %.1f %% to uneven load, %.1f %% "
                 "to messages\n", 100 * s.work, 100 * s.load, 100 * s.messages);
    fprintf(out, "# uneven load     the busiest rank of a round steps %.2f tokens, the mean %.2f\n",
            t->most_tokens, (double)info->tokens / (double)f->ranks);
    fprintf(out, "# a rank sends    %s a round, %s the busiest\n",
            tsgd_human_bytes(t->bytes / (double)f->ranks, a), tsgd_human_bytes(t->most_bytes, b));
    fprintf(out, "# an evaluation   at most %s\n", short_time(f->evaluation, a));
    fprintf(out, "# memory a rank   %s\n", tsgd_human_bytes((double)f->memory_bytes, a));
    fprintf(out, "# all of it       %s for %s rounds and %s evaluations\n",
            tsgd_human_time(whole_seconds(info, f), a),
            tsgd_human_count(tsgd_expected_rounds(info), b),
            tsgd_human_count(evaluations(info), c));
}

/* NULL: no memory. */
static json_t *crew_json(const struct tsgd_crew_forecast *c)
{
    double share;
    json_t *without = json_object();
    bool ok = without != NULL;
    for (int i = 0; i < TSGD_CAUSES; i++)
        ok &= json_object_set_new(without, tsgd_crew_causes[i], json_real(c->without[i])) == 0;
    const char *cause = tsgd_crew_causes[worst(c, &share)];
    json_t *o = json_pack(
        "{s:I, s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:s,"
        " s:o}",
        "workers", (json_int_t)c->workers, "gossip", c->slices ? "slices" : "rows",
        "slices", (json_int_t)c->cost.slices, "step_seconds", c->cost.step + c->cost.update,
        "row_seconds", c->cost.read, "slices_seconds", c->cost.mix, "fetch_seconds", c->cost.fetch,
        "step_fetch_seconds", c->cost.step_fetch,
        "hand_over_seconds", c->cost.hand, "wake_seconds", c->cost.wake,
        "patience_seconds", c->cost.patience, "plan_seconds", c->cost.plan,
        "steps_seconds_per_round", c->times.steps, "mixes_seconds_per_round", c->times.mixes,
        "plans_seconds_per_round", c->times.plans, "fetches_seconds_per_round", c->times.fetches,
        "asleep_seconds_per_round", c->times.asleep,
        "largest_cause", share >= WORTH ? cause : "none",
        "round_seconds_without", without);
    if (!o)
        json_decref(without);
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

enum tsgd_status tsgd_report_forecast_json(FILE *out, const struct tsgd_run *run,
                                           const struct tsgd_forecast *f, struct tsgd_error *err)
{
    const struct tsgd_info *info = tsgd_run_info(run);
    const struct tsgd_rank_times *t = &f->times;
    struct shares s = shares_of(f);
    double ranks = (double)f->ranks;
    json_t *o = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f,"
        " s:f, s:f, s:f, s:f, s:I, s:f, s:b}",
        "ranks", (json_int_t)f->ranks, "threads", (json_int_t)f->threads,
        "cores", (json_int_t)f->cores, "tokens", (json_int_t)info->tokens,
        "rounds_simulated", (json_int_t)f->rounds,
        "step_seconds", f->cost.step, "mix_seconds_per_row", f->cost.read,
        "plan_seconds", f->cost.plan, "message_worker_seconds", f->cost.row.worker,
        "message_seconds", f->cost.row.way,
        "round_seconds", t->seconds, "round_seconds_free_messages", f->free_seconds,
        "round_seconds_one_rank", f->one_rank, "round_seconds_one_thread", f->one_thread,
        "share_work", s.work, "share_uneven_load", s.load, "share_messages", s.messages,
        "messages_per_rank", t->messages / ranks, "bytes_per_rank", t->bytes / ranks,
        "bytes_busiest_rank", t->most_bytes, "tokens_busiest_rank", t->most_tokens,
        "evaluation_seconds", f->evaluation, "memory_bytes", (json_int_t)f->memory_bytes,
        "seconds", whole_seconds(info, f), "message_exchanged", f->exchanged);
    if (o && f->has_crew && json_object_set_new(o, "process", crew_json(&f->crew)) != 0) {
        json_decref(o);
        o = NULL;
    }
    enum tsgd_status st = tsgd_json_print(out, o, JSON_COMPACT | JSON_REAL_PRECISION(9), err);
    json_decref(o);
    return st;
}
