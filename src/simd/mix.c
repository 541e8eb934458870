/* Gossip (linalg/mix.h says what it computes). Four vectors of a row stay in the registers while
 * its neighbours pass by. Nothing is contracted: the bits are the same on every instruction
 * set.                                                                                          */
#include "simd/simd.h"

enum { STRIP = 4, WIDE = 8 };   /* vectors */

INLINE void put(float *to, vf x, const bool bypass)
{
    if (bypass)
        stream(to, x);
    else
        store(to, x);
}

INLINE void mix(const struct tsgd_mix *d, uint32_t a, const bool *absent, const float *rows,
                size_t stride, const int vectors, float *out, const bool bypass)
{
    const float *self = rows + a * stride;
    uint32_t end = d->ptr[a + !(absent && absent[a])];
    vf own[STRIP], sum[STRIP];
UNROLL(4)
    for (int v = 0; v < vectors; v++)
        own[v] = sum[v] = load(self + v * VL);
    for (uint32_t i = d->ptr[a]; i < end; i++) {
        uint32_t b = d->col[i];
        /* A term that is to be left out adds -w * 0, which is -0 and changes no sum. A branch
         * would be slower: the row itself may stand anywhere in the list, so no CPU could predict
         * it.                                                                                   */
        bool out_of_it = b == a || (absent && absent[b]);
        const float *x = absent && out_of_it ? self : rows + b * stride;
        vf w = all(out_of_it ? -d->val[i] : d->val[i]);
UNROLL(4)
        for (int v = 0; v < vectors; v++)
            sum[v] += w * (load(x + v * VL) - own[v]);
    }
UNROLL(4)
    for (int v = 0; v < vectors; v++)
        put(out + v * VL, sum[v], bypass);
}

INLINE void mean(const struct tsgd_mix *d, const float *rows, size_t stride, const int vectors,
                 vf out[])
{
    vf first[STRIP], sum[STRIP];
UNROLL(4)
    for (int v = 0; v < vectors; v++) {
        first[v] = load(rows + v * VL);
        sum[v] = (vf){0};
    }
    for (uint32_t b = 1; b < d->k; b++)
UNROLL(4)
        for (int v = 0; v < vectors; v++)
            sum[v] += load(rows + b * stride + v * VL) - first[v];
UNROLL(4)
    for (int v = 0; v < vectors; v++)
        out[v] = first[v] + all(d->val[0]) * sum[v];
}

/* The body for strips of STRIP vectors, then for each vector that remains. */
#define STRIPS(j, n, body)                                                                       \
    do {                                                                                         \
        size_t j = 0;                                                                            \
        for (; j + STRIP * VL <= (n); j += STRIP * VL)                                           \
            body(j, STRIP);                                                                      \
        for (; j < (n); j += VL)                                                                 \
            body(j, 1);                                                                          \
    } while (0)

INLINE void row(const struct tsgd_mix *d, uint32_t a, const float *rows, size_t stride, size_t n,
                float *out, const bool bypass)
{
#define MIX(j, vectors) mix(d, a, NULL, rows + (j), stride, vectors, out + (j), bypass)
#define MIX_PRESENT(j, vectors)                                                                  \
    mix(d, a, d->absent, rows + (j), stride, vectors, out + (j), bypass)
    if (d->absent)
        STRIPS(j, n, MIX_PRESENT);
    else
        STRIPS(j, n, MIX);
#undef MIX
#undef MIX_PRESENT
}

INLINE void mean_to_one(const struct tsgd_mix *d, const float *rows, size_t n, float *out,
                        const bool bypass)
{
    vf m[STRIP];
#define MEAN(j, vectors)                                                                         \
    do {                                                                                         \
        mean(d, rows + (j), d->stride, vectors, m);                                              \
        for (int v = 0; v < (vectors); v++)                                                      \
            put(out + (j) + v * VL, m[v], bypass);                                                 \
    } while (0)
    STRIPS(j, n, MEAN);
#undef MEAN
}

