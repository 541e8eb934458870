/* The handwritten digits of datasets/digits (its README says whose they are), as part of the
 * library.                                                                                      */
#include "data/idx.h"
#include "data/source.h"

#include "base/embed.h"

#define DIGITS(name, file) TSGD_EMBED(name, "datasets/digits/" file ".gz")
DIGITS(tsgd_digits_train_images, "train-images-idx3-ubyte");
DIGITS(tsgd_digits_train_labels, "train-labels-idx1-ubyte");
DIGITS(tsgd_digits_test_images, "t10k-images-idx3-ubyte");
DIGITS(tsgd_digits_test_labels, "t10k-labels-idx1-ubyte");

#define IMAGE(name) {name, TSGD_EMBEDDED_BYTES(name)}

static enum tsgd_status load(const struct tsgd_request *r, struct tsgd_dataset *out,
                             struct tsgd_error *err)
{
    const struct tsgd_idx_image file[] = {
        IMAGE(tsgd_digits_train_images), IMAGE(tsgd_digits_train_labels),
        IMAGE(tsgd_digits_test_images), IMAGE(tsgd_digits_test_labels),
    };
    if (r->dir)
        return tsgd_idx_load(out, r->dir, 10, "", r->sieve, err);
    return tsgd_idx_load_memory(out, file, "datasets/digits", 10, r->sieve, err);
}

const struct tsgd_source tsgd_source_digits = {
    .name = "digits",
    .usage = "digits",
    .summary = "1,797 handwritten digits, 8x8, 10 classes (Alpaydin and Kaynak 1998), part of the "
               "program",
    .has_files = true,
    .embedded = true,
    .files = tsgd_idx_files,
    .load = load,
};
