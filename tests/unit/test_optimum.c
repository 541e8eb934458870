/* The minimum of L2 logistic regression: f, its derivatives and its minimum against finite
 * differences, a dense Newton method in long double, a closed form and the training itself.     */
#include "base/mem.h"
#include "base/rng.h"
#include "data/source.h"
#include "linalg/isa.h"

#include "model/optimum.h"
#include "program.h"
#include "scratch.h"
#include "sim/settings.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(optimum, .init = enter_folder, .fini = leave_folder, .timeout = 120);

/* ---- a small data set: node 0 has 200 samples, node 1 none, node 2 the rest ---- */

enum { COUNT = 331, FEATURES = 7, CLASSES = 3, NODES = 3, DIM = (FEATURES + 1) * CLASSES };

/* What samples are: bytes with classes, sparse with classes, bytes with numbers as targets. */
enum kind { BYTES, SPARSE, NUMBERS, KINDS };

struct fixture {
    struct tsgd_dataset data;
    float x[COUNT][FEATURES];
    struct tsgd_decoder decoder;
    struct tsgd_risk risk;
    void *scratch;
};

static uint32_t owned[COUNT], begin[NODES + 1] = {0, 200, 200, COUNT};
static const struct tsgd_split split = {.index = owned, .start = begin, .nodes = NODES};

/* The numbers that are not 0, row by row. */
static void make_sparse(struct fixture *f)
{
    struct tsgd_sparse *s = &f->data.train.sparse;
    cr_assert(TSGD_NEW(&s->start, COUNT + 1, "test", NULL) == TSGD_OK);
    cr_assert(TSGD_NEW(&s->column, COUNT * FEATURES, "test", NULL) == TSGD_OK);
    cr_assert(TSGD_NEW(&s->value, COUNT * FEATURES, "test", NULL) == TSGD_OK);
    for (uint32_t i = 0; i < COUNT; i++) {
        s->start[i + 1] = s->start[i];
        for (uint32_t j = 0; j < FEATURES; j++)
            if (f->x[i][j] != 0) {
                s->column[s->start[i + 1]] = j;
                s->value[s->start[i + 1]++] = f->x[i][j];
            }
    }
    free(f->data.train.bytes);
    f->data.train.bytes = NULL;
    f->data.format = TSGD_FORMAT_SPARSE;
}

static void make_numbers(struct fixture *f, struct tsgd_rng *rng)
{
    cr_assert(TSGD_NEW(&f->data.train.targets, COUNT * CLASSES, "test", NULL) == TSGD_OK);
    for (uint32_t i = 0; i < COUNT * CLASSES; i++)
        f->data.train.targets[i] = (float)tsgd_rng_below(rng, 1000) / 500 - 1;
    free(f->data.train.labels);
    f->data.train.labels = NULL;
    f->data.classes = 0;
}

static void setup(struct fixture *f, enum kind kind, double decay)
{
    struct tsgd_rng rng = tsgd_rng(31, TSGD_RNG_TEST, 0, 0);
    f->data = (struct tsgd_dataset){.shape = {1, 1, FEATURES}, .classes = CLASSES,
                                    .outputs = CLASSES};
    struct tsgd_samples *train = &f->data.train;
    for (int b = 0; b < 256; b++)
        f->data.value[b] = (float)(b - 100) / 64;
    cr_assert(tsgd_samples_alloc(train, COUNT, FEATURES, "test", NULL) == TSGD_OK);
    for (uint32_t i = 0; i < COUNT; i++) {
        owned[i] = COUNT - 1 - i;
        train->labels[i] = (uint16_t)tsgd_rng_below(&rng, CLASSES);
        for (uint32_t j = 0; j < FEATURES; j++) {
            uint32_t byte = tsgd_rng_below(&rng, 200) + (j == train->labels[i] ? 25 : 0);
            if (kind == SPARSE && tsgd_rng_below(&rng, 5) > 1)
                byte = 100;     /* stands for 0 */
            train->bytes[i * FEATURES + j] = (uint8_t)byte;
            f->x[i][j] = f->data.value[byte];
        }
    }
    if (kind == SPARSE)
        make_sparse(f);
    if (kind == NUMBERS)
        make_numbers(f, &rng);
    tsgd_decoder_init(&f->decoder, &f->data, false, tsgd_isa_table(0));
    tsgd_risk_init(&f->risk, &f->data, &split, &f->decoder, decay);
    cr_assert(f->risk.dim == DIM && f->risk.blocks == 2 && f->risk.with_samples == 2);
    cr_assert(tsgd_alloc(&f->scratch, 1, tsgd_risk_scratch(&f->risk), "test", NULL) == TSGD_OK);
    memset(f->scratch, 0x7f, tsgd_risk_scratch(&f->risk));
}

