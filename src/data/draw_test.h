/* data/draw_test.h: test samples for data that come without any. */
#ifndef TSGD_DATA_DRAW_TEST_H
#define TSGD_DATA_DRAW_TEST_H

#include "data/dataset.h"

/* Share of the samples that is held back for the test where nothing else is said. */
#define TSGD_TEST_SHARE 0.2

/* Takes round(share * count) samples out of d->train, drawn without replacement by the seed, and
 * makes them d->test; the rest, and those taken out, keep their order. Requires 0 <= share < 1,
 * where 0 stands for TSGD_TEST_SHARE, and no test samples. On error d is as it was. TSGD_EINVAL:
 * one of the two would be empty. TSGD_ENOMEM.                                                   */
enum tsgd_status tsgd_draw_test(struct tsgd_dataset *d, double share, uint64_t seed,
                                struct tsgd_error *err);

#endif
