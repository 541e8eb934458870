/* Direct convolutions, forward and the gradient of the input, which is one too: from the output
 * back, with the weights' roles exchanged. A tile of output channels and of vectors of samples
 * stays in the registers while all input channels and taps pass by. Neither pass has a tap that
 * meets only padding: the taps of a pixel are listed for its row and its column.                */
#include "simd/conv.h"
#include "simd/taps.h"

#include <string.h>

/* A run of tiles with the same taps, for a few rows of the result: rows of the result are
 * channels.                                                                                     */
struct run {
    const struct tap *taps;
    size_t n_taps;
    size_t depth;               /* channels that are summed over */
    const float *w;             /* + row * w_row + channel * w_depth + tap */
    size_t w_row, w_depth;
    const float *bias;          /* of each row, or NULL */
    const float *x;             /* + channel * x_depth + tap + x_at[vector] + tile * x_step */
    size_t x_depth, x_at[4], x_step;
    float *y;                   /* + row * y_row + y_at[vector] + tile * y_step */
    size_t y_row, y_at[4], y_step;
    size_t tiles;
    uint16_t *won;              /* of a pooled run: + row * won_row + tile * won_step */
    size_t won_row, won_step;
};

/* WIDE: vectors of a tile of many rows. Of sixteen registers twelve hold sums, and six rows of two
 * vectors read least of the source, which is the larger operand. Such a tile is so short a piece of
 * work that the processor does not look far enough ahead to hide the caches beyond the first one:
 * FETCH asks for the next channel's source while a channel is worked on.                        */
#if defined(__AVX512F__) || defined(__aarch64__)
enum { WIDE = 4, FETCH = 0 };
#else
enum { WIDE = 2, FETCH = 1 };
#endif

INLINE void correlate(const struct run *r, const float *x, const int rows, const int vectors,
                      vf sum[])
{
    const struct tap *end = r->taps + r->n_taps;
    const float *at[4];
    size_t w_row = r->w_row;
UNROLL(4)
    for (int v = 0; v < vectors; v++)
        at[v] = x + r->x_at[v];
UNROLL(24)
    for (int m = 0; m < rows; m++)
UNROLL(4)
        for (int v = 0; v < vectors; v++)
            sum[m * vectors + v] = all(r->bias ? r->bias[m] : 0);
    const float *w = r->w;
    for (size_t c = 0; c < r->depth; c++) {
UNROLL(1)
        for (const struct tap *t = r->taps; t < end; t++) {
            const float *wt = w + t->w;
            vf xv[4], wv[4];
            /* The longer side of a tile comes one by one: sixteen registers hold no more. */
            if (rows < vectors) {
UNROLL(4)
                for (int m = 0; m < rows; m++)
                    wv[m] = all(wt[(size_t)m * w_row]);
UNROLL(4)
                for (int v = 0; v < vectors; v++) {
                    xv[v] = load(at[v] + t->x);
UNROLL(4)
                    for (int m = 0; m < rows; m++)
                        sum[m * vectors + v] = madd(xv[v], wv[m], sum[m * vectors + v]);
                }
                continue;
            }
UNROLL(4)
            for (int v = 0; v < vectors; v++) {
                if (FETCH && v % PARTS == 0)
                    __builtin_prefetch(at[v] + r->x_depth + t->x);
                xv[v] = load(at[v] + t->x);
            }
UNROLL(24)
            for (int m = 0; m < rows; m++) {
                wv[0] = all(wt[(size_t)m * w_row]);
UNROLL(4)
                for (int v = 0; v < vectors; v++)
                    sum[m * vectors + v] = madd(xv[v], wv[0], sum[m * vectors + v]);
            }
        }
        w += r->w_depth;
UNROLL(4)
        for (int v = 0; v < vectors; v++)
            at[v] += r->x_depth;
    }
}

INLINE void plain_tiles(const struct run *r, const int rows, const int vectors)
{
    const float *x = r->x;
    float *y = r->y;
    for (size_t i = 0; i < r->tiles; i++, x += r->x_step, y += r->y_step) {
        vf sum[SUMS];
        correlate(r, x, rows, vectors, sum);
UNROLL(24)
        for (int m = 0; m < rows; m++)
UNROLL(4)
            for (int v = 0; v < vectors; v++)
                store(y + (size_t)m * r->y_row + r->y_at[v], sum[m * vectors + v]);
    }
}

/* The four vectors are the pixels of a square. */
INLINE void pooled_tiles(const struct run *r, const int rows)
{
    const float *x = r->x;
    float *y = r->y;
    uint16_t *won = r->won;
    for (size_t i = 0; i < r->tiles; i++, x += r->x_step, y += r->y_step, won += r->won_step) {
        vf sum[SUMS];
        correlate(r, x, rows, 4, sum);
UNROLL(24)
        for (int m = 0; m < rows; m++) {
            vf best = tsgd_pool_square(sum + 4 * m, won + (size_t)m * r->won_row);
            store(y + (size_t)m * r->y_row, best);
        }
    }
}

