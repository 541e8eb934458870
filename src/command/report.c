#include "command/report.h"

#include "cli/human.h"
#include "model/model.h"
#include "run/run.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Whether it is over several ranks. */
static bool is_spread(const struct tsgd_info *info)
{
    const struct tsgd_transport *t = info->resolved->transport;
    return t && t->ranks > 1;
}

static const char *threads_word(const struct tsgd_info *info)
{
    return info->threads == 1 ? "thread" : "threads";
}

void tsgd_report_defaults(FILE *out, const struct tsgd_settings *asked,
                          const struct tsgd_info *info)
{
    static const enum tsgd_setting_id sizes[] = {TSGD_SET_nodes, TSGD_SET_active, TSGD_SET_rounds};
    const struct tsgd_settings *s = info->resolved;
    const char *before = "telesgd: by default ";
    if (info->resumed_round) {
        fprintf(out, "telesgd: goes on from round %" PRIu64 " of ", info->resumed_round);
        tsgd_human_print(out, s->resume);
        fputc('\n', out);
        return;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        enum tsgd_setting_id id = sizes[i];
        bool all = id == TSGD_SET_active && s->active == s->nodes;      /* no choice was made */
        if (asked->given[id] || !s->text[id] || all || tsgd_settings_derived(s, id))
            continue;
        fprintf(out, "%s--%s %s", before, tsgd_setting_rows[id].shown.name, s->text[id]);
        before = " ";
    }
    if (*before == ' ')
        fputc('\n', out);
}

void tsgd_report_plan(FILE *out, struct tsgd_run *run)
{
    const struct tsgd_info *info = tsgd_run_info(run);
    char a[TSGD_HUMAN], b[TSGD_HUMAN], c[TSGD_HUMAN];
    uint64_t steps = info->tokens * info->resolved->local_steps;
    uint64_t rounds = tsgd_expected_rounds(info), done = info->resumed_round;
    double gradients = (double)(rounds > done ? rounds - done : 0) * (double)steps;
    double step_seconds = tsgd_run_step_seconds(run);
    fprintf(out, "#\n# %s tokens of %s parameters", tsgd_human_count(info->tokens, a),
            tsgd_human_count(info->parameters, b));
    if (info->train_samples > 0)
        fprintf(out, ", %u x %u x %u inputs, %u %s\n# %s training and %s test samples%s, split "
                     "%016" PRIx64, info->channels, info->height, info->width,
                info->classes ? info->classes : info->targets,
                info->classes ? "classes" : info->targets > 1 ? "targets" : "target",
                tsgd_human_count(info->train_samples, a), tsgd_human_count(info->test_samples, b),
                TSGD_HAS(info->resolved, test_share) ? " (drawn)" : "", info->split_hash);
    fputc('\n', out);
    if (done) {
        fprintf(out, "# goes on from round %" PRIu64 " of ", done);
        tsgd_human_print(out, info->resolved->resume);
        fputc('\n', out);
    }
    fprintf(out, "# %s, BLIS kernels %s\n", info->cpu, info->kernels);
    fprintf(out, "# memory          %s\n", tsgd_human_bytes((double)info->memory_bytes, a));
    if (!(step_seconds > 0))
        fprintf(out, "# expected time   not known: there is no memory to time a step\n");
    else
        fprintf(out, "# expected time   %s for %s gradients of %s on %" PRIu64 " %s, without "
                     "evaluation\n",
                tsgd_human_time(step_seconds * gradients / (double)info->threads, a),
                tsgd_human_short(gradients, b), tsgd_human_time(step_seconds, c), info->threads,
                threads_word(info));
}

void tsgd_report_minimum(FILE *out, const char *start, const struct tsgd_info *info)
{
    const struct tsgd_minimum *m = &info->minimum;
    char time[TSGD_HUMAN];
    if (m->value == m->value)
        fprintf(out, "%sf* %.9g (within %.1g), by %" PRIu64 " Newton steps with %" PRIu64
                     " Hessian products in %s\n", start, m->value, m->gap, m->steps, m->products,
                tsgd_human_time(m->seconds, time));
}

