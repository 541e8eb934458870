#include "command/progress.h"

#include "base/clock.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/terminal.h"
#include "run/run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 256 };

/* snprintf at the end of a line that is cut where it is full. */
static void add(char line[LINE], const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(char line[LINE], const char *format, ...)
{
    size_t used = strlen(line);
    va_list args;
    va_start(args, format);
    vsnprintf(line + used, LINE - used, format, args);
    va_end(args);
}

static void describe_eval(char line[LINE], const struct tsgd_progress *p, const struct tsgd_eval *e)
{
    char time[TSGD_HUMAN];
    line[0] = 0;
    add(line, "round %" PRIu64, e->round);
    if (p->is_exact)
        add(line, "/%" PRIu64, p->rounds);
    if (e->test_accuracy == e->test_accuracy)
        add(line, "  accuracy %.2f %%  test loss %.4f", 100 * e->test_accuracy, e->test_loss);
    if (e->test_r2 == e->test_r2)
        add(line, "  R2 %.4f  test loss %.4g", e->test_r2, e->test_loss);
    if (e->validation_r2 == e->validation_r2)
        add(line, "  validation R2 %.4f  validation loss %.4g", e->validation_r2,
            e->validation_loss);
    if (e->validation_accuracy == e->validation_accuracy)
        add(line, "  validation accuracy %.2f %%  validation loss %.4f",
            100 * e->validation_accuracy, e->validation_loss);
    if (e->grad_norm2 == e->grad_norm2)
        add(line, "  grad_norm2 %.4g (tokens %.4g)", e->grad_norm2, e->grad_norm2_tokens);
    if (e->suboptimality == e->suboptimality)
        add(line, "  f - f* %.4g", e->suboptimality);
    if (e->train_loss == e->train_loss)
        add(line, "  train loss %.4f", e->train_loss);
    add(line, "  %s", tsgd_human_time(e->wall_seconds, time));
}

/* Rounds in a second, over the last few seconds. */
static void measure_speed(struct tsgd_progress *p)
{
    uint64_t ns = tsgd_now_ns(), rounds = tsgd_run_progress(p->run);
    size_t now = p->measured % TSGD_PROGRESS_WINDOW;
    size_t then = p->measured < TSGD_PROGRESS_WINDOW ? 0 : now;
    if (p->measured > 0)
        p->per_second = ns <= p->past[then].ns ? 0 :        /* the clock has gone back */
                        (double)(rounds - p->past[then].rounds) * 1e9 /
                        (double)(ns - p->past[then].ns);
    p->past[now].ns = ns;
    p->past[now].rounds = rounds;
    p->measured++;
}

static void describe_state(char line[LINE], const struct tsgd_progress *p, int width)
{
    static const char full[] = "####################", empty[] = "....................";
    char text[TSGD_HUMAN];
    uint64_t done = tsgd_run_progress(p->run);
    uint64_t total = p->rounds > done ? p->rounds : done;
    double share = total ? (double)done / (double)total : 0;
    int bar = width >= 99 ? 20 : 0, filled = (int)(share * bar);
    line[0] = 0;
    if (bar)
        add(line, "[%.*s%.*s] ", filled, full, bar - filled, empty);
    add(line, "%3.0f %%  round %" PRIu64 "/%" PRIu64, 100 * share, done, total);
    if (p->per_second > 0) {
        add(line, "  %s grad/s",
            tsgd_human_short(p->per_second * (double)p->gradients_per_round, text));
        add(line, "  %s left", tsgd_human_time((double)(total - done) / p->per_second, text));
    }
    if (p->has_last && p->last.test_r2 == p->last.test_r2)
        add(line, "  loss %.4g  R2 %.4f", p->last.test_loss, p->last.test_r2);
    if (p->has_last && p->last.validation_r2 == p->last.validation_r2)
        add(line, "  val loss %.4g  R2 %.4f", p->last.validation_loss, p->last.validation_r2);
    if (p->has_last && p->last.test_accuracy == p->last.test_accuracy)
        add(line, "  loss %.4f  acc %.2f %%", p->last.test_loss, 100 * p->last.test_accuracy);
    if (p->has_last && p->last.validation_accuracy == p->last.validation_accuracy)
        add(line, "  val loss %.4f  acc %.2f %%", p->last.validation_loss,
            100 * p->last.validation_accuracy);
    if (p->has_last && p->last.grad_norm2 == p->last.grad_norm2)
        add(line, "  grad_norm2 %.4g", p->last.grad_norm2);
    if (p->has_last && p->last.suboptimality == p->last.suboptimality)
        add(line, "  f - f* %.4g", p->last.suboptimality);
}

static void draw(const struct tsgd_progress *p)
{
    char line[LINE];
    describe_state(line, p, tsgd_terminal_columns());
    tsgd_terminal_draw(line);
}

static void *redraw(void *arg)
{
    struct tsgd_progress *p = arg;
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        measure_speed(p);
        draw(p);
        tsgd_terminal_rest(&p->wake, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

void tsgd_progress_start(struct tsgd_progress *p, const char *how, bool log_on_terminal,
                         const struct tsgd_run *run)
{
    const struct tsgd_info *info = tsgd_run_info(run);
    *p = (struct tsgd_progress){
        .mode = TSGD_PROGRESS_PLAIN,
        .run = run,
        .rounds = tsgd_expected_rounds(info),
        .is_exact = info->resolved->samples == 0,
        .gradients_per_round = info->tokens * info->resolved->local_steps,
    };
    if (!strcmp(how, "off"))
        p->mode = TSGD_PROGRESS_OFF;
    if (strcmp(how, "auto") || log_on_terminal || !tsgd_terminal_redraws())
        return;
    tsgd_terminal_wake_init(&p->wake);
    pthread_mutex_init(&p->lock, NULL);
    if (pthread_create(&p->thread, NULL, redraw, p) == 0)
        p->mode = TSGD_PROGRESS_LIVE;
}

void tsgd_progress_eval(struct tsgd_progress *p, const struct tsgd_eval *e)
{
    char line[LINE];
    if (p->mode == TSGD_PROGRESS_OFF)
        return;
    describe_eval(line, p, e);
    if (p->mode == TSGD_PROGRESS_PLAIN) {
        fprintf(stderr, "%s\n", line);
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->last = *e;
    p->has_last = true;
    tsgd_terminal_draw(line);
    fputc('\n', stderr);
    draw(p);
    pthread_mutex_unlock(&p->lock);
}

void tsgd_progress_checkpoint(struct tsgd_progress *p, const struct tsgd_checkpoint *c)
{
    char bytes[TSGD_HUMAN], time[TSGD_HUMAN];
    if (p->mode != TSGD_PROGRESS_PLAIN) /* a line for each would push what matters off the screen */
        return;
    fprintf(stderr, "checkpoint of round %" PRIu64 ", %s in %s\n", c->round,
            tsgd_human_bytes((double)c->bytes, bytes), tsgd_human_time(c->seconds, time));
}

void tsgd_progress_warn(struct tsgd_progress *p, const char *text)
{
    bool live = p->mode == TSGD_PROGRESS_LIVE;
    if (live) {
        pthread_mutex_lock(&p->lock);
        tsgd_terminal_clear();
    }
    tsgd_warn("", text);
    if (live) {
        draw(p);
        pthread_mutex_unlock(&p->lock);
    }
}

void tsgd_progress_stop(struct tsgd_progress *p)
{
    if (p->mode != TSGD_PROGRESS_LIVE)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    tsgd_terminal_clear();
    p->mode = TSGD_PROGRESS_OFF;
}
