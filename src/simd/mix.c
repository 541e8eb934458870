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

/* What mix() does where nobody is absent and the row reads `links` others, a number that the
 * compiler knows: their addresses and weights stay in registers, and the row itself is no term. */
enum { LINKS = 6 };

INLINE void linked(const float *self, const float *const from[], const float weight[],
                   const int links, size_t n, float *out, const bool bypass)
{
    const float *x[LINKS];
    vf w[LINKS];
UNROLL(6)
    for (int i = 0; i < links; i++) {
        x[i] = from[i];
        w[i] = all(weight[i]);
    }
UNROLL(4)
    for (size_t j = 0; j < n; j += VL) {
        vf own = load(self + j), sum = own;
UNROLL(6)
        for (int i = 0; i < links; i++)
            sum += w[i] * (load(x[i] + j) - own);
        put(out + j, sum, bypass);
    }
}

/* Mixes row a if it reads 1 to LINKS others; returns whether it does. */
INLINE bool few_links(const struct tsgd_mix *d, uint32_t a, const float *rows, size_t n,
                      float *out, const bool bypass)
{
    const float *self = rows + a * d->stride, *from[LINKS];
    float weight[LINKS];
    int links = 0;
    for (uint32_t i = d->ptr[a]; i < d->ptr[a + 1]; i++) {
        if (d->col[i] == a)
            continue;
        if (links == LINKS)
            return false;
        from[links] = rows + d->col[i] * d->stride;
        weight[links++] = d->val[i];
    }
#define LINKED(links)                                                                            \
    case links:                                                                                  \
        linked(self, from, weight, links, n, out, bypass);                                       \
        return true;
    switch (links) {
    LINKED(1)
    LINKED(2)
    LINKED(3)
    LINKED(4)
    LINKED(5)
    LINKED(6)
    }
#undef LINKED
    return false;
}

