/* The gradient of the input of a convolution that a 2x2 pooling follows, from the pooled gradient.
 * Of the two pixels of a square that stand beside each other in a row one at least has a gradient
 * of 0. So each lane takes one multiply-add for both, by the weight that meets the pixel that won,
 * which a shuffle picks from a table. What is left out are terms of 0 between the others, whose
 * order stays: the sums are those of conv_input_gradient, bit for bit, unless a weight is not
 * finite (the forward pass then has told) or a product underflows to -0, which a term of 0 would
 * make 0.                                                                                       */
#include "simd/conv.h"

#if defined(__AVX512F__)

/* A table has the weights of one channel of the input and one of the output, for `per` rows of the
 * kernel: a 0, the row, and another 0, each. The row has then a weight, or 0, for either pixel of
 * every square, also of those that it meets in half.                                            */
struct tables {
    size_t per, count;          /* rows of a table; tables for all rows */
    const float *first;         /* [out_c][count][in_c][VL] */
};

static struct tables tables_of(const struct tsgd_conv *d, const float *first)
{
    size_t per = tsgd_table_rows(d);
    return (struct tables){per, (d->window + per - 1) / per, first};
}

static void fill_tables(const struct tsgd_conv *d, const float *w, float *to)
{
    size_t k = d->window, per = tables_of(d, NULL).per;
    for (size_t o = 0; o < d->out_c; o++)
        for (size_t a = 0; a < k; a += per)
            for (size_t c = 0; c < d->in_c; c++, to += VL) {
                const float *row = w + ((o * d->in_c + c) * k + a) * k;
                __m512 x = _mm512_setzero_ps();
                for (size_t i = 0; i < per && a + i < k; i++, row += k)
                    x = _mm512_mask_expandloadu_ps(
                        x, (__mmask16)(((1u << k) - 1) << (i * (k + 2) + 1)), row);
                store(to, (vf)x);
            }
}

/* The gradient of squares, for either row of them: of the pixel in it that won, else 0; then 1 in
 * the lanes where that is the left one. [out_c][rows][squares][2][ld]                           */
static void fill_winners(const struct tsgd_conv *d, const float *dp, const uint16_t *won, float *to)
{
    size_t ld = d->ld, line = d->out_w / 2 * 2 * ld;
    const vf zero = {0};
    for (size_t n = d->out_c * (d->out_h / 2); n > 0; n--, to += line)
        for (size_t j = 0; j < d->out_w / 2; j++, to += 2 * ld)
            for (size_t v = 0; v < ld; v += VL, dp += VL, won += 4) {
                vf g = choose(mask_of(won[3]), load(dp), zero);
                vm low = mask_of(won[2]);
                store(to + v, choose(low, zero, g));
                store(to + line + v, choose(low, g, zero));
                store(to + ld + v, (vf)_mm512_maskz_set1_epi32((__mmask16)~won[0], 1));
                store(to + line + ld + v, (vf)_mm512_maskz_set1_epi32((__mmask16)~won[1], 1));
            }
}

/* A row of the kernel at a square: its winners and tables, from those of the pixel on, and what is
 * added to a lane's 0 or 1 for the place of its weight in the table.                            */
struct step {
    ptrdiff_t g, table;
    const vi *at;
};

/* One pixel of the result, or two that meet the same squares: some of their channels, one or two
 * vectors of samples.                                                                           */
struct pixel {
    const struct step *step;
    size_t n_steps;
    size_t depth;               /* channels that are summed over */
    const float *table, *g;
    size_t table_depth, g_depth, ld;
    float *y;                   /* + channel * y_row */
    size_t y_row;
};

INLINE void pixel(const struct pixel *p, const int channels, const int vectors, const int beside)
{
    const struct step *end = p->step + p->n_steps;
    const float *g = p->g, *table = p->table;
    const size_t ld = p->ld, y_row = p->y_row;
    vf sum[SUMS];
UNROLL(24)
    for (int i = 0; i < channels * vectors * beside; i++)
        sum[i] = (vf){0};
    for (size_t c = 0; c < p->depth; c++, g += p->g_depth, table += p->table_depth)
UNROLL(1)
        for (const struct step *s = p->step; s < end; s++) {
            const float *gs = g + s->g, *from = table + s->table;
            vf gv[2];
            vi which[4];
UNROLL(2)
            for (int v = 0; v < vectors; v++) {
                gv[v] = load(gs + v * VL);
                which[v] = (vi)load(gs + ld + v * VL) + s->at[0];
                which[vectors + v] = (vi)load(gs + ld + v * VL) + s->at[1];
            }
UNROLL(6)
            for (int m = 0; m < channels; m++) {
                vf weights = held(load(from + m * VL));
UNROLL(4)
                for (int v = 0; v < vectors * beside; v++) {
                    int i = m * vectors * beside + v;
                    vf w = (vf)_mm512_permutexvar_ps((__m512i)which[v], (__m512)weights);
                    sum[i] = madd(gv[v % vectors], w, sum[i]);
                }
            }
        }
    float *y = p->y;
UNROLL(6)
    for (int m = 0; m < channels; m++, y += y_row)
UNROLL(4)
        for (int v = 0; v < vectors * beside; v++)
            store(y + (size_t)(v / vectors) * ld + v % vectors * VL,
                  sum[m * vectors * beside + v]);
}

