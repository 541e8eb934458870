/* Everything but convolutions. */
#include "sim/guard.h"
#include "sim/kernels.h"
#include "sim/ref.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

float *kernels_integers(uint32_t *state, size_t n)
{
    float *x = kernels_zeros(n, sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(1 + kernels_draw(state, 7)) * (kernels_draw(state, 2) ? 1 : -1);
    return x;
}

float *kernels_uniform(uint32_t *state, size_t n)
{
    float *x = kernels_zeros(n, sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((int32_t)kernels_draw(state, 1 << 24) - (1 << 23)) * 0x1p-23f;
    return x;
}

void *kernels_zeros(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        abort();
    return p;
}

bool kernels_equal(const char *what, const float *got, const float *want, size_t n,
                   char text[KERNELS_TEXT])
{
    for (size_t i = 0; i < n; i++)
        if (!(got[i] == want[i]) && memcmp(&got[i], &want[i], sizeof *got)) {
            snprintf(text, KERNELS_TEXT, "%s at %zu of %zu: %.9g, want %.9g", what, i, n,
                     (double)got[i], (double)want[i]);
            return false;
        }
    return true;
}

/* Also 0 and -0 differ. */
static bool same_bits(const char *what, const float *got, const float *want, size_t n, char *text)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&got[i], &want[i], sizeof *got)) {
            snprintf(text, KERNELS_TEXT, "%s at %zu of %zu: %a, want %a", what, i, n,
                     (double)got[i], (double)want[i]);
            return false;
        }
    return true;
}

static bool close_to(const char *what, float got, double want, double within, size_t at, char *text)
{
    if (fabs((double)got - want) <= within)
        return true;
    snprintf(text, KERNELS_TEXT, "%s at %zu: %.9g, want %.9g", what, at, (double)got, want);
    return false;
}

static float *floats(struct guard *g, size_t n, size_t align)
{
    return guard_new(g, n * sizeof(float), align);
}

static float *copy(struct guard *g, const float *x, size_t n, size_t align)
{
    return guard_copy(g, x, n * sizeof *x, align);
}

/* For every instruction set and place of the arrays: `body` with k and g. */
typedef bool body_fn(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text);

static bool everywhere(body_fn *body, uint32_t trial, char *text)
{
    const struct tsgd_kernels *k;
    for (size_t i = 0; (k = tsgd_isa_table(i)); i++)
        for (int end = 0; end < 2; end++) {
            struct guard g = {.at_end = end};
            bool good = body(k, kernels_seed(trial), &g, text);
            if (!guard_release(&g) && good) {
                snprintf(text, KERNELS_TEXT, "written outside an array");
                good = false;
            }
            if (!good) {
                snprintf(text + strlen(text), KERNELS_TEXT - strlen(text), "; %s", k->isa);
                return false;
            }
        }
    return true;
}

/* ---- rows: the bits of the naive form, on every instruction set ---- */

/* A step for n parameters in the naive way, on x0 and m0, and on the copies x and m by a kernel. */
struct steps {
    size_t n;
    float *x0, *m0, *x, *m;
    struct tsgd_update u;
};

static struct steps steps(size_t n, uint32_t *r, struct guard *g)
{
    struct steps s = {.n = n, .x0 = kernels_uniform(r, n), .m0 = kernels_uniform(r, n),
                      .x = floats(g, n, 4), .m = floats(g, n, 4)};
    bool momentum = kernels_draw(r, 3), nesterov = momentum && kernels_draw(r, 2);
    memcpy(s.x, s.x0, n * sizeof *s.x);
    memcpy(s.m, s.m0, n * sizeof *s.m);
    s.u = (struct tsgd_update){s.x, momentum ? s.m : NULL, 0.05f, 0.9f,
                               kernels_draw(r, 2) ? 0.001f : 0, nesterov};
    return s;
}

static void naive_step(struct steps *s, size_t j, float gradient)
{
    const struct tsgd_update *u = &s->u;
    float d = gradient + u->decay * s->x0[j];
    s->m0[j] = u->m ? u->momentum * s->m0[j] + d : s->m0[j];
    s->x0[j] -= u->eta * (!u->m ? d : u->nesterov ? d + u->momentum * s->m0[j] : s->m0[j]);
}

static bool stepped_alike(struct steps *s, char *text)
{
    bool good = same_bits("x", s->x, s->x0, s->n, text) && same_bits("m", s->m, s->m0, s->n, text);
    free(s->x0), free(s->m0);
    return good;
}

static bool sgd(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    size_t n = 1 + kernels_draw(&r, 200);
    float *g0 = kernels_uniform(&r, n);
    struct steps s = steps(n, &r, g);
    k->sgd(&s.u, copy(g, g0, n, 4), n);
    for (size_t j = 0; j < n; j++)
        naive_step(&s, j, g0[j]);
    free(g0);
    return stepped_alike(&s, text);
}

static double lanes_added(const double lane[16])
{
    double sum = 0;
    for (int i = 0; i < 16; i++)
        sum += lane[i];
    return sum;
}