/* The system's numbers, or that it chooses. */
static void print_place(FILE *out, const char *start, uint64_t worker,
                        const struct tsgd_placement *p)
{
    if (p->pinned)
        fprintf(out, "%s%6" PRIu64 " %5u %5u %5u %5u  ", start, worker, p->cpu, p->core, p->cache,
                p->numa);
    else
        fprintf(out, "%s%6" PRIu64 " %5s %5s %5s %5s  ", start, worker, "any", "any", "any", "any");
    if (p->tokens > 1)
        fprintf(out, "%" PRIu64 " to %" PRIu64 "\n", p->first_token,
                p->first_token + p->tokens - 1);
    else
        fprintf(out, "%" PRIu64 "\n", p->first_token);
}

void tsgd_report_placement(FILE *out, const char *start, const struct tsgd_run *run)
{
    const struct tsgd_info *info = tsgd_run_info(run);
    uint64_t cpus = 0;
    struct tsgd_placement place, before = {.cpu = 0};
    fprintf(out, "%sworker   CPU  core cache  NUMA  home tokens\n", start);
    for (uint64_t i = 0; i < info->threads; i++, before = place) {
        (void)tsgd_run_place(run, i, &place, NULL);     /* there is such a worker */
        cpus += i == 0 || place.cpu != before.cpu;
        print_place(out, start, i, &place);
    }
    if (!info->resolved->pin)
        fprintf(out, "%sworkers run where the system likes; --pin keeps each on one CPU\n", start);
    else if (cpus < info->threads)
        fprintf(out, "%s%" PRIu64 " workers share %" PRIu64 " CPU%s\n", start, info->threads,
                cpus, cpus == 1 ? "" : "s");
}

static void print_method(FILE *out, const struct tsgd_info *info)
{
    const struct tsgd_settings *s = info->resolved;
    char a[TSGD_HUMAN], b[TSGD_HUMAN], model[TSGD_MODEL_SHORT];
    fprintf(out, "%s: %s of %s nodes active", s->method, tsgd_human_count(info->tokens, a),
            tsgd_human_count(s->nodes, b));
    if (s->topology) {
        fputs(", topology ", out);
        tsgd_human_print(out, s->topology);
    }
    tsgd_model_short(s->model, model, sizeof model);
    fprintf(out, "; %s", model);
    if (s->data) {
        fputs(" on ", out);
        tsgd_human_print(out, s->data);
    }
    fputc('\n', out);
}

static void print_tokens(FILE *out, double mean, double worst)
{
    if (mean == mean)
        fprintf(out, "of the tokens   %.2f %% on average, %.2f %% the worst\n", 100 * mean,
                100 * worst);
}

static void print_quality(FILE *out, const struct tsgd_summary *s)
{
    const struct tsgd_eval *e = &s->last;
    if (e->validation_accuracy == e->validation_accuracy)
        fprintf(out, "validation      %.2f %% accuracy, loss %.6g\n",
                100 * e->validation_accuracy, e->validation_loss);
    print_tokens(out, e->validation_accuracy_mean, e->validation_accuracy_worst);
    if (s->test_accuracy == s->test_accuracy)
        fprintf(out, "test accuracy   %.2f %%\n", 100 * s->test_accuracy);
    print_tokens(out, e->test_accuracy_mean, e->test_accuracy_worst);
    if (e->validation_r2 == e->validation_r2)
        fprintf(out, "validation      R2 %.4f, loss %.6g\n", e->validation_r2, e->validation_loss);
    if (s->test_r2 == s->test_r2)
        fprintf(out, "test R2         %.4f\n", s->test_r2);
    if (e->test_r2_mean == e->test_r2_mean)
        fprintf(out, "of the tokens   %.4f on average, %.4f the worst\n", e->test_r2_mean,
                e->test_r2_worst);
    if (s->test_loss == s->test_loss)
        fprintf(out, "test loss       %.6g\n", s->test_loss);
    if (e->grad_norm2 == e->grad_norm2)
        fprintf(out, "grad_norm2      %.4g of the mean, %.4g on average over the tokens\n",
                e->grad_norm2, e->grad_norm2_tokens);
    if (e->suboptimality == e->suboptimality)
        fprintf(out, "f - f*          %.4g of the mean", e->suboptimality);
    if (e->suboptimality_mean == e->suboptimality_mean)
        fprintf(out, ", %.4g on average over the tokens, %.4g the worst", e->suboptimality_mean,
                e->suboptimality_worst);
    if (e->suboptimality == e->suboptimality)
        fputc('\n', out);
    if (e->distance2 == e->distance2)
        fprintf(out, "distance2       %.4g (squared distance of the mean from the optimum)\n",
                e->distance2);
    if (e->consensus == e->consensus)
        fprintf(out, "consensus       %.4g (mean squared distance of the tokens from their mean)\n",
                e->consensus);
}

