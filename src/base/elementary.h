/* base/elementary.h: exp, log, log1p and cos that give the same bits everywhere. Those of the C
 * library differ in the last bit from version to version and, where it takes another form of them
 * for processors with a fused multiply-add, from processor to processor. These are additions,
 * multiplications and table look-ups in double, in a fixed order.
 *
 * They are rounded to the nearest double but where the exact value is within 2^-12 of a last place
 * of the middle between two: their error is below 0.5003 last places. NaN gives NaN, and what is
 * not finite follows the C standard.                                                            */
#ifndef TSGD_BASE_ELEMENTARY_H
#define TSGD_BASE_ELEMENTARY_H

/* A result below 2^-1022 is rounded twice, so its error is at most one last place. */
double tsgd_exp(double x);
double tsgd_log(double x);
double tsgd_log1p(double x);

/* |x| <= 64: arguments farther out would need more digits of pi. */
double tsgd_cos(double x);

#endif