static void teardown(struct fixture *f)
{
    tsgd_dataset_release(&f->data);
    free(f->scratch);
}

static double value_at(const struct fixture *f, const double *x)
{
    double sum = 0;
    for (uint32_t b = 0; b < f->risk.blocks; b++)
        sum += tsgd_risk_loss(&f->risk, b, x, f->scratch);
    for (int j = 0; j < DIM; j++)
        sum += f->risk.decay / 2 * x[j] * x[j];
    return sum;
}

static double gradient_at(const struct fixture *f, const double *x, double *kept, double *g)
{
    double sum = 0;
    memset(g, 0, DIM * sizeof *g);
    for (uint32_t b = 0; b < f->risk.blocks; b++)
        sum += tsgd_risk_gradient(&f->risk, b, x, kept, g, f->scratch);
    for (int j = 0; j < DIM; j++) {
        sum += f->risk.decay / 2 * x[j] * x[j];
        g[j] += f->risk.decay * x[j];
    }
    return sum;
}

static void point(double *x)
{
    for (int j = 0; j < DIM; j++)
        x[j] = sin(3.0 * j + 1) / 2;
}

/* ---- the same in long double, from the definition ---- */

/* Of a sample with inputs in[] and scores z[]: the loss, its slopes and its curvatures. */
static long double naive_loss(const struct fixture *f, uint32_t s, const long double *z,
                              long double slope[CLASSES], long double curve[CLASSES][CLASSES])
{
    long double total = 0, sum = 0, p[CLASSES];
    if (f->data.train.targets) {
        for (int c = 0; c < CLASSES; c++) {
            float target = f->data.train.targets[s * CLASSES + (uint32_t)c];
            long double error = z[c] - (long double)target;
            sum += error * error / CLASSES;
            slope[c] = 2 * error / CLASSES;
            for (int d = 0; d < CLASSES; d++)
                curve[c][d] = c == d ? 2.0L / CLASSES : 0;
        }
        return sum;
    }
    for (int c = 0; c < CLASSES; c++)
        total += expl(z[c]);
    for (int c = 0; c < CLASSES; c++)
        p[c] = expl(z[c]) / total;
    for (int c = 0; c < CLASSES; c++) {
        slope[c] = p[c] - (c == f->data.train.labels[s]);
        for (int d = 0; d < CLASSES; d++)
            curve[c][d] = p[c] * ((c == d) - p[d]);
    }
    return -logl(p[f->data.train.labels[s]]);
}

/* f, its gradient g[DIM] and its Hessian h[DIM][DIM]. */
static long double naive(const struct fixture *f, const long double *x, long double *g,
                         long double (*h)[DIM])
{
    long double sum = 0, decay = (long double)f->risk.decay;
    for (int j = 0; j < DIM; j++) {
        sum += decay / 2 * x[j] * x[j];
        g[j] = decay * x[j];
        for (int k = 0; k < DIM; k++)
            h[j][k] = j == k ? decay : 0;
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t s = owned[i];
        long double weight = 1.0L / (2 * (i < 200 ? 200 : COUNT - 200)), in[FEATURES + 1] = {0};
        long double z[CLASSES], slope[CLASSES], curve[CLASSES][CLASSES];
        for (int j = 0; j < FEATURES; j++)
            in[j] = (long double)f->x[s][j];
        in[FEATURES] = 1;
        for (int c = 0; c < CLASSES; c++) {
            z[c] = x[FEATURES * CLASSES + c];
            for (int j = 0; j < FEATURES; j++)
                z[c] += x[c * FEATURES + j] * in[j];
        }
        sum += weight * naive_loss(f, s, z, slope, curve);
        for (int a = 0; a < DIM; a++) {
            int c = a < FEATURES * CLASSES ? a / FEATURES : a - FEATURES * CLASSES;
            int j = a < FEATURES * CLASSES ? a % FEATURES : FEATURES;
            g[a] += weight * slope[c] * in[j];
            for (int b = 0; b < DIM; b++) {
                int d = b < FEATURES * CLASSES ? b / FEATURES : b - FEATURES * CLASSES;
                int k = b < FEATURES * CLASSES ? b % FEATURES : FEATURES;
                h[a][b] += weight * curve[c][d] * in[j] * in[k];
            }
        }
    }
    return sum;
}

