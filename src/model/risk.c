#include "model/risk.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { TILE = 64 };             /* samples that the kernels take at once */

/* One tile of a block, and what a scratch holds of it. */
struct tile {
    float *x;                   /* [features][TILE] */
    double *z;                  /* [outputs][TILE] */
    double *weight;             /* [TILE]: of a sample's loss in f; 0 beyond `count` */
    uint32_t *sample;           /* [TILE] */
    uint32_t count;
};

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
        out->holders += split->start[i + 1] > split->start[i];
}

size_t tsgd_risk_scratch(const struct tsgd_risk *r)
{
    size_t doubles = tsgd_mul((size_t)r->outputs + 1, TILE * sizeof(double));
    size_t rest = tsgd_mul(r->features + 1, TILE * sizeof(float));
    return tsgd_add(doubles, rest);
}

size_t tsgd_risk_kept(const struct tsgd_risk *r)
{
    return tsgd_mul(r->blocks, tsgd_mul(r->outputs, TSGD_RISK_BLOCK));
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
        t->weight[i] = 1 / ((double)r->holders * (double)(s->start[node + 1] - s->start[node]));
    }
    memset(t->weight + t->count, 0, (TILE - t->count) * sizeof *t->weight);
    tsgd_decode(r->decoder, &r->data->train, t->sample, t->count, NULL, NULL, TILE, t->x);
    return true;
}

/* z = W x + b */
static void score(const struct tsgd_risk *r, const double *w, const struct tile *t)
{
    r->decoder->kernels->scores(w, w + r->features * r->outputs, r->outputs, r->features, t->x,
                                t->z);
}

/* out[o][f] += the sum of z[o] * x[f], or with squares of z[o] * x[f]^2; biases are of x = 1. */
static void gather(const struct tsgd_risk *r, const struct tile *t, bool squares, double *out)
{
    r->decoder->kernels->score_sums(t->z, r->outputs, r->features, t->x, squares, out,
                                    out + r->features * r->outputs);
}

/* z becomes softmax z; returns the weighted sum of the losses. */
static double losses(const struct tsgd_risk *r, const struct tile *t)
{
    double sum[TILE], best[TILE], own[TILE], all = 0;
    memcpy(best, t->z, sizeof best);
    for (size_t o = 1; o < r->outputs; o++)
        for (size_t i = 0; i < TILE; i++)
            best[i] = t->z[o * TILE + i] > best[i] ? t->z[o * TILE + i] : best[i];
    for (size_t i = 0; i < t->count; i++)
        own[i] = t->z[r->data->train.labels[t->sample[i]] * (size_t)TILE + i];
    memset(sum, 0, sizeof sum);
    for (size_t o = 0; o < r->outputs; o++)
        for (size_t i = 0; i < TILE; i++) {
            double e = exp(t->z[o * TILE + i] - best[i]);
            sum[i] += e;
            t->z[o * TILE + i] = e;
        }
    for (size_t o = 0; o < r->outputs; o++)
        for (size_t i = 0; i < TILE; i++)
            t->z[o * TILE + i] /= sum[i];
    for (size_t i = 0; i < t->count; i++)
        all += t->weight[i] * (log(sum[i]) - (own[i] - best[i]));
    return all;
}

double tsgd_risk_loss(const struct tsgd_risk *r, uint32_t block, const double *x, void *scratch)
{
    struct tile t = cut(r, scratch);
    double sum = 0;
    for (uint32_t i = 0; read_tile(r, block, i, &t); i++) {
        score(r, x, &t);
        sum += losses(r, &t);
    }
    return sum;
}

/* Where a tile's own numbers stand. */
static size_t kept_at(const struct tsgd_risk *r, uint32_t block, uint32_t tile)
{
    return ((size_t)block * TSGD_RISK_BLOCK + (size_t)tile * TILE) * r->outputs;
}

double tsgd_risk_gradient(const struct tsgd_risk *r, uint32_t block, const double *x, double *kept,
                          double *grad, void *scratch)
{
    struct tile t = cut(r, scratch);
    double sum = 0;
    for (uint32_t i = 0; read_tile(r, block, i, &t); i++) {
        score(r, x, &t);
        sum += losses(r, &t);
        memcpy(kept + kept_at(r, block, i), t.z, (size_t)r->outputs * TILE * sizeof *kept);
        for (size_t s = 0; s < t.count; s++)
            t.z[r->data->train.labels[t.sample[s]] * (size_t)TILE + s] -= 1;
        for (size_t o = 0; o < r->outputs; o++)
            for (size_t s = 0; s < TILE; s++)
                t.z[o * TILE + s] *= t.weight[s];
        gather(r, &t, false, grad);
    }
    return sum;
}

void tsgd_risk_product(const struct tsgd_risk *r, uint32_t block, const double *kept,
                       const double *v, double *out, void *scratch)
{
    struct tile t = cut(r, scratch);
    for (uint32_t i = 0; read_tile(r, block, i, &t); i++) {
        const double *p = kept + kept_at(r, block, i);
        double mean[TILE] = {0};
        score(r, v, &t);
        for (size_t o = 0; o < r->outputs; o++)
            for (size_t s = 0; s < TILE; s++)
                mean[s] += p[o * TILE + s] * t.z[o * TILE + s];
        for (size_t o = 0; o < r->outputs; o++)
            for (size_t s = 0; s < TILE; s++)
                t.z[o * TILE + s] = t.weight[s] * p[o * TILE + s] * (t.z[o * TILE + s] - mean[s]);
        gather(r, &t, false, out);
    }
}

void tsgd_risk_diagonal(const struct tsgd_risk *r, uint32_t block, const double *kept, double *out,
                        void *scratch)
{
    struct tile t = cut(r, scratch);
    for (uint32_t i = 0; read_tile(r, block, i, &t); i++) {
        const double *p = kept + kept_at(r, block, i);
        for (size_t o = 0; o < r->outputs; o++)
            for (size_t s = 0; s < TILE; s++)
                t.z[o * TILE + s] = t.weight[s] * p[o * TILE + s] * (1 - p[o * TILE + s]);
        gather(r, &t, true, out);
    }
}