void TSGD_FN(mix_row)(const struct tsgd_mix *d, uint32_t a, const float *rows, size_t n,
                      float *restrict out, bool bypass)
{
    if (d->uniform && bypass)
        mean_to_one(d, rows, n, out, true);
    else if (d->uniform)
        mean_to_one(d, rows, n, out, false);
    else if (bypass)
        row(d, a, rows, d->stride, n, out, true);
    else
        row(d, a, rows, d->stride, n, out, false);
    /* Such stores are not ordered by the release store that publishes the row: without this fence a
     * neighbour, or the next holder, could read what stood there before. */
    if (bypass)
        stream_end();
}

/* ---- all rows where they stand ---- */

/* b - a, rounded once, on the units that multiply: the same bits as a subtraction. Processors that
 * have other units for sums (AMD's) work on both at a time when vectors take turns.             */
INLINE vf minus(vf b, vf a, int turn)
{
#if defined(__FMA__)
    if (!(turn & 1))
        return madd(all(-1), a, b);
#endif
    (void)turn;
    return b - a;
}

/* Blocks of the columns of all rows are mixed one after the other: BLOCK floats fit in a core's own
 * cache (the second level) twice over, and the next block is fetched meanwhile. Fewer floats than
 * STAYS are in that cache already or near it; and of few rows that are read in one pass each,
 * STREAMS at most, the processor itself sees what comes next. Of more than FAR floats, which come
 * from memory, the rows of a line, a ring or a mean are also fetched from the second level into the
 * first, NEAR rows before their turn: NEAR is at most STREAMS.                                  */
enum { BLOCK = 49152, STAYS = 1 << 19, FAR = 1 << 22, STREAMS = 16, NEAR = 16 };

static size_t block_columns(const struct tsgd_mix_plan *p, size_t n)
{
    size_t columns = BLOCK / p->k / TSGD_MIX_STRIP * TSGD_MIX_STRIP;
    if (p->k <= STREAMS && (p->shape == TSGD_MIX_LINE || p->shape == TSGD_MIX_RING))
        return n;
    return columns < TSGD_MIX_STRIP ? TSGD_MIX_STRIP : columns;
}

/* What is still to be fetched: piece by piece of a row, row by row, as memory likes to be read. */
struct ahead {
    const float *rows;
    size_t stride, width, at;
    uint32_t left;              /* rows */
};

/* Fetches the next `vectors` vectors. Calls are spread over the computation: made all at once, they
 * would wait for each other, and the computation for them.                                      */
INLINE void fetch(struct ahead *f, const int vectors)
{
    if (f->left == 0)
        return;
    const float *x = f->rows + f->at;
UNROLL(4)
    for (int j = 0; j < vectors * VL; j += 16)
        __builtin_prefetch(x + j, 1, 2);
    f->at += (size_t)vectors * VL;
    if (f->at < f->width)
        return;
    f->at = 0;
    f->rows += f->stride;
    f->left--;
}

/* Fetches the row that stands NEAR further on into the first level: what was fetched ahead is in
 * the second only, and each row of a strip would be waited for. After the last row come the next
 * columns of the first ones. strip: row 0.                                                      */
INLINE void fetch_near(const struct tsgd_mix_plan *p, const float *strip, size_t stride, uint32_t a,
                       const int vectors)
{
    uint32_t b = a + NEAR < p->k ? a + NEAR : a + NEAR - p->k;
    const float *x = strip + b * stride + (b < a ? (size_t)vectors * VL : 0);
UNROLL(4)
    for (int j = 0; j < vectors * VL; j += 16)
        __builtin_prefetch(x + j, 1, 3);
}

/* w * (a - b) for d = b - a and w > 0. Where a = b it is 0, as that is, but -w * d would be -0. */
INLINE vf times_back(vf w, vf d)
{
#if defined(__FMA__)
    return madd(-w, d, (vf){0});
#else
    return w * ((vf){0} - d);
#endif
}

/* The rows of a line or ring: their old values pass through the registers, and each difference of
 * neighbours serves both.                                                                       */