/* a y = b by elimination; b becomes y. The matrix is positive definite: no pivots are needed. */
static void eliminate(long double (*a)[DIM], long double *b)
{
    for (int i = 0; i < DIM; i++)
        for (int j = i + 1; j < DIM; j++) {
            long double factor = a[j][i] / a[i][i];
            for (int k = i; k < DIM; k++)
                a[j][k] -= factor * a[i][k];
            b[j] -= factor * b[i];
        }
    for (int i = DIM - 1; i >= 0; i--) {
        for (int k = i + 1; k < DIM; k++)
            b[i] -= a[i][k] * b[k];
        b[i] /= a[i][i];
    }
}

/* Newton's method, with steps halved while f does not fall. */
static long double naive_minimum(const struct fixture *f, long double *x)
{
    long double g[DIM], h[DIM][DIM], to[DIM], value = 0;
    memset(x, 0, DIM * sizeof *x);
    for (int step = 0; step < 60; step++) {
        long double size = 1, length = 0, d[DIM];
        value = naive(f, x, d, h);
        eliminate(h, d);
        for (int j = 0; j < DIM; j++)
            length += d[j] * d[j];
        if (length < 1e-32L)
            break;
        for (; size > 1e-6L; size /= 2) {
            for (int j = 0; j < DIM; j++)
                to[j] = x[j] - size * d[j];
            if (naive(f, to, g, h) <= value)
                break;
        }
        memcpy(x, to, sizeof to);
    }
    return value;
}

/* ---- f and its derivatives ---- */

static void expect_derivatives(enum kind kind)
{
    struct fixture f;
    double x[DIM], g[DIM], v[DIM], hv[DIM] = {0}, diagonal[DIM] = {0};
    long double at[DIM], want_g[DIM], want_h[DIM][DIM];
    setup(&f, kind, 0.125);
    double *kept = calloc(tsgd_risk_kept(&f.risk), sizeof *kept);
    cr_assert(kept != NULL);
    point(x);
    for (int j = 0; j < DIM; j++) {
        at[j] = (long double)x[j];
        v[j] = cos(5.0 * j);
    }
    double want = (double)naive(&f, at, want_g, want_h);
    double got = gradient_at(&f, x, kept, g);
    cr_expect(fabs(got - want) < 1e-14, "%.17g, want %.17g", got, want);
    cr_expect(value_at(&f, x) == got, "loss and gradient have the same bits");
    for (uint32_t b = 0; b < f.risk.blocks; b++) {
        tsgd_risk_product(&f.risk, b, kept, v, hv, f.scratch);
        tsgd_risk_diagonal(&f.risk, b, kept, diagonal, f.scratch);
    }
    for (int j = 0; j < DIM; j++) {
        long double product = 0;
        for (int k = 0; k < DIM; k++)
            product += want_h[j][k] * (long double)v[k];
        cr_expect(fabs(g[j] - (double)want_g[j]) < 1e-14, "gradient %d: %.17g, want %.17g", j, g[j],
                  (double)want_g[j]);
        cr_expect(fabs(hv[j] + 0.125 * v[j] - (double)product) < 1e-14, "product %d: %.17g", j,
                  hv[j]);
        cr_expect(fabs(diagonal[j] + 0.125 - (double)want_h[j][j]) < 1e-14, "diagonal %d: %.17g", j,
                  diagonal[j]);
    }
    free(kept);
    teardown(&f);
}

Test(optimum, f_and_its_derivatives_are_those_of_the_definition)
{
    for (enum kind kind = 0; kind < KINDS; kind++)
        expect_derivatives(kind);
}

