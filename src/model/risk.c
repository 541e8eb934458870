#include "model/risk.h"

#include "base/elementary.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { TILE = 64 };             /* samples that the kernels take at once */

/* One tile of a block, and what a scratch holds of it. */
struct tile {
    float *x;                   /* [features][TILE], unless samples are sparse */
    double *z;                  /* [outputs][TILE] */
    double *weight;             /* [TILE]: of a sample's loss in f; 0 beyond `count` */
    uint32_t *sample;           /* [TILE] */
    uint32_t count;
};

static bool is_sparse(const struct tsgd_risk *r)
{
    return r->data->format == TSGD_FORMAT_SPARSE;
}

static bool has_classes(const struct tsgd_risk *r) { return r->data->classes > 0; }

void tsgd_risk_init(struct tsgd_risk *out, const struct tsgd_dataset *data,
                    const struct tsgd_split *split, const struct tsgd_decoder *decoder,
                    double decay)
{
    *out = (struct tsgd_risk){
        .data = data, .split = split, .decoder = decoder, .decay = decay,
        .outputs = data->outputs, .features = tsgd_shape_size(data->shape),
    };
    out->dim = (out->features + 1) * out->outputs;
    out->blocks = (uint32_t)(((uint64_t)split->start[split->nodes] + TSGD_RISK_BLOCK - 1) /
                             TSGD_RISK_BLOCK);
    for (uint32_t i = 0; i < split->nodes; i++)
        out->with_samples += split->start[i + 1] > split->start[i];
}

size_t tsgd_risk_scratch(const struct tsgd_risk *r)
{
    size_t doubles = tsgd_mul((size_t)r->outputs + 1, TILE * sizeof(double));
    size_t rest = tsgd_mul(is_sparse(r) ? 1 : r->features + 1, TILE * sizeof(float));
    return tsgd_add(doubles, rest);
}

size_t tsgd_risk_kept(const struct tsgd_risk *r)
{
    return has_classes(r) ? tsgd_mul(r->blocks, tsgd_mul(r->outputs, TSGD_RISK_BLOCK)) : 1;
}

static struct tile cut(const struct tsgd_risk *r, void *scratch)
{
    struct tile t = {.z = scratch};
    t.weight = t.z + (size_t)r->outputs * TILE;
    t.sample = (uint32_t *)(t.weight + TILE);
    t.x = (float *)(t.sample + TILE);
    return t;
}