INLINE void chain(const struct tsgd_mix_plan *p, float *x, size_t stride, const int vectors,
                  const bool ring, const bool near, struct ahead *f)
{
    const struct tsgd_mix_term *t = p->term;
    const float *last = x + (p->k - 1) * stride, *strip = x;
    vf own[STRIP], d[STRIP], round[STRIP];
    vf v = all(t[0].weight), w = all(t[ring].weight);
UNROLL(4)
    for (int i = 0; i < vectors; i++) {
        vf first = load(x + i * VL);
        own[i] = load(x + stride + i * VL);
        d[i] = minus(own[i], first, i);
        vf sum = first + v * d[i];
        if (ring) {
            round[i] = minus(load(last + i * VL), first, i);
            sum += w * round[i];
        }
        store(x + i * VL, sum);
    }
    if (near)
        fetch_near(p, strip, stride, 0, vectors);
    fetch(f, vectors);
    t += 1 + ring;
    for (uint32_t a = 1; a + 1 < p->k; a++, t += 2) {
        x += stride;
        v = all(t[0].weight);
        w = all(t[1].weight);
UNROLL(4)
        for (int i = 0; i < vectors; i++) {
            vf after = load(x + stride + i * VL), sum = own[i] + times_back(v, d[i]);
            d[i] = minus(after, own[i], i);
            store(x + i * VL, sum + w * d[i]);
            own[i] = after;
        }
        if (near)
            fetch_near(p, strip, stride, a, vectors);
        fetch(f, vectors);
    }
    x += stride;
    v = all(t[0].weight);
    w = all(t[ring].weight);
UNROLL(4)
    for (int i = 0; i < vectors; i++) {
        vf sum = own[i];
        if (ring)
            sum += times_back(v, round[i]);
        store(x + i * VL, sum + times_back(w, d[i]));
    }
    if (near)
        fetch_near(p, strip, stride, p->k - 1, vectors);
    fetch(f, vectors);
}

INLINE void mean_of_all(const struct tsgd_mix_plan *p, float *x, size_t stride, const int vectors,
                        const bool near, struct ahead *f)
{
    vf first[STRIP], sum[STRIP];
UNROLL(4)
    for (int i = 0; i < vectors; i++) {
        first[i] = load(x + i * VL);
        sum[i] = (vf){0};
    }
    for (uint32_t b = 1; b < p->k; b++) {
UNROLL(4)
        for (int i = 0; i < vectors; i++)
            sum[i] += minus(load(x + b * stride + i * VL), first[i], 0);
        if (near)
            fetch_near(p, x, stride, b, vectors);
        if (b & 1)
            fetch(f, vectors);
    }
UNROLL(4)
    for (int i = 0; i < vectors; i++)
        sum[i] = first[i] + all(p->term[0].weight) * sum[i];
    for (uint32_t b = 0; b < p->k; b++) {
UNROLL(4)
        for (int i = 0; i < vectors; i++)
            store(x + b * stride + i * VL, sum[i]);
        if (b & 1)
            fetch(f, vectors);
    }
}

/* A row x of n terms whose old values go to `keep` unless it is NULL: the columns from c on. */
INLINE void one_row(const struct tsgd_mix_term *t, const uint32_t n, const bool *absent,
                    float *const *at, float *x, float *keep, size_t c, const int vectors)
{
    vf own[STRIP], sum[STRIP];
    x += c;
UNROLL(4)
    for (int i = 0; i < vectors; i++)
        own[i] = sum[i] = load(x + i * VL);
    if (keep)
UNROLL(4)
        for (int i = 0; i < vectors; i++)
            store(keep + c + i * VL, own[i]);
    for (uint32_t j = 0; j < n; j++) {
        /* As in mix(). */
        bool out_of_it = absent && absent[t[j].row];
        const float *from = out_of_it ? x : at[t[j].from] + c;
        vf w = all(out_of_it ? -t[j].weight : t[j].weight);
UNROLL(4)
        for (int i = 0; i < vectors; i++)
            sum[i] += w * minus(load(from + i * VL), own[i], i);
    }
UNROLL(4)
    for (int i = 0; i < vectors; i++)
        store(x + i * VL, sum[i]);
}

/* The same where nobody is absent, for a number of terms that the compiler knows: addresses and
 * weights stay in registers. Of at most FEW terms.                                              */
enum { FEW = 8 };