Test(optimum, the_gradient_is_the_slope_of_f)
{
    struct fixture f;
    double x[DIM], g[DIM];
    const double step = 1e-4;
    setup(&f, BYTES, 0.01);
    double *kept = calloc(tsgd_risk_kept(&f.risk), sizeof *kept);
    cr_assert(kept != NULL);
    point(x);
    gradient_at(&f, x, kept, g);
    for (int j = 0; j < DIM; j++) {
        double at = x[j];
        x[j] = at + step;
        double more = value_at(&f, x);
        x[j] = at - step;
        double less = value_at(&f, x);
        x[j] = at;
        cr_expect(fabs((more - less) / (2 * step) - g[j]) < 1e-8, "coordinate %d: %g, want %g", j,
                  g[j], (more - less) / (2 * step));
    }
    free(kept);
    teardown(&f);
}

/* ---- the minimum ---- */

Test(optimum, it_is_that_of_a_dense_newton_method_in_long_double)
{
    static const double decay[] = {1, 1e-2, 1e-4, 1e-7};
    for (size_t n = 0; n < KINDS * sizeof decay / sizeof *decay; n++) {
        size_t i = n / KINDS;
        struct fixture f;
        struct tsgd_optimum o;
        long double x[DIM];
        double way = 0;
        setup(&f, (enum kind)(n % KINDS), decay[i]);
        long double want = naive_minimum(&f, x);
        cr_assert(tsgd_optimum_find(&o, &f.risk, 1, NULL) == TSGD_OK);
        for (int j = 0; j < DIM; j++)
            way += pow(o.x[j] - (double)x[j], 2);
        double above = (double)((long double)o.value - want);
        cr_expect(fabs(above) < 1e-15, "decay %g: %.17g, want %.17g", decay[i], o.value,
                  (double)want);
        cr_expect(above < o.gap + 1e-15 && o.gap <= 1e-16, "decay %g: gap %g", decay[i], o.gap);
        cr_expect(way <= 2 * o.gap / decay[i] + 1e-24, "decay %g: %g away", decay[i], sqrt(way));
        cr_expect(o.steps > 0 && o.steps < 20 && o.products >= o.steps);
        tsgd_optimum_release(&o);
        teardown(&f);
    }
}

/* Samples -a of class 0 and a of class 1: by symmetry the weights are -w and w, the biases 0, and
 *     f = log(1 + exp(-2 a w)) + D w^2,   f' = 0:  D w = a / (1 + exp(2 a w))
 * which bisection solves.                                                                       */
Test(optimum, of_two_samples_it_is_the_root_of_an_equation)
{
    static uint32_t index[2] = {0, 1}, from[2] = {0, 2};
    const struct tsgd_split both = {.index = index, .start = from, .nodes = 1};
    uint8_t bytes[2] = {0, 1};
    uint16_t labels[2] = {0, 1};
    struct tsgd_dataset data = {
        .shape = {1, 1, 1}, .classes = 2, .outputs = 2, .value = {-1.5f, 1.5f},
        .train = {.bytes = bytes, .labels = labels, .count = 2},
    };
    for (double decay = 1; decay > 1e-6; decay /= 10) {
        struct tsgd_decoder decoder;
        struct tsgd_risk risk;
        struct tsgd_optimum o;
        double low = 0, high = 100;
        tsgd_decoder_init(&decoder, &data, false, tsgd_isa_table(0));
        tsgd_risk_init(&risk, &data, &both, &decoder, decay);
        cr_assert(tsgd_optimum_find(&o, &risk, 1, NULL) == TSGD_OK);
        for (int i = 0; i < 200; i++) {
            double w = (low + high) / 2;
            *(decay * w < 1.5 / (1 + exp(3 * w)) ? &low : &high) = w;
        }
        double want = log1p(exp(-3 * low)) + decay * low * low;
        double near = sqrt(2 * o.gap / decay) + 1e-14;
        cr_expect(fabs(o.x[1] - low) < near && fabs(o.x[0] + low) < near, "%.12g, want %.12g",
                  o.x[1], low);
        cr_expect(fabs(o.x[2]) < near && fabs(o.x[3]) < near);
        cr_expect(fabs(o.value - want) < 1e-15, "%.17g, want %.17g", o.value, want);
        tsgd_optimum_release(&o);
    }
}

