#include "data/idx.h"
#include "data/source.h"

static enum tsgd_status load(const struct tsgd_request *r, struct tsgd_dataset *out,
                             struct tsgd_error *err)
{
    return tsgd_idx_load(out, r->dir, 10, "; --data-dir says where they are", r->sieve, err);
}

const struct tsgd_source tsgd_source_mnist = {
    .name = "mnist",
    .usage = "mnist",
    .summary = "60,000 handwritten digits, 28x28, 10 classes (LeCun et al. 1998), from --data-dir",
    .has_files = true,
    .files = tsgd_idx_files,
    .load = load,
};
