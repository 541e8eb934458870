/* The gradient of the input of a convolution that a 2x2 pooling follows, from the pooled gradient.
 * Of the two pixels of a square that stand beside each other in a row one at least has a gradient
 * of 0. So each lane takes one multiply-add for both, by the weight that meets the pixel that won:
 * one of two neighbours in a row of the kernel, between which a mask chooses. What is left out are
 * terms of 0 between the others, whose order stays: the sums are those of conv_input_gradient, bit
 * for bit, unless a weight is not finite (the forward pass then has told) or a product underflows
 * to -0, which a term of 0 would make 0.                                                        */
#include "simd/conv.h"

#if defined(__AVX512F__)

/* The weights, each row of the kernel between zeros, so that it has a weight, or 0, for either
 * pixel of every square, also of those that it meets in half.
 * [out_c][in_c][window][tsgd_wide_row]                                                          */
static void fill_weights(const struct tsgd_conv *d, const float *w, float *to)
{
    size_t k = d->window, wide = tsgd_wide_row(d);
    const __mmask16 row = (__mmask16)((1u << k) - 1), between = (__mmask16)(row << 1);
    for (size_t n = d->out_c * d->in_c * k; n > 0; n--, w += k, to += wide)
        _mm512_mask_storeu_ps(to, (__mmask16)((1u << wide) - 1), _mm512_maskz_expand_ps(
            between, _mm512_maskz_loadu_ps(row, w)));
}

/* The gradient of squares, for either row of them: of the pixel in it that won, else 0; and the
 * lanes where that is the right one. Both [out_c][rows][squares][ld / VL], the first of vectors. */
struct winners {
    float *g;
    uint16_t *right;
};

static void fill_winners(const struct tsgd_conv *d, const float *dp, const uint16_t *won,
                         struct winners to)
{
    size_t line = d->out_w / 2 * d->ld / VL;
    for (size_t n = d->out_c * (d->out_h / 2); n > 0; n--) {
        for (size_t v = 0; v < line; v++, dp += VL, won += 4) {
            vf g = choose(mask_of(won[3]), load(dp), (vf){0});
            vm low = mask_of(won[2]);
            store(to.g + v * VL, choose(low, (vf){0}, g));
            store(to.g + (line + v) * VL, choose(low, g, (vf){0}));
            to.right[v] = won[0];
            to.right[line + v] = won[1];
        }
        to.g += 2 * line * VL;
        to.right += 2 * line;
    }
}

/* A row of the kernel at a square. From there to the next one, or from the last to the first of the
 * next channel, it is so many vectors of winners and so many weights. In a loop over the steps of
 * each channel the processor would often not foresee the end.                                   */
struct step {
    ptrdiff_t winners, weights;
    const struct step *next;
};

/* One pixel of the result, or two that meet the same squares: some of their channels, one or two
 * vectors of samples.                                                                           */
struct pixel {
    const struct step *first;
    size_t n_steps;             /* of all channels that are summed over */
    struct winners from;
    const float *w;
    size_t w_row;               /* from one channel of the result to the next */
    float *y;                   /* + channel * y_row + pixel * y_beside */
    size_t y_row, y_beside;
};

