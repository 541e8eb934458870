#include "model/safetensors.h"

#include "base/file.h"
#include "base/format.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are written as they stand");

/* The limit of the reference implementation. */
enum { MAX_HEADER = 100000000 };

/* Takes `meta` over; NULL stands for one that memory was too short for. */
static enum tsgd_status write_tensors(FILE *f, const struct tsgd_tensor *const *tensors, uint32_t n,
                                      json_t *meta, const float *x, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    json_t *header = json_object();
    char *text = NULL;
    size_t count = 0;
    int bad = json_object_set_new(header, "__metadata__", meta);
    for (uint32_t i = 0; i < n; i++) {
        const struct tsgd_tensor *t = tensors[i];
        json_t *extent = json_array();
        for (uint32_t j = 0; j < t->rank; j++)
            bad |= json_array_append_new(extent, json_integer(t->extent[j]));
        bad |= json_object_set_new(header, t->name,
                                   json_pack("{ss so s[II]}", "dtype", "F32", "shape", extent,
                                             "data_offsets", 4 * (json_int_t)t->offset,
                                             4 * (json_int_t)(t->offset + t->count)));
        count += t->count;
    }
    text = bad ? NULL : tsgd_json_text(header, JSON_COMPACT);
    if (!text)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for the header of a safetensors file"));
    uint64_t length = tsgd_round_up(strlen(text), 8);
    fwrite(&length, sizeof length, 1, f);
    fprintf(f, "%-*s", (int)length, text);      /* spaces, so that the data are aligned */
    fwrite(x, sizeof *x, count, f);
done:
    free(text);
    json_decref(header);
    return st;
}

char *tsgd_list_classes(const char *const *name, uint32_t classes)
{
    json_t *all = json_array();
    for (uint32_t c = 0; c < classes; c++)
        if (json_array_append_new(all, json_string(name[c])) != 0) {
            json_decref(all);
            return NULL;
        }
    char *text = tsgd_json_text(all, JSON_COMPACT);
    json_decref(all);
    return text;
}

enum tsgd_status tsgd_saved_check_classes(const struct tsgd_saved *saved, const char *path,
                                          const struct tsgd_dataset *d, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const char *want = saved->classes_text;
    char *found = d->class_name ?
        tsgd_list_classes((const char *const *)d->class_name, d->classes) : NULL;
    if (d->class_name && !found)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for names of classes"));
    if (!want != !found || (want && strcmp(want, found)))
        st = tsgd_fail(err, TSGD_EINVAL, "%.200s: was trained on classes %.200s, --data has "
                       "%.200s; want the same, in files of which the first has them all", path,
                       want ? want : "0, 1, ..", found ? found : "0, 1, ..");
done:
    free(found);
    return st;
}

/* What else there is to say of data that are no well-known set. */
static bool add_origin(json_t *meta, const struct tsgd_saved *saved)
{
    bool bad = false;
    if (saved->class_name) {
        char *names = tsgd_list_classes((const char *const *)saved->class_name, saved->classes);
        bad |= !names ||
               json_object_set_new(meta, "telesgd.class_names", json_string(names)) != 0;
        free(names);
    }
    if (saved->test_share > 0) {
        char share[32], seed[24];
        tsgd_format(share, sizeof share, "%.17g", saved->test_share);
        snprintf(seed, sizeof seed, "%" PRIu64, saved->split_seed);
        bad |= json_object_set_new(meta, "telesgd.test_share", json_string(share)) != 0;
        bad |= json_object_set_new(meta, "telesgd.split_seed", json_string(seed)) != 0;
    }
    return !bad;
}

json_t *tsgd_saved_metadata(const struct tsgd_saved *saved)
{
    char shape[40], classes[12], outputs[12];
    const struct tsgd_shape *in = &saved->shape;
    json_t *meta = json_pack("{ss ss}", "format", "pt", "telesgd.model", saved->model);
    if (!saved->outputs)
        return meta;
    snprintf(shape, sizeof shape, "%ux%ux%u", in->channels, in->height, in->width);
    snprintf(classes, sizeof classes, "%u", saved->classes);
    snprintf(outputs, sizeof outputs, "%u", saved->outputs);
    char *normalize = tsgd_norm_text(&saved->norm);
    int bad = !normalize || json_object_set_new(meta, "telesgd.shape", json_string(shape)) != 0;
    if (saved->classes)
        bad |= json_object_set_new(meta, "telesgd.classes", json_string(classes));
    else
        bad |= json_object_set_new(meta, "telesgd.targets", json_string(outputs));
    bad |= json_object_set_new(meta, "telesgd.normalize", json_string(normalize));
    free(normalize);
    if (!bad && add_origin(meta, saved))
        return meta;
    json_decref(meta);
    return NULL;
}

