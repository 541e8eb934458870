/* simd/list.h: every kernel, KERNEL(result, name, arguments). A row yields the field of the table
 * (simd/kernels.h), the prototype in this folder, TSGD_FN(name), and the entry of every table.   */

/* ---- rows of parameters (linalg/vec.h says what they do): the same bits on every instruction set,
 * so nothing is contracted ---- */
/* x, m and g do not overlap. */
KERNEL(void, sgd, (const struct tsgd_update *u, const float *g, size_t n))
KERNEL(void, weigh, (float *restrict sum, const float *restrict x, size_t n, float weight,
                     bool add))
KERNEL(double, fold, (double *restrict sum, const float *restrict x, const float *restrict ref,
                      size_t dim))
KERNEL(double, fold_finish, (float *restrict mean, const double *restrict sum,
                             const float *restrict ref, size_t dim, double count))
KERNEL(void, normals, (uint64_t seed, uint32_t purpose, uint32_t a, uint32_t b, uint32_t first,
                       float *out, size_t n))

/* ---- samples (data/decode.h) ---- */
/* x[f * ld + s] = the number of from[s][f] on the line, f < n, s < 16; n >= 64. The same bits on
 * every instruction set.                                                                        */
KERNEL(void, decode, (const uint8_t *const from[16], size_t n, const struct tsgd_line *line,
                      size_t ld, float *x))

/* ---- gossip (linalg/mix.h says what it computes): the same bits on every instruction set ---- */

/* n floats of a row, a multiple of 16; rows start on a cache line. */
/* Row a into another place; bypass: with stores that bypass the cache (non-temporal), all of which
 * are complete at the end.                                                                      */
KERNEL(void, mix_row, (const struct tsgd_mix *d, uint32_t a, const float *rows, size_t n,
                       float *restrict out, bool bypass))
/* n floats of all rows where they stand, `stride` floats apart, both multiples of 16. Links of rows
 * with absent[b] are left out; absent may be NULL. at [k + slots], to be filled by the kernel;
 * pool [slots][TSGD_MIX_STRIP], of at most TSGD_MIX_FEW_SLOTS slots [slots][TSGD_MIX_WIDE]; of
 * more rows than TSGD_MIX_GROUP [2][TSGD_MIX_RUN] at least.                                     */
KERNEL(void, mix_all, (const struct tsgd_mix_plan *p, const bool *absent, float *rows,
                       size_t stride, size_t n, float **at, float *restrict pool))

/* ---- convolutions, direct: no lowered copy of the input; taps on padding are left out ---- */

/* Floats of scratch for a convolution's forward pass and input gradient; enough for smaller ld. */
KERNEL(size_t, conv_scratch, (const struct tsgd_conv *d))

/* y [out_c][out_h][out_w][ld]; bias may be NULL. */
KERNEL(void, conv_forward, (const struct tsgd_conv *d, const float *w, const float *bias,
                            const float *x, float *y, float *scratch))

/* The same, ReLU, then the largest of every 2x2 square: y [out_c][out_h / 2][out_w / 2][ld], and in
 * won, 8 bytes for every vector, which pixel of its square that is. pad = 0. A square of NaN alone
 * gives NaN, as NaN weights do; among numbers one may be passed over.                            */
KERNEL(void, conv_relu_pool, (const struct tsgd_conv *d, const float *w, const float *bias,
                              const float *x, float *y, uint16_t *won))

/* The gradient dp of what conv_relu_pool gave, put where the largest pixels were: dy is 0
 * elsewhere. dbias [out_c], its sums, unless it is NULL.                                        */
KERNEL(void, conv_unpool, (const struct tsgd_conv *d, const float *dp, const uint16_t *won,
                           float *dy, float *dbias))

/* dx [in_c][in_h][in_w][ld], overwritten. */
KERNEL(void, conv_input_gradient, (const struct tsgd_conv *d, const float *w, const float *dy,
                                   float *dx, float *scratch))

/* The same from what conv_unpool gets, in one; dy is never needed. scratch: out_c * out_h * out_w *
 * ld floats more than conv_scratch. Terms of 0 are left out of sums that are otherwise those of the
 * two calls. False, and nothing done, where these are as good.                                  */
KERNEL(bool, conv_pooled_input_gradient, (const struct tsgd_conv *d, const float *w,
                                          const float *dp, const uint16_t *won, float *dx,
                                          float *scratch))

/* dw [out_c][in_c][window][window] and, unless it is NULL, dbias [out_c], overwritten; scratch of
 * conv_weight_scratch floats.                                                                    */
KERNEL(void, conv_weight_gradient, (const struct tsgd_conv *d, const float *x, const float *dy,
                                    float *dw, float *dbias, float *scratch))
/* conv_unpool and conv_weight_gradient in one, for a layer whose input needs no gradient: dy is
 * never written as a whole. dbias not NULL. False, and nothing done, where the two calls are as
 * good.                                                                                         */
KERNEL(bool, conv_pooled_gradient, (const struct tsgd_conv *d, const float *x, const float *dp,
                                    const uint16_t *won, float *dw, float *dbias, float *scratch))
