#include "engine/watch.h"

const struct tsgd_trace_kind
    tsgd_watch_step = {"step", "step", {"token", "round", "node"}, true},
    tsgd_watch_mix = {"mix", "mix", {"token", "round", "node"}, true},
    tsgd_watch_part = {"step: part", "step", {"token", "round", "part"}, false},
    tsgd_watch_update = {"step: update", "step", {"token", "round", "range"}, false},
    tsgd_watch_slice = {"mix: slice", "mix", {"population", "round", "slice"}, false},
    tsgd_watch_plan = {"plan", "plan", {NULL, "round", NULL}, false},
    tsgd_watch_fold = {"eval: fold", "eval", {"population", "round", "token"}, false},
    tsgd_watch_block = {"eval: block", "eval", {"population", "round", "block"}, false},
    tsgd_watch_report = {"eval: report", "eval", {"population", "round", NULL}, false};

/* What is charged without having been announced. */
static const struct tsgd_trace_kind unannounced[N_TIMES] = {
    [STEP_TIME] = {"step", "step", {NULL, NULL, NULL}, false},
    [MIX_TIME] = {"mix", "mix", {NULL, NULL, NULL}, false},
    [EVAL_TIME] = {"eval", "eval", {NULL, NULL, NULL}, false},
    [WAIT_TIME] = {"wait", "wait", {NULL, NULL, NULL}, false},
};

void tsgd_watch_task(struct worker *w, const struct tsgd_trace_kind *kind, uint32_t first,
                     uint64_t second, uint32_t third)
{
    bool away = kind->flows && third >= AWAY;
    bool stolen = kind->flows && (first < w->lo || first >= w->hi);
    w->task = (struct tsgd_trace_event){
        .kind = kind, .text = stolen ? "stolen" : NULL,
        .number = {first, (uint32_t)second, away ? TSGD_TRACE_NONE : third},
    };
}

void tsgd_watch_charge(struct worker *w, enum spent spent, uint64_t now)
{
    if (!w->task.kind && spent == OTHER_TIME)
        return;
    if (!w->task.kind)
        w->task = (struct tsgd_trace_event){
            .kind = &unannounced[spent],
            .text = spent == WAIT_TIME && w->sleeps > w->slept ? "slept" : NULL,
        };
    w->slept = w->sleeps;
    w->task.begin = w->last;
    w->task.end = now;
    tsgd_track_add(w->track, &w->task);
    w->task.kind = NULL;
}