INLINE void pixel(const struct pixel *p, const int channels, const int vectors, const int beside)
{
    const float *g = p->from.g, *w = p->w;
    const uint16_t *right = p->from.right;
    const size_t row = p->w_row;
    const struct step *s = p->first;
    vf sum[SUMS];
UNROLL(24)
    for (int i = 0; i < channels * vectors * beside; i++)
        sum[i] = (vf){0};
UNROLL(1)
    for (size_t n = p->n_steps; n > 0; n--) {
        const float *three[2] = {w, w + 3 * row};   /* addresses so take few registers */
        vf gv[2];
        vm from[2];
        computed(&three[1]);
UNROLL(2)
        for (int v = 0; v < vectors; v++) {
            gv[v] = load(g + v * VL);
            from[v] = mask_of(right[v]);
        }
UNROLL(6)
        for (int m = 0; m < channels; m++) {
            const float *at = three[m / 3] + (size_t)(m % 3) * row;
            vf tap[3];
UNROLL(3)
            for (int q = 0; q <= beside; q++)
                tap[q] = held(all(at[q]));
UNROLL(4)
            for (int v = 0; v < vectors * beside; v++) {
                int i = m * vectors * beside + v, q = v / vectors;
                vf met = choose(from[v % vectors], tap[q], tap[q + 1]);
                sum[i] = madd(gv[v % vectors], met, sum[i]);
            }
        }
        g += s->winners * VL;
        right += s->winners;
        w += s->weights;
        s = s->next;
    }
    float *y = p->y;
UNROLL(6)
    for (int m = 0; m < channels; m++, y += p->y_row)
UNROLL(4)
        for (int v = 0; v < vectors * beside; v++)
            store(y + (size_t)(v / vectors) * p->y_beside + v % vectors * VL,
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

static void all_channels(size_t channels, size_t ld, size_t beside, struct pixel p)
{
    for (size_t left = channels, n; left > 0; left -= n) {
        size_t parts = (left + MOST - 1) / MOST;
        n = (left + parts - 1) / parts;
        for (size_t v = 0; v < ld; v += 2 * VL) {
            struct pixel some = p;
            some.from.g += v;
            some.from.right += v / VL;
            some.y += v;
            pixels[n][ld - v > VL][beside - 1](&some);
        }
        p.w += n * p.w_row;
        p.y += n * p.y_row;
    }
}

/* The steps of a pixel that meets `rows` rows of `across` squares: down the kernel and up the rows,
 * in each of them to the right in the kernel, by two weights, and to the left in the squares.   */
static void list(const struct tsgd_conv *d, size_t rows, size_t across, struct step *step)
{
    ptrdiff_t square = (ptrdiff_t)(d->ld / VL), line = (ptrdiff_t)(d->out_w / 2) * square;
    ptrdiff_t wide = (ptrdiff_t)tsgd_wide_row(d), down = (ptrdiff_t)rows - 1;
    ptrdiff_t back = (ptrdiff_t)across - 1;
    for (size_t i = 0; i < rows * across; i++)
        step[i] = (struct step){-square, 2, &step[i + 1]};
    for (size_t i = across; i <= rows * across; i += across)
        step[i - 1] = (struct step){back * square - line, wide - 2 * back, &step[i]};
    step[rows * across - 1] = (struct step){
        back * square + ((ptrdiff_t)(d->out_h / 2 * 2) + down) * line,
        (ptrdiff_t)(d->in_c * d->window) * wide - down * wide - 2 * back, step,
    };
}

/* dx from winners. Pixels j and j + 1, j even, meet square j / 2 first, then those before it. */
static void gather(const struct tsgd_conv *d, const float *w, struct winners from, float *dx)
{
    size_t k = d->window, ld = d->ld, squares = d->out_w / 2, high = d->out_h / 2 * 2;
    size_t wide = tsgd_wide_row(d);
    struct step step[TSGD_MAX_WINDOW * (TSGD_MAX_WINDOW / 2 + 1)];
    for (size_t i = 0; i < d->in_h; i++, dx += d->in_w * ld) {
        struct tsgd_span down = reached(i, k, high);
        for (size_t j = 0; j < d->in_w; j += 2) {
            struct tsgd_span across = reached(j / 2, k / 2 + 1, squares);
            size_t n = down.count * across.count;
            struct pixel p = {
                .first = step, .n_steps = n * d->out_c, .from = from,
                .w = w + down.first * wide + 2 * across.first, .w_row = k * wide,
                .y = dx + j * ld, .y_row = d->in_h * d->in_w * ld, .y_beside = ld,
            };
            if (n > 0) {
                size_t at = (i - down.first) * squares + j / 2 - across.first;
                p.from.g += at * ld;
                p.from.right += at * (ld / VL);
                list(d, down.count, across.count, step);
            }
            all_channels(d->in_c, ld, j + 1 < d->in_w ? 2 : 1, p);
        }
    }
}

bool TSGD_FN(conv_pooled_input_gradient)(const struct tsgd_conv *d, const float *w, const float *dp,
                                         const uint16_t *won, float *dx, float *scratch)
{
    if (tsgd_wide_row(d) == 0)
        return false;
    size_t winners = d->out_c * (d->out_h / 2 * 2) * (d->out_w / 2) * d->ld;
    struct winners to = {scratch, (uint16_t *)(scratch + winners)};
    float *weights = scratch + d->out_c * d->out_h * d->out_w * d->ld;
    fill_weights(d, w, weights);
    fill_winners(d, dp, won, to);
    gather(d, weights, to, dx);
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
