#include "engine/threads.h"

#include "base/mem.h"
#include "engine/placement.h"

#include <errno.h>
#include <unistd.h>

/* ---- what a worker has to itself ---- */

/* Of a strip, rounded up to a pair of cache lines. */
static size_t strip_bytes(size_t floats) { return tsgd_round_up(floats * sizeof(float), 128); }

/* What one worker has: its gradient row, its strip, then the problem's scratch. */
static size_t scratch_bytes(const struct state *s, size_t strip)
{
    size_t grad = tsgd_mul(s->arena.stride, sizeof(float));
    size_t all = tsgd_add(tsgd_add(grad, strip_bytes(strip)), s->c.problem->scratch_bytes);
    return all > SIZE_MAX - 4096 ? SIZE_MAX : tsgd_round_up(all, 4096);
}

static enum tsgd_status place(struct threads *t, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_machine m = TSGD_MACHINE_INIT;
    uint32_t *cpu = NULL;
    TRY(tsgd_machine_init(&m, "/sys", err));
    TRY(TSGD_NEW(&cpu, t->s->workers, "workers", err));
    TRY(TSGD_HOLD(&t->holding, &t->cpu, t->s->workers, "workers", err));
    tsgd_place_workers(&m, t->s->workers, cpu);
    for (uint32_t i = 0; i < t->s->workers; i++)
        t->cpu[i] = m.cpu[cpu[i]];
done:
    free(cpu);
    tsgd_machine_release(&m);
    return st;
}

static void fill(struct threads *t, struct tsgd_engine *e, char *scratch, size_t bytes,
                 size_t strip)
{
    const struct state *s = t->s;
    size_t grad = s->arena.stride * sizeof(float);
    for (uint32_t i = 0; i < s->workers; i++, scratch += bytes) {
        uint64_t tokens = s->to - s->from;
        uint32_t lo = s->from + (uint32_t)(i * tokens / s->workers);
        uint32_t hi = s->from + (uint32_t)((i + 1) * tokens / s->workers);
        t->worker[i] = (struct worker){
            .e = e, .id = i, .lo = lo, .hi = hi > lo ? hi : lo + 1, .cursor = lo,
            .grad = (float *)scratch, .strip = (float *)(scratch + grad),
            .scratch = scratch + grad + strip_bytes(strip),
            .jitter = s->c.seed * 77 + i,
            .track = s->c.trace ? tsgd_trace_track(s->c.trace, i) : NULL,
        };
    }
}

/* Over ranks the writer of checkpoints has a track behind those of the workers, because it may look
 * at the network too.                                                                           */
static size_t tracks(const struct state *s)
{
    return s->workers + (s->is_spread && s->c.checkpoints.write);
}

struct tsgd_track *tsgd_threads_writer_track(const struct state *s)
{
    return s->c.trace && tracks(s) > s->workers ? tsgd_trace_track(s->c.trace, s->workers) : NULL;
}

enum tsgd_status tsgd_threads_init(struct threads *t, struct state *s, struct tsgd_engine *e,
                                   size_t strip, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t bytes = scratch_bytes(s, strip);
    void *scratch = NULL;
    t->s = s;
    TRY(TSGD_HOLD(&t->holding, &t->worker, s->workers, "workers", err));
    TRY(TSGD_HOLD(&t->holding, &t->thread, s->workers, "workers", err));
    TRY(tsgd_hold_map(&t->holding, &scratch, tsgd_mul(s->workers, bytes), "scratch of the workers",
                      err));
    if (t->holding.counts) {
        if (s->c.trace)
            t->holding.bytes = tsgd_add(t->holding.bytes,
                                        tsgd_mul(tsgd_trace_bytes(s->c.trace), tracks(s)));
        return TSGD_OK;
    }
    pthread_mutex_init(&t->gate, NULL);
    pthread_cond_init(&t->opened, NULL);
    t->made = true;
    t->process = getpid();
    if (s->c.trace)
        TRY(tsgd_trace_reserve(s->c.trace, tracks(s), err));
    if (tsgd_threads_writer_track(s))
        tsgd_threads_writer_track(s)->name = "checkpoints";
    fill(t, e, scratch, bytes, strip);
    if (s->c.pin)
        TRY(place(t, err));
done:
    return st;
}