/* The last node that begins at or before this place in the split. */
static uint32_t node_at(const struct tsgd_split *s, uint32_t place)
{
    uint32_t low = 0, high = s->nodes;      /* start[low] <= place < start[high] */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (s->start[middle] <= place)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Reads tile number `tile` of a block; false: the block has no such tile. */
static bool read_tile(const struct tsgd_risk *r, uint32_t block, uint32_t tile, struct tile *t)
{
    const struct tsgd_split *s = r->split;
    uint64_t first = (uint64_t)block * TSGD_RISK_BLOCK + (uint64_t)tile * TILE;
    if (tile == TSGD_RISK_BLOCK / TILE || first >= s->start[s->nodes])
        return false;
    uint32_t place = (uint32_t)first, node = node_at(s, place), left = s->start[s->nodes] - place;
    t->count = left < TILE ? left : TILE;
    for (uint32_t i = 0; i < t->count; i++, place++) {
        while (s->start[node + 1] <= place)
            node++;
        t->sample[i] = s->index[place];
        t->weight[i] = 1 / ((double)r->with_samples *
                            (double)(s->start[node + 1] - s->start[node]));
    }
    memset(t->weight + t->count, 0, (TILE - t->count) * sizeof *t->weight);
    if (!is_sparse(r))
        tsgd_decode(r->decoder, &r->data->train, t->sample, t->count, NULL, NULL, TILE, t->x);
    return true;
}

/* Of sparse samples, one after the other: z = W x + b. */
static void score_sparse(const struct tsgd_risk *r, const double *w, const struct tile *t)
{
    const struct tsgd_sparse *x = &r->data->train.sparse;
    const double *bias = w + r->features * r->outputs;
    for (size_t o = 0; o < r->outputs; o++, w += r->features)
        for (uint32_t i = 0; i < TILE; i++) {
            double sum = bias[o];
            uint32_t s = i < t->count ? t->sample[i] : 0;
            for (uint64_t j = x->start[s]; i < t->count && j < x->start[s + 1]; j++)
                sum += w[x->column[j]] * (double)x->value[j];
            t->z[o * TILE + i] = sum;
        }
}

/* And out[o][f] += the sum of z[o] * x[f], or of z[o] * x[f]^2. */
static void gather_sparse(const struct tsgd_risk *r, const struct tile *t, bool squares,
                          double *out)
{
    const struct tsgd_sparse *x = &r->data->train.sparse;
    double *bias = out + r->features * r->outputs;
    for (size_t o = 0; o < r->outputs; o++, out += r->features)
        for (uint32_t i = 0; i < t->count; i++) {
            double z = t->z[o * TILE + i];
            uint32_t s = t->sample[i];
            for (uint64_t j = x->start[s]; j < x->start[s + 1]; j++) {
                double v = (double)x->value[j];
                out[x->column[j]] += z * (squares ? v * v : v);
            }
            bias[o] += z;
        }
}

/* z = W x + b */
static void score(const struct tsgd_risk *r, const double *w, const struct tile *t)
{
    if (is_sparse(r))
        score_sparse(r, w, t);
    else
        r->decoder->kernels->scores(w, w + r->features * r->outputs, r->outputs, r->features, t->x,
                                    t->z);
}

/* out[o][f] += the sum of z[o] * x[f], or with squares of z[o] * x[f]^2; biases are of x = 1. */
static void gather(const struct tsgd_risk *r, const struct tile *t, bool squares, double *out)
{
    if (is_sparse(r))
        gather_sparse(r, t, squares, out);
    else
        r->decoder->kernels->score_sums(t->z, r->outputs, r->features, t->x, squares, out,
                                        out + r->features * r->outputs);
}

/* ---- cross-entropy ---- */

/* The weighted sum of the losses; z becomes softmax z, which also goes to `kept` unless that is
 * NULL, and then the slope of each loss.                                                        */
static double cross_entropy(const struct tsgd_risk *r, const struct tile *t, double *kept)
{
    const uint16_t *labels = r->data->train.labels;
    double sum[TILE] = {0}, best[TILE], own[TILE], all = 0, *z = t->z;
    memcpy(best, z, sizeof best);
    for (size_t o = 1; o < r->outputs; o++)
        for (size_t i = 0; i < TILE; i++)
            best[i] = z[o * TILE + i] > best[i] ? z[o * TILE + i] : best[i];
    for (size_t i = 0; i < t->count; i++)
        own[i] = z[labels[t->sample[i]] * (size_t)TILE + i];
    for (size_t o = 0; o < r->outputs; o++)
        for (size_t i = 0; i < TILE; i++) {
            double e = tsgd_exp(z[o * TILE + i] - best[i]);
            sum[i] += e;
            z[o * TILE + i] = e;
        }
    for (size_t o = 0; o < r->outputs; o++)
        for (size_t i = 0; i < TILE; i++)
            z[o * TILE + i] /= sum[i];
    for (size_t i = 0; i < t->count; i++)
        all += t->weight[i] * (tsgd_log(sum[i]) - (own[i] - best[i]));
    if (kept)
        memcpy(kept, z, (size_t)r->outputs * TILE * sizeof *kept);
    for (size_t i = 0; i < t->count; i++)
        z[labels[t->sample[i]] * (size_t)TILE + i] -= 1;
    return all;
}

/* z becomes (diag p - p p^T) z, sample by sample. */
static void bend_cross_entropy(const struct tsgd_risk *r, const double *p, double *z)
{
    double mean[TILE] = {0};
    for (size_t k = 0; k < (size_t)r->outputs * TILE; k++)
        mean[k % TILE] += p[k] * z[k];
    for (size_t k = 0; k < (size_t)r->outputs * TILE; k++)
        z[k] = p[k] * (z[k] - mean[k % TILE]);
}

/* ---- squared error, the mean over the outputs ---- */

static double squared_error(const struct tsgd_risk *r, const struct tile *t)
{
    double all = 0, outputs = (double)r->outputs;
    for (size_t o = 0; o < r->outputs; o++)
        for (size_t i = 0; i < t->count; i++) {
            float target = r->data->train.targets[t->sample[i] * (size_t)r->outputs + o];
            double *z = &t->z[o * TILE + i], error = *z - (double)target;
            all += t->weight[i] * error * error / outputs;
            *z = 2 / outputs * error;
        }
    return all;
}

/* ---- sums over a block ---- */

static void weigh(const struct tsgd_risk *r, const struct tile *t)
{
    for (size_t k = 0; k < (size_t)r->outputs * TILE; k++)
        t->z[k] *= t->weight[k % TILE];
}

/* The weighted sum of the losses at x; z becomes the slope of each. */
static double measure(const struct tsgd_risk *r, const double *x, const struct tile *t,
                      double *kept)
{
    score(r, x, t);
    return has_classes(r) ? cross_entropy(r, t, kept) : squared_error(r, t);
}

double tsgd_risk_loss(const struct tsgd_risk *r, uint32_t block, const double *x, void *scratch)
{
    struct tile t = cut(r, scratch);
    double sum = 0;
    for (uint32_t i = 0; read_tile(r, block, i, &t); i++)
        sum += measure(r, x, &t, NULL);
    return sum;
}

/* Where a tile's own numbers stand. */
static size_t kept_at(const struct tsgd_risk *r, uint32_t block, uint32_t tile)
{
    return has_classes(r) ?
        ((size_t)block * TSGD_RISK_BLOCK + (size_t)tile * TILE) * r->outputs : 0;
}

double tsgd_risk_gradient(const struct tsgd_risk *r, uint32_t block, const double *x, double *kept,
                          double *grad, void *scratch)
{
    struct tile t = cut(r, scratch);
    double sum = 0;
    for (uint32_t i = 0; read_tile(r, block, i, &t); i++) {
        sum += measure(r, x, &t, kept + kept_at(r, block, i));
        weigh(r, &t);
        gather(r, &t, false, grad);
    }
    return sum;
}

void tsgd_risk_product(const struct tsgd_risk *r, uint32_t block, const double *kept,
                       const double *v, double *out, void *scratch)
{
    struct tile t = cut(r, scratch);
    for (uint32_t i = 0; read_tile(r, block, i, &t); i++) {
        score(r, v, &t);
        if (has_classes(r))
            bend_cross_entropy(r, kept + kept_at(r, block, i), t.z);
        for (size_t k = 0; !has_classes(r) && k < (size_t)r->outputs * TILE; k++)
            t.z[k] *= 2 / (double)r->outputs;
        weigh(r, &t);
        gather(r, &t, false, out);
    }
}

void tsgd_risk_diagonal(const struct tsgd_risk *r, uint32_t block, const double *kept, double *out,
                        void *scratch)
{
    struct tile t = cut(r, scratch);
    for (uint32_t i = 0; read_tile(r, block, i, &t); i++) {
        const double *p = kept + kept_at(r, block, i);
        for (size_t k = 0; k < (size_t)r->outputs * TILE; k++)
            t.z[k] = has_classes(r) ? p[k] * (1 - p[k]) : 2 / (double)r->outputs;
        weigh(r, &t);
        gather(r, &t, true, out);
    }
}