static void print_written(FILE *out, const char *const files[TSGD_REPORT_FILES],
                          const char *checkpoint)
{
    const char *before = "written         ";
    for (size_t i = 0; i <= TSGD_REPORT_FILES; i++) {
        const char *file = i < TSGD_REPORT_FILES ? files[i] : checkpoint;
        if (file) {
            fputs(before, out);
            tsgd_human_print(out, file);
            before = ", ";
        }
    }
    if (*before == ',')
        fputc('\n', out);
}

void tsgd_report_end(FILE *out, const char *const files[TSGD_REPORT_FILES],
                     const struct tsgd_info *info, const struct tsgd_summary *s, bool evaluated)
{
    const struct tsgd_eval *e = &s->last;
    char a[TSGD_HUMAN], b[TSGD_HUMAN], c[TSGD_HUMAN];
    print_method(out, info);
    if (s->interrupted)
        fprintf(out, "interrupted before its end\n");
    if (s->has_until)
        fprintf(out, "%s %s\n", s->reached ? "reached" : "did not reach", info->resolved->until);
    if (evaluated) {
        fprintf(out, "trained         %s rounds, %s gradients, %s samples\n",
                tsgd_human_count(e->round, a), tsgd_human_count(e->gradients, b),
                tsgd_human_count(e->samples, c));
        print_quality(out, s);
        tsgd_report_minimum(out, "optimum         ", info);
        fprintf(out, "network         %s gossiped, %s teleported\n",
                tsgd_human_bytes((double)e->bytes_gossip, a),
                tsgd_human_bytes((double)e->bytes_teleport, b));
        if (is_spread(info))
            fprintf(out, "between ranks   %s of rows\n",
                    tsgd_human_bytes((double)e->bytes_between_ranks, a));
        if (e->sim_seconds == e->sim_seconds)
            fprintf(out, "simulated       %.6g seconds on that network\n", e->sim_seconds);
    }
    if (isnan(s->samples_per_second))
        fputs("speed           unknown, for the clock stood still; ", out);
    else
        fprintf(out, "speed           %s samples/s, ", tsgd_human_short(s->samples_per_second, a));
    fprintf(out, "%s on %" PRIu64 " %s\n", tsgd_human_time(s->wall_seconds, b), info->threads,
            threads_word(info));
    if (is_spread(info))
        fprintf(out, "ranks           %u; threads are those of the first, time is that of all\n",
                info->resolved->transport->ranks);
    fprintf(out, "workers' time   step %.1f %%, mix %.1f %%, eval %.1f %%, ", 100 * s->share_step,
            100 * s->share_mix, 100 * s->share_eval);
    if (is_spread(info))
        fprintf(out, "messages %.1f %%, uneven load %.1f %%, other %.1f %%\n",
                100 * s->share_messages, 100 * s->share_wait, 100 * s->share_other);
    else
        fprintf(out, "wait %.1f %%, other %.1f %%\n", 100 * s->share_wait, 100 * s->share_other);
    fprintf(out, "workers' CPU    running %.1f %%, asleep %.1f %%, taken by others %.1f %%\n",
            100 * s->share_ran, 100 * s->share_slept, 100 * s->share_taken);
    print_written(out, files, s->checkpoints ? info->resolved->checkpoint : NULL);
}

void tsgd_report_trace(FILE *out, const char *path, const struct tsgd_traced *t)
{
    char a[TSGD_HUMAN], b[TSGD_HUMAN];
    fputs("trace           ", out);
    tsgd_human_print(out, path);
    fprintf(out, ", %s events", tsgd_human_count(t->events, a));
    if (t->lost)
        fprintf(out, "; %s more had no room: give more --trace-events",
                tsgd_human_count(t->lost, b));
    fputc('\n', out);
}
