/* Depthwise convolutions. A tile of neighbouring vectors of one channel stays in the registers
 * while the taps pass by. Pixels with the same taps are worked on together, channel after channel,
 * so that taps are listed a few times a call: inside, and along each edge.                      */
#include "simd/taps.h"

#include <string.h>

/* Vectors of a tile: as many chains of additions as hide their latency. */
enum { TILE = 8 };

/* What is done with the vectors of a row that have the same taps. */
struct row {
    const struct tap *taps;
    size_t n_taps, channel;
    const float *x;             /* + tap */
    size_t result;              /* where the first vector stands in y or dy */
    size_t vectors;
};

struct job {
    const float *w, *bias, *dy;
    float *y;
    float *sums;                /* [channels][area][16], then of dy [channels][16] */
    size_t area, channels;
};

typedef void row_fn(const struct job *j, const struct row *r);

static void each_row(const struct pass *p, const float *x, row_fn *work, const struct job *j)
{
    size_t stride = p->across.stride, every = p->across.back ? stride : 1;
    size_t near = p->across.back ? 1 : stride, line = p->across.source * p->ld;
    size_t plane = p->down.source * line, phase = 0, at = 0;
    struct segment down, across;
    struct tap taps[TSGD_MAX_WINDOW * TSGD_MAX_WINDOW];
    while (segments(&p->down, every, 1, &phase, &at, &down)) {
        size_t phase_across = 0, at_across = 0;
        while (segments(&p->across, every, 1, &phase_across, &at_across, &across)) {
            struct row r = {.taps = taps};
            size_t runs = stride == 1 ? 1 : across.count;
            r.n_taps = list(p, &down.reach, &across.reach, false, taps);
            r.vectors = (stride == 1 ? across.count : 1) * p->ld / VL;
            for (r.channel = 0; r.channel < p->rows; r.channel++)
                for (size_t a = 0; a < down.count; a++)
                    for (size_t b = 0; b < runs; b++) {
                        size_t i = r.channel * p->down.result + down.first + a * every;
                        r.x = x + r.channel * plane + a * near * line + b * near * p->ld;
                        r.result = (i * p->across.result + across.first + b * every) * p->ld;
                        work(j, &r);
                    }
        }
    }
}

INLINE void correlate(const struct row *r, const float *w, vf bias, size_t at, const int vectors,
                      float *y)
{
    vf sum[TILE];
UNROLL(8)
    for (int v = 0; v < vectors; v++)
        sum[v] = bias;
    for (size_t t = 0; t < r->n_taps; t++) {
        const float *x = r->x + r->taps[t].x + at;
        vf wt = all(w[r->taps[t].w]);
UNROLL(8)
        for (int v = 0; v < vectors; v++)
            sum[v] = madd(load(x + v * VL), wt, sum[v]);
    }
UNROLL(8)
    for (int v = 0; v < vectors; v++)
        store(y + at + v * VL, sum[v]);
}

static void correlate_row(const struct job *j, const struct row *r)
{
    const float *w = j->w + r->channel * j->area;
    vf bias = all(j->bias ? j->bias[r->channel] : 0);
    float *y = j->y + r->result;
    size_t v = 0;
    for (; v + 8 <= r->vectors; v += 8)
        correlate(r, w, bias, v * VL, 8, y);
    for (; v + 4 <= r->vectors; v += 4)
        correlate(r, w, bias, v * VL, 4, y);
    for (; v + 2 <= r->vectors; v += 2)
        correlate(r, w, bias, v * VL, 2, y);
    if (v < r->vectors)
        correlate(r, w, bias, v * VL, 1, y);
}

void TSGD_FN(dwconv_forward)(const struct tsgd_conv *d, const float *w, const float *bias,
                             const float *x, float *y)
{
    struct pass p = forward(d);
    each_row(&p, x, correlate_row, &(struct job){
        .w = w, .bias = bias, .y = y, .area = d->window * d->window,
    });
}

void TSGD_FN(dwconv_input_gradient)(const struct tsgd_conv *d, const float *w, const float *dy,
                                    float *dx)
{
    struct pass p = backward(d);
    each_row(&p, dy, correlate_row, &(struct job){
        .w = w, .y = dx, .area = d->window * d->window,
    });
}

/* Adds n times 16 numbers to each tap's sum, in two chains, and to that of dy. */
INLINE void weigh(const struct row *r, const float *dy, size_t at, const int n, float *taps,
                  float *own)
{
UNROLL(1)
    for (size_t first = 0; first < 16; first += VL, at += VL) {
        vf g[TILE], total = load(own + first);
UNROLL(8)
        for (int v = 0; v < n; v++) {
            g[v] = load(dy + at + v * 16);
            total += g[v];
        }
        store(own + first, total);
        for (size_t t = 0; t < r->n_taps; t++) {
            const float *x = r->x + r->taps[t].x + at;
            float *to = taps + r->taps[t].w * 16 + first;
            vf sum[2] = {load(to), {0}};
UNROLL(8)
            for (int v = 0; v < n; v++)
                sum[v % 2] = madd(load(x + v * 16), g[v], sum[v % 2]);
            store(to, sum[0] + sum[1]);
        }
    }
}

/* The pieces do not depend on the instruction set, nor does the order of additions then. */
static void weigh_row(const struct job *j, const struct row *r)
{
    float *taps = j->sums + r->channel * j->area * 16;
    float *own = j->sums + (j->channels * j->area + r->channel) * 16;
    const float *dy = j->dy + r->result;
    size_t v = 0, n = r->vectors / PARTS;
    for (; v + 8 <= n; v += 8)
        weigh(r, dy, v * 16, 8, taps, own);
    for (; v + 4 <= n; v += 4)
        weigh(r, dy, v * 16, 4, taps, own);
    for (; v + 2 <= n; v += 2)
        weigh(r, dy, v * 16, 2, taps, own);
    if (v < n)
        weigh(r, dy, v * 16, 1, taps, own);
}

size_t TSGD_FN(dwconv_scratch)(const struct tsgd_conv *d)
{
    return d->out_c * (d->window * d->window + 1) * 16;
}

void TSGD_FN(dwconv_weight_gradient)(const struct tsgd_conv *d, const float *x, const float *dy,
                                     float *dw, float *dbias, float *scratch)
{
    struct pass p = forward(d);
    size_t area = d->window * d->window, n = d->out_c * area;
    memset(scratch, 0, TSGD_FN(dwconv_scratch)(d) * sizeof *scratch);
    each_row(&p, x, weigh_row, &(struct job){
        .dy = dy, .sums = scratch, .area = area, .channels = d->out_c,
    });
    TSGD_FN(bias_gradient)(NULL, scratch, n, 16, NULL, dw);
    if (dbias)
        TSGD_FN(bias_gradient)(NULL, scratch + n * 16, d->out_c, 16, NULL, dbias);
}