#define PLAIN(rows, vectors)                                                                     \
    static void plain_##vectors##_##rows(const struct run *r) { plain_tiles(r, rows, vectors); }
#define POOLED(rows)                                                                             \
    static void pooled_##rows(const struct run *r) { pooled_tiles(r, rows); }
typedef void run_fn(const struct run *r);

#if defined(__AVX512F__) || defined(__aarch64__)
#define ROWS_1(X) X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(9, 1) \
    X(10, 1) X(11, 1) X(12, 1)
#define ROWS_2(X) X(1, 2) X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2) X(7, 2) X(8, 2) X(9, 2) \
    X(10, 2) X(11, 2) X(12, 2)
#define ROWS_3(X) X(1, 3) X(2, 3) X(3, 3) X(4, 3) X(5, 3) X(6, 3) X(7, 3) X(8, 3)
#define ROWS_4(X) X(1, 4) X(2, 4) X(3, 4) X(4, 4) X(5, 4) X(6, 4)
#define ROWS_POOLED(X) X(1) X(2) X(3) X(4) X(5) X(6)
enum { MOST_1 = 12, MOST_2 = 12, MOST_3 = 8, MOST_4 = 6 };
#else
#define ROWS_1(X) X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1)
#define ROWS_2(X) X(1, 2) X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2)
#define ROWS_3(X) X(1, 3) X(2, 3) X(3, 3) X(4, 3)
#define ROWS_4(X) X(1, 4) X(2, 4) X(3, 4)
#define ROWS_POOLED(X) X(1) X(2) X(3)
enum { MOST_1 = 6, MOST_2 = 6, MOST_3 = 4, MOST_4 = 3 };
#endif

ROWS_1(PLAIN) ROWS_2(PLAIN) ROWS_3(PLAIN) ROWS_4(PLAIN) ROWS_POOLED(POOLED)

#define PLAIN_ENTRY(rows, vectors) [rows] = plain_##vectors##_##rows,
#define POOLED_ENTRY(rows) [rows] = pooled_##rows,
static run_fn *const plain_1[] = {ROWS_1(PLAIN_ENTRY)}, *const plain_2[] = {ROWS_2(PLAIN_ENTRY)},
                     *const plain_3[] = {ROWS_3(PLAIN_ENTRY)},
                     *const plain_4[] = {ROWS_4(PLAIN_ENTRY)};
static run_fn *const pooled[] = {ROWS_POOLED(POOLED_ENTRY)};
static run_fn *const *const plain[] = {NULL, plain_1, plain_2, plain_3, plain_4};
static const size_t most[] = {0, MOST_1, MOST_2, MOST_3, MOST_4};

/* All `rows` rows of a run, in tiles as equal as can be. Edges of images are many short runs. */
static void run_rows(const struct run *whole, size_t rows, run_fn *const *fn, size_t at_most)
{
    if (rows <= at_most) {
        fn[rows](whole);
        return;
    }
    struct run r = *whole;
    for (size_t parts = (rows + at_most - 1) / at_most; parts > 0; parts--) {
        size_t n = (rows + parts - 1) / parts;
        fn[n](&r);
        rows -= n;
        r.w += n * r.w_row;
        r.bias += r.bias ? n : 0;
        r.y += n * r.y_row;
        r.won += r.won ? n * r.won_row : 0;
    }
}

/* Vectors of a tile: of few rows more, so that there are enough sums for the multiply-adds to
 * overlap.                                                                                      */
static size_t across(size_t rows)
{
    return rows <= MOST_4 ? 4 : WIDE;
}

/* Pixels of one row of the result that follow one another, there and in the source: one run of
 * vectors.                                                                                      */
static void run_line(struct run *r, size_t rows, size_t vectors)
{
    size_t wide = across(rows);
    r->x_step = r->y_step = wide * VL;
    for (size_t i = 0; i < 4; i++)
        r->x_at[i] = r->y_at[i] = i * VL;
    if (vectors >= wide) {
        r->tiles = vectors / wide;
        run_rows(r, rows, plain[wide], most[wide]);
        r->x += r->tiles * r->x_step;
        r->y += r->tiles * r->y_step;
    }
    if (vectors % wide) {
        r->tiles = 1;
        run_rows(r, rows, plain[vectors % wide], most[vectors % wide]);
    }
}