#define PIXEL(channels, vectors, beside)                                                         \
    static void pixel_##channels##_##vectors##_##beside(const struct pixel *p)                   \
    {                                                                                            \
        pixel(p, channels, vectors, beside);                                                     \
    }
#define PIXELS(channels) PIXEL(channels, 1, 1) PIXEL(channels, 2, 1) PIXEL(channels, 1, 2)       \
    PIXEL(channels, 2, 2)
#define ENTRY(channels) [channels] = {{pixel_##channels##_1_1, pixel_##channels##_1_2},          \
                                      {pixel_##channels##_2_1, pixel_##channels##_2_2}},
PIXELS(1) PIXELS(2) PIXELS(3) PIXELS(4) PIXELS(5) PIXELS(6)
enum { MOST = 6 };
/* [channels][vectors - 1][beside - 1] */
static void (*const pixels[MOST + 1][2][2])(const struct pixel *) = {
    ENTRY(1) ENTRY(2) ENTRY(3) ENTRY(4) ENTRY(5) ENTRY(6)
};

/* Of n places one before the other from `from` on, the first that is there and how many are, where
 * `size` are there.                                                                             */
INLINE struct tsgd_span reached(size_t from, size_t n, size_t size)
{
    size_t first = from < size ? 0 : from - size + 1, end = from + 1 < n ? from + 1 : n;
    return (struct tsgd_span){first, end > first ? end - first : 0};
}

static void all_channels(size_t channels, size_t beside, struct pixel *p)
{
    for (size_t left = channels, n; left > 0; left -= n) {
        size_t parts = (left + MOST - 1) / MOST;
        n = (left + parts - 1) / parts;
        for (size_t v = 0; v < p->ld; v += 2 * VL) {
            p->y += v;
            p->g += v;
            pixels[n][p->ld - v > VL][beside - 1](p);
            p->y -= v;
            p->g -= v;
        }
        p->table += n * VL;
        p->y += n * p->y_row;
    }
}

#define ALL(n) {n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n}
static const vi number[VL] = {
    ALL(0), ALL(1), ALL(2), ALL(3), ALL(4), ALL(5), ALL(6), ALL(7),
    ALL(8), ALL(9), ALL(10), ALL(11), ALL(12), ALL(13), ALL(14), ALL(15),
};

/* dx from winners. Pixels j and j + 1, j even, meet square j / 2 first, then those before it. */
static void gather(const struct tsgd_conv *d, const struct tables *t, const float *winners,
                   float *dx)
{
    size_t k = d->window, ld = d->ld, high = d->out_h / 2 * 2, line = d->out_w / 2 * 2 * ld;
    struct step step[TSGD_MAX_WINDOW * (TSGD_MAX_WINDOW / 2 + 1)];
    for (size_t i = 0; i < d->in_h; i++, dx += d->in_w * ld) {
        struct tsgd_span down = reached(i, k, high);
        for (size_t j = 0; j < d->in_w; j += 2) {
            struct tsgd_span across = reached(j / 2, k / 2 + 1, d->out_w / 2);
            struct pixel p = {
                .step = step, .n_steps = down.count * across.count, .depth = d->out_c,
                .table = t->first, .table_depth = t->count * d->in_c * VL,
                .g = winners + i * line + j * ld, .g_depth = high * line, .ld = ld,
                .y = dx + j * ld, .y_row = d->in_h * d->in_w * ld,
            };
            struct step *s = step;
            for (size_t a = down.first; a < down.first + down.count; a++)
                for (size_t b = across.first; b < across.first + across.count; b++, s++) {
                    s->g = -(ptrdiff_t)(a * line + b * 2 * ld);
                    s->table = (ptrdiff_t)(a / t->per * d->in_c * VL);
                    s->at = &number[a % t->per * (k + 2) + 2 * b];
                }
            all_channels(d->in_c, j + 1 < d->in_w ? 2 : 1, &p);
        }
    }
}

bool TSGD_FN(conv_pooled_input_gradient)(const struct tsgd_conv *d, const float *w, const float *dp,
                                         const uint16_t *won, float *dx, float *scratch)
{
    if (tsgd_table_rows(d) == 0)
        return false;
    float *to = scratch + d->out_c * d->out_h * d->out_w * d->ld;
    struct tables t = tables_of(d, to);
    fill_tables(d, w, to);
    fill_winners(d, dp, won, scratch);
    gather(d, &t, scratch, dx);
    return true;
}

#else

bool TSGD_FN(conv_pooled_input_gradient)(const struct tsgd_conv *d, const float *w, const float *dp,
                                         const uint16_t *won, float *dx, float *scratch)
{
    (void)d, (void)w, (void)dp, (void)won, (void)dx, (void)scratch;
    return false;
}

#endif
