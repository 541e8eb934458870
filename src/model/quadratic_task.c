/* The task of minimising the synthetic quadratic: no data, one tensor `x`. */
#include "model/model.h"

#include "base/mem.h"
#include "model/quadratic.h"
#include "model/safetensors.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MOST_DIM = 1 << 30 };            /* extents of tensors are 32 bits */

struct synthetic {
    struct tsgd_task task;      /* first */
    struct tsgd_quadratic quadratic;
    struct tsgd_tensor x;
};

static enum tsgd_status check_foreign(const struct tsgd_settings *s, struct tsgd_error *err)
{
    const struct { const char *name; bool given; } foreign[] = {
        {"--data", s->data != NULL}, {"--data-dir", s->data_dir != NULL},
        {"--subset", s->subset != 0}, {"--partition", s->partition != NULL},
        {"--split", s->split != NULL}, {"--save-split", s->save_split != NULL},
        {"--allow-empty", s->allow_empty}, {"--split-seed", s->has_split_seed},
        {"--order", s->order != NULL}, {"--validation", !isnan(s->validation)},
        {"--normalize", s->normalize != NULL}, {"--augment", s->augment != NULL},
    };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (foreign[i].given)
            return tsgd_fail(err, TSGD_EINVAL, "%s: --model quadratic has no data; leave it out",
                             foreign[i].name);
    if (s->batch > 1)
        return tsgd_fail(err, TSGD_EINVAL, "--batch: found %llu, but --model quadratic has no "
                         "samples to put into a batch; leave it out", (unsigned long long)s->batch);
    if (s->step_parts > 1)
        return tsgd_fail(err, TSGD_EINVAL, "--step-parts: found %llu, but --model quadratic has no "
                         "samples to share out; leave it out", (unsigned long long)s->step_parts);
    if (strcmp(s->eval, "mean"))
        return tsgd_fail(err, TSGD_EINVAL, "--eval: found '%s', but --model quadratic measures the "
                         "tokens in any case (grad_norm2_tokens); leave it out", s->eval);
    if (s->init && !isnan(s->x0))
        return tsgd_fail(err, TSGD_EINVAL, "--x0: cannot go with --init, which says where to start");
    return TSGD_OK;
}

static enum tsgd_status resolve(struct tsgd_settings *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_conditioning *conditioning;
    struct tsgd_spec spec;
    TRY(tsgd_spec_parse(&spec, s->model, "--model", err));
    TRY(tsgd_model_no_arg(spec.name, spec.arg, err));
    TRY(check_foreign(s, err));
    s->batch = 1;
    s->dim = s->dim ? s->dim : 50;
    s->zeta2 = isnan(s->zeta2) ? 1 : s->zeta2;
    s->sigma2 = isnan(s->sigma2) ? 1 : s->sigma2;
    s->conditioning = s->conditioning ? s->conditioning : "koloskova";
    if (!s->init && isnan(s->x0))
        s->x0 = 1;
    const struct { const char *name; double value; } variances[] = {
        {"--zeta2", s->zeta2}, {"--sigma2", s->sigma2},
    };
    for (size_t i = 0; i < 2; i++)
        if (!(variances[i].value >= 0 && variances[i].value <= (double)FLT_MAX))
            TRY(tsgd_fail(err, TSGD_EINVAL, "%s: found %g, want 0 to %g", variances[i].name,
                          variances[i].value, (double)FLT_MAX));
    if (s->dim > MOST_DIM)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--dim: found %llu, want 1 to %d",
                      (unsigned long long)s->dim, MOST_DIM));
    if (fabs(s->x0) > (double)FLT_MAX)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--x0: found %g, want a number of at most %g either way",
                      s->x0, (double)FLT_MAX));
    TRY(tsgd_conditioning_find(&conditioning, s->conditioning, err));
done:
    return st;
}

static void release(struct tsgd_task *task)
{
    struct synthetic *t = (struct synthetic *)task;
    if (!t)
        return;
    tsgd_quadratic_release(&t->quadratic);
    free(t->task.init);
    free(t);
}

static enum tsgd_status create(struct tsgd_task **out, const struct tsgd_settings *s,
                               struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct synthetic *t = NULL;
    const struct tsgd_conditioning *conditioning;
    size_t bytes = tsgd_mul(s->dim, sizeof(double) + 2 * sizeof(float));
    TRY(tsgd_mem_check(bytes, "the quadratic", "use a smaller --dim", err));
    TRY(TSGD_NEW(&t, 1, "quadratic", err));
    t->x = (struct tsgd_tensor){.name = "x", .rank = 1, .extent = {(uint32_t)s->dim},
                                .count = s->dim};
    TRY(tsgd_conditioning_find(&conditioning, s->conditioning, err));
    TRY(tsgd_quadratic_init(&t->quadratic, conditioning, (uint32_t)s->nodes, s->dim, s->zeta2,
                            s->sigma2, s->seed, err));
    TRY(TSGD_NEW(&t->task.init, s->dim, "parameters", err));
    if (s->init)
        TRY(tsgd_safetensors_read_one(s->init, &t->x, t->task.init, err));
    for (size_t j = 0; !s->init && j < s->dim; j++)
        t->task.init[j] = (float)s->x0;
    t->task.problem = &t->quadratic.problem;
    *out = &t->task;
    t = NULL;
done:
    release((struct tsgd_task *)t);
    return st;
}

/* A coordinate takes a x - b, its square into the loss, and a r + s z; random numbers are free. */
static void describe(const struct tsgd_task *task, struct tsgd_info *out)
{
    uint64_t dim = task->problem->dim;
    out->step_flops = 7 * dim;
    out->memory_bytes += dim * (sizeof(double) + sizeof(float));
}

static enum tsgd_status write(const struct tsgd_task *task, FILE *f, const float *x,
                              struct tsgd_error *err)
{
    return tsgd_safetensors_write_one(f, &((const struct synthetic *)task)->x, "quadratic", x, err);
}

static const struct tsgd_task_ops quadratic_task = {
    .resolve = resolve,
    .create = create,
    .describe = describe,
    .write = write,
    .free = release,
};

const struct tsgd_model tsgd_model_quadratic = {
    .name = "quadratic",
    .usage = "quadratic",
    .summary = "node i minimises 1/2 |a_i x - b_i|^2 under noise: no data, an optimum that is known, "
               "exact gradient norms; --dim, --zeta2, --sigma2, --conditioning",
    .task = &quadratic_task,
};
