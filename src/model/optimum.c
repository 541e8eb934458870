#include "model/optimum.h"

#include "base/clock.h"
#include "base/mem.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* The blocks are summed in so many parts, which are added up in order: threads share them, but how
 * many there are does not depend on the threads.                                                */
enum { PARTS = 16 };

static const double GAP = 1e-10;        /* what is promised */
static const double AIM = 1e-16;        /* where it stops, if rounding has not stopped it before */

/* Multiply-adds in a sum over the samples below which other threads are not worth their start. */
static const double WORTH_THREADS = 2e6;

/* More than 100 times what usual decays take. */
enum { MOST_PRODUCTS = 20000, MOST_STEPS = 1000, MOST_HALVINGS = 40 };

struct solver {
    const struct tsgd_risk *r;
    size_t dim;
    uint32_t threads;
    double *x, *g;              /* where it stands, and grad f there */
    double *to, *to_g;          /* where a step might lead */
    double *d;                  /* the step */
    double *left, *along;       /* of conjugate gradients: residual, direction */
    double *curved;             /* the Hessian times the direction */
    double *scale;              /* 1 over the Hessian's diagonal */
    double *kept;
    double *part;               /* [PARTS][dim] */
    uint8_t *scratch;           /* [threads][scratch_bytes] */
    size_t scratch_bytes;
    double f;
    uint32_t steps;
    uint64_t products;
};

/* ---- sums over all samples ---- */

enum sum { GRADIENT, PRODUCT, DIAGONAL };

struct shared {
    const struct solver *s;
    enum sum what;
    const double *x;
    double loss[PARTS];
    _Atomic uint32_t part, thread;      /* the next ones; relaxed, since only the number matters */
};

static double sum_part(const struct shared *sum, uint32_t part, void *scratch)
{
    const struct tsgd_risk *r = sum->s->r;
    double *out = sum->s->part + part * sum->s->dim, loss = 0;
    uint32_t from = (uint32_t)((uint64_t)r->blocks * part / PARTS);
    uint32_t to = (uint32_t)((uint64_t)r->blocks * (part + 1) / PARTS);
    memset(out, 0, sum->s->dim * sizeof *out);
    for (uint32_t b = from; b < to; b++)
        if (sum->what == GRADIENT)
            loss += tsgd_risk_gradient(r, b, sum->x, sum->s->kept, out, scratch);
        else if (sum->what == PRODUCT)
            tsgd_risk_product(r, b, sum->s->kept, sum->x, out, scratch);
        else
            tsgd_risk_diagonal(r, b, sum->s->kept, out, scratch);
    return loss;
}

static void *share(void *arg)
{
    struct shared *sum = arg;
    uint32_t me = atomic_fetch_add_explicit(&sum->thread, 1, memory_order_relaxed), part;
    void *scratch = sum->s->scratch + me * sum->s->scratch_bytes;
    while ((part = atomic_fetch_add_explicit(&sum->part, 1, memory_order_relaxed)) < PARTS)
        sum->loss[part] = sum_part(sum, part, scratch);
    return NULL;
}

/* The sum into out; returns that of the losses. Threads that cannot be had are done without. */
static double sum_up(const struct solver *s, enum sum what, const double *x, double *out)
{
    struct shared sum = {.s = s, .what = what, .x = x};
    pthread_t thread[PARTS];
    uint32_t started = 0;
    double loss = 0;
    while (started + 1 < s->threads && pthread_create(&thread[started], NULL, share, &sum) == 0)
        started++;
    share(&sum);
    while (started > 0)
        pthread_join(thread[--started], NULL);
    memcpy(out, s->part, s->dim * sizeof *out);
    for (uint32_t part = 1; part < PARTS; part++)
        for (size_t j = 0; j < s->dim; j++)
            out[j] += s->part[part * s->dim + j];
    for (uint32_t part = 0; part < PARTS; part++)
        loss += sum.loss[part];
    return loss;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t j = 0; j < n; j++)
        sum += a[j] * b[j];
    return sum;
}

