/* The task of minimising an objective of the caller's: no data, the tensors that it names. */
#include "run/task.h"

#include "base/mem.h"
#include "model/objective.h"
#include "model/parameters.h"

#include <string.h>

struct minimising {
    struct tsgd_task task;      /* first */
    struct tsgd_own_problem own;
    struct tsgd_tensor *tensor;             /* [tensors] */
    const struct tsgd_tensor **tensor_at;   /* [tensors] where they are, as writers want them */
    uint32_t tensors;
    char model[TSGD_OBJECTIVE_TEXT];
};

/* What both the objective and a setting say. */
static enum tsgd_status agree(const char *setting, uint64_t found, bool given, uint64_t want,
                              const char *name, struct tsgd_error *err)
{
    if (!given || found == want)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--%s: found %llu, but the objective '%s' has %llu; leave "
                     "it out", setting, (unsigned long long)found, name, (unsigned long long)want);
}

/* What a full visit uses, as far as the first visits tell. It is only for forecasts. */
static uint64_t samples_of(const struct tsgd_objective *o, uint64_t nodes)
{
    uint64_t most = (uint64_t)tsgd_setting_rows[TSGD_SET_batch].most, found = 0;
    for (uint64_t node = 0; o->samples && node < nodes && !found; node++)
        found = o->samples((uint32_t)node, 0, o->user);
    return !found ? 1 : found < most ? found : most;
}

static enum tsgd_status resolve(struct tsgd_settings *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_objective *o = &s->objective;
    if (o->nodes) {
        TRY(agree("nodes", s->nodes, TSGD_GIVEN(s, nodes), o->nodes, o->name, err));
        TRY(TSGD_FILL_COUNT(s, nodes, o->nodes, err));
    }
    TRY(agree("dim", s->dim, TSGD_GIVEN(s, dim), o->dim, o->name, err));
    TRY(TSGD_FILL_COUNT(s, dim, o->dim, err));
    if (TSGD_GIVEN(s, batch) && s->batch > 1)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--batch: found %llu, but the objective '%s' says itself "
                      "what a visit uses (samples); leave it out", (unsigned long long)s->batch,
                      o->name));
    TRY(TSGD_FILL_COUNT(s, batch, samples_of(o, s->nodes), err));
    if (s->eval && !strcmp(s->eval, "tokens") && !o->evaluate)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--eval: found tokens, but the objective '%s' has no "
                      "evaluate to measure them; leave it out", o->name));
done:
    return st;
}

static void release(struct tsgd_task *task)
{
    struct minimising *t = (struct minimising *)task;
    if (!t)
        return;
    free(t->tensor);
    free(t->tensor_at);
    free(t->task.init);
    free(t);
}

static enum tsgd_status list_tensors(struct minimising *t, const struct tsgd_objective *o,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t offset = 0;
    t->tensors = o->n_tensors ? o->n_tensors : 1;
    TRY(TSGD_NEW(&t->tensor, t->tensors, "tensors", err));
    TRY(TSGD_NEW(&t->tensor_at, t->tensors, "tensors", err));
    for (uint32_t i = 0; i < t->tensors; i++) {
        tsgd_objective_tensor_at(o, i, offset, &t->tensor[i]);
        offset += t->tensor[i].count;
        t->tensor_at[i] = &t->tensor[i];
    }
done:
    return st;
}

/* A file that names a model must name this objective: the tensors of another one can look alike. */
static enum tsgd_status expect(const char *path, const char *model, struct tsgd_error *err)
{
    struct tsgd_saved saved;
    enum tsgd_status st = tsgd_safetensors_identify(path, &saved, err);
    if (st != TSGD_OK)
        return st;
    if (*saved.model && strcmp(saved.model, model))
        st = tsgd_fail(err, TSGD_EINVAL, "--init: '%.200s' holds parameters of %s, want %s; give "
                       "another file", path, saved.model, model);
    tsgd_saved_release(&saved);
    return st;
}

static enum tsgd_status create(struct tsgd_task **out, struct tsgd_settings *s,
                               const struct tsgd_backend *on, struct tsgd_shelf *shelf,
                               const struct tsgd_ranks *ranks, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct minimising *t = NULL;
    (void)ranks;
    (void)shelf;                /* there are no data */
    TRY(tsgd_mem_check(tsgd_mul(s->dim, sizeof(float)), "the objective", "use a smaller dim", err));
    TRY(TSGD_NEW(&t, 1, "objective", err));
    snprintf(t->model, sizeof t->model, "%s", s->model);
    TRY(list_tensors(t, &s->objective, err));
    tsgd_own_problem_init(&t->own, &s->objective, (uint32_t)s->nodes, on->kernels, s->seed);
    TRY(TSGD_NEW(&t->task.init, s->dim, "parameters", err));
    if (s->init) {
        TRY(expect(s->init, s->model, err));
        TRY(tsgd_parameters_read_list(s->init, t->tensor_at, t->tensors, t->task.init, err));
    } else {
        tsgd_own_problem_start(&t->own, t->task.init);
    }
    t->task.problem = &t->own.problem;
    *out = &t->task;
    t = NULL;
done:
    release((struct tsgd_task *)t);
    return st;
}

static void describe(const struct tsgd_task *task, struct tsgd_info *out)
{
    out->memory_bytes += task->problem->dim * sizeof *task->init;
}

static enum tsgd_status write(const struct tsgd_task *task, FILE *f, const float *x,
                              struct tsgd_error *err)
{
    const struct minimising *t = (const struct minimising *)task;
    return tsgd_safetensors_write_list(f, t->tensor_at, t->tensors, t->model, x, err);
}

static void identify(const struct tsgd_task *task, struct tsgd_saved *out)
{
    *out = (struct tsgd_saved){.model = ((const struct minimising *)task)->model};
}

static const struct tsgd_tensor *tensor(const struct tsgd_task *task, uint32_t i)
{
    const struct minimising *t = (const struct minimising *)task;
    return i < t->tensors ? &t->tensor[i] : NULL;
}

const struct tsgd_task_ops tsgd_task_objective = {
    .owners = 1u << TSGD_OWNER_DIM,
    .resolve = resolve,
    .create = create,
    .describe = describe,
    .write = write,
    .identify = identify,
    .tensor = tensor,
    .free = release,
};