static bool fold(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    size_t n = 1 + kernels_draw(&r, 200);
    float *x = kernels_uniform(&r, n), *ref = kernels_uniform(&r, n), *mean = floats(g, n, 4);
    double *sum = guard_new(g, n * sizeof *sum, 8), square[16] = {0}, shift[16] = {0};
    float *want = kernels_zeros(n, sizeof *want);
    for (size_t j = 0; j < n; j++)
        sum[j] = (double)x[n - 1 - j] / 3;
    for (size_t j = 0; j < n; j++) {
        double d = (double)x[j] - (double)ref[j], s = (sum[j] + d) / 7;
        want[j] = (float)((double)ref[j] + s);
        square[j % 16] += d * d;
        shift[j % 16] += s * s;
    }
    float *ref_copy = copy(g, ref, n, 4);
    double a = k->fold(sum, copy(g, x, n, 4), ref_copy, n);
    double b = k->fold_finish(mean, sum, ref_copy, n, 7);
    bool good = same_bits("mean", mean, want, n, text);
    if (good && (a != lanes_added(square) || b != lanes_added(shift))) {
        snprintf(text, KERNELS_TEXT, "squares %.17g and %.17g, want %.17g and %.17g", a, b,
                 lanes_added(square), lanes_added(shift));
        good = false;
    }
    free(x), free(ref), free(want);
    return good;
}

/* FNV-1a of the bits of 1000 normals: any processor and any compiler must find these. */
enum { NORMALS = 1000 };
static const uint64_t normals_hash = 0xdc3d0d432a0eff46u;

static bool normals(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    size_t n = 1 + kernels_draw(&r, NORMALS);
    float *all = floats(g, NORMALS, 4), *some = floats(g, n, 4);
    uint64_t hash = 0xcbf29ce484222325u;
    k->normals(7, 3, 5, 9, 0, all, NORMALS);
    k->normals(7, 3, 5, 9, 0, some, n);
    for (size_t i = 0; i < NORMALS; i++) {
        uint32_t bits;
        memcpy(&bits, &all[i], sizeof bits);
        for (int b = 0; b < 4; b++)
            hash = (hash ^ (bits >> 8 * b & 255)) * 0x100000001b3u;
    }
    if (hash != normals_hash) {
        snprintf(text, KERNELS_TEXT, "their hash is %#llx", (unsigned long long)hash);
        return false;
    }
    return same_bits("fewer of them", some, all, n, text);
}

static bool decode(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    size_t n = 64 + kernels_draw(&r, 150), ld = 16 * (1 + kernels_draw(&r, 3));
    const struct tsgd_line line = {-0.25f, 0x1.01p-8f, 0x1.01p-17f, 0.2860406f, 2.832f};
    uint8_t *bytes = kernels_zeros(16 * n, 1);
    const uint8_t *from[16];
    float *x = floats(g, n * ld, 64), *want = kernels_zeros(n * ld, sizeof *want);
    memcpy(want, x, n * ld * sizeof *want);
    for (size_t i = 0; i < 16 * n; i++)
        bytes[i] = (uint8_t)kernels_draw(&r, 256);
    for (size_t s = 0; s < 16; s++) {
        from[s] = guard_copy(g, bytes + s * n, n, 1);
        for (size_t f = 0; f < n; f++) {
            float b = from[s][f];
            want[f * ld + s] = (line.zero + (b * line.high + b * line.low) - line.mean) *
                               line.scale;
        }
    }
    k->decode(from, n, &line, ld, x);
    bool good = same_bits("x", x, want, n * ld, text);
    free(bytes), free(want);
    return good;
}

static bool relu(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    static const float odd[] = {0, -0.0f, NAN, INFINITY, -INFINITY, 1e-45f, -1e-45f};
    size_t n = 16 * (1 + kernels_draw(&r, 20));
    float *x = kernels_uniform(&r, n), *dy = kernels_uniform(&r, n);
    float *y = floats(g, n, 64), *dx = floats(g, n, 64), *in_place = floats(g, n, 64);
    float *want = kernels_zeros(n, sizeof *want), *want_dx = kernels_zeros(n, sizeof *want);
    for (size_t i = 0; i < n; i++) {
        if (kernels_draw(&r, 3) == 0)
            x[i] = odd[kernels_draw(&r, sizeof odd / sizeof *odd)];
        want[i] = x[i] < 0 ? 0 : x[i];
        want_dx[i] = want[i] <= 0 ? 0 : dy[i];
    }
    k->relu(copy(g, x, n, 64), y, n);
    k->relu_gradient(y, copy(g, dy, n, 64), dx, n);
    memcpy(in_place, x, n * sizeof *x);
    k->relu(in_place, in_place, n);
    bool good = same_bits("y", y, want, n, text) &&
                same_bits("in place", in_place, want, n, text) &&
                same_bits("dx", dx, want_dx, n, text);
    free(x), free(dy), free(want), free(want_dx);
    return good;
}

/* ---- pooling ---- */