/* ---- the gate ---- */

/* Lets the threads go on, to work or to end. */
static void open_gate(struct threads *t, bool *which)
{
    pthread_mutex_lock(&t->gate);
    *which = true;
    pthread_cond_broadcast(&t->opened);
    pthread_mutex_unlock(&t->gate);
}

bool tsgd_threads_await(struct threads *t)
{
    pthread_mutex_lock(&t->gate);
    while (!t->open && !t->abort)
        pthread_cond_wait(&t->opened, &t->gate);
    bool open = !t->abort;
    pthread_mutex_unlock(&t->gate);
    return open;
}

static void join(struct threads *t)
{
    while (t->started > 0)
        pthread_join(t->thread[t->started--], NULL);
}

void tsgd_threads_release(struct threads *t)
{
    /* In a forked child the threads do not exist, and what they wait at must be left alone. */
    if (t->made && t->process == getpid()) {
        open_gate(t, &t->abort);
        join(t);
        pthread_cond_destroy(&t->opened);
        pthread_mutex_destroy(&t->gate);
    }
    tsgd_holding_release(&t->holding);
}

/* ---- start, run ---- */

/* The calling thread goes where worker 0 belongs. */
static enum tsgd_status pin_caller(struct threads *t, struct tsgd_error *err)
{
    if (!t->cpu)
        return TSGD_OK;
    if (!tsgd_cpu_mask_take(&t->before))
        return tsgd_fail(err, TSGD_ENOMEM, "--pin: no memory for the CPUs of a thread");
    int why = tsgd_cpu_pin(NULL, t->cpu[0].os);
    return why ? tsgd_pin_refused(0, &t->cpu[0], why, err) : TSGD_OK;
}

/* Most of it is for those who are called: on_eval, on_stall, whoever writes a checkpoint. */
enum { STACK = 1 << 20 };

int tsgd_thread_start(pthread_t *out, const struct tsgd_cpu *cpu, void *(*main)(void *arg),
                      void *arg)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    int why = cpu ? tsgd_cpu_pin(&attr, cpu->os) : 0;
    if (why == 0)
        why = pthread_create(out, &attr, main, arg);
    pthread_attr_destroy(&attr);
    return why;
}

static enum tsgd_status start_one(struct threads *t, uint32_t i, void *(*main)(void *),
                                  struct tsgd_error *err)
{
    int why = tsgd_thread_start(&t->thread[i], t->cpu ? &t->cpu[i] : NULL, main, &t->worker[i]);
    if (why == EINVAL && t->cpu)
        return tsgd_pin_refused(i, &t->cpu[i], why, err);
    if (why)
        return tsgd_fail(err, TSGD_ENOMEM, "--threads: thread %u of %u cannot be started", i + 1,
                         t->s->workers);
    return TSGD_OK;
}

enum tsgd_status tsgd_threads_start(struct threads *t, void *(*main)(void *worker),
                                    struct tsgd_error *err)
{
    enum tsgd_status st = pin_caller(t, err);   /* only to see that it can be had */
    tsgd_cpu_mask_restore(&t->before);
    for (uint32_t i = t->started + 1; st == TSGD_OK && i < t->s->workers; i++) {
        st = start_one(t, i, main, err);
        t->started = st == TSGD_OK ? i : t->started;
    }
    return st;
}

enum tsgd_status tsgd_threads_run(struct threads *t, void *(*main)(void *worker),
                                  struct tsgd_error *err)
{
    enum tsgd_status st = pin_caller(t, err);
    if (st == TSGD_OK) {
        open_gate(t, &t->open);
        main(&t->worker[0]);
        join(t);
    }
    tsgd_cpu_mask_restore(&t->before);
    return st;
}
