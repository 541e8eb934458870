#include "engine/loop.h"

#include "base/probe.h"
#include "engine/tasks.h"

#include <sched.h>

/* Over ranks, empty looks before a worker yields instead of pausing: the others are processes, and
 * those that share its core wait for messages, not for a futex.                                 */
enum { YIELD_AFTER = 32 };

/* Over ranks a nap takes longer than most messages: a worker whose waits are short looks for up to
 * MOST_LOOKS times, about a fifth of a millisecond, before it naps. One whose waits are long naps
 * soon: a rank on which no token stands shall leave its core alone. A short wait doubles the looks
 * of the next one, a longer wait halves them. Short is what naps make longer: SHORT_NS, or where a
 * message wakes whom it comes for, SHORT_RUNG_NS.                                               */
enum { FEWEST_LOOKS = 4, MOST_LOOKS = 512, SHORT_NS = 500000, SHORT_RUNG_NS = 100000 };

static uint32_t next_looks(const struct worker *w, uint64_t waited_ns)
{
    uint64_t most = w->e->state.spread.transport->rings ? SHORT_RUNG_NS : SHORT_NS;
    if (waited_ns <= most)
        return w->looks < MOST_LOOKS ? 2 * w->looks : MOST_LOOKS;
    return w->looks > FEWEST_LOOKS ? w->looks / 2 : FEWEST_LOOKS;
}

/* If there is a ready task, somebody is woken for it. */
static void wake_for_task(struct worker *w)
{
    struct sleep *sleep = &w->e->state.sleep;
    struct task task;
    if (tsgd_sleep_may_wake(sleep) && tsgd_task_find(w, &task, true))
        tsgd_wake_another(sleep);
}

/* A claimed task, if there is a ready one. If there is a second one, somebody is woken for it. */
static bool take(struct worker *w, struct task *out, bool steal)
{
    if (!tsgd_task_take(w, out, steal))
        return false;
    wake_for_task(w);
    return true;
}

/* ---- where another program shares the core (engine/turn.h) ---- */

/* One worker alone holds nobody up; over ranks nobody waits for a core, but for messages. */
static bool takes_turns(const struct state *s) { return s->workers > 1 && !s->is_spread; }

static struct tsgd_clocks clocks(void)
{
    return (struct tsgd_clocks){.ticks = tsgd_ticks(), .ns = tsgd_now_ns(),
                                .cpu_ns = tsgd_thread_cpu_ns()};
}

/* Counts the worker among those that share their cores, or no longer. */
static void count_as_sharing(struct worker *w, bool shares)
{
    if (w->counts_as_sharing == shares)
        return;
    w->counts_as_sharing = shares;
    /* Relaxed, and the look at it: it tells whether leaving pays; nothing else depends on it. */
    atomic_fetch_add_explicit(&w->e->state.sharing, shares ? 1u : -1u, memory_order_relaxed);
}

/* As many may be awake as do not sleep although there is work. */
static bool all_share(const struct state *s)
{
    return atomic_load_explicit(&s->sharing, memory_order_relaxed) >=
           s->workers - s->sleep.spare;
}

static void leave(struct worker *w)
{
    wake_for_task(w);
    tsgd_begin(w, &tsgd_activity_left, TSGD_TRACE_NONE, TSGD_TRACE_NONE, TSGD_TRACE_NONE);
    const uint64_t since = tsgd_ticks();
    sched_yield();
    const struct tsgd_clocks now = clocks();
    tsgd_end(w, &tsgd_activity_left);
    tsgd_does(w, DOES_LOOK, 0, 0);
    tsgd_turn_left(&w->turn, since, &now);
}

/* A task, from begin to now, took long; or it is time to leave, or to read the clocks. */
static void look_at_turn(struct worker *w, uint64_t begin)
{
    struct state *s = &w->e->state;
    struct turn *t = &w->turn;
    uint64_t now = tsgd_ended_at(w);
    if (tsgd_turn_is_long(t, begin, now) || now >= t->read_at) {
        const struct tsgd_clocks c = clocks();
        tsgd_turn_read(t, begin, now, &c);
    }
    if (now >= t->leave_at && !tsgd_state_over(s)) {
        if (all_share(s))
            tsgd_turn_stay(t, now);
        else
            leave(w);
    }
    count_as_sharing(w, t->shares);
}