/* Sums of integers are exact and divided once: every bit must be right. */
static bool avgpool(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    struct tsgd_pool d = {.channels = 1 + kernels_draw(&r, 4), .window = kernels_draw(&r, 4),
                          .ld = 16 * (1 + kernels_draw(&r, 3))};
    d.height = d.window + 1 + kernels_draw(&r, 8);
    d.width = d.window + 1 + kernels_draw(&r, 8);
    size_t rows = d.window ? d.window : d.height, columns = d.window ? d.window : d.width;
    size_t high = d.height / rows, wide = d.width / columns;
    size_t n = d.channels * d.height * d.width * d.ld, m = d.channels * high * wide * d.ld;
    float *x = kernels_integers(&r, n), *dy = kernels_integers(&r, m);
    float *want = kernels_zeros(m, sizeof *want), *want_dx = kernels_zeros(n, sizeof *want_dx);
    for (size_t at = 0; at < n; at++) {
        size_t s = at % d.ld, j = at / d.ld % d.width / columns;
        size_t i = at / d.ld / d.width % d.height / rows, c = at / d.ld / d.width / d.height;
        size_t to = ((c * high + i) * wide + j) * d.ld + s;
        if (i < high && j < wide) {
            want[to] += x[at];
            want_dx[at] = dy[to] / (float)(rows * columns);
        }
    }
    for (size_t at = 0; at < m; at++)
        want[at] /= (float)(rows * columns);
    float *y = floats(g, m, 64), *dx = floats(g, n, 64);
    k->avgpool(&d, copy(g, x, n, 64), y);
    k->avgpool_gradient(&d, copy(g, dy, m, 64), dx);
    bool good = kernels_equal("y", y, want, m, text) && kernels_equal("dx", dx, want_dx, n, text);
    free(x), free(dy), free(want), free(want_dx);
    return good;
}

/* ---- dense layers ---- */

/* The sum of n floats as every instruction set adds them up: 16 sums, which are then added in
 * pairs, the first half and the second half, down to one.                                       */
static float sum_of_lanes(const float *x, size_t n)
{
    float lane[16] = {0};
    for (size_t i = 0; i < n; i++)
        lane[i % 16] += x[i];
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

static bool biases(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    size_t rows = 1 + kernels_draw(&r, 70), ld = 16 * (1 + kernels_draw(&r, 17)), n = rows * ld;
    bool behind = kernels_draw(&r, 2);
    float *x = kernels_integers(&r, n), *bias = kernels_integers(&r, rows);
    float *dy = kernels_uniform(&r, n), *want = kernels_zeros(n, sizeof *want);
    float *left = kernels_zeros(n, sizeof *left), *dbias = kernels_zeros(rows, sizeof *dbias);
    for (size_t i = 0; i < n; i++) {
        want[i] = x[i] + bias[i / ld];
        want[i] = behind && want[i] < 0 ? 0 : want[i];
        left[i] = behind && want[i] <= 0 ? 0 : dy[i];
    }
    for (size_t i = 0; i < rows; i++)
        dbias[i] = sum_of_lanes(left + i * ld, ld);
    float *y = floats(g, n, 64), *sums = floats(g, rows, 4);
    float *masked = floats(g, behind ? n : 0, 64);
    memcpy(y, x, n * sizeof *y);
    k->add_bias(y, copy(g, bias, rows, 4), rows, ld, behind);
    k->bias_gradient(behind ? y : NULL, copy(g, dy, n, 64), rows, ld, masked, sums);
    bool good = kernels_equal("y", y, want, n, text) &&
                kernels_equal("dbias", sums, dbias, rows, text) &&
                (!behind || kernels_equal("masked dy", masked, left, n, text));
    free(x), free(bias), free(dy), free(want), free(left), free(dbias);
    return good;
}

static bool transposed(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    size_t rows = 1 + kernels_draw(&r, 100), ld = 16 * (1 + kernels_draw(&r, 17));
    size_t row = (rows + 15) / 16 * 16 + 16 * kernels_draw(&r, 2);
    float *x = kernels_uniform(&r, rows * ld), *t = floats(g, ld * row, 64);
    bool good = true;
    k->transpose(copy(g, x, rows * ld, 64), rows, ld, t, row);
    for (size_t s = 0; good && s < ld; s++)
        for (size_t f = 0; good && f < (rows + 3) / 4 * 4; f++) {
            float want = f < rows ? x[f * ld + s] : 0;
            good = same_bits("t", &t[s * row + f], &want, 1, text);
        }
    free(x);
    return good;
}

/* ---- products ---- */

struct product {
    size_t m, n, k, ars, acs, brs, bcs, crs, a_size, b_size, c_size;
    float beta, *a, *b, *c, *want;
};

/* a b + c, rounded once where the instruction set can. */
static float multiply_add(const struct tsgd_kernels *k, float a, float b, float c)
{
    return !strcmp(k->isa, "sse4") || !strcmp(k->isa, "plain") ? a * b + c : fmaf(a, b, c);
}

/* Every bit must be right: an element's terms are summed in order, in as few blocks of `most` terms
 * or less as will do, about equally long, and each block's sum is added to C.                   */
static void multiply(const struct tsgd_kernels *k, struct product *p, size_t most, uint32_t *r)
{
    static const float factors[] = {1, -0.7f, 0};
    size_t blocks = (p->k + most - 1) / most;
    p->beta = factors[kernels_draw(r, 3)];
    p->a_size = (p->m - 1) * p->ars + (p->k - 1) * p->acs + 1;
    p->b_size = (p->k - 1) * p->brs + (p->n - 1) * p->bcs + 1;
    p->c_size = (p->m - 1) * p->crs + p->n;
    p->a = kernels_uniform(r, p->a_size);
    p->b = kernels_uniform(r, p->b_size);
    p->c = kernels_uniform(r, p->c_size);
    p->want = kernels_zeros(p->c_size, sizeof *p->want);
    memcpy(p->want, p->c, p->c_size * sizeof *p->want);
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++) {
            float *c = &p->want[i * p->crs + j];
            size_t l = 0;
            for (size_t left = blocks; left > 0; left--) {
                size_t end = l + (p->k - l + left - 1) / left;
                float sum = 0, beta = left < blocks ? 1 : p->beta;
                for (; l < end; l++)
                    sum = multiply_add(k, p->a[i * p->ars + l * p->acs],
                                       p->b[l * p->brs + j * p->bcs], sum);
                *c = beta != 0 ? multiply_add(k, beta, *c, sum) : sum;
            }
        }
}

