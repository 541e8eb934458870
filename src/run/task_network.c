/* The task of training a network: data, their split among the nodes, the network, the problem. */
#include "run/task.h"

#include "base/mem.h"
#include "data/normalize.h"
#include "model/parameters.h"
#include "model/supervised.h"
#include "run/rank_data.h"

#include <string.h>

struct training {
    struct tsgd_task task;      /* first */
    const char *model;
    uint64_t split_seed;
    struct tsgd_dataset data;   /* its samples are the shelf's, or of `part`; normalised for this
                                 * task */
    const struct tsgd_shares *shares;
    struct tsgd_rank_data part; /* where there are several ranks */
    uint32_t test_samples;      /* of all ranks */
    struct tsgd_net net;
    const struct tsgd_tensor **tensor;  /* [tensors] of the net */
    uint32_t tensors;
    struct tsgd_supervised supervised, test;
    struct tsgd_risk risk;      /* with --optimum, like the next two */
    struct tsgd_optimum optimum;
    struct tsgd_minimum minimum;
    uint64_t threads;
};

/* What f must be for its minimum to be found: a strongly convex function. */
static enum tsgd_status check_optimum(const struct tsgd_settings *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (!s->optimum)
        return TSGD_OK;
    if (strcmp(s->model, "logistic"))
        TRY(tsgd_fail(err, TSGD_EINVAL, "--optimum: found --model %.80s, of which no minimum can "
                      "be proven; want logistic", s->model));
    if (!((float)s->weight_decay > 0))
        TRY(tsgd_fail(err, TSGD_EINVAL, "--optimum: found --weight-decay %g, want one above 0: "
                      "without it there is no proof that a minimum is near", s->weight_decay));
    if (strcmp(s->augment, "none"))
        TRY(tsgd_fail(err, TSGD_EINVAL, "--optimum: cannot go with --augment %s, which changes the "
                      "samples each time they are drawn; leave one out", s->augment));
done:
    return st;
}

static enum tsgd_status resolve(struct tsgd_settings *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    unsigned long long groups = (s->batch - 1) / TSGD_LANES + 1;
    TRY(tsgd_shelf_resolve(s, err));
    TRY(check_optimum(s, err));
    if (s->step_parts > groups)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--step-parts: found %llu, want at most %llu: parts are of "
                      "whole groups of %d samples, and --batch is %llu",
                      (unsigned long long)s->step_parts, groups, TSGD_LANES,
                      (unsigned long long)s->batch));
done:
    return st;
}

static void release(struct tsgd_task *task)
{
    struct training *t = (struct training *)task;
    if (!t)
        return;
    free(t->tensor);
    tsgd_net_release(&t->net);
    tsgd_norm_release(&t->data.norm);
    tsgd_optimum_release(&t->optimum);
    tsgd_rank_data_release(&t->part);
    free(t->task.init);
    free(t);
}

/* "data" becomes the numbers that it stands for. */
static enum tsgd_status normalize(struct training *t, struct tsgd_settings *s,
                                  struct tsgd_error *err)
{
    struct tsgd_dataset *d = &t->data;
    enum tsgd_status st = TSGD_OK;
    char *text = NULL;
    if (t->part.norm.parts) {
        d->norm = t->part.norm;
        t->part.norm = (struct tsgd_norm){.parts = 0};
    } else if (!strcmp(s->normalize, "data")) {
        TRY(tsgd_norm_measure(&d->norm, d, err));
    } else {
        TRY(tsgd_norm_parse(&d->norm, s->normalize, tsgd_norm_parts(d), "--normalize", err));
    }
    if (d->norm.parts && d->format == TSGD_FORMAT_SPARSE)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--normalize: found '%.80s', but the samples are sparse, "
                      "and would not be any more; want none", s->normalize));
    text = tsgd_norm_text(&d->norm);
    if (!text)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for means and deviations"));
    TRY(TSGD_FILL(s, normalize, text, err));
