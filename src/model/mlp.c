#include "model/model.h"

#include "base/memstream.h"

enum { HIDDEN = 16, WIDTH = 1000000 };

static enum tsgd_status spell(char **out, const char *arg, struct tsgd_error *err)
{
    uint64_t width[HIDDEN] = {256, 128};
    size_t hidden = 2, bytes;
    if (arg && !tsgd_parse_list(arg, width, HIDDEN, &hidden))
        return tsgd_fail(err, TSGD_EINVAL, "--model mlp: '%.200s' is not a list of 1 to %d widths "
                         "such as 256,128", arg, HIDDEN);
    for (size_t i = 0; i < hidden; i++)
        if (width[i] < 1 || width[i] > WIDTH)
            return tsgd_fail(err, TSGD_EINVAL, "--model mlp: hidden layer %zu has width %llu, want "
                             "1 to %d", i + 1, (unsigned long long)width[i], WIDTH);
    FILE *f = open_memstream(out, &bytes);
    for (size_t i = 0; f && i < hidden; i++)
        fprintf(f, "dense %llu; relu; ", (unsigned long long)width[i]);
    if (f)
        fprintf(f, "dense");
    return tsgd_memstream_close(f, out) ? TSGD_OK :
        tsgd_fail(err, TSGD_ENOMEM, "no memory for the layers of --model mlp");
}

const struct tsgd_model tsgd_model_mlp = {
    .name = "mlp",
    .usage = "mlp[:H1,H2,..]",
    .summary = "dense layers of these widths (default 256,128), each followed by ReLU",
    .spell = spell,
};
