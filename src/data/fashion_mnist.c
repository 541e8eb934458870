#include "data/idx.h"
#include "data/source.h"

static enum tsgd_status load(const struct tsgd_request *r, struct tsgd_dataset *out,
                             struct tsgd_error *err)
{
    return tsgd_idx_load(out, r->dir, 10, "; install Debian's package dataset-fashion-mnist, "
                         "or say with --data-dir where they are", r->sieve, err);
}

const struct tsgd_source tsgd_source_fashion_mnist = {
    .name = "fashion-mnist",
    .usage = "fashion-mnist",
    .summary = "60,000 pictures of clothes, 28x28, 10 classes (Xiao et al. 2017)",
    .default_dir = "/usr/share/datasets/fashion-mnist",
    .has_files = true,
    .files = tsgd_idx_files,
    .load = load,
};