enum tsgd_status tsgd_safetensors_write(FILE *f, const struct tsgd_net *net,
                                        const struct tsgd_saved *saved, const float *x,
                                        struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_tensor **tensors = NULL;
    uint32_t n;
    TRY(tsgd_net_list_tensors(net, &tensors, &n, err));
    TRY(write_tensors(f, tensors, n, tsgd_saved_metadata(saved), x, err));
done:
    free(tensors);
    return st;
}

enum tsgd_status tsgd_safetensors_write_list(FILE *f, const struct tsgd_tensor *const *tensors,
                                             uint32_t n, const char *model, const float *x,
                                             struct tsgd_error *err)
{
    struct tsgd_saved saved = {.model = model};
    return write_tensors(f, tensors, n, tsgd_saved_metadata(&saved), x, err);
}

static enum tsgd_status short_file(const char *path, struct tsgd_tensor_file *s,
                                   struct tsgd_error *err)
{
    if (ferror(s->f))
        return tsgd_fail(err, TSGD_EIO, "%s: cannot read: %s", path, strerror(errno));
    return tsgd_fail(err, TSGD_EFORMAT, "%s: the file ended while it was read", path);
}

enum tsgd_status tsgd_tensor_file_open(struct tsgd_tensor_file *out, const char *path,
                                       struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_tensor_file file = {.f = NULL}, *s = &file;
    struct stat info;
    uint64_t length;
    char *text = NULL;
    const char *cannot;
    struct tsgd_json_fault fault;
    s->f = tsgd_open_input(path, false, &cannot);
    if (!s->f)
        TRY(tsgd_fail(err, TSGD_EIO, "%s: cannot open: %s", path, cannot));
    if (fstat(fileno(s->f), &info) != 0)
        TRY(tsgd_fail(err, TSGD_EIO, "%s: cannot read: %s", path, strerror(errno)));
    if (info.st_size < 8)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: %lld bytes, want the 8 of a safetensors header's "
                      "length and the header", path, (long long)info.st_size));
    if (fread(&length, sizeof length, 1, s->f) != 1)
        TRY(short_file(path, s, err));
    uint64_t rest = (uint64_t)info.st_size - 8;
    if (length > rest || length > MAX_HEADER)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: the header has %llu bytes, want at most %llu; not a "
                      "safetensors file, or cut off", path, (unsigned long long)length,
                      (unsigned long long)(rest < MAX_HEADER ? rest : MAX_HEADER)));
    s->start = 8 + length;
    s->size = rest - length;
    TRY(TSGD_NEW(&text, length, path, err));
    if (fread(text, 1, length, s->f) != length)
        TRY(short_file(path, s, err));
    s->header = tsgd_json_read(text, length, true, &fault);
    if (!s->header && fault.no_memory)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for the header", path));
    if (!json_is_object(s->header))
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: the header is not a JSON object%s%s", path,
                      s->header ? "" : ": ", s->header ? "" : fault.text));
    *out = file;
    file = (struct tsgd_tensor_file){.f = NULL};
done:
    tsgd_tensor_file_close(&file);
    free(text);
    return st;
}

void tsgd_tensor_file_close(struct tsgd_tensor_file *s)
{
    json_decref(s->header);
    if (s->f)
        fclose(s->f);
    *s = (struct tsgd_tensor_file){.f = NULL};
}

/* "3x32x32": three extents that can be counted. */
static bool parse_shape(const char *text, struct tsgd_shape *out)
{
    uint64_t extent[3] = {0};
    char list[40] = "";
    size_t rank = 0;
    if (!text || strlen(text) >= sizeof list || strchr(text, ','))
        return false;
    strcpy(list, text);
    for (char *p = list; *p; p++)
        if (*p == 'x')
            *p = ',';
    if (!tsgd_parse_list(list, extent, 3, &rank) || rank != 3)
        return false;
    for (size_t i = 0; i < 3; i++)
        if (extent[i] < 1 || extent[i] > UINT32_MAX)
            return false;
    *out = (struct tsgd_shape){(uint32_t)extent[0], (uint32_t)extent[1], (uint32_t)extent[2]};
    return tsgd_mul(tsgd_mul(extent[0], extent[1]), extent[2]) <= UINT32_MAX;
}