/* Enough samples that threads are worth their start. */
Test(optimum, it_has_the_same_bits_for_any_number_of_threads)
{
    struct tsgd_dataset data = TSGD_DATASET_INIT;
    struct tsgd_split drawn = TSGD_SPLIT_INIT;
    struct tsgd_decoder decoder;
    struct tsgd_risk risk;
    struct tsgd_optimum first, o;
    cr_assert(tsgd_dataset_load(&data, "blobs:5001,60,7", &(struct tsgd_request){.seed = 1},
                                NULL) == TSGD_OK);
    cr_assert(tsgd_split_draw(&drawn, "dirichlet:0.5", 9, &data.train, data.classes, 0, true, 1,
                              NULL) == TSGD_OK);
    tsgd_decoder_init(&decoder, &data, false, tsgd_isa_table(0));
    tsgd_risk_init(&risk, &data, &drawn, &decoder, 0.01);
    cr_assert(tsgd_optimum_find(&first, &risk, 1, NULL) == TSGD_OK);
    for (uint64_t threads = 2; threads < 40; threads = threads * 2 + 1) {
        cr_assert(tsgd_optimum_find(&o, &risk, threads, NULL) == TSGD_OK);
        cr_expect(o.value == first.value && o.gap == first.gap && o.products == first.products);
        cr_expect_arr_eq(o.x, first.x, risk.dim * sizeof *o.x);
        cr_expect_arr_eq(o.loss, first.loss, risk.blocks * sizeof *o.loss);
        tsgd_optimum_release(&o);
    }
    tsgd_optimum_release(&first);
    tsgd_split_release(&drawn);
    tsgd_dataset_release(&data);
}

Test(optimum, what_cannot_be_proven_is_refused)
{
    struct fixture f;
    struct tsgd_error err;
    struct tsgd_optimum o;
    setup(&f, BYTES, 1e-30);
    cr_expect(tsgd_optimum_find(&o, &f.risk, 1, &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "want 1e-10; use a larger --weight-decay than 1e-30"), "%s",
              err.text);
    teardown(&f);
}

/* ---- the program ---- */

#define FOUND TINY QUIET " --rounds 60 --eval-every 20 --weight-decay 0.01 --optimum"

static json_t *log_of(const char *more)
{
    char words[512];
    snprintf(words, sizeof words, FOUND " --log - %s", more);
    struct result r = run(words);
    expect_code(&r, 0);
    return parse_lines(r.out);
}

/* All gradients are of whole shards of equal size, so that this is gradient descent on f. */
Test(optimum, gradient_descent_comes_down_to_it)
{
    json_t *end = last_line(log_of("--method allreduce --active 3 --nodes 3 "
                                   "--batch 479 --lr 0.5 --rounds 3000 --eval-every 3000"));
    cr_expect(fabs(number(end, "suboptimality")) < 1e-9, "%g", number(end, "suboptimality"));
    cr_expect(number(end, "distance2") < 1e-6, "%g", number(end, "distance2"));
}

/* Lines of a text: a target that is nearly linear in four columns, or their class as libsvm has it,
 * with half of the columns left out.                                                            */
static void write_table(const char *path, bool sparse)
{
    FILE *f = fopen(path, "w");
    struct tsgd_rng rng = tsgd_rng(5, TSGD_RNG_TEST, 0, 0);
    cr_assert(f != NULL);
    for (int i = 0; i < 300; i++) {
        double x[4], y = 0.1 * tsgd_rng_unit(&rng);
        for (int j = 0; j < 4; j++) {
            x[j] = sparse && tsgd_rng_below(&rng, 2) ? 0 : tsgd_rng_unit(&rng) - 0.25 * j;
            y += (j - 1.5) * x[j];
        }
        if (sparse)
            fprintf(f, "%d", y > 0 ? 1 : -1);
        for (int j = 0; j < 4; j++)
            if (!sparse)
                fprintf(f, "%.4f,", x[j]);
            else if (x[j] != 0)
                fprintf(f, " %d:%.4f", j + 1, x[j]);
        fprintf(f, sparse ? "\n" : "%.4f\n", y);
    }
    cr_assert(fclose(f) == 0);
}