static double evaluate(const struct solver *s, const double *x, double *g)
{
    double decay = s->r->decay, f = sum_up(s, GRADIENT, x, g) + decay / 2 * dot(x, x, s->dim);
    for (size_t j = 0; j < s->dim; j++)
        g[j] += decay * x[j];
    return f;
}

static void multiply(struct solver *s, const double *v, double *out)
{
    sum_up(s, PRODUCT, v, out);
    for (size_t j = 0; j < s->dim; j++)
        out[j] += s->r->decay * v[j];
    s->products++;
}

static void measure_scale(const struct solver *s)
{
    sum_up(s, DIAGONAL, s->x, s->scale);
    for (size_t j = 0; j < s->dim; j++)
        s->scale[j] = 1 / (s->scale[j] + s->r->decay);
}

/* ---- a step ---- */

static void precondition(const struct solver *s, double *out)
{
    for (size_t j = 0; j < s->dim; j++)
        out[j] = s->scale[j] * s->left[j];
}

/* d with ||H d + g|| <= least, or nearly so: any d that conjugate gradients pass is downhill. */
static void find_direction(struct solver *s, double least)
{
    size_t n = s->dim;
    double *z = s->curved;      /* stands there between two products */
    memset(s->d, 0, n * sizeof *s->d);
    for (size_t j = 0; j < n; j++)
        s->left[j] = -s->g[j];
    precondition(s, z);
    memcpy(s->along, z, n * sizeof *z);
    double size = dot(s->left, z, n);
    while (s->products < MOST_PRODUCTS && size > 0) {
        multiply(s, s->along, s->curved);
        double curvature = dot(s->along, s->curved, n), a = size / curvature;
        if (!(curvature > 0))
            return;
        for (size_t j = 0; j < n; j++) {
            s->d[j] += a * s->along[j];
            s->left[j] -= a * s->curved[j];
        }
        if (dot(s->left, s->left, n) <= least * least)
            return;
        precondition(s, z);
        double before = size;
        size = dot(s->left, z, n);
        for (size_t j = 0; j < n; j++)
            s->along[j] = z[j] + size / before * s->along[j];
    }
}

/* Whether the step t d from x, along which f rises by `slope` (< 0) at first, is good enough: f has
 * fallen enough; or, where f can no longer tell since it only differs by rounding, the slope says
 * that a quadratic would have (Hager and Zhang, SIAM J. Optim. 2005).                           */
static bool is_enough(const struct solver *s, double t, double slope, double to_f)
{
    if (to_f <= s->f + 1e-4 * t * slope)
        return true;
    return to_f <= s->f + 1e-12 * fabs(s->f) && dot(s->to_g, s->d, s->dim) <= 0.8 * -slope;
}

/* Goes along d; false: no step is good enough, because of rounding. */
static bool advance(struct solver *s)
{
    double slope = dot(s->g, s->d, s->dim), t = 1, *x = s->x, *g = s->g;
    for (int i = 0; slope < 0 && i < MOST_HALVINGS; i++, t /= 2) {
        for (size_t j = 0; j < s->dim; j++)
            s->to[j] = x[j] + t * s->d[j];
        double to_f = evaluate(s, s->to, s->to_g);
        if (!is_enough(s, t, slope, to_f))
            continue;
        s->f = to_f;
        s->x = s->to, s->to = x;
        s->g = s->to_g, s->to_g = g;
        s->steps++;
        return true;
    }
    return false;
}

/* ---- all together ---- */

static double gap(const struct solver *s)
{
    return dot(s->g, s->g, s->dim) / (2 * s->r->decay);
}

/* Until the aim, or until steps no longer lead anywhere. */
static void minimise(struct solver *s)
{
    s->f = evaluate(s, s->x, s->g);
    double first = sqrt(dot(s->g, s->g, s->dim)), aim = sqrt(2 * s->r->decay * AIM);
    for (int i = 0; i < MOST_STEPS && s->products < MOST_PRODUCTS; i++) {
        double size = sqrt(dot(s->g, s->g, s->dim)), share = sqrt(size / first);
        if (!(size > aim))
            return;
        double least = size * (share < 0.1 ? share : 0.1);
        measure_scale(s);
        find_direction(s, least > aim / 4 ? least : aim / 4);
        double before = gap(s);
        if (!advance(s) || (before <= GAP && gap(s) > before / 2))
            return;
    }
}