KERNEL(size_t, conv_weight_scratch, (const struct tsgd_conv *d))

/* ---- convolutions by Winograd's minimal filtering: 3x3 kernels, stride 1, padding 1; any numbers
 * of channels and pixels. A quarter of the multiplications where images are 4x4 or a multiple, with
 * errors below 1e-4 of the root mean square, some ten times those of the direct kernels; see
 * simd/wino.h. The same bits on every instruction set with a fused multiply-add ---- */

/* y [out_c][out_h][out_w][ld]; bias may be NULL; dx [in_c][in_h][in_w][ld], overwritten; both take
 * scratch of wino_scratch floats, enough for smaller ld.                                        */
KERNEL(size_t, wino_scratch, (const struct tsgd_conv *d))
KERNEL(void, wino_forward, (const struct tsgd_conv *d, const float *w, const float *bias,
                            const float *x, float *y, float *scratch))
KERNEL(void, wino_input_gradient, (const struct tsgd_conv *d, const float *w, const float *dy,
                                   float *dx, float *scratch))
/* dw [out_c][in_c][3][3], overwritten; scratch of wino_weight_scratch floats. */
KERNEL(size_t, wino_weight_scratch, (const struct tsgd_conv *d))
KERNEL(void, wino_weight_gradient, (const struct tsgd_conv *d, const float *x, const float *dy,
                                    float *dw, float *scratch))

/* ---- depthwise convolutions, out_c = in_c: channel c of y comes from channel c of x alone ---- */

/* y [out_c][out_h][out_w][ld]; w [out_c][window][window]; bias may be NULL. */
KERNEL(void, dwconv_forward, (const struct tsgd_conv *d, const float *w, const float *bias,
                              const float *x, float *y))
/* dx [in_c][in_h][in_w][ld], overwritten. */
KERNEL(void, dwconv_input_gradient, (const struct tsgd_conv *d, const float *w, const float *dy,
                                     float *dx))
/* dw [out_c][window][window] and, unless it is NULL, dbias [out_c], overwritten; scratch of
 * dwconv_scratch floats.                                                                         */
KERNEL(void, dwconv_weight_gradient, (const struct tsgd_conv *d, const float *x, const float *dy,
                                      float *dw, float *dbias, float *scratch))
KERNEL(size_t, dwconv_scratch, (const struct tsgd_conv *d))

/* ---- layer normalisation: torch.nn.LayerNorm over all n features of a sample ---- */

/* y [n][ld] = weight [n] (x - mean) rstd + bias [n]; keep [2][ld] receives mean and rstd. */
KERNEL(void, layernorm_forward, (size_t n, size_t ld, const float *weight, const float *bias,
                                 const float *x, float *y, float *keep))
/* Overwrites dweight, dbias and, unless it is NULL, dx. */
KERNEL(void, layernorm_backward, (size_t n, size_t ld, const float *weight, const float *x,
                                  const float *dy, const float *keep, float *dweight,
                                  float *dbias, float *dx))

/* ---- group normalisation: torch.nn.GroupNorm, then ReLU if asked ---- */

/* y = weight (x - mean) rstd + bias; keep [groups][2][ld] receives mean and rstd. */
KERNEL(void, groupnorm_forward, (const struct tsgd_groupnorm *d, const float *weight,
                                 const float *bias, const float *x, float *y, float *keep))
/* Overwrites dweight, dbias and, unless it is NULL, dx, which may be dy. */
KERNEL(void, groupnorm_backward, (const struct tsgd_groupnorm *d, const float *weight,
                                  const float *bias, const float *x, const float *dy,
                                  const float *keep, float *dweight, float *dbias, float *dx))
/* The same with ReLU, whatever d says of it, and then the largest of every 2x2 square: y
 * [channels][height / 2][width / 2][ld], and won as conv_relu_pool has it. A square of NaN alone
 * gives NaN; infinite weights may hide one.                                                     */
KERNEL(void, groupnorm_relu_pool, (const struct tsgd_groupnorm *d, const float *weight,
                                   const float *bias, const float *x, float *y, float *keep,
                                   uint16_t *won))
/* From the gradient dp of that; dx is not NULL, and is not dp. The sums of groupnorm_backward. */
KERNEL(void, groupnorm_unpool, (const struct tsgd_groupnorm *d, const float *weight,
                                const float *x, const float *dp, const float *keep,
                                const uint16_t *won, float *dweight, float *dbias, float *dx))

/* ---- n floats, a multiple of 16; the same bits on every instruction set ---- */

/* y = x < 0 ? 0 : x: NaN passes, as PyTorch lets it: a diverged run must not look healthy. y may be
 * x.                                                                                             */
KERNEL(void, relu, (const float *x, float *y, size_t n))
/* dx = y <= 0 ? 0 : dy; dx may be dy. */
KERNEL(void, relu_gradient, (const float *y, const float *dy, float *dx, size_t n))

/* ---- GELU with the exact normal distribution, torch.nn.GELU(); n floats, a multiple of 16 ---- */

/* y = x Phi(x), and its derivative in slope; y may be x. What is not finite gives NaN. simd/gelu.c
 * states the errors.                                                                             */
