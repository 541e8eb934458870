/* The task of minimising the synthetic quadratic: no data, one tensor `x`. */
#include "run/task.h"

#include "base/format.h"
#include "base/mem.h"
#include "model/parameters.h"
#include "model/quadratic.h"

#include <string.h>

struct synthetic {
    struct tsgd_task task;      /* first */
    struct tsgd_quadratic quadratic;
    struct tsgd_tensor x;
};

/* The default step size: that of every run, but at most 1 over the largest curvature of a node,
 * that of the last one; with twice as much a token there is thrown away from its minimum.       */
static enum tsgd_status fill_step_size(struct tsgd_settings *s, struct tsgd_error *err)
{
    const struct tsgd_conditioning *c;
    char text[32];
    enum tsgd_status st = tsgd_conditioning_find(&c, s->conditioning, err);
    if (st != TSGD_OK || TSGD_GIVEN(s, lr))
        return st;
    double a = c->a((double)s->nodes, (double)s->nodes), most = 1 / (a * a);
    if (s->lr <= most)
        return TSGD_OK;
    tsgd_format(text, sizeof text, "%.3g", most);
    return TSGD_FILL(s, lr, text, err);
}

static enum tsgd_status resolve(struct tsgd_settings *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_spec spec;
    TRY(tsgd_spec_parse(&spec, s->model, "--model", err));
    TRY(tsgd_model_no_arg(spec.name, spec.arg, err));
    if (TSGD_GIVEN(s, batch) && s->batch > 1)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--batch: found %llu, but --model quadratic has no samples "
                      "to put into a batch; leave it out", (unsigned long long)s->batch));
    if (s->eval && strcmp(s->eval, "mean"))
        TRY(tsgd_fail(err, TSGD_EINVAL, "--eval: found '%s', but --model quadratic measures the "
                      "tokens in any case (grad_norm2_tokens); leave it out", s->eval));
    if (s->init && TSGD_GIVEN(s, x0))
        TRY(tsgd_fail(err, TSGD_EINVAL, "--x0: cannot go with --init, which says where to start"));
    TRY(TSGD_FILL(s, batch, "1", err));
    if (s->init)
        TRY(TSGD_FILL(s, x0, NULL, err));
    TRY(fill_step_size(s, err));
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

static enum tsgd_status create(struct tsgd_task **out, struct tsgd_settings *s,
                               const struct tsgd_backend *on, struct tsgd_shelf *shelf,
                               const struct tsgd_ranks *ranks, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct synthetic *t = NULL;
    const struct tsgd_conditioning *conditioning;
    size_t bytes = tsgd_mul(s->dim, sizeof(double) + 2 * sizeof(float));
    (void)ranks;
    (void)shelf;                /* there are no data */
    TRY(tsgd_mem_check(bytes, "the quadratic", "use a smaller --dim", err));
    TRY(TSGD_NEW(&t, 1, "quadratic", err));
    t->x = (struct tsgd_tensor){.name = "x", .rank = 1, .extent = {(uint32_t)s->dim},
                                .count = s->dim};
    TRY(tsgd_conditioning_find(&conditioning, s->conditioning, err));
    TRY(tsgd_quadratic_init(&t->quadratic, on->kernels, conditioning, (uint32_t)s->nodes, s->dim,
                            s->zeta2, s->sigma2, s->seed, err));
    TRY(TSGD_NEW(&t->task.init, s->dim, "parameters", err));
    if (s->init) {
        TRY(tsgd_safetensors_expect(s->init, "quadratic", NULL, err));
        TRY(tsgd_parameters_read_list(s->init, &(const struct tsgd_tensor *){&t->x}, 1,
                                      t->task.init, err));
    }
    for (size_t j = 0; !s->init && j < s->dim; j++)
        t->task.init[j] = (float)s->x0;
    t->task.problem = &t->quadratic.problem;
    *out = &t->task;
    t = NULL;
done:
    release((struct tsgd_task *)t);
    return st;
}

static enum tsgd_status prepare(struct tsgd_task *task, struct tsgd_error *err)
{
    return tsgd_quadratic_solve(&((struct synthetic *)task)->quadratic, err);
}

/* Operations of a step: each coordinate takes r = a x - b, adds r * r to the loss, and gives the
 * gradient a r + s z. Random numbers are not counted.                                           */
static void describe(const struct tsgd_task *task, struct tsgd_info *out)
{
    uint64_t dim = task->problem->dim;
    out->step_flops = 7 * dim;
    out->memory_bytes += dim * (sizeof(double) + sizeof(float));
}

static enum tsgd_status write(const struct tsgd_task *task, FILE *f, const float *x,
                              struct tsgd_error *err)
{
    const struct tsgd_tensor *t = &((const struct synthetic *)task)->x;
    return tsgd_safetensors_write_list(f, &t, 1, "quadratic", x, err);
}

static void identify(const struct tsgd_task *task, struct tsgd_saved *out)
{
    (void)task;
    *out = (struct tsgd_saved){.model = "quadratic"};
}

static const struct tsgd_tensor *tensor(const struct tsgd_task *task, uint32_t i)
{
    return i == 0 ? &((const struct synthetic *)task)->x : NULL;
}

const struct tsgd_task_ops tsgd_task_quadratic = {
    .owners = 1u << TSGD_OWNER_QUADRATIC | 1u << TSGD_OWNER_DIM,
    .resolve = resolve,
    .create = create,
    .prepare = prepare,
    .describe = describe,
    .write = write,
    .identify = identify,
    .tensor = tensor,
    .free = release,
};
