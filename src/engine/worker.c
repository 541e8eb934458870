#include "engine/worker.h"

#include <sched.h>
#include <unistd.h>

const struct activity
    tsgd_activity_step = {{"step", "step", {"token", "round", "node"}, TSGD_TRACE_FLOWS},
                          STEP_TIME, DOES_STEP},
    tsgd_activity_part = {{"step: part", "step", {"token", "round", "part"}, TSGD_TRACE_ALONE},
                          STEP_TIME, DOES_PART},
    tsgd_activity_update = {{"step: update", "step", {"token", "round", "range"}, TSGD_TRACE_ALONE},
                            STEP_TIME, DOES_UPDATE},
    tsgd_activity_mix = {{"mix", "mix", {"token", "round", "node"}, TSGD_TRACE_ALONE},
                         MIX_TIME, DOES_MIX},
    tsgd_activity_slice = {
        {"mix: slice", "mix", {"population", "round", "slice"}, TSGD_TRACE_ALONE},
        MIX_TIME, DOES_SLICE},
    tsgd_activity_fold = {
        {"eval: fold", "eval", {"population", "round", "token"}, TSGD_TRACE_ALONE},
        EVAL_TIME, DOES_FOLD},
    tsgd_activity_block = {
        {"eval: block", "eval", {"population", "round", "block"}, TSGD_TRACE_ALONE},
        EVAL_TIME, DOES_BLOCK},
    tsgd_activity_report = {
        {"eval: report", "eval", {"population", "round", NULL}, TSGD_TRACE_ALONE},
        EVAL_TIME, DOES_REPORT},
    tsgd_activity_copy = {
        {"checkpoint: copy", "checkpoint", {"token", "round", NULL}, TSGD_TRACE_ALONE},
        OTHER_TIME, DOES_COPY},
    tsgd_activity_plan = {{"plan", "plan", {NULL, "round", NULL}, TSGD_TRACE_ALONE},
                          OTHER_TIME, DOES_PLAN},
    tsgd_activity_messages = {{"messages", "message", {NULL, NULL, NULL}, TSGD_TRACE_ALONE},
                              MESSAGE_TIME, DOES_LOOK},
    tsgd_activity_wait = {{"wait", "wait", {NULL, NULL, NULL}, TSGD_TRACE_ALONE},
                          WAIT_TIME, DOES_LOOK},
    tsgd_activity_left = {{"left the core", "left", {NULL, NULL, NULL}, TSGD_TRACE_ALONE},
                          OTHER_TIME, DOES_LOOK},
    tsgd_activity_other = {{NULL, NULL, {NULL, NULL, NULL}, TSGD_TRACE_ALONE},
                           OTHER_TIME, DOES_LOOK};

const struct tsgd_trace_kind
    tsgd_kind_sleep = {"sleep", "sleep", {NULL, NULL, NULL}, TSGD_TRACE_ALONE},
    tsgd_counter_gossip = {"bytes gossiped", "gossip", {"population", NULL, NULL},
                           TSGD_TRACE_COUNTER},
    tsgd_counter_consensus = {"consensus", "eval", {"population", NULL, NULL}, TSGD_TRACE_COUNTER};

/* What an activity of this kind is shown as when it was ended without having been begun. */
static const struct tsgd_trace_kind unannounced[N_TIMES] = {
    [STEP_TIME] = {"step", "step", {NULL, NULL, NULL}, TSGD_TRACE_ALONE},
    [MIX_TIME] = {"mix", "mix", {NULL, NULL, NULL}, TSGD_TRACE_ALONE},
    [EVAL_TIME] = {"eval", "eval", {NULL, NULL, NULL}, TSGD_TRACE_ALONE},
    [MESSAGE_TIME] = {"messages", "message", {NULL, NULL, NULL}, TSGD_TRACE_ALONE},
    [WAIT_TIME] = {"wait", "wait", {NULL, NULL, NULL}, TSGD_TRACE_ALONE},
};

/* The two largest numbers, TSGD_AWAY (engine/holders.h) and NOBODY (engine/planner.h), stand in
 * place of a node. */
enum { NO_NODES = 2 };

void tsgd_worker_announce(struct worker *w, const struct activity *a, uint32_t first,
                          uint64_t second, uint32_t third)
{
    bool of_token = a->does == DOES_STEP || a->does == DOES_MIX;
    bool away = of_token && third >= UINT32_MAX - (NO_NODES - 1);
    bool stolen = of_token && (first < w->lo || first >= w->hi);
    w->event = (struct tsgd_trace_event){
        .kind = &a->trace, .text = stolen ? "stolen" : NULL,
        .number = {first, (uint32_t)second, away ? TSGD_TRACE_NONE : third},
    };
}

void tsgd_worker_record(struct worker *w, const struct activity *a, uint64_t now)
{
    if (!w->event.kind && a->spent == OTHER_TIME)
        return;
    if (!w->event.kind)
        w->event = (struct tsgd_trace_event){
            .kind = &unannounced[a->spent],
            .text = a->spent == WAIT_TIME && w->sleeps > w->slept ? "slept" : NULL,
        };
    w->slept = w->sleeps;
    w->event.begin = tsgd_ended_at(w);
    w->event.end = now;
    tsgd_track_add(w->track, &w->event);
    w->event.kind = NULL;
}

void tsgd_worker_slept(struct worker *w, uint64_t since)
{
    uint64_t now = tsgd_ticks();
    w->asleep += now - since;
    if (tsgd_is_traced(w))
        tsgd_track_add(w->track, &(struct tsgd_trace_event){
            .begin = since, .end = now, .kind = &tsgd_kind_sleep,
            .number = {TSGD_TRACE_NONE, TSGD_TRACE_NONE, TSGD_TRACE_NONE}});
}

void tsgd_worker_count(struct worker *w, const struct tsgd_trace_kind *counter, uint32_t population,
                       double amount)
{
    if (tsgd_is_traced(w))
        tsgd_track_add(w->track, &(struct tsgd_trace_event){
            .begin = tsgd_ticks(), .amount = amount, .kind = counter,
            .number = {population, TSGD_TRACE_NONE, TSGD_TRACE_NONE}});
}

#ifdef TSGD_JITTER
void tsgd_jitter(struct worker *w, bool maybe_long)
{
    uint64_t r = w->jitter = w->jitter * 6364136223846793005u + 1442695040888963407u;
    if ((r >> 33 & 63) == 0)
        sched_yield();
    if ((r >> 40 & 31) == 0)
        for (volatile uint64_t i = r >> 50 & 255; i > 0; i--)
            ;
    if ((r >> 45 & 4095) == 0)
        usleep((useconds_t)(r >> 58));
    if (maybe_long && (r >> 20 & 31) == 0)
        usleep(150);                    /* long enough for everybody else to fall asleep */
}
#endif
