/* simd/taps.h: which taps of a convolution's kernel meet which pixels, forward and, from the output
 * back, for the gradient of the input. Taps on padding are left out.                             */
#ifndef TSGD_SIMD_TAPS_H
#define TSGD_SIMD_TAPS_H

#include "simd/simd.h"

/* What a tap adds to an address in the source and in the weights. */
struct tap {
    size_t x, w;
};

/* One axis of a pass: where the taps of a pixel of the result lie in the source. Forward they are
 * stride * pixel - pad + tap; backward (pixel + pad - tap) / stride, where that is whole.        */
struct axis {
    size_t source, result;      /* pixels */
    size_t window, stride, pad;
    bool back;
};

struct reach {
    size_t n;
    size_t tap[TSGD_MAX_WINDOW], pixel[TSGD_MAX_WINDOW];
};

static inline void reach(const struct axis *a, size_t at, struct reach *out)
{
    out->n = 0;
    for (size_t k = 0; k < a->window; k++) {
        size_t p = (a->back ? at + a->pad - k : at * a->stride + k - a->pad), rest = 0;
        if (a->back && a->stride > 1 && at + a->pad >= k) {
            rest = p % a->stride;
            p /= a->stride;
        }
        if (p >= a->source || rest)     /* in the padding, on either side, or between two windows */
            continue;
        out->tap[out->n] = k;
        out->pixel[out->n++] = p;
    }
}

static inline bool same_taps(const struct reach *a, const struct reach *b)
{
    return a->n == b->n && (a->n == 0 || a->tap[0] == b->tap[0]);
}

/* Source [depth][..][ld], result [rows][..][ld]. */
struct pass {
    struct axis across, down;
    size_t ld, depth, rows;
    size_t w_row, w_depth;      /* in the weights, from one row or channel to the next */
};

/* Pixels of the result along one axis that have the same taps: from `first`, `count` of them. */
struct segment {
    size_t first, count;
    struct reach reach;         /* of the first */
};

/* The segments from *at on, at most `room`; *at moves on. The pixels of a segment are `every`
 * apart.                                                                                        */
static inline size_t segments(const struct axis *a, size_t every, size_t room, size_t *phase,
                              size_t *at, struct segment *out)
{
    size_t n = 0;
    while (n < room && *phase < every) {
        struct segment *s = &out[n];
        if (*at >= a->result) {
            *at = ++*phase;
            continue;
        }
        struct reach next;
        s->first = *at;
        s->count = 0;
        reach(a, *at, &s->reach);
        do {
            s->count++;
            *at += every;
            if (*at < a->result)
                reach(a, *at, &next);
        } while (*at < a->result && same_taps(&s->reach, &next));
        n++;
    }
    return n;
}

/* All pairs of taps, from the first row on; returns how many. ring: row p of the source stands
 * where row p % window would.                                                                   */
static inline size_t list(const struct pass *p, const struct reach *rows,
                          const struct reach *columns, bool ring, struct tap *taps)
{
    size_t n = 0, window = p->across.window, line = p->across.source * p->ld;
    for (size_t a = 0; a < rows->n; a++) {
        size_t x = (ring ? rows->pixel[a] % window : rows->pixel[a]) * line;
        for (size_t b = 0; b < columns->n; b++)
            taps[n++] = (struct tap){x + columns->pixel[b] * p->ld,
                                     rows->tap[a] * window + columns->tap[b]};
    }
    return n;
}

static inline struct pass forward(const struct tsgd_conv *d)
{
    return (struct pass){
        .across = {d->in_w, d->out_w, d->window, d->stride, d->pad, false},
        .down = {d->in_h, d->out_h, d->window, d->stride, d->pad, false},
        .ld = d->ld, .depth = d->in_c, .rows = d->out_c,
        .w_row = d->in_c * d->window * d->window, .w_depth = d->window * d->window,
    };
}

static inline struct pass backward(const struct tsgd_conv *d)
{
    return (struct pass){
        .across = {d->out_w, d->in_w, d->window, d->stride, d->pad, true},
        .down = {d->out_h, d->in_h, d->window, d->stride, d->pad, true},
        .ld = d->ld, .depth = d->out_c, .rows = d->in_c,
        .w_row = d->window * d->window, .w_depth = d->in_c * d->window * d->window,
    };
}

#endif