/* C as it is before: NaN where it must not be looked at. */
static float *before(const struct product *p, struct guard *g)
{
    float *c = floats(g, p->c_size, 4);
    memcpy(c, p->c, p->c_size * sizeof *c);
    for (size_t i = 0; p->beta == 0 && i < p->m; i++)
        for (size_t j = 0; j < p->n; j++)
            c[i * p->crs + j] = NAN;
    return c;
}

static bool settled(struct product *p, const float *c, char *text)
{
    bool good = kernels_equal("c", c, p->want, p->c_size, text);
    if (!good)
        snprintf(text + strlen(text), KERNELS_TEXT - strlen(text), "; %zux%zux%zu, rows %zu apart",
                 p->m, p->n, p->k, p->crs);
    free(p->a), free(p->b), free(p->c), free(p->want);
    return good;
}

/* A product of random shape and strides; *call is for a kernel. */
static struct product shaped(const struct tsgd_kernels *k, uint32_t *r, struct guard *g,
                             struct tsgd_product *call)
{
    struct product p = {.m = 1 + kernels_draw(r, 40), .n = 1 + kernels_draw(r, 100),
                        .k = 1 + kernels_draw(r, kernels_draw(r, 4) ? 50 : 900)};
    bool a_rows = kernels_draw(r, 2), b_rows = kernels_draw(r, 2);
    p.ars = a_rows ? p.k + kernels_draw(r, 3) : 1;
    p.acs = a_rows ? 1 : p.m + kernels_draw(r, 3);
    p.brs = b_rows ? p.n + kernels_draw(r, 3) : 1;
    p.bcs = b_rows ? 1 : p.k + kernels_draw(r, 3);
    p.crs = p.n + kernels_draw(r, 4);
    multiply(k, &p, 400, r);
    *call = (struct tsgd_product){
        .m = p.m, .n = p.n, .k = p.k, .a = {copy(g, p.a, p.a_size, 4), p.ars, p.acs},
        .b = {copy(g, p.b, p.b_size, 4), p.brs, p.bcs}, .beta = p.beta, .c = before(&p, g),
        .rsc = p.crs,
    };
    return p;
}

static bool gemm(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    struct tsgd_product call;
    struct product p = shaped(k, &r, g, &call);
    k->gemm(&call, floats(g, k->gemm_panel(), 64));
    return settled(&p, call.c, text);
}

/* A naive step by the naive product; parameters between the rows stay. */
static bool gemm_update(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    struct tsgd_product call;
    struct product p = shaped(k, &r, g, &call);
    struct steps s = steps(p.c_size, &r, g);
    k->gemm_update(&call, &s.u, floats(g, k->gemm_panel(), 64));
    for (size_t j = 0; j < p.c_size; j++)
        if (j % p.crs < p.n)
            naive_step(&s, j, p.want[j]);
    bool good = stepped_alike(&s, text);
    free(p.a), free(p.b), free(p.c), free(p.want);
    return good;
}

/* The largest tile, as list.h has it. */
static void tile_extent(const char *isa, uint32_t *m, uint32_t *n)
{
    *m = !strcmp(isa, "avx2") ? 6 : !strcmp(isa, "sse4") || !strcmp(isa, "plain") ? 4 : 12;
    *n = !strcmp(isa, "avx512") ? 32 : !strcmp(isa, "avx2") ? 16 : 8;
}