/* A number of the metadata, from `least` to `most`. */
static enum tsgd_status parse_count(const char *text, const char *what, uint32_t least,
                                    uint32_t most, const char *path, uint32_t *out,
                                    struct tsgd_error *err)
{
    uint64_t n;
    if (!text || !tsgd_parse_u64(text, &n) || n < least || n > most)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: %s is '%.40s', want %u to %u", path, what,
                         text ? text : "", least, most);
    *out = (uint32_t)n;
    return TSGD_OK;
}

/* There are as many means as there are parts: the channels, or every feature of a table. */
static uint32_t count_parts(const char *text, struct tsgd_shape shape)
{
    size_t n = 1, features = tsgd_shape_size(shape);
    for (const char *p = text; *p && *p != ':'; p++)
        n += *p == ',';
    return n == features ? (uint32_t)features : shape.channels;
}

static enum tsgd_status identify(const json_t *meta, const char *path, struct tsgd_saved *out,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const char *model = json_string_value(json_object_get(meta, "telesgd.model"));
    const char *shape = json_string_value(json_object_get(meta, "telesgd.shape"));
    const char *classes = json_string_value(json_object_get(meta, "telesgd.classes"));
    const char *targets = json_string_value(json_object_get(meta, "telesgd.targets"));
    const char *share = json_string_value(json_object_get(meta, "telesgd.test_share"));
    const char *seed = json_string_value(json_object_get(meta, "telesgd.split_seed"));
    const char *names = json_string_value(json_object_get(meta, "telesgd.class_names"));
    const json_t *normalize = json_object_get(meta, "telesgd.normalize");
    const struct tsgd_model *known = NULL;
    struct tsgd_saved found = {.model = model, .says_norm = normalize != NULL};
    struct tsgd_spec spec;
    char where[340];
    if (!model)
        return TSGD_OK;
    if (strlen(model) >= TSGD_MODEL_TEXT)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: telesgd.model has %zu characters, want at most "
                         "%d", path, strlen(model), TSGD_MODEL_TEXT - 1);
    out->model = model;
    if (tsgd_model_find(&known, &spec, model, NULL) == TSGD_OK &&
        known->kind != TSGD_MODEL_NETWORK)
        return TSGD_OK;
    if (!parse_shape(shape, &found.shape))
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: telesgd.shape is '%.40s', want "
                      "CHANNELSxHEIGHTxWIDTH", path, shape ? shape : ""));
    if (targets)
        TRY(parse_count(targets, "telesgd.targets", 1, TSGD_MOST_CLASSES, path, &found.outputs,
                        err));
    else
        TRY(parse_count(classes, "telesgd.classes", 2, TSGD_MOST_CLASSES, path, &found.classes,
                        err));
    if (!targets)
        found.outputs = found.classes;
    if (share && (!seed || !tsgd_parse_u64(seed, &found.split_seed) ||
                  !tsgd_parse_double(share, &found.test_share) || found.test_share <= 0 ||
                  found.test_share >= 1))
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: telesgd.test_share is '%.40s' and telesgd.split_seed "
                      "'%.40s', want a number between 0 and 1, and a whole one", path, share,
                      seed ? seed : ""));
    if (normalize) {
        snprintf(where, sizeof where, "%.300s: telesgd.normalize", path);
        const char *text = json_string_value(normalize) ? json_string_value(normalize) : "";
        st = tsgd_norm_parse(&found.norm, text, count_parts(text, found.shape), where, err);
        if (st == TSGD_EINVAL)
            return err ? err->status = TSGD_EFORMAT : TSGD_EFORMAT;
    }
    if (names) {
        found.classes_text = strdup(names);
        if (!found.classes_text) {
            tsgd_norm_release(&found.norm);
            TRY(tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for names of classes", path));
        }
    }
    *out = found;
done:
    return st;
}