/* `count` pixels of one row of the result, `far` floats apart there and `near` in the source. */
static void run_pixels(struct run *r, size_t rows, size_t lanes, size_t count, size_t near,
                       size_t far)
{
    r->x_step = near;
    r->y_step = far;
    r->tiles = count;
    for (size_t v = 0, n, wide = across(rows); v < lanes; v += n) {
        n = lanes - v < wide ? lanes - v : wide;
        for (size_t i = 0; i < n; i++)
            r->x_at[i] = r->y_at[i] = (v + i) * VL;
        run_rows(r, rows, plain[n], most[n]);
    }
}

/* The last `window` rows of the source, copied so that the planes of its channels do not fall into
 * the same sets of the caches. Row p of channel c stands at x + c * plane + p % window * line.  */
struct ring {
    float *x;
    size_t plane, held[TSGD_MAX_WINDOW];
};

/* Planes whose distance is a multiple of this many floats fall into the same sets. */
enum { ALIAS = 1024 };

static size_t ring_plane(const struct pass *p)
{
    return p->across.window * p->across.source * p->ld + 5 * VL;
}

static void fetch(struct ring *ring, const struct pass *p, const struct reach *rows, const float *x)
{
    size_t line = p->across.source * p->ld, plane = p->down.source * line;
    for (size_t a = 0; a < rows->n; a++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): no window is empty */
        size_t row = rows->pixel[a], slot = row % p->across.window;
        if (ring->held[slot] == row)
            continue;
        ring->held[slot] = row;
        for (size_t c = 0; c < p->depth; c++)
            memcpy(ring->x + c * ring->plane + slot * line, x + c * plane + row * line,
                   line * sizeof *x);
    }
}

/* Bytes of a source, and of weights, that stay in the second-level cache while all tiles of rows
 * read them; segments that are listed at a time.                                                */
enum { SOURCE_STAYS = 1 << 20, WEIGHTS_STAY = 1 << 19, SEGMENTS = 32 };

static bool many_weights(const struct pass *p)
{
    return p->rows * p->depth * p->across.window * p->across.window * sizeof(float) > WEIGHTS_STAY;
}

static bool wants_ring(const struct pass *p)
{
    size_t plane = p->down.source * p->across.source * p->ld;
    return plane % ALIAS == 0 && p->depth * plane * sizeof(float) > SOURCE_STAYS;
}

/* The gradient of the input reads weights in another order than they stand in: a tile of rows
 * needs a short piece here and there. Where weights are many, they are copied in the order of
 * their use, CHUNK rows at a time: panel [depth][rows][area].                                   */
enum { CHUNK = MOST_2 };

static bool wants_panels(const struct pass *p)
{
    return p->across.back && many_weights(p);
}

static void fill_panel(const struct pass *p, const float *w, size_t rows, float *panel)
{
    size_t piece = rows * p->across.window * p->across.window;
    for (size_t c = 0; c < p->depth; c++, w += p->w_depth, panel += piece)
        for (size_t i = 0; i < piece; i++)
            panel[i] = w[i];
}

/* Row i of the result, rows m .. m + some - 1 of its channels. */
static void run_row(const struct pass *p, const struct segment *segment, size_t n_segments,
                    const struct reach *rows, size_t i, size_t m, size_t some, struct run run,
                    bool ring, float *y)
{
    size_t stride = p->across.stride;
    size_t every = p->across.back ? stride : 1, near = p->across.back ? 1 : stride;
    for (const struct segment *s = segment; s < segment + n_segments; s++) {
        struct tap taps[TSGD_MAX_WINDOW * TSGD_MAX_WINDOW];
        struct run r = run;
        r.taps = taps;
        r.n_taps = list(p, rows, &s->reach, ring, taps);
        r.depth = r.n_taps ? p->depth : 0;
        r.y = y + ((m * p->down.result + i) * p->across.result + s->first) * p->ld;
        if (stride == 1)
            run_line(&r, some, s->count * p->ld / VL);
        else
            run_pixels(&r, some, p->ld / VL, s->count, near * p->ld, every * p->ld);
    }
}