/* Sleeps until somebody wakes it; or comes back with a task that the last look found. */
static bool sleep_or_take(struct worker *w, struct task *out)
{
    struct sleep *sleep = &w->e->state.sleep;
    uint32_t epoch = tsgd_sleep_begin(sleep);
    tsgd_jitter(w, false);
    bool got = take(w, out, true);
    if (!got && !tsgd_state_over(&w->e->state)) {
        w->sleeps++;
        tsgd_does(w, DOES_SLEEP, 0, 0);
        if (sleep->spare)               /* of more workers than CPUs others are awake meanwhile */
            count_as_sharing(w, false);
        uint64_t since = tsgd_ticks();
        tsgd_sleep(sleep, epoch);
        tsgd_worker_slept(w, since);
        if (takes_turns(&w->e->state)) {
            const struct tsgd_clocks now = clocks();
            tsgd_turn_slept(&w->turn, &now);
            count_as_sharing(w, w->turn.shares);
        }
        tsgd_does(w, DOES_LOOK, 0, 0);
    }
    tsgd_sleep_end(sleep);
    return got;
}

/* A worker that listens naps so long at first, each time longer by a sixteenth, and so long at
 * most: what another rank is about to send comes soon, or not for long.                         */
enum { NAP_NS = 20000, LONGEST_NAP_NS = 1000000 };

/* M9: naps and looks at the network, until there is a task or the run is over. Another worker is
 * told to listen before the task begins.                                                        */
static bool listen(struct worker *w, struct task *out)
{
    struct state *s = &w->e->state;
    struct tsgd_transport *t = s->spread.transport;
    uint64_t nap = NAP_NS;
    bool got = false;
    tsgd_does(w, DOES_SLEEP, 0, 0);
    while (!tsgd_state_over(s)) {
        tsgd_mail_look(&w->e->mail, w);
        if ((got = take(w, out, true)))
            break;
        uint64_t since = tsgd_ticks();
        t->ops->rest(t, nap);
        w->asleep += tsgd_ticks() - since;
        w->sleeps++;
        nap = nap < LONGEST_NAP_NS ? nap + nap / 16 : nap;
    }
    tsgd_does(w, DOES_LOOK, 0, 0);
    /* Relaxed: it carries no data; the one that is woken looks whether anybody listens. */
    atomic_store_explicit(&w->e->mail.listening, false, memory_order_relaxed);
    tsgd_wake_another(&s->sleep);
    return got;
}

/* It has waited long enough to sleep; of those who do, one listens to the network. */
static bool rest(struct worker *w, struct task *out)
{
    struct mail *mail = &w->e->mail;
    if (!w->e->state.is_spread ||
        atomic_exchange_explicit(&mail->listening, true, memory_order_relaxed))
        return sleep_or_take(w, out);
    return listen(w, out);
}

/* Waits a little, the longer the more looks have found nothing. True: the last look, before it
 * would have slept, has found a task.                                                           */
static bool wait(struct worker *w, struct task *out, uint32_t *idle, uint32_t patience)
{
    if (*idle == 0) {
        if (w->e->state.is_spread)
            w->idle_since = tsgd_spread_now(&w->e->state.spread);
        TSGD_PROBE1(wait__begin, w->id);
        tsgd_does(w, DOES_LOOK, 0, 0);
    }
    if (++*idle >= patience) {
        *idle = 1;
        return rest(w, out);
    }
    if (w->e->state.is_spread && *idle > YIELD_AFTER)
        sched_yield();
    else
        tsgd_pause();
    return false;
}