Test(optimum, gradient_descent_on_tables_and_sparse_samples_comes_down_to_it)
{
    static const char *const data[] = {"csv:t --loss mse --normalize data", "libsvm:t"};
    for (int sparse = 0; sparse < 2; sparse++) {
        char words[512];
        write_table("t", sparse);
        snprintf(words, sizeof words, "train --model logistic --method allreduce --nodes 3 "
                 "--batch 80 --lr 0.5 --rounds 4000 --weight-decay 0.01 --optimum --log -" QUIET
                 " --data %s", data[sparse]);
        struct result r = run(words);
        expect_code(&r, 0);
        json_t *lines = parse_lines(r.out), *end = last_line(lines);
        cr_expect(number(json_array_get(lines, 1), "suboptimality") >= -1e-15);
        cr_expect(fabs(number(end, "suboptimality")) < 1e-11, "%s: %g", data[sparse],
                  number(end, "suboptimality"));
        cr_expect(number(end, "distance2") < 1e-9, "%s: %g", data[sparse],
                  number(end, "distance2"));
        cr_expect(number(end, "objective") > 0.001);
    }
}

Test(optimum, evaluations_tell_how_far_the_mean_is_above_it)
{
    json_t *lines = log_of("--eval tokens"), *config = json_array_get(lines, 0), *e;
    double minimum = number(config, "optimum_value");
    cr_expect(number(config, "optimum_gap") <= 1e-16);
    size_t i;
    json_array_foreach(lines, i, e) {
        if (i == 0)
            continue;
        double above = number(e, "suboptimality"), distance2 = number(e, "distance2");
        cr_expect(fabs(number(e, "objective") - minimum - above) < 1e-8);
        cr_expect(above > 0.01 / 2 * distance2, "f is strongly convex: %g, %g", above, distance2);
        cr_expect(number(e, "suboptimality_mean") > above, "f is convex");
        cr_expect(number(e, "suboptimality_worst") > number(e, "suboptimality_mean"));
    }
    cr_expect(number(last_line(lines), "suboptimality") <
              number(json_array_get(lines, 1), "suboptimality"));
}

/* f of the saved mean, summed over the digits as Python reads them. All nodes have as many samples,
 * so that each counts the same.                                                                 */
static const char measure[] =
    "import gzip, json, math, struct, sys\n"
    "def idx(name, head):\n"
    "    return gzip.open(sys.argv[1] + '/train-' + name + '-ubyte.gz').read()[head:]\n"
    "labels, images = idx('labels-idx1', 8), idx('images-idx3', 16)\n"
    "f = open('s', 'rb').read()\n"
    "n = struct.unpack('<Q', f[:8])[0]\n"
    "head = json.loads(f[8:8 + n])\n"
    "def tensor(name):\n"
    "    a, b = head[name]['data_offsets']\n"
    "    return struct.unpack('<%df' % ((b - a) // 4), f[8 + n + a:8 + n + b])\n"
    "w, bias = tensor('fc.weight'), tensor('fc.bias')\n"
    "total = 0\n"
    "for i, label in enumerate(labels):\n"
    "    x = [struct.unpack('<f', struct.pack('<f', b / 255))[0] for b in images[64*i:64*i+64]]\n"
    "    z = [bias[c] + sum(w[64*c+j] * x[j] for j in range(64)) for c in range(10)]\n"
    "    total += math.log(sum(map(math.exp, z))) - z[label]\n"
    "print('%.17g' % (total / len(labels) + 0.005 * sum(v * v for v in w + bias)))\n";

Test(optimum, f_of_the_saved_mean_is_what_python_finds)
{
    char folder[PATH_MAX], command[PATH_MAX + 64];
    json_t *end = last_line(log_of("--nodes 3 --active 3 --save s"));
    write_file("script.py", measure);
    tree_path(folder, "datasets/digits");
    snprintf(command, sizeof command, "python3 script.py '%s' > out 2>&1", folder);
    cr_assert(system(command) == 0, "%s", read_file("out"));
    double want = strtod(read_file("out"), NULL);
    cr_expect(fabs(number(end, "objective") / want - 1) < 1e-8, "%.12g, want %.12g",
              number(end, "objective"), want);
}

Test(optimum, the_training_has_the_bits_that_it_has_without)
{
    json_t *with = log_of(""), *without = log_of("--optimum=false");
    cr_assert(json_array_size(with) == json_array_size(without));
    for (size_t i = 1; i < json_array_size(with); i++) {
        json_t *a = json_array_get(with, i), *b = json_array_get(without, i);
        cr_expect(json_equal(json_object_get(a, "state_hash"), json_object_get(b, "state_hash")));
        cr_expect(json_equal(json_object_get(a, "test_loss"), json_object_get(b, "test_loss")));
        cr_expect(json_object_get(a, "suboptimality") && !json_object_get(b, "suboptimality"));
    }
    cr_expect(!json_object_get(json_array_get(without, 0), "optimum_value"));
}