static void run_pass(const struct pass *p, const float *w, const float *bias, const float *x,
                     float *y, float *scratch)
{
    size_t x_plane = p->down.source * p->across.source * p->ld, phase = 0, at = 0, n_segments;
    size_t area = p->across.window * p->across.window;
    size_t every = p->across.back ? p->across.stride : 1;
    bool copy = wants_ring(p), pack = wants_panels(p);
    /* The inner loop repeats over what fits the cache: the weights, or the source. */
    bool by_chunks = many_weights(p) && p->depth * x_plane * sizeof *x <= SOURCE_STAYS;
    size_t chunk = pack || by_chunks ? CHUNK : p->rows, chunks = (p->rows + chunk - 1) / chunk;
    struct ring ring = {scratch, ring_plane(p), {0}};
    float *panels = scratch + (copy ? p->depth * ring.plane : 0);
    struct segment segment[SEGMENTS];
    while ((n_segments = segments(&p->across, every, SEGMENTS, &phase, &at, segment)) > 0) {
        for (size_t i = 0; i < p->across.window; i++)
            ring.held[i] = SIZE_MAX;
        for (size_t t = 0; t < chunks * p->down.result; t++) {
            size_t i = by_chunks ? t % p->down.result : t / chunks;
            size_t m = (by_chunks ? t / p->down.result : t % chunks) * chunk;
            size_t some = chunk < p->rows - m ? chunk : p->rows - m;
            float *panel = panels + (by_chunks ? 0 : m * p->depth * area);
            struct reach rows;
            reach(&p->down, i, &rows);
            if (copy)
                fetch(&ring, p, &rows, x);
            if (pack && i == 0)
                fill_panel(p, w + m * p->w_row, some, panel);
            struct run r = {
                .w = pack ? panel : w + m * p->w_row, .w_row = p->w_row,
                .w_depth = pack ? some * area : p->w_depth, .bias = bias ? bias + m : NULL,
                .x = copy ? ring.x : x, .x_depth = copy ? ring.plane : x_plane,
                .y_row = p->down.result * p->across.result * p->ld,
            };
            run_row(p, segment, n_segments, &rows, i, m, some, r, copy, y);
        }
    }
}

/* Counts a ring also where this ld needs none, because a smaller one may need it; and the panels,
 * or the weights of conv_pooled_input_gradient.                                                 */
size_t TSGD_FN(conv_scratch)(const struct tsgd_conv *d)
{
    struct pass f = forward(d), b = backward(d);
    size_t one = f.depth * ring_plane(&f), other = b.depth * ring_plane(&b);
    size_t weights = tsgd_wide_floats(d);
    if (wants_panels(&b))
        other += b.depth * b.rows * d->window * d->window;
    one = one > other ? one : other;
    return one > weights ? one : weights;
}

void TSGD_FN(conv_forward)(const struct tsgd_conv *d, const float *w, const float *bias,
                           const float *x, float *y, float *scratch)
{
    const struct pass p = forward(d);
    run_pass(&p, w, bias, x, y, scratch);
}

void TSGD_FN(conv_input_gradient)(const struct tsgd_conv *d, const float *w, const float *dy,
                                  float *dx, float *scratch)
{
    const struct pass p = backward(d);
    run_pass(&p, w, NULL, dy, dx, scratch);
}

void TSGD_FN(conv_relu_pool)(const struct tsgd_conv *d, const float *w, const float *bias,
                             const float *x, float *y, uint16_t *won)
{
    size_t ld = d->ld, lanes = ld / VL, line = d->in_w * ld, area = d->window * d->window;
    size_t high = d->out_h / 2, wide = d->out_w / 2;
    struct tap taps[TSGD_MAX_WINDOW * TSGD_MAX_WINDOW];
    for (size_t k = 0; k < area; k++)
        taps[k] = (struct tap){k / d->window * line + k % d->window * ld, k};
    for (size_t i = 0; i < high; i++)
        for (size_t v = 0; v < lanes; v++) {
            struct run r = {
                .taps = taps, .n_taps = area, .depth = d->in_c,
                .w = w, .w_row = d->in_c * area, .w_depth = area, .bias = bias,
                .x = x + 2 * i * d->stride * line + v * VL, .x_depth = d->in_h * line,
                .x_at = {0, d->stride * ld, d->stride * line, d->stride * (line + ld)},
                .x_step = 2 * d->stride * ld,
                .y = y + i * wide * ld + v * VL, .y_row = high * wide * ld, .y_step = ld,
                .tiles = wide,
                .won = won + (i * wide * lanes + v) * 4, .won_row = high * wide * lanes * 4,
                .won_step = lanes * 4,
            };
            run_rows(&r, d->out_c, pooled, MOST_4);
        }
}

void TSGD_FN(conv_unpool)(const struct tsgd_conv *d, const float *dp, const uint16_t *won,
                          float *dy, float *dbias)
{
    size_t line = d->out_w * d->ld, plane = d->out_h * line;
    for (size_t c = 0; c < d->out_c; c++, dy += plane) {
        vf sum[PARTS] = {{0}};
        for (size_t i = 0; i < d->out_h / 2; i++)
            tsgd_unpool_row(d, dp, won, c, i, dy + 2 * i * line, sum);
        for (size_t v = 0; d->out_h % 2 && v < line; v += VL)
            store(dy + plane - line + v, (vf){0});
        if (dbias)
            dbias[c] = total(sum);
    }
}
