/* bench/picture.h: the training's gain by threads as a picture, through gnuplot. One thread. */
#ifndef TSGD_BENCH_PICTURE_H
#define TSGD_BENCH_PICTURE_H

#include "bench/figures.h"

/* How many times as fast the training is with more threads, beside a line that has no loss. Errors
 * as tsgd_plot_write.                                                                           */
enum tsgd_status tsgd_bench_picture(const struct tsgd_bench *b, const char *title, const char *path,
                                    struct tsgd_error *err);

#endif