INLINE void few_terms(const struct tsgd_mix_term *t, const uint32_t n, float *const *at, float *x,
                      float *keep, const int vectors)
{
    const float *from[FEW];
    vf w[FEW];
UNROLL(8)
    for (uint32_t j = 0; j < n; j++) {
        from[j] = at[t[j].from];
        w[j] = all(t[j].weight);
    }
UNROLL(8)
    for (int i = 0; i < vectors; i++) {
        vf own = load(x + i * VL), sum = own;
        if (keep)
            store(keep + i * VL, own);
UNROLL(8)
        for (uint32_t j = 0; j < n; j++)
            sum += w[j] * minus(load(from[j] + i * VL), own, i + (int)j);
        store(x + i * VL, sum);
    }
}

INLINE void any(const struct tsgd_mix_plan *p, const bool *absent, float *rows, size_t stride,
                float **at, const int vectors, struct ahead *f)
{
    for (uint32_t b = 0; b < p->k; b++)
        at[b] = rows + b * stride;
    for (uint32_t a = 0; a < p->k; a++) {
        const struct tsgd_mix_term *t = p->term + p->ptr[a];
        uint32_t n = p->ptr[a + !(absent && absent[a])] - p->ptr[a], slot = p->keep[a];
        float *keep = slot == TSGD_MIX_NOT_KEPT ? NULL : at[p->k + slot];
        if (!absent && n == 4)      /* a torus; from here on, exponential graphs */
            few_terms(t, 4, at, at[a], keep, vectors);
        else if (!absent && n == 5)
            few_terms(t, 5, at, at[a], keep, vectors);
        else if (!absent && n == 6)
            few_terms(t, 6, at, at[a], keep, vectors);
        else if (!absent && n == 7)
            few_terms(t, 7, at, at[a], keep, vectors);
        else if (!absent && n == FEW)
            few_terms(t, FEW, at, at[a], keep, vectors);
        else
            one_row(t, n, absent, at, at[a], keep, 0, vectors);
        fetch(f, vectors);
    }
}

/* The same in wider strips, where nobody is absent: what a row costs beside its columns counts half
 * as much. More slots than TSGD_MIX_FEW_SLOTS would not stay in the first level beside the rows.
 * For each number of terms there is a function of its own, since within one the compiler has too
 * few registers for all of them. It mixes the rows from a on while they have so many terms, and
 * returns the row after them.                                                                   */
#define TERMS(n)                                                                                 \
    static __attribute__((noinline)) uint32_t terms_##n(                                         \
        const struct tsgd_mix_plan *p, uint32_t a, float *const *at, struct ahead *f)            \
    {                                                                                            \
        const struct tsgd_mix_term *t = p->term + p->ptr[a];                                     \
        do {                                                                                     \
            uint32_t slot = p->keep[a];                                                          \
            float *keep = slot == TSGD_MIX_NOT_KEPT ? NULL : at[p->k + slot];                    \
            few_terms(t, n, at, at[a], keep, WIDE);                                              \
            fetch(f, WIDE);                                                                      \
            t += n;                                                                              \
            a++;                                                                                 \
        } while (a < p->k && p->ptr[a + 1] - p->ptr[a] == n);                                    \
        return a;                                                                                \
    }
TERMS(3)
TERMS(4)
TERMS(5)
TERMS(6)
TERMS(7)
TERMS(8)
#undef TERMS

INLINE void any_wide(const struct tsgd_mix_plan *p, float *rows, size_t stride, float **at,
                     struct ahead *f)
{
    static uint32_t (*const few[FEW + 1])(const struct tsgd_mix_plan *, uint32_t, float *const *,
                                          struct ahead *) = {
        [3] = terms_3, [4] = terms_4, [5] = terms_5, [6] = terms_6, [7] = terms_7, [8] = terms_8,
    };
    for (uint32_t b = 0; b < p->k; b++)
        at[b] = rows + b * stride;
    for (uint32_t a = 0; a < p->k;) {
        const struct tsgd_mix_term *t = p->term + p->ptr[a];
        uint32_t n = p->ptr[a + 1] - p->ptr[a], slot = p->keep[a];
        if (n <= FEW && few[n]) {
            a = few[n](p, a, at, f);
            continue;
        }
        float *keep = slot == TSGD_MIX_NOT_KEPT ? NULL : at[p->k + slot];
        one_row(t, n, NULL, at, at[a], keep, 0, STRIP);
        one_row(t, n, NULL, at, at[a], keep, STRIP * VL, STRIP);
        fetch(f, WIDE);
        a++;
    }
}