done:
    free(text);
    return st;
}

/* A network of one's own that stands in a file becomes its layers. */
static enum tsgd_status make_net(struct training *t, struct tsgd_settings *s,
                                 const struct tsgd_backend *on, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_netspec layers = TSGD_NETSPEC_INIT;
    char *model = NULL;
    TRY(tsgd_model_read(&layers, s->model, &model, err));
    TRY(tsgd_model_make(&t->net, &layers, s->model, t->data.shape, t->data.outputs, on, err));
    TRY(TSGD_FILL(s, model, model, err));
    t->model = s->model;
    t->split_seed = s->split_seed;
done:
    tsgd_netspec_release(&layers);
    free(model);
    return st;
}

/* Data, their normalisation and their split: from the shelf, or what this rank needs of them. */
static enum tsgd_status get_data(struct training *t, struct tsgd_settings *s,
                                 struct tsgd_shelf *shelf, const struct tsgd_ranks *ranks,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_dataset *data = NULL;
    const bool part = ranks->ranks > 1 && !s->optimum;
    if (part) {
        TRY(tsgd_rank_data_make(&t->part, s, ranks, err));
        data = &t->part.data;
        t->shares = &t->part.shares;
    } else {
        TRY(tsgd_shelf_data(shelf, s, &data, err));
    }
    t->data = *data;
    t->test_samples = part ? t->part.test_samples : data->test.count;
    if (!TSGD_HAS(s, test_share) && t->data.test_share > 0)
        TRY(TSGD_FILL_REAL(s, test_share, t->data.test_share, err));
    TRY(normalize(t, s, err));
    if (!part)
        TRY(tsgd_shelf_shares(shelf, s, data, &t->shares, err));
done:
    return st;
}

/* What is trained, and what the result is tested on. */
static void make_problems(struct training *t, const struct tsgd_settings *s,
                          struct tsgd_batcher batcher, const struct tsgd_ranks *ranks)
{
    const struct tsgd_shares *shares = t->shares;
    const bool part = shares == &t->part.shares;
    tsgd_supervised_init(&t->supervised, &t->net, &t->data, &shares->split, batcher, shares->held,
                         shares->n_held);
    if (part)
        tsgd_supervised_set_part(&t->supervised, t->part.first, t->part.measured,
                                 t->part.variance);
    t->task.problem = &t->supervised.problem;
    if (part && (ranks->rank > 0 || !TSGD_HAS(s, validation)))
        return;                 /* the test samples are not all here */
    tsgd_supervised_init(&t->test, &t->net, &t->data, &shares->split, batcher, NULL, 0);
    t->task.test = &t->test.problem;
}

static enum tsgd_status create(struct tsgd_task **out, struct tsgd_settings *s,
                               const struct tsgd_backend *on, struct tsgd_shelf *shelf,
                               const struct tsgd_ranks *ranks, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct training *t = NULL;
    struct tsgd_batcher batcher = {.size = (uint32_t)s->batch, .seed = s->seed};
    TRY(TSGD_NEW(&t, 1, "training", err));
    TRY(tsgd_order_parse(&batcher.order, s->order, err));
    TRY(tsgd_augment_parse(&batcher.augment, s->augment, err));
    TRY(get_data(t, s, shelf, ranks, err));
    TRY(tsgd_augment_check(batcher.augment, t->data.shape, err));
    TRY(make_net(t, s, on, err));
    TRY(tsgd_mem_check(tsgd_mul(t->net.dim, sizeof *t->task.init), "--model", "use a smaller one",
                       err));
    TRY(TSGD_NEW(&t->task.init, t->net.dim, "parameters", err));
    TRY(tsgd_net_list_tensors(&t->net, &t->tensor, &t->tensors, err));
    if (s->init) {
        TRY(tsgd_safetensors_expect(s->init, s->model, &t->data.norm, err));
        TRY(tsgd_parameters_read(s->init, &t->net, t->task.init, err));
    } else {
        tsgd_net_random(&t->net, s->seed, t->task.init);
    }
    make_problems(t, s, batcher, ranks);
    if (!s->step_parts)
        TRY(TSGD_FILL_COUNT(s, step_parts, tsgd_net_parts(&t->net, batcher.size), err));
    t->supervised.problem.parts = (uint32_t)s->step_parts;
    if (s->optimum) {
        t->threads = s->threads;
        tsgd_risk_init(&t->risk, &t->data, &t->shares->split, &t->supervised.decoder,
                       (double)(float)s->weight_decay);     /* as steps take it */
        tsgd_supervised_set_optimum(&t->supervised, &t->risk, &t->optimum);
    }
    *out = &t->task;
    t = NULL;
done:
    release((struct tsgd_task *)t);
    return st;
}

