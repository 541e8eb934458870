/* simd/list.h: every kernel, KERNEL(result, name, arguments). A row yields the field of the table
 * (simd/kernels.h), the prototype in this folder, TSGD_FN(name), and the entry of every table.   */

/* ---- rows of parameters (linalg/vec.h says what they do): the same bits on every instruction set,
 * so nothing is contracted ---- */
KERNEL(void, sgd, (float *restrict x, float *restrict m, const float *restrict g, size_t dim,
                   float eta, float momentum, bool nesterov, float decay))
KERNEL(double, fold, (double *restrict sum, const float *restrict x, const float *restrict ref,
                      size_t dim))
KERNEL(double, fold_finish, (float *restrict mean, const double *restrict sum,
                             const float *restrict ref, size_t dim, double count))
KERNEL(void, normals, (uint64_t seed, uint32_t purpose, uint32_t a, uint32_t b, float *out,
                       size_t n))

/* ---- gossip (linalg/mix.h says what it computes): the same bits on every instruction set. n floats
 * of a row, a multiple of 16; rows start on a cache line ---- */

/* Row a into another place; past: with stores that go past the cache, all done at the end. */
KERNEL(void, mix_row, (const struct tsgd_mix *d, uint32_t a, const float *rows, size_t n,
                       float *restrict out, bool past))
/* All rows where they stand, `pitch` columns at a time in pool [k][pitch], pitch a multiple of 16. */
KERNEL(void, mix_all, (const struct tsgd_mix *d, float *rows, size_t n, float *restrict pool,
                       size_t pitch))

/* ---- convolutions, direct: no lowered copy of the input; taps that meet the padding are left out ---- */

/* y [out_c][out_h][out_w][ld]; bias may be NULL; relu: max(0, y). */
KERNEL(void, conv_forward, (const struct tsgd_conv *d, const float *w, const float *bias,
                            const float *x, float *y, bool relu))

/* The same, ReLU, then the largest of every 2x2 square: y [out_c][out_h / 2][out_w / 2][ld], and in
 * won, 8 bytes for every 16 lanes at most, which pixel of its square that is. pad = 0.           */
KERNEL(void, conv_relu_pool, (const struct tsgd_conv *d, const float *w, const float *bias,
                              const float *x, float *y, uint16_t *won))

/* The gradient dp of what conv_relu_pool gave, put where the largest pixels were: dy is 0 elsewhere. */
KERNEL(void, conv_unpool, (const struct tsgd_conv *d, const float *dp, const uint16_t *won,
                           float *dy))

/* dx [in_c][in_h][in_w][ld], overwritten. */
KERNEL(void, conv_input_gradient, (const struct tsgd_conv *d, const float *w, const float *dy,
                                   float *dx))

/* dw [out_c][in_c][window][window] and, unless it is NULL, dbias [out_c], overwritten. */
KERNEL(void, conv_weight_gradient, (const struct tsgd_conv *d, const float *x, const float *dy,
                                    float *dw, float *dbias))

/* ---- group normalisation: torch.nn.GroupNorm, then ReLU if asked ---- */

/* y = weight (x - mean) rstd + bias; keep [groups][2][ld] receives mean and rstd. */
KERNEL(void, groupnorm_forward, (const struct tsgd_groupnorm *d, const float *weight,
                                 const float *bias, const float *x, float *y, float *keep))
/* Overwrites dweight, dbias and, unless it is NULL, dx. */
KERNEL(void, groupnorm_backward, (const struct tsgd_groupnorm *d, const float *weight,
                                  const float *bias, const float *x, const float *dy,
                                  const float *keep, float *dweight, float *dbias, float *dx))

/* ---- n floats, a multiple of 16; the same bits on every instruction set ---- */

/* y = x < 0 ? 0 : x: NaN passes, as PyTorch lets it: a diverged run must not look healthy. y may be
 * x.                                                                                             */
KERNEL(void, relu, (const float *x, float *y, size_t n))
/* dx = y <= 0 ? 0 : dy; dx may be dy. */
KERNEL(void, relu_gradient, (const float *y, const float *dy, float *dx, size_t n))