static void expect_same(const json_t *a, const json_t *b)
{
    static const char *const names[] = {"optimum_value", "optimum_gap", "optimum_steps",
                                        "objective", "suboptimality", "distance2"};
    cr_assert(json_array_size(a) == json_array_size(b));
    for (size_t i = 0; i < json_array_size(a); i++)
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            cr_expect(json_equal(json_object_get(json_array_get(a, i), names[k]),
                                 json_object_get(json_array_get(b, i), names[k])) ||
                      !json_object_get(json_array_get(a, i), names[k]), "%s of line %zu", names[k],
                      i);
}

Test(optimum, evaluations_have_the_same_bits_for_any_number_of_threads_and_after_a_stop)
{
    json_t *one = log_of("--threads 1");
    cr_expect(json_object_get(last_line(one), "suboptimality"));
    expect_same(one, log_of("--threads 3"));
    struct result r = run(FOUND " --checkpoint c --checkpoint-every 40");
    expect_code(&r, 0);
    r = run("train --resume c --log -" QUIET);
    expect_code(&r, 0);
    json_t *rest = parse_lines(r.out);
    cr_expect(number(json_array_get(rest, 1), "round") == 60);
    for (size_t i = 0; i < 2; i++)      /* the beginning of a whole run, and its end */
        json_array_remove(one, 1);
    expect_same(one, rest);
}

Test(optimum, it_does_not_depend_on_the_instruction_set)
{
    const struct tsgd_kernels *k;
    double value = number(json_array_get(log_of(""), 0), "optimum_value");
    for (size_t i = 0; (k = tsgd_isa_table(i)); i++) {
        char words[64];
        snprintf(words, sizeof words, "--isa %s", k->isa);
        cr_expect(number(json_array_get(log_of(words), 0), "optimum_value") == value, "%s", words);
    }
}

Test(optimum, a_search_has_it_too)
{
    struct result r = run("tune --data digits --model logistic --nodes 4 --rounds 40 --optimum "
                          "--weight-decay 0.01 --log -" QUIET);
    expect_code(&r, 0);
    json_t *lines = parse_lines(r.out);
    cr_expect(number(json_array_get(lines, 0), "optimum_value") > 0);
    cr_expect(number(json_array_get(lines, 1), "suboptimality") >
              number(last_line(lines), "suboptimality"));
}

Test(optimum, a_run_can_end_by_it)
{
    struct result r = run(TINY " --weight-decay 0.1 --optimum --lr 0.5 --eval-every 10 "
                          "--until suboptimality<=0.01");
    expect_code(&r, 0);
    cr_expect(strstr(r.err, "telesgd: f* ") && strstr(r.err, "  f - f* 0.00"), "%s", r.err);
    cr_expect(strstr(r.out, "reached suboptimality<=0.01\n"), "%s", r.out);
    cr_expect(strstr(r.out, "\nf - f*          0.00") && strstr(r.out, "\noptimum         f* ") &&
              strstr(r.out, "\ndistance2       "), "%s", r.out);
}

Test(optimum, what_has_no_proven_minimum_is_refused)
{
    static const struct { const char *words, *says; } wrong[] = {
        {TINY " --optimum", "--optimum: found --weight-decay 0, want one above 0"},
        {TINY " --optimum --weight-decay 0.1 --model mlp:9",
         "--optimum: found --model mlp:9, of which no minimum can be proven; want logistic"},
        {TINY " --optimum --weight-decay 0.1 --augment flip",
         "--optimum: cannot go with --augment flip"},
        {QUAD " --optimum", "--optimum: "},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct result r = run(wrong[i].words);
        expect_code(&r, 2);
        cr_expect(strstr(r.err, wrong[i].says), "%s: %s", wrong[i].words, r.err);
    }
}

Test(optimum, compare_draws_it_on_a_logarithmic_axis)
{
    struct result r = run(FOUND " --log a");
    expect_code(&r, 0);
    r = run("compare a --metric suboptimality --x rounds");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "suboptimality") && strstr(r.out, "in the logarithm"), "%s", r.out);
}