enum tsgd_status tsgd_safetensors_identify(const char *path, struct tsgd_saved *out,
                                           struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_tensor_file s = {0};
    struct tsgd_saved saved = {.model = ""};
    TRY(tsgd_tensor_file_open(&s, path, err));
    TRY(identify(json_object_get(s.header, "__metadata__"), path, &saved, err));
    TRY(TSGD_NEW(&saved.text, strlen(saved.model) + 1, path, err));
    saved.model = strcpy(saved.text, saved.model);
    *out = saved;
    saved = (struct tsgd_saved){.model = ""};
done:
    tsgd_saved_release(&saved);
    tsgd_tensor_file_close(&s);
    return st;
}

void tsgd_saved_release(struct tsgd_saved *saved)
{
    free(saved->text);
    free(saved->classes_text);
    tsgd_norm_release(&saved->norm);
    *saved = (struct tsgd_saved){.model = ""};
}

enum tsgd_status tsgd_safetensors_expect(const char *path, const char *model,
                                         const struct tsgd_norm *norm, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_saved saved = {.model = ""};
    char *found = NULL, *want = NULL;
    bool alike = true;
    TRY(tsgd_safetensors_identify(path, &saved, err));
    if (*saved.model)
        TRY(tsgd_model_alike(&alike, saved.model, model, err));
    if (!alike)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--init: '%.200s' holds parameters of --model %.200s, want "
                      "%.200s; give that --model, or another file", path, saved.model, model));
    if (!norm || !saved.says_norm || tsgd_norm_equal(&saved.norm, norm))
        goto done;
    found = tsgd_norm_text(&saved.norm);
    want = tsgd_norm_text(norm);
    if (!found || !want)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for means and deviations"));
    st = tsgd_fail(err, TSGD_EINVAL, "--init: '%.200s' was trained on samples normalised by "
                   "%.200s, these are by %.200s; give --normalize %.200s", path, found, want,
                   found);
done:
    free(found);
    free(want);
    tsgd_saved_release(&saved);
    return st;
}

/* "[6, 1, 5, 5]" of a tensor's shape or of a JSON value that should be one */
static const char *describe(char text[96], const struct tsgd_tensor *t, const json_t *shape)
{
    size_t rank = t ? t->rank : json_array_size(shape), used;
    strcpy(text, "[");
    for (size_t i = 0; i < rank; i++) {
        json_int_t e = t ? t->extent[i] : json_integer_value(json_array_get(shape, i));
        used = strlen(text);
        if (used > 64) {
            strcat(text, ", ..");
            break;
        }
        snprintf(text + used, 96 - used, "%s%lld", i ? ", " : "", (long long)e);
    }
    return strcat(text, "]");
}

/* One tensor's entry in the header; where its bytes begin goes into *begin. */
static enum tsgd_status check_entry(const json_t *entry, const struct tsgd_tensor *t,
                                    uint64_t size, const char *path, uint64_t *begin,
                                    struct tsgd_error *err)
{
    char found[96], want[96];
    const json_t *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    if (!type || strcmp(type, "F32") != 0)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: tensor '%s' has type '%.20s', want F32", path,
                         t->name, type ? type : "");
    bool same = json_is_array(shape) && json_array_size(shape) == t->rank;
    for (size_t i = 0; same && i < t->rank; i++) {
        const json_t *e = json_array_get(shape, i);
        same = json_is_integer(e) && json_integer_value(e) == t->extent[i];
    }
    if (!same)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: tensor '%s' has shape %s, want %s", path, t->name,
                         describe(found, NULL, shape), describe(want, t, NULL));
    const json_t *a = json_array_get(offsets, 0), *b = json_array_get(offsets, 1);
    json_int_t from = json_integer_value(a), to = json_integer_value(b);
    if (json_array_size(offsets) != 2 || !json_is_integer(a) || !json_is_integer(b) || from < 0 ||
        to < from || (uint64_t)to > size)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: tensor '%s' has data_offsets %s, want two within "
                         "the %llu bytes of data", path, t->name, describe(found, NULL, offsets),
                         (unsigned long long)size);
    if ((uint64_t)(to - from) != 4 * (uint64_t)t->count)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: tensor '%s' has %lld bytes, want %zu", path,
                         t->name, (long long)(to - from), 4 * t->count);
    *begin = (uint64_t)from;
    return TSGD_OK;
}

/* A tensor and where the file has it. */
struct place {
    const struct tsgd_tensor *tensor;
    uint64_t begin;
};