static bool gemm_tile(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    uint32_t m, n;
    tile_extent(k->isa, &m, &n);
    struct product p = {.m = 1 + kernels_draw(&r, m), .n = 1 + kernels_draw(&r, n),
                        .k = 1 + kernels_draw(&r, 300), .ars = 1, .brs = n, .bcs = 1};
    p.acs = p.m + kernels_draw(&r, 3);
    p.crs = p.n + kernels_draw(&r, 4);
    multiply(k, &p, p.k, &r);
    float *c = before(&p, g), *b = kernels_zeros(p.k * n, sizeof *b);
    memcpy(b, p.b, p.b_size * sizeof *b);       /* all of its last row can be read */
    k->gemm_tile(&(struct tsgd_product){
        .m = p.m, .n = p.n, .k = p.k, .a = {copy(g, p.a, p.a_size, 4), 1, p.acs},
        .b = {copy(g, b, p.k * n, 4), n, 1}, .beta = p.beta, .c = c, .rsc = p.crs,
    });
    free(b);
    return settled(&p, c, text);
}

static bool gemm_pack(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    size_t width = 1 + kernels_draw(&r, 50), n = 1 + kernels_draw(&r, (uint32_t)width);
    size_t deep = 1 + kernels_draw(&r, 70);
    bool rows = kernels_draw(&r, 2);
    size_t rs = rows ? n + kernels_draw(&r, 3) : 1, cs = rows ? 1 : deep + kernels_draw(&r, 3);
    size_t size = (deep - 1) * rs + (n - 1) * cs + 1;
    float *from = kernels_uniform(&r, size), *to = floats(g, deep * width, 4);
    bool good = true;
    k->gemm_pack(width, n, deep, (struct tsgd_mat){copy(g, from, size, 4), rs, cs}, to);
    for (size_t i = 0; good && i < deep * width; i++) {
        float want = i % width < n ? from[i / width * rs + i % width * cs] : 0;
        good = kernels_equal("panel", &to[i], &want, 1, text);
    }
    free(from);
    return good;
}

/* ---- what is not exact ---- */

struct moments {
    double mean, rstd;
};

static struct moments moments(const float *x, size_t n, size_t ld)
{
    struct moments m = {0, 0};
    for (size_t i = 0; i < n; i++)
        m.mean += (double)x[i * ld] / (double)n;
    for (size_t i = 0; i < n; i++)
        m.rstd += ((double)x[i * ld] - m.mean) * ((double)x[i * ld] - m.mean) / (double)n;
    m.rstd = 1 / sqrt(m.rstd + 1e-5);
    return m;
}

/* One group of one sample: y, and what it adds to the gradients. dy is set to 0 where rounding may
 * decide which side of ReLU's corner a number is on.                                            */
static void normalise(const struct tsgd_groupnorm *d, size_t group, const float *w, const float *b,
                      const float *x, float *dy, double *y, double *dw, double *db, double *dx)
{
    size_t first = group * d->per * d->area, n = d->per * d->area;
    struct moments m = moments(x + first * d->ld, n, d->ld);
    double total = 0, along = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = first; i < first + n; i++) {
            size_t c = i / d->area, at = i * d->ld;
            double u = ((double)x[at] - m.mean) * m.rstd, v = (double)w[c] * u + (double)b[c];
            if (d->relu && fabs(v) < 1e-4)
                dy[at] = 0;
            double g = d->relu && v <= 0 ? 0 : (double)dy[at];
            if (pass == 0) {
                y[at] = d->relu && v <= 0 ? 0 : v;
                db[c] += g;
                dw[c] += g * u;
                total += (double)w[c] * g;
                along += (double)w[c] * g * u;
            } else {
                dx[at] = m.rstd * ((double)w[c] * g - (total + u * along) / (double)n);
            }
        }
}

static bool groupnorm(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    struct tsgd_groupnorm d = {.groups = 1 + kernels_draw(&r, 4), .per = 1 + kernels_draw(&r, 4),
                               .area = 2 + kernels_draw(&r, 20), .relu = kernels_draw(&r, 2),
                               .ld = 16 * (1 + kernels_draw(&r, 4))};
    size_t channels = d.groups * d.per, n = channels * d.area * d.ld;
    float *w = kernels_uniform(&r, channels), *b = kernels_uniform(&r, channels);
    float *x = kernels_uniform(&r, n), *dy = kernels_uniform(&r, n);
    double *want = kernels_zeros(n, sizeof *want), *want_dx = kernels_zeros(n, sizeof *want_dx);
    double dw[16] = {0}, db[16] = {0};
    bool good = true;
    for (size_t s = 0; s < d.ld; s++)
        for (size_t i = 0; i < d.groups; i++)
            normalise(&d, i, w, b, x + s, dy + s, want + s, dw, db, want_dx + s);
    const float *wc = copy(g, w, channels, 4), *bc = copy(g, b, channels, 4);
    const float *xc = copy(g, x, n, 64), *dyc = copy(g, dy, n, 64);
    float *y = floats(g, n, 64), *keep = floats(g, 2 * d.groups * d.ld, 64);
    float *dx = floats(g, n, 64), *dwc = floats(g, channels, 4), *dbc = floats(g, channels, 4);
    float *in_place = floats(g, n, 64);
    memcpy(in_place, dy, n * sizeof *dy);
    k->groupnorm_forward(&d, wc, bc, xc, y, keep);
    k->groupnorm_backward(&d, wc, bc, xc, dyc, keep, dwc, dbc, dx);
    k->groupnorm_backward(&d, wc, bc, xc, in_place, keep, dwc, dbc, in_place);
    good = same_bits("dx in place", in_place, dx, n, text);
    for (size_t i = 0; good && i < n; i++)
        good = close_to("y", y[i], want[i], 2e-5, i, text) &&
               close_to("dx", dx[i], want_dx[i], 1e-4 * (1 + fabs(want_dx[i])), i, text);
    for (size_t c = 0; good && c < channels; c++)
        good = close_to("dweight", dwc[c], dw[c], 1e-4 * (1 + fabs(dw[c])), c, text) &&
               close_to("dbias", dbc[c], db[c], 1e-4 * (1 + fabs(db[c])), c, text);
    free(w), free(b), free(x), free(dy), free(want), free(want_dx);
    return good;
}