static enum tsgd_status prepare(struct tsgd_task *task, struct tsgd_error *err)
{
    struct training *t = (struct training *)task;
    const struct tsgd_optimum *o = &t->optimum;
    if (!t->supervised.optimum || t->task.minimum)
        return TSGD_OK;
    enum tsgd_status st = tsgd_optimum_find(&t->optimum, &t->risk, t->threads, err);
    if (st != TSGD_OK)
        return st;
    t->minimum = (struct tsgd_minimum){
        .value = o->value, .gap = o->gap, .steps = o->steps, .products = o->products,
        .seconds = o->seconds,
    };
    t->task.minimum = &t->minimum;
    return TSGD_OK;
}

static void describe(const struct tsgd_task *task, struct tsgd_info *out)
{
    const struct training *t = (const struct training *)task;
    const struct tsgd_dataset *d = &t->data;
    out->train_samples = t->shares->split.start[t->shares->split.nodes];
    out->test_samples = t->test_samples;
    out->channels = d->shape.channels;
    out->height = d->shape.height;
    out->width = d->shape.width;
    out->classes = d->classes;
    out->targets = d->classes ? 0 : d->outputs;
    out->class_names = (const char *const *)d->class_name;
    out->step_flops = t->net.step_flops * t->supervised.batcher.size;
    out->memory_bytes += tsgd_dataset_bytes(d) + tsgd_split_bytes(&t->shares->split) +
                         t->net.dim * sizeof *t->task.init;
    if (t->supervised.optimum)
        out->memory_bytes += (t->risk.dim + t->risk.blocks) * sizeof(double);
    out->split_hash = t->shares->whole->hash;
}

static enum tsgd_status write_split(const struct tsgd_task *task, FILE *f)
{
    return tsgd_split_write(((const struct training *)task)->shares->whole, f);
}

static void identify(const struct tsgd_task *task, struct tsgd_saved *out)
{
    const struct training *t = (const struct training *)task;
    *out = (struct tsgd_saved){.model = t->model, .shape = t->net.in,
                               .classes = t->data.classes, .outputs = t->data.outputs,
                               .norm = t->data.norm, .class_name = t->data.class_name,
                               .test_share = t->data.test_share, .split_seed = t->split_seed};
}

static enum tsgd_status write(const struct tsgd_task *task, FILE *f, const float *x,
                              struct tsgd_error *err)
{
    struct tsgd_saved saved;
    identify(task, &saved);
    return tsgd_safetensors_write(f, &((const struct training *)task)->net, &saved, x, err);
}

static const struct tsgd_tensor *tensor(const struct tsgd_task *task, uint32_t i)
{
    const struct training *t = (const struct training *)task;
    return i < t->tensors ? t->tensor[i] : NULL;
}

const struct tsgd_task_ops tsgd_task_network = {
    .owners = 1u << TSGD_OWNER_DATA,
    .has_layers = true,
    .resolve = resolve,
    .create = create,
    .prepare = prepare,
    .describe = describe,
    .write_split = write_split,
    .write = write,
    .identify = identify,
    .tensor = tensor,
    .free = release,
};