static int by_begin(const void *a, const void *b)
{
    const struct place *p = a, *q = b;
    return p->begin < q->begin ? -1 : p->begin > q->begin;
}

/* The tensors, sorted by place, must cover the data without gap or overlap. */
static enum tsgd_status check_cover(struct place *place, uint32_t n, uint64_t size,
                                    const char *path, struct tsgd_error *err)
{
    uint64_t end = 0;
    qsort(place, n, sizeof *place, by_begin);
    for (uint32_t i = 0; i < n; i++) {
        if (place[i].begin < end)
            return tsgd_fail(err, TSGD_EFORMAT, "%s: tensors '%s' and '%s' overlap", path,
                             place[i - 1].tensor->name, place[i].tensor->name);
        if (place[i].begin > end)
            return tsgd_fail(err, TSGD_EFORMAT, "%s: %llu bytes before tensor '%s' belong to no "
                             "tensor", path, (unsigned long long)(place[i].begin - end),
                             place[i].tensor->name);
        end += 4 * place[i].tensor->count;
    }
    if (end < size)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: %llu bytes are left over after the last tensor",
                         path, (unsigned long long)(size - end));
    return TSGD_OK;
}

static enum tsgd_status check_names(const json_t *header, const struct place *place, uint32_t n,
                                    const char *path, struct tsgd_error *err)
{
    const char *name;
    json_t *entry;
    json_object_foreach((json_t *)header, name, entry) {
        bool known = !strcmp(name, "__metadata__");
        for (uint32_t i = 0; i < n && !known; i++)
            known = !strcmp(name, place[i].tensor->name);
        if (!known)
            return tsgd_fail(err, TSGD_EFORMAT, "%s: tensor '%.80s' of shape %s is none of the "
                             "model's", path, name,
                             describe((char[96]){0}, NULL, json_object_get(entry, "shape")));
    }
    return TSGD_OK;
}

/* x NULL: only sees whether they could be read. */
static enum tsgd_status read_tensors(const char *path, const struct tsgd_tensor *const *tensors,
                                     uint32_t n, float *x, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_tensor_file s = {0};
    struct place *place = NULL;
    float *row = NULL;
    size_t count = 0;
    TRY(tsgd_tensor_file_open(&s, path, err));
    TRY(TSGD_NEW(&place, n, path, err));
    for (uint32_t i = 0; i < n; i++) {
        const json_t *entry = json_object_get(s.header, tensors[i]->name);
        place[i].tensor = tensors[i];
        count += tensors[i]->count;
        if (!entry)
            TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: tensor '%s' of shape %s is missing", path,
                          tensors[i]->name, describe((char[96]){0}, tensors[i], NULL)));
        TRY(check_entry(entry, tensors[i], s.size, path, &place[i].begin, err));
    }
    TRY(check_names(s.header, place, n, path, err));
    TRY(check_cover(place, n, s.size, path, err));
    if (!x)
        goto done;
    TRY(tsgd_mem_check(tsgd_mul(count, sizeof *row), path, "use a smaller model", err));
    TRY(TSGD_NEW(&row, count, path, err));
    for (uint32_t i = 0; i < n; i++) {      /* one after another in the file, so no seeking */
        const struct tsgd_tensor *t = place[i].tensor;
        if (fread(row + t->offset, sizeof *row, t->count, s.f) != t->count)
            TRY(short_file(path, &s, err));
    }
    memcpy(x, row, count * sizeof *x);
done:
    free(row);
    free(place);
    tsgd_tensor_file_close(&s);
    return st;
}

enum tsgd_status tsgd_safetensors_read(const char *path, const struct tsgd_net *net, float *x,
                                       struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t n;
    const struct tsgd_tensor **tensors = NULL;
    TRY(tsgd_net_list_tensors(net, &tensors, &n, err));
    TRY(read_tensors(path, tensors, n, x, err));
done:
    free(tensors);
    return st;
}

enum tsgd_status tsgd_safetensors_check(const char *path, const struct tsgd_net *net,
                                        struct tsgd_error *err)
{
    return tsgd_safetensors_read(path, net, NULL, err);
}

enum tsgd_status tsgd_safetensors_read_list(const char *path,
                                            const struct tsgd_tensor *const *tensors, uint32_t n,
                                            float *x, struct tsgd_error *err)
{
    return read_tensors(path, tensors, n, x, err);
}