KERNEL(void, gelu, (const float *x, float *y, float *slope, size_t n))
/* dx = slope dy; dx may be dy. */
KERNEL(void, gelu_gradient, (const float *slope, const float *dy, float *dx, size_t n))

/* ---- pooling, shortcuts: the same bits on every instruction set ---- */

/* The largest of every square; a NaN wins and stays. */
KERNEL(void, maxpool, (const struct tsgd_pool *d, const float *x, float *y))
/* dx: dy at the first pixel of its square that equals y, 0 elsewhere. */
KERNEL(void, maxpool_gradient, (const struct tsgd_pool *d, const float *x, const float *y,
                                const float *dy, float *dx))
/* The mean of every square; window 0: of every channel. */
KERNEL(void, avgpool, (const struct tsgd_pool *d, const float *x, float *y))
/* dx: the pixel's share of its square's dy, 0 outside of squares. */
KERNEL(void, avgpool_gradient, (const struct tsgd_pool *d, const float *dy, float *dx))
/* sum += a, n floats, a multiple of 16 */
KERNEL(void, add, (const float *a, float *sum, size_t n))

/* ---- what dense layers do besides products ---- */

/* y [rows][ld] += bias [rows], then ReLU if asked. */
KERNEL(void, add_bias, (float *y, const float *bias, size_t rows, size_t ld, bool relu))
/* dbias [rows] = the sums of dy [rows][ld]; where y is not NULL, of dy behind the ReLU that made y,
 * which is also written to masked.                                                               */
KERNEL(void, bias_gradient, (const float *y, const float *dy, size_t rows, size_t ld, float *masked,
                             float *dbias))
/* t [ld][row] from x [rows][ld], row at least rows rounded up to 16; columns of t from `rows` on
 * receive numbers without a meaning.                                                             */
KERNEL(void, transpose, (const float *x, size_t rows, size_t ld, float *t, size_t row))

/* ---- softmax cross-entropy over logits [classes][ld]; only `batch` lanes are looked at ---- */

/* The sum of the losses in double, samples in order. dlogits (may be NULL) [classes][ld]: the
 * gradient of the mean over the batch, zero in the other lanes. correct (may be NULL): samples
 * whose label's logit is the largest, the first of equals counting. If a logit is not
 * finite, neither is the sum.                                                                   */
KERNEL(double, cross_entropy, (const float *logits, const uint16_t *labels, size_t classes,
                               size_t batch, size_t ld, float *dlogits, uint32_t *correct))

/* ---- squared error of outputs z [outputs][ld] against targets of that layout, which are finite in
 * all lanes; a sample's loss is the mean over its outputs ---- */

/* The sum of the losses of `batch` samples in double, samples in order. dz (may be NULL)
 * [outputs][ld]: the gradient of the mean over the batch, zero in the other lanes. If a number is
 * not finite, neither is the sum.                                                               */
KERNEL(double, squared_error, (const float *z, const float *targets, size_t outputs, size_t batch,
                               size_t ld, float *dz))

/* ---- a linear model in double precision (model/risk.h): 64 samples, innermost in every array, and
 * weights [outputs][features]; the same bits on every instruction set ---- */

/* z [outputs][64] = w x + bias */
KERNEL(void, scores, (const double *w, const double *bias, size_t outputs, size_t features,
                      const float *x, double *z))
/* sums[o][f] += the sum over the samples of z[o] * x[f], or with squares of z[o] * x[f]^2; bias[o]
 * += that of z[o].                                                                              */
KERNEL(void, score_sums, (const double *z, size_t outputs, size_t features, const float *x,
                          bool squares, double *sums, double *bias))

/* ---- products, C = A B + beta C (linalg/gemm.h says which product goes to which of these). beta 0
 * overwrites, whatever C held. m, n, k >= 1; nothing outside the matrices is read. An element is
 * the sum of its terms in order: the same bits wherever multiply-adds are fused. ---- */

/* The whole product. panel: gemm_panel() floats on a cache line, where pieces of B are laid out. */
KERNEL(void, gemm, (const struct tsgd_product *p, float *panel))
KERNEL(size_t, gemm_panel, (void))
/* gemm, then sgd with what C would be: element (i, j) is the gradient of parameter i * p->rsc + j.
 * What C holds afterwards is not said. The rows of u overlap no matrix.                          */
KERNEL(void, gemm_update, (const struct tsgd_product *p, const struct tsgd_update *u,
                           float *panel))
/* One tile of a product: columns of A are contiguous (a.rs = 1), rows of B too (b.cs = 1), and are
 * padded to whole vectors. m is at most 12 and n 32 with AVX-512 and NEON (there 8), 6 and 16 with
 * AVX2, 4 and 8 with SSE.                                                                        */
KERNEL(void, gemm_tile, (const struct tsgd_product *p))
/* Lays a panel out, to[r][width]: element (r, i) of `from` for i < n, then zeros; k rows. */
KERNEL(void, gemm_pack, (size_t width, size_t n, size_t k, struct tsgd_mat from, float *to))