/* Ends a wait for a task, over ranks. What of it was lost to a message is told apart. */
static void end_wait_over_ranks(struct worker *w, const struct task *task)
{
    uint64_t before = w->ticks[WAIT_TIME], begin = w->idle_since;
    tsgd_end(w, &tsgd_activity_wait);
    uint64_t end = tsgd_spread_now(&w->e->state.spread), waited = w->ticks[WAIT_TIME] - before;
    w->looks = next_looks(w, end - begin);
    uint64_t lost = tsgd_lost_to_message(tsgd_task_way(w, task), begin, end);
    if (lost == 0)
        return;
    lost = (uint64_t)((double)waited * (double)lost / (double)(end - begin));
    w->ticks[WAIT_TIME] -= lost;
    w->ticks[MESSAGE_TIME] += lost;
}

/* Empty looks before it sleeps, of which it has made `idle`. */
static uint32_t patience(const struct worker *w, uint32_t idle)
{
    const struct state *s = &w->e->state;
    if (s->c.patience)
        return s->c.patience;
    if (s->is_spread)
        return w->looks;
    bool waits = idle >= SLEEP_AFTER - 1 &&
                 tsgd_turn_is_patient(&w->turn, tsgd_ended_at(w), tsgd_ticks());
    return waits ? UINT32_MAX : SLEEP_AFTER;
}

/* What was claimed. idle: the worker has waited for it. */
static void run_task(struct worker *w, const struct task *task, bool idle)
{
    const struct state *s = &w->e->state;
    if (idle) {
        TSGD_PROBE2(wait__end, w->id, w->sleeps);
        if (s->is_spread)
            end_wait_over_ranks(w, task);
        else
            tsgd_end(w, &tsgd_activity_wait);
        tsgd_turn_waited(&w->turn, tsgd_ended_at(w));
    } else {
        tsgd_end(w, &tsgd_activity_other);
    }
    uint64_t begin = tsgd_ended_at(w);
    tsgd_task_run(w, task);
    tsgd_end(w, &tsgd_activity_other);
    if (takes_turns(s) && tsgd_turn_asks(&w->turn, begin, tsgd_ended_at(w)))
        look_at_turn(w, begin);
}

static void work(struct worker *w)
{
    struct state *s = &w->e->state;
    const struct tsgd_clocks now = clocks();
    uint32_t idle = 0;
    struct task task;
    w->looks = MOST_LOOKS;
    tsgd_turn_init(&w->turn, &now);
    for (;;) {
        if (s->is_spread && tsgd_mail_look(&w->e->mail, w) && idle == 0)
            tsgd_end(w, &tsgd_activity_messages);
        bool got = take(w, &task, s->is_spread || idle >= STEAL_AFTER);
        if (!got && tsgd_state_over(s)) {
            if (s->is_spread)           /* it may be a message that has ended it */
                tsgd_wake_all(&s->sleep);
            return;
        }
        if (!got)
            got = wait(w, &task, &idle, patience(w, idle));
        if (!got)
            continue;
        run_task(w, &task, idle > 0);
        idle = 0;
    }
}

void *tsgd_loop(void *worker)
{
    struct worker *w = worker;
    if (w->track)
        tsgd_track_touch(w->track);
    if (!tsgd_threads_await(&w->e->threads))
        return NULL;
    tsgd_does(w, DOES_FILL, 0, 0);
    w->cpu_ns = tsgd_thread_cpu_ns();
    atomic_store_explicit(&w->ended_at, tsgd_ticks(), memory_order_relaxed);
    tsgd_trace_inner = w->track && tsgd_trace_is_inner(w->e->state.c.trace) ? w->track : NULL;
    tsgd_start_fill(&w->e->start, w);
    tsgd_does(w, DOES_LOOK, 0, 0);
    work(w);
    tsgd_end(w, &tsgd_activity_wait);
    w->cpu_ns = tsgd_thread_cpu_ns() - w->cpu_ns;
    tsgd_does(w, DOES_NOTHING, 0, 0);
    tsgd_trace_inner = NULL;
    return NULL;
}
