/* tests/unit/twin.h: whole layers and nets in naive double, from sim/ref.h, for the tests to
 * compare with; and what those tests share.                                                     */
#ifndef TSGD_TESTS_TWIN_H
#define TSGD_TESTS_TWIN_H

#include "linalg/backend.h"
#include "model/net.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

/* Sizes and trials shrink where everything is many times slower. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { TWIN_SLOW = 1 };
#else
enum { TWIN_SLOW = 0 };
#endif

/* One sample through a layer: x[in] to y[out]; from is what a layer joins, or NULL. */
void twin_layer(const struct tsgd_layer *l, const double *w, const double *x, const double *from,
                double *y);

/* The mean loss over `count` samples x[count][features]. */
double twin_loss(const struct tsgd_net *net, const double *w, const double *x,
                 const uint16_t *labels, size_t count);

/* Uniform in [-1, 1), exactly the same numbers for both precisions. */
void twin_random(struct tsgd_rng *rng, float *x, size_t n);
void twin_widen(const float *x, size_t n, double *out);

/* Memory that the test's process takes with it when it ends; a failed test if there is none. */
float *twin_floats(size_t n);
double *twin_doubles(size_t n);

/* Samples x[count][features] into the layout of nets, [features][ld], `past` in the lanes past. */
void twin_lanes(const float *x, size_t count, size_t features, size_t ld, float past, float *out);

/* Parameters 0 .. n-1 for a parameterised test. */
struct criterion_test_params twin_rows(size_t n);

/* To compute with that instruction set; NULL: with the widest of this machine. */
struct tsgd_backend twin_on(const char *isa);

/* How many instruction sets this machine has (linalg/isa.h). */
size_t twin_isas(void);

/* The model for such inputs on the widest instruction set; the caller releases it. */
struct tsgd_net twin_model(const char *model, struct tsgd_shape in, uint32_t classes);

#endif