INLINE void row(const struct tsgd_mix *d, uint32_t a, const float *rows, size_t n, float *out,
                const bool bypass)
{
#define MIX(j, vectors) mix(d, a, NULL, rows + (j), d->stride, vectors, out + (j), bypass)
#define MIX_PRESENT(j, vectors)                                                                  \
    mix(d, a, d->absent, rows + (j), d->stride, vectors, out + (j), bypass)
    if (d->absent)
        STRIPS(j, n, MIX_PRESENT);
    else if (!few_links(d, a, rows, n, out, bypass))
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

/* Floats of a row that are mixed before they are copied to where they belong: short enough to stay
 * in the first level. Shorter rows are not copied.                                              */
enum { PIECE = 2048 };

INLINE void row_or_mean(const struct tsgd_mix *d, uint32_t a, const float *rows, size_t n,
                        float *out, const bool bypass)
{
    if (d->uniform)
        mean_to_one(d, rows, n, out, bypass);
    else
        row(d, a, rows, n, out, bypass);
}

/* The neighbours have read what stands in out, often on other cores. Not inlined: short rows would
 * pay for the room of a piece.                                                                  */
static __attribute__((noinline)) void row_by_pieces(const struct tsgd_mix *d, uint32_t a,
                                                    const float *rows, size_t n,
                                                    float *restrict out)
{
    float piece[PIECE] __attribute__((aligned(64)));
    for (size_t j = 0; j < n; j += PIECE) {
        size_t floats = n - j < PIECE ? n - j : PIECE;
        row_or_mean(d, a, rows + j, floats, piece, false);
        copy_lines(out + j, piece, floats);
    }
}

void TSGD_FN(mix_row)(const struct tsgd_mix *d, uint32_t a, const float *rows, size_t n,
                      float *restrict out, bool bypass)
{
    if (bypass) {
        row_or_mean(d, a, rows, n, out, true);
        /* Such stores are not ordered by the release store that publishes the row: without this
         * fence a neighbour, or the next holder, could read what stood there before.            */
        stream_end();
        return;
    }
    if (n < PIECE || !COPIES_LINES)
        row_or_mean(d, a, rows, n, out, false);
    else
        row_by_pieces(d, a, rows, n, out);
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
 * STAYS are in that cache already or near it; more than FAR come from memory.                   */
enum { BLOCK = 49152, STAYS = 1 << 19, FAR = 1 << 22 };

static size_t block_columns(const struct tsgd_mix_plan *p, size_t floats)
{
    size_t columns = floats / p->k / TSGD_MIX_STRIP * TSGD_MIX_STRIP;
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
        __builtin_prefetch(x + j, 1, 3);
    f->at += (size_t)vectors * VL;
    if (f->at < f->width)
        return;
    f->at = 0;
    f->rows += f->stride;
    f->left--;
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

/* A line or a ring: the old values of rows pass through the registers, and each difference of
 * neighbours serves both. GROUP rows are walked at a time, few enough for the processor to see them
 * as streams and to fetch them ahead by itself. Where there are more, RUN columns of a group are
 * mixed before the next group, and what that needs of this one waits in `carry`. The rows of a
 * group are unrolled: a load that goes from row to row has a stride, and a processor that fetches
 * along it (Zen 5) brings what nobody reads, and takes up to 1.6 times as long.                 */
enum { GROUP = TSGD_MIX_GROUP, RUN = TSGD_MIX_RUN };

struct group {
    const struct tsgd_mix_term *t;      /* those of its first row */
    float *x;                   /* its first row */
    const float *end;           /* the last row of all */
    float *carry;               /* [RUN] by how much the row after it is more than its last row;
                                 * [RUN] of a ring, `end` more than the first row of all */
    size_t stride;
    uint32_t rows;              /* at most GROUP, or GROUP if other groups follow */
};

/* first, last: of all groups. */
INLINE void chain(const struct group *g, size_t j, const int vectors, const bool first,
                  const bool last, const bool ring)
{
    const struct tsgd_mix_term *t = g->t;
    size_t stride = g->stride;
    uint32_t rows = g->rows;
    float *x = g->x + j, *carry = g->carry + j;
    vf own[STRIP], d[STRIP], round[STRIP];
    const vf none = {0};
UNROLL(4)
    for (int i = 0; i < vectors; i++) {
        own[i] = load(x + i * VL);
        d[i] = first ? none : load(carry + i * VL);
        if (ring && first)
            round[i] = minus(load(g->end + j + i * VL), own[i], i);
        if (ring && first && !last)
            store(carry + RUN + i * VL, round[i]);
        if (ring && last && !first)
            round[i] = load(carry + RUN + i * VL);
    }
UNROLL(8)
    for (uint32_t b = 0; b < GROUP; b++) {
        if (last && b + 1 == rows)
            break;
        bool opens = first && b == 0, two = !opens || ring;
        vf v = all(t[0].weight), w = all(t[two].weight);
UNROLL(4)
        for (int i = 0; i < vectors; i++) {
            vf after = load(x + stride + i * VL), sum = own[i];
            if (!opens)
                sum += times_back(v, d[i]);
            d[i] = minus(after, own[i], i);
            sum += (opens ? v : w) * d[i];
            if (opens && ring)
                sum += w * round[i];
            store(x + i * VL, sum);
            own[i] = after;
        }
        x += stride;
        t += 1 + two;
    }
UNROLL(4)
    for (int i = 0; i < vectors; i++) {
        if (!last) {
            store(carry + i * VL, d[i]);
            continue;
        }
        vf sum = own[i];
        if (ring)
            sum += times_back(all(t[0].weight), round[i]);
        store(x + i * VL, sum + times_back(all(t[ring].weight), d[i]));
    }
}

#define PART(name, first, last, ring)                                                            \
    static __attribute__((noinline)) void name(const struct group *g, size_t n)                  \
    {                                                                                            \
        size_t j = 0;                                                                            \
        for (; j + STRIP * VL <= n; j += STRIP * VL)                                             \
            chain(g, j, STRIP, first, last, ring);                                               \
        for (; j < n; j += VL)                                                                   \
            chain(g, j, 1, first, last, ring);                                                   \
    }
PART(line_whole, true, true, false)
PART(line_opens, true, false, false)
PART(line_closes, false, true, false)
PART(ring_whole, true, true, true)
PART(ring_opens, true, false, true)
PART(ring_closes, false, true, true)
PART(between, false, false, false)
#undef PART

/* carry: [2 * RUN], for more than GROUP rows. */
static void groups(const struct tsgd_mix_plan *p, float *rows, size_t stride, size_t n,
                   float *carry)
{
    bool ring = p->shape == TSGD_MIX_RING;
    struct group g = {
        .t = p->term, .x = rows, .end = rows + (p->k - 1) * stride, .carry = carry,
        .stride = stride, .rows = p->k,
    };
    if (p->k <= GROUP) {
        (ring ? ring_whole : line_whole)(&g, n);
        return;
    }
    for (size_t from = 0; from < n; from += RUN) {
        size_t some = n - from < RUN ? n - from : RUN;
        for (uint32_t a = 0; a < p->k; a += GROUP) {
            g.t = p->term + p->ptr[a];
            g.x = rows + a * stride + from;
            g.end = rows + (p->k - 1) * stride + from;
            g.rows = p->k - a < GROUP ? p->k - a : GROUP;
            if (a == 0)
                (ring ? ring_opens : line_opens)(&g, some);
            else if (a + GROUP < p->k)
                between(&g, some);
            else
                (ring ? ring_closes : line_closes)(&g, some);
        }
    }
}

INLINE void mean_of_all(const struct tsgd_mix_plan *p, float *x, size_t stride, const int vectors,
                        struct ahead *f)
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

/* The mean of rows that come from memory, in groups as those of a line. FAR_BLOCK floats are still
 * in the second level when the mean goes to them; of few rows a strip is.                       */
enum { FAR_BLOCK = 65536 };

/* Adds to `sum` the rows at x, at most GROUP, less `first` each. */
INLINE void add(const float *first, const float *x, size_t stride, uint32_t rows, float *sum,
                const int vectors)
{
    vf own[STRIP], s[STRIP];
UNROLL(4)
    for (int i = 0; i < vectors; i++) {
        own[i] = load(first + i * VL);
        s[i] = load(sum + i * VL);
    }
UNROLL(8)
    for (uint32_t b = 0; b < GROUP; b++) {
        if (b == rows)
            break;
UNROLL(4)
        for (int i = 0; i < vectors; i++)
            s[i] += minus(load(x + b * stride + i * VL), own[i], 0);
    }
UNROLL(4)
    for (int i = 0; i < vectors; i++)
        store(sum + i * VL, s[i]);
}

static __attribute__((noinline)) void add_group(const float *first, const float *x, size_t stride,
                                                uint32_t rows, size_t n, float *sum)
{
#define ADD(j, vectors) add(first + (j), x + (j), stride, rows, sum + (j), vectors)
    STRIPS(j, n, ADD);
#undef ADD
}

static __attribute__((noinline)) void mean_far(const struct tsgd_mix_plan *p, float *rows,
                                               size_t stride, size_t n, float *sum)
{
    size_t most = p->k > GROUP + 1 ? block_columns(p, FAR_BLOCK) : STRIP * VL;
    for (size_t from = 0, to; from < n; from = to) {
        to = n - from < most ? n : from + most;
        float *first = rows + from, *x = first + stride;
        size_t some = to - from;
        for (size_t j = 0; j < some; j += VL)
            store(sum + j, (vf){0});
        for (uint32_t b = 1; b < p->k; b += GROUP, x += GROUP * stride)
            add_group(first, x, stride, p->k - b < GROUP ? p->k - b : GROUP, some, sum);
        for (size_t j = 0; j < some; j += VL)
            store(sum + j, load(first + j) + all(p->term[0].weight) * load(sum + j));
        x = first;
        for (uint32_t b = 0; b < p->k; b++, x += stride)
            for (size_t j = 0; j < some; j += VL)
                store(x + j, load(sum + j));
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

INLINE void columns(const struct tsgd_mix_plan *p, const enum tsgd_mix_shape shape,
                    const bool *absent, float *rows, size_t stride, float **at, const int vectors,
                    struct ahead *f)
{
    if (shape == TSGD_MIX_MEAN)
        mean_of_all(p, rows, stride, vectors, f);
    else
        any(p, absent, rows, stride, at, vectors, f);
}

INLINE void blocks(const struct tsgd_mix_plan *p, const enum tsgd_mix_shape shape,
                   const bool *absent, const bool wide, float *rows, size_t stride, size_t n,
                   float **at)
{
    size_t most = block_columns(p, BLOCK);
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
            columns(p, shape, absent, rows + j, stride, at, STRIP, &f);
        for (; j < to; j += VL)
            columns(p, shape, absent, rows + j, stride, at, 1, &f);
    }
}

/* Functions of their own here too. wide: where there are few slots. */
#define WAY(name, shape, absent, wide)                                                           \
    static __attribute__((noinline)) void name(const struct tsgd_mix_plan *p, const bool *gone,  \
                                               float *rows, size_t stride, size_t n, float **at) \
    {                                                                                            \
        (void)gone;                                                                              \
        blocks(p, shape, absent, wide, rows, stride, n, at);                                     \
    }
WAY(mean_near, TSGD_MIX_MEAN, NULL, false)
WAY(any_present, TSGD_MIX_ANY, NULL, false)
WAY(any_wide_present, TSGD_MIX_ANY, NULL, true)
WAY(any_absent, TSGD_MIX_ANY, gone, false)
#undef WAY

void TSGD_FN(mix_all)(const struct tsgd_mix_plan *p, const bool *absent, float *rows,
                      size_t stride, size_t n, float **at, float *restrict pool)
{
    bool few = p->slots <= TSGD_MIX_FEW_SLOTS;
    for (uint32_t s = 0; s < p->slots; s++)
        at[p->k + s] = pool + s * (few ? TSGD_MIX_WIDE : TSGD_MIX_STRIP);
    if (absent)
        any_absent(p, absent, rows, stride, n, at);
    else if (p->shape == TSGD_MIX_LINE || p->shape == TSGD_MIX_RING)
        groups(p, rows, stride, n, pool);
    else if (p->shape == TSGD_MIX_MEAN && n * p->k > FAR)
        mean_far(p, rows, stride, n, pool);
    else if (p->shape == TSGD_MIX_MEAN)
        mean_near(p, NULL, rows, stride, n, at);
    else
        (few ? any_wide_present : any_present)(p, NULL, rows, stride, n, at);
}