static enum tsgd_status take(struct solver *s, struct tsgd_holding *h, const struct tsgd_risk *r,
                             uint64_t threads, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    double **vector[] = {&s->x, &s->g, &s->to, &s->to_g, &s->d, &s->left, &s->along, &s->curved,
                         &s->scale};
    const struct tsgd_sparse *sparse = &r->data->train.sparse;
    double numbers = (double)r->split->start[r->split->nodes] * (double)r->features;
    if (r->data->format == TSGD_FORMAT_SPARSE)
        numbers = (double)sparse->start[r->data->train.count];
    *s = (struct solver){.r = r, .dim = r->dim};
    s->threads = numbers * r->outputs < WORTH_THREADS ? 1 : threads < PARTS ? (uint32_t)threads :
                 PARTS;
    s->scratch_bytes = tsgd_round_up(tsgd_risk_scratch(r), 128);
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++)
        TRY(TSGD_HOLD(h, vector[i], s->dim, "the optimum", err));
    TRY(TSGD_HOLD(h, &s->kept, tsgd_risk_kept(r), "the optimum", err));
    TRY(TSGD_HOLD(h, &s->part, tsgd_mul(PARTS, s->dim), "the optimum", err));
    TRY(TSGD_HOLD(h, &s->scratch, tsgd_mul(s->threads, s->scratch_bytes), "the optimum", err));
done:
    return st;
}

/* Before anything is taken: what all of it is. */
static enum tsgd_status check_memory(const struct tsgd_risk *r, uint64_t threads,
                                     struct tsgd_error *err)
{
    struct tsgd_holding count = TSGD_HOLDING_COUNT;
    struct solver s;
    enum tsgd_status st = take(&s, &count, r, threads, err);
    return st != TSGD_OK ? st : tsgd_mem_check(count.bytes, "--optimum", "leave it out", err);
}

static enum tsgd_status keep(struct tsgd_optimum *out, const struct solver *s,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_optimum o = {.gap = gap(s), .steps = s->steps, .products = s->products};
    const struct tsgd_risk *r = s->r;
    if (!(o.gap <= GAP))
        TRY(tsgd_fail(err, TSGD_EINVAL, "--optimum: the search for it ends with f - f* proven to "
                      "be at most %.2g, want %.0g; use a larger --weight-decay than %g", o.gap, GAP,
                      r->decay));
    TRY(TSGD_NEW(&o.x, r->dim, "the optimum", err));
    TRY(TSGD_NEW(&o.loss, r->blocks, "the optimum", err));
    memcpy(o.x, s->x, r->dim * sizeof *o.x);
    for (uint32_t b = 0; b < r->blocks; b++) {
        o.loss[b] = tsgd_risk_loss(r, b, o.x, s->scratch);
        o.value += o.loss[b];
    }
    o.value += r->decay / 2 * dot(o.x, o.x, r->dim);
    *out = o;
    o = (struct tsgd_optimum)TSGD_OPTIMUM_INIT;
done:
    tsgd_optimum_release(&o);
    return st;
}

enum tsgd_status tsgd_optimum_find(struct tsgd_optimum *out, const struct tsgd_risk *r,
                                   uint64_t threads, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t start = tsgd_now_ns();
    struct tsgd_holding h = TSGD_HOLDING_INIT;
    struct solver s;
    TRY(check_memory(r, threads, err));
    TRY(take(&s, &h, r, threads, err));
    minimise(&s);
    TRY(keep(out, &s, err));
    out->seconds = (double)tsgd_ns_since(start) * 1e-9;
done:
    tsgd_holding_release(&h);
    return st;
}

void tsgd_optimum_release(struct tsgd_optimum *o)
{
    free(o->x);
    free(o->loss);
    *o = (struct tsgd_optimum)TSGD_OPTIMUM_INIT;
}
