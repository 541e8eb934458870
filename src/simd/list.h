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

/* ---- samples (data/decode.h) ---- */
/* x[f * ld + s] = the number of from[s][f] on the line, f < n, s < 16; n >= 64. The same bits on
 * every instruction set.                                                                        */
KERNEL(void, decode, (const uint8_t *const from[16], size_t n, const struct tsgd_line *line,
                      size_t ld, float *x))
