/* The handwritten digits of datasets/digits (its README says whose they are), as part of the
 * library: the assembler copies the four files into the constants of this object, so that neither
 * the program nor its users need a file.                                                        */
#include "data/idx.h"

/* `name` is the bytes of datasets/digits/FILE, up to `name`_end. The path begins in the folder that
 * the compiler runs in, or in one that -I names; the Makefile repeats these files as what this
 * object depends on.                                                                            */
#define EMBED(name, file)                                                                        \
    __asm__(".pushsection .rodata\n"                                                             \
            ".globl " #name ", " #name "_end\n"                                                  \
            ".hidden " #name ", " #name "_end\n"                                                 \
            #name ": .incbin \"datasets/digits/" file ".gz\"\n"                                  \
            #name "_end:\n"                                                                      \
            ".popsection\n");                                                                    \
    extern const unsigned char name[], name##_end[]

#define HIDDEN __attribute__((visibility("hidden")))
EMBED(tsgd_digits_train_images, "train-images-idx3-ubyte") HIDDEN;
EMBED(tsgd_digits_train_labels, "train-labels-idx1-ubyte") HIDDEN;
EMBED(tsgd_digits_test_images, "t10k-images-idx3-ubyte") HIDDEN;
EMBED(tsgd_digits_test_labels, "t10k-labels-idx1-ubyte") HIDDEN;

#define IMAGE(name) {name, (uintptr_t)name##_end - (uintptr_t)name}

static enum tsgd_status load(const char *arg, const char *dir, uint64_t seed,
                             struct tsgd_dataset *out, struct tsgd_error *err)
{
    const struct tsgd_idx_image file[] = {
        IMAGE(tsgd_digits_train_images), IMAGE(tsgd_digits_train_labels),
        IMAGE(tsgd_digits_test_images), IMAGE(tsgd_digits_test_labels),
    };
    (void)arg, (void)seed;
    if (dir)
        return tsgd_idx_load(out, dir, 10, "", err);
    return tsgd_idx_load_memory(out, file, "datasets/digits", 10, err);
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