/* With pooling: the bits of normalisation, ReLU and pooling one after another. */
static bool groupnorm_pool(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    struct tsgd_groupnorm d = {.groups = 1 + kernels_draw(&r, 4), .per = 1 + kernels_draw(&r, 4),
                               .relu = true, .width = 1 + kernels_draw(&r, 9),
                               .ld = 16 * (1 + kernels_draw(&r, 4))};
    size_t height = 1 + kernels_draw(&r, 9), channels = d.groups * d.per, keeps = 2 * d.groups;
    d.area = height * d.width;
    const struct tsgd_pool p = {.channels = channels, .height = height, .width = d.width,
                                .window = 2, .ld = d.ld};
    size_t n = channels * d.area * d.ld, squares = channels * (height / 2) * (d.width / 2) * d.ld;
    float *w = kernels_uniform(&r, channels), *b = kernels_uniform(&r, channels);
    float *x = kernels_uniform(&r, n), *dp = kernels_uniform(&r, squares);
    const float *wc = copy(g, w, channels, 4), *bc = copy(g, b, channels, 4);
    const float *xc = copy(g, x, n, 64), *dpc = copy(g, dp, squares, 64);
    float *want_y = floats(g, squares, 64), *y = floats(g, squares, 64), *full = floats(g, n, 64);
    float *want_keep = floats(g, keeps * d.ld, 64), *keep = floats(g, keeps * d.ld, 64);
    float *dy = floats(g, n, 64), *want_dx = floats(g, n, 64), *dx = floats(g, n, 64);
    float *want_dw = floats(g, channels, 4), *dw = floats(g, channels, 4);
    float *want_db = floats(g, channels, 4), *db = floats(g, channels, 4);
    uint16_t *won = guard_new(g, squares * sizeof *won, 64);
    k->groupnorm_forward(&d, wc, bc, xc, full, want_keep);
    k->maxpool(&p, full, want_y);
    k->maxpool_gradient(&p, full, want_y, dpc, dy);
    k->groupnorm_backward(&d, wc, bc, xc, dy, want_keep, want_dw, want_db, want_dx);
    k->groupnorm_relu_pool(&d, wc, bc, xc, y, keep, won);
    k->groupnorm_unpool(&d, wc, xc, dpc, keep, won, dw, db, dx);
    bool good = same_bits("y", y, want_y, squares, text) &&
                same_bits("keep", keep, want_keep, keeps * d.ld, text) &&
                same_bits("dx", dx, want_dx, n, text) &&
                same_bits("dweight", dw, want_dw, channels, text) &&
                same_bits("dbias", db, want_db, channels, text);
    free(w), free(b), free(x), free(dp);
    return good;
}

static bool squared_error(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    size_t outputs = 1 + kernels_draw(&r, 7), batch = 1 + kernels_draw(&r, 99);
    size_t ld = (batch + 15) / 16 * 16;
    float *z = kernels_integers(&r, outputs * ld), *t = kernels_integers(&r, outputs * ld);
    float *d = floats(g, outputs * ld, 64);
    double loss = 0, got, again;
    bool good = true;
    const float *zc = copy(g, z, outputs * ld, 64), *tc = copy(g, t, outputs * ld, 64);
    got = k->squared_error(zc, tc, outputs, batch, ld, d);
    again = k->squared_error(zc, tc, outputs, batch, ld, NULL);
    for (size_t s = 0; good && s < ld; s++)
        for (size_t c = 0; good && c < outputs; c++) {
            double off = s < batch ? (double)z[c * ld + s] - (double)t[c * ld + s] : 0;
            loss += off * off / (double)outputs;
            good = close_to("dz", d[c * ld + s], 2 * off / (double)(outputs * batch),
                            1e-6 * fabs(off), s, text);
        }
    good = good && close_to("loss", (float)got, loss, 1e-6 * (1 + loss), batch, text);
    if (good && got != again) {
        snprintf(text, KERNELS_TEXT, "losses %.17g and %.17g", got, again);
        good = false;
    }
    free(z), free(t);
    return good;
}

