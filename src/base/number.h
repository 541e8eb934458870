/* base/number.h: decimal numbers in long texts, read about as fast as they arrive. */
#ifndef TSGD_BASE_NUMBER_H
#define TSGD_BASE_NUMBER_H

/* Reads the longest decimal number that begins at `text`: perhaps a sign, digits with a point among
 * them or without, perhaps an exponent. *out is the nearest double, the even one of two that are as
 * near, whatever the locale. Returns where the number ends. NULL, and *out is untouched: there is
 * none, it is too large for a double, or it is longer than 1,000 bytes.
 * Looks at eight bytes at a time: from the first byte that does not continue the number, which must
 * be there, TSGD_NUMBER_SLACK bytes must be readable. What they are does not matter.            */
enum { TSGD_NUMBER_SLACK = 8 };
const char *tsgd_scan_double(const char *text, double *out);

#endif