/* near: each row is fetched into the first level before its turn. */
INLINE void columns(const struct tsgd_mix_plan *p, const enum tsgd_mix_shape shape,
                    const bool *absent, const bool near, float *rows, size_t stride, float **at,
                    const int vectors, struct ahead *f)
{
    if (shape == TSGD_MIX_RING || shape == TSGD_MIX_LINE)
        chain(p, rows, stride, vectors, shape == TSGD_MIX_RING, near, f);
    else if (shape == TSGD_MIX_MEAN)
        mean_of_all(p, rows, stride, vectors, near, f);
    else
        any(p, absent, rows, stride, at, vectors, f);
}

INLINE void blocks(const struct tsgd_mix_plan *p, const enum tsgd_mix_shape shape,
                   const bool *absent, const bool near, const bool wide, float *rows,
                   size_t stride, size_t n, float **at)
{
    size_t most = block_columns(p, n);
    bool stays = n * p->k <= STAYS;
    for (size_t from = 0, to; from < n; from = to) {
        to = n - from < most ? n : from + most;
        struct ahead f = {
            .rows = rows + to, .stride = stride, .width = n - to < most ? n - to : most,
            .left = stays || to == n ? 0 : p->k,
        };
        size_t j = from;
        for (; wide && j + WIDE * VL <= to; j += WIDE * VL)
            any_wide(p, rows + j, stride, at, &f);
        for (; j + STRIP * VL <= to; j += STRIP * VL)
            columns(p, shape, absent, near, rows + j, stride, at, STRIP, &f);
        for (; j < to; j += VL)
            columns(p, shape, absent, near, rows + j, stride, at, 1, &f);
    }
}

/* Functions of their own here too. wide: where there are few slots. */
#define WAY(name, shape, absent, near, wide)                                                     \
    static __attribute__((noinline)) void name(const struct tsgd_mix_plan *p, const bool *gone,  \
                                               float *rows, size_t stride, size_t n, float **at) \
    {                                                                                            \
        (void)gone;                                                                              \
        blocks(p, shape, absent, near, wide, rows, stride, n, at);                               \
    }
WAY(ring, TSGD_MIX_RING, NULL, false, false)
WAY(ring_near, TSGD_MIX_RING, NULL, true, false)
WAY(line, TSGD_MIX_LINE, NULL, false, false)
WAY(line_near, TSGD_MIX_LINE, NULL, true, false)
WAY(mean_here, TSGD_MIX_MEAN, NULL, false, false)
WAY(mean_near, TSGD_MIX_MEAN, NULL, true, false)
WAY(any_present, TSGD_MIX_ANY, NULL, false, false)
WAY(any_present_wide, TSGD_MIX_ANY, NULL, false, true)
WAY(any_absent, TSGD_MIX_ANY, gone, false, false)
#undef WAY

void TSGD_FN(mix_all)(const struct tsgd_mix_plan *p, const bool *absent, float *rows,
                      size_t stride, size_t n, float **at, float *restrict pool)
{
    typedef void way(const struct tsgd_mix_plan *, const bool *, float *, size_t, size_t, float **);
    static way *const ways[][2] = {
        [TSGD_MIX_RING] = {ring, ring_near}, [TSGD_MIX_LINE] = {line, line_near},
        [TSGD_MIX_MEAN] = {mean_here, mean_near}, [TSGD_MIX_ANY] = {any_present, any_present_wide},
    };
    bool few = p->slots <= TSGD_MIX_FEW_SLOTS, near = n * p->k > FAR && p->k > STREAMS;
    for (uint32_t s = 0; s < p->slots; s++)
        at[p->k + s] = pool + s * (few ? TSGD_MIX_WIDE : TSGD_MIX_STRIP);
    if (absent)
        any_absent(p, absent, rows, stride, n, at);
    else
        ways[p->shape][p->shape == TSGD_MIX_ANY ? few : near](p, NULL, rows, stride, n, at);
}