static bool layernorm(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    size_t n = 2 + kernels_draw(&r, kernels_draw(&r, 2) ? 700 : 40);
    size_t ld = 16 * (1 + kernels_draw(&r, 4));
    const struct tsgd_groupnorm one = {.groups = 1, .per = n, .area = 1, .ld = ld};
    float *w = kernels_uniform(&r, n), *b = kernels_uniform(&r, n);
    float *x = kernels_uniform(&r, n * ld), *dy = kernels_uniform(&r, n * ld);
    double *want = kernels_zeros(n * ld, sizeof *want);
    double *want_dx = kernels_zeros(n * ld, sizeof *want_dx);
    double *dw = kernels_zeros(n, sizeof *dw), *db = kernels_zeros(n, sizeof *db);
    bool good = true;
    for (size_t s = 0; s < ld; s++)
        normalise(&one, 0, w, b, x + s, dy + s, want + s, dw, db, want_dx + s);
    const float *wc = copy(g, w, n, 4), *bc = copy(g, b, n, 4);
    const float *xc = copy(g, x, n * ld, 64), *dyc = copy(g, dy, n * ld, 64);
    float *y = floats(g, n * ld, 64), *keep = floats(g, 2 * ld, 64), *dx = floats(g, n * ld, 64);
    float *dwc = floats(g, n, 4), *dbc = floats(g, n, 4);
    k->layernorm_forward(n, ld, wc, bc, xc, y, keep);
    k->layernorm_backward(n, ld, wc, xc, dyc, keep, dwc, dbc, dx);
    for (size_t i = 0; good && i < n * ld; i++)
        good = close_to("y", y[i], want[i], 5e-6, i, text) &&
               close_to("dx", dx[i], want_dx[i], 1e-5 * (1 + fabs(want_dx[i])), i, text);
    for (size_t f = 0; good && f < n; f++)
        good = close_to("dweight", dwc[f], dw[f], 1e-5 * (1 + fabs(dw[f])), f, text) &&
               close_to("dbias", dbc[f], db[f], 1e-5 * (1 + fabs(db[f])), f, text);
    free(w), free(b), free(x), free(dy), free(want), free(want_dx), free(dw), free(db);
    return good;
}

/* Within the errors that simd/gelu.c states; far out, where the exponential vanishes, too. */
static bool gelu(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    static const float odd[] = {0, -0.0f, 1e-30f, -1e-30f, 13.2f, -13.2f, -40, 1e10f, -1e10f};
    static const float ranges[] = {1e-3f, 1, 6, 20};
    size_t n = 16 * (1 + kernels_draw(&r, 40));
    float *x = kernels_uniform(&r, n), *dy = kernels_uniform(&r, n), range;
    range = ranges[kernels_draw(&r, sizeof ranges / sizeof *ranges)];
    for (size_t i = 0; i < n; i++)
        x[i] = kernels_draw(&r, 9) ? x[i] * range : odd[kernels_draw(&r, sizeof odd / sizeof *odd)];
    float *y = floats(g, n, 64), *slope = floats(g, n, 64), *in_place = floats(g, n, 64);
    float *dx = floats(g, n, 64);
    bool good = true;
    k->gelu(copy(g, x, n, 64), y, slope, n);
    k->gelu_gradient(slope, copy(g, dy, n, 64), dx, n);
    memcpy(in_place, x, n * sizeof *x);
    k->gelu(in_place, in_place, slope, n);
    for (size_t i = 0; good && i < n; i++) {
        double v = (double)x[i], phi = erfc(-v / sqrt(2)) / 2;
        double density = exp(-v * v / 2) / sqrt(2 * acos(-1)), d = (double)dy[i];
        good = close_to("y", y[i], v * phi, 1.4e-7 * fabs(v), i, text) &&
               (v <= -5 || close_to("y", y[i], v * phi, 1.7e-6 * fabs(v * phi), i, text)) &&
               close_to("slope", slope[i], phi + v * density, 1.4e-7, i, text) &&
               close_to("dx", dx[i], d * (phi + v * density), 2e-7 * fabs(d), i, text);
    }
    good = good && same_bits("in place", in_place, y, n, text);
    free(x), free(dy);
    return good;
}

static bool cross_entropy(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    size_t classes = 2 + kernels_draw(&r, 15), batch = 1 + kernels_draw(&r, 257);
    size_t ld = (batch + 15) / 16 * 16;
    float *z = kernels_integers(&r, classes * ld), *d = floats(g, classes * ld, 64);
    uint16_t *labels = kernels_zeros(batch, sizeof *labels);
    double *one = kernels_zeros(classes, sizeof *one), loss = 0, got, again;
    uint32_t right = 0, correct, correct_again;
    bool good = true;
    for (size_t s = 0; s < batch; s++)
        labels[s] = (uint16_t)kernels_draw(&r, (uint32_t)classes);
    const float *zc = copy(g, z, classes * ld, 64);
    const uint16_t *label = guard_copy(g, labels, batch * sizeof *labels, sizeof *labels);
    got = k->cross_entropy(zc, label, classes, batch, ld, d, &correct);
    again = k->cross_entropy(zc, label, classes, batch, ld, NULL, &correct_again);
    for (size_t s = 0; good && s < ld; s++) {
        size_t best = 0;
        for (size_t c = 0; c < classes; c++) {
            one[c] = (double)z[c * ld + s];
            best = one[c] > one[best] ? c : best;
        }
        loss += s < batch ? tsgd_ref_cross_entropy(classes, one, labels[s]) : 0;
        right += s < batch && best == labels[s];
        for (size_t c = 0; good && c < classes; c++) {
            double p = s < batch ? (exp(-tsgd_ref_cross_entropy(classes, one, c)) -
                                    (c == labels[s])) / (double)batch : 0;
            good = close_to("dlogits", d[c * ld + s], p, s < batch ? 1e-6 : 0, s, text);
        }
    }
    good = good && close_to("loss", (float)got, loss, 1e-6 * (1 + loss), batch, text);
    if (good && (got != again || correct != right || correct_again != right)) {
        snprintf(text, KERNELS_TEXT, "%u and %u right, want %u; losses %.17g and %.17g", correct,
                 correct_again, right, got, again);
        good = false;
    }
    free(z), free(labels), free(one);
    return good;
}

