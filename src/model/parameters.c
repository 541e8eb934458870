#include "model/parameters.h"

#include "base/mem.h"
#include "model/sealed.h"

#include <string.h>

static enum tsgd_status is_checkpoint(const char *path, bool *out, struct tsgd_error *err)
{
    struct tsgd_tensor_file file = {.f = NULL};
    enum tsgd_status st = tsgd_tensor_file_open(&file, path, err);
    *out = st == TSGD_OK && tsgd_sealed_meta(&file, "telesgd.checkpoint");
    tsgd_tensor_file_close(&file);
    return st;
}

/* Where the file has the tensor of all `tokens`; 0: their number is what the file says. */
static enum tsgd_status find(const struct tsgd_tensor_file *file, const char *path,
                             const struct tsgd_tensor *t, uint64_t *tokens, uint64_t *begin,
                             struct tsgd_error *err)
{
    const json_t *entry = json_object_get(file->header, t->name);
    const json_t *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    json_int_t k = json_integer_value(json_array_get(shape, 0));
    json_int_t from = json_integer_value(json_array_get(offsets, 0));
    bool good = type && !strcmp(type, "F32") && json_array_size(shape) == t->rank + 1 && k > 0 &&
                k <= UINT32_MAX && (*tokens == 0 || *tokens == (uint64_t)k) && from >= 0 &&
                tsgd_add((size_t)from, tsgd_mul((size_t)k, 4 * t->count)) <= file->size;
    for (size_t i = 0; good && i < t->rank; i++)
        good = json_integer_value(json_array_get(shape, i + 1)) == t->extent[i];
    if (!good)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: tensor '%s' of the tokens is missing, or has "
                         "another shape or type than the model's", path, t->name);
    *tokens = (uint64_t)k;
    *begin = (uint64_t)from;
    return TSGD_OK;
}

/* The mean over the tokens of one tensor, into mean[count]: around the first one, in token order,
 * in double, as evaluations take it (engine/evaluation.h). scratch: `count` doubles and floats. */
static enum tsgd_status read_mean(struct tsgd_tensor_file *file, const char *path,
                                  const struct tsgd_tensor *t, uint64_t tokens, uint64_t begin,
                                  double *sum, float *row, float *mean, struct tsgd_error *err)
{
    memset(sum, 0, t->count * sizeof *sum);
    if (fseek(file->f, (long)(file->start + begin), SEEK_SET) != 0)
        return tsgd_fail(err, TSGD_EIO, "%s: cannot read", path);
    for (uint64_t b = 0; b < tokens; b++) {
        if (fread(row, sizeof *row, t->count, file->f) != t->count)
            return tsgd_fail(err, TSGD_EIO, "%s: the file ended while it was read", path);
        if (b == 0)
            memcpy(mean, row, t->count * sizeof *mean);
        for (size_t j = 0; j < t->count; j++)
            sum[j] += (double)row[j] - (double)mean[j];
    }
    for (size_t j = 0; j < t->count; j++)
        mean[j] = (float)((double)mean[j] + sum[j] / (double)tokens);
    return TSGD_OK;
}

/* x NULL: only sees whether they could be read. On error x is untouched. */
static enum tsgd_status read_tokens(const char *path, const struct tsgd_tensor *const *tensors,
                                    uint32_t n, float *x, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_tensor_file file = {.f = NULL};
    uint64_t tokens = 0, begin;
    size_t count = 0, most = 0;
    double *sum = NULL;
    float *row = NULL, *mean = NULL;
    TRY(tsgd_sealed_open(&file, path, err));
    const char *command = tsgd_sealed_meta(&file, "telesgd.command");
    if (!command || strcmp(command, "train"))
        TRY(tsgd_fail(err, TSGD_EINVAL, "%s: is a checkpoint of '%.20s'; want one of 'train', "
                      "whose tokens have a mean", path, command ? command : ""));
    for (uint32_t i = 0; i < n; i++) {
        TRY(find(&file, path, tensors[i], &tokens, &begin, err));
        count += tensors[i]->count;
        most = tensors[i]->count > most ? tensors[i]->count : most;
    }
    if (!x)
        goto done;
    TRY(tsgd_mem_check(tsgd_mul(count, 4 * sizeof *x), path, "use a smaller model", err));
    TRY(TSGD_NEW(&sum, most, path, err));
    TRY(TSGD_NEW(&row, most, path, err));
    TRY(TSGD_NEW(&mean, count, path, err));
    for (uint32_t i = 0; i < n; i++) {
        TRY(find(&file, path, tensors[i], &tokens, &begin, err));
        TRY(read_mean(&file, path, tensors[i], tokens, begin, sum, row,
                      mean + tensors[i]->offset, err));
    }
    memcpy(x, mean, count * sizeof *x);
done:
    tsgd_tensor_file_close(&file);
    free(sum);
    free(row);
    free(mean);
    return st;
}

static enum tsgd_status read_net(const char *path, const struct tsgd_net *net, float *x,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t n;
    const struct tsgd_tensor **tensors = NULL;
    TRY(tsgd_net_list_tensors(net, &tensors, &n, err));
    TRY(read_tokens(path, tensors, n, x, err));
done:
    free(tensors);
    return st;
}

enum tsgd_status tsgd_parameters_read(const char *path, const struct tsgd_net *net, float *x,
                                      struct tsgd_error *err)
{
    bool tokens;
    enum tsgd_status st = is_checkpoint(path, &tokens, err);
    return st != TSGD_OK ? st : (tokens ? read_net : tsgd_safetensors_read)(path, net, x, err);
}

enum tsgd_status tsgd_parameters_check(const char *path, const struct tsgd_net *net,
                                       struct tsgd_error *err)
{
    bool tokens;
    enum tsgd_status st = is_checkpoint(path, &tokens, err);
    return st != TSGD_OK ? st : tokens ? read_net(path, net, NULL, err) :
                                         tsgd_safetensors_check(path, net, err);
}

enum tsgd_status tsgd_parameters_read_list(const char *path,
                                           const struct tsgd_tensor *const *tensors, uint32_t n,
                                           float *x, struct tsgd_error *err)
{
    bool tokens;
    enum tsgd_status st = is_checkpoint(path, &tokens, err);
    if (st != TSGD_OK)
        return st;
    return (tokens ? read_tokens : tsgd_safetensors_read_list)(path, tensors, n, x, err);
}