/* ---- a linear model in double: small integers, so that sums are exact ---- */

static bool same_doubles(const char *what, const double *got, const double *want, size_t n,
                         char *text)
{
    for (size_t i = 0; i < n; i++)
        if (got[i] != want[i]) {
            snprintf(text, KERNELS_TEXT, "%s %zu: %.17g, want %.17g", what, i, got[i], want[i]);
            return false;
        }
    return true;
}

static double *widened(const float *x, size_t n)
{
    double *out = kernels_zeros(n, sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = (double)x[i];
    return out;
}

static bool scores(const struct tsgd_kernels *k, uint32_t r, struct guard *g, char *text)
{
    enum { N = 64 };
    size_t outputs = 1 + kernels_draw(&r, 12), features = 1 + kernels_draw(&r, 30);
    size_t weights = outputs * features;
    bool squares = kernels_draw(&r, 2);
    float *w0 = kernels_integers(&r, weights + outputs), *x = kernels_integers(&r, features * N);
    double *w = widened(w0, weights + outputs), *want = kernels_zeros(outputs * N, sizeof *want);
    double *sums = kernels_zeros(weights + outputs, sizeof *sums);
    double *z = guard_new(g, outputs * N * sizeof *z, 8);
    double *got = guard_new(g, weights * sizeof *got, 8);
    double *bias = guard_new(g, outputs * sizeof *bias, 8);
    for (size_t o = 0; o < outputs; o++)
        for (size_t s = 0; s < N; s++) {
            want[o * N + s] = w[weights + o];
            for (size_t f = 0; f < features; f++)
                want[o * N + s] += w[o * features + f] * (double)x[f * N + s];
            for (size_t f = 0; f < features; f++)
                sums[o * features + f] += want[o * N + s] * (double)x[f * N + s] *
                                          (squares ? (double)x[f * N + s] : 1);
            sums[weights + o] += want[o * N + s];
        }
    for (size_t i = 0; i < weights + outputs; i++)
        sums[i] += w[i];
    memcpy(got, w, weights * sizeof *got);
    memcpy(bias, w + weights, outputs * sizeof *bias);
    const double *row = guard_copy(g, w, weights * sizeof *w, 8);
    const float *samples = copy(g, x, features * N, 64);
    k->scores(row, guard_copy(g, bias, outputs * sizeof *bias, 8), outputs, features, samples, z);
    k->score_sums(z, outputs, features, samples, squares, got, bias);
    bool good = same_doubles("score", z, want, outputs * N, text) &&
                same_doubles("sum", got, sums, weights, text) &&
                same_doubles("sum of a bias", bias, sums + weights, outputs, text);
    free(w0), free(x), free(w), free(want), free(sums);
    return good;
}

#define CHECK(name)                                                                              \
    static bool name##_holds(uint32_t trial, char text[KERNELS_TEXT])                            \
    {                                                                                            \
        return everywhere(name, trial, text);                                                    \
    }
CHECK(sgd) CHECK(fold) CHECK(normals) CHECK(decode) CHECK(relu) CHECK(biases) CHECK(transposed)
CHECK(gemm) CHECK(gemm_update) CHECK(gemm_tile) CHECK(gemm_pack) CHECK(groupnorm)
CHECK(groupnorm_pool) CHECK(layernorm) CHECK(gelu) CHECK(avgpool) CHECK(cross_entropy)
CHECK(squared_error) CHECK(scores)

#define ROW(name, trials) {#name, trials, name##_holds},
const struct kernels_check kernels_other[] = {
    ROW(sgd, 100) ROW(fold, 100) ROW(normals, 50) ROW(decode, 100) ROW(relu, 60) ROW(biases, 100)
    ROW(transposed, 100) ROW(gemm, 200) ROW(gemm_update, 300) ROW(gemm_tile, 200)
    ROW(gemm_pack, 200) ROW(groupnorm, 60) ROW(groupnorm_pool, 60) ROW(layernorm, 60)
    ROW(gelu, 60) ROW(avgpool, 60) ROW(cross_entropy, 100) ROW(squared_error, 60)
    ROW(scores, 100) {0},
};
