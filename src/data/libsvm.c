/* The text format of LIBSVM and SVMlight, plain or gzip, a sample a line:
 *     LABEL INDEX:VALUE INDEX:VALUE ..  # perhaps a comment
 * Indices are from 1 on and ascend; what is not named is 0. Samples stay sparse in memory. A file
 * is read once, from front to end, so it may be a pipe.                                         */
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "data/classes.h"
#include "data/paths.h"
#include "data/rows.h"
#include "data/source.h"

#include <math.h>
#include <string.h>

#define USE_LESS "use fewer samples"

struct reader {
    struct tsgd_rows rows;
    const char *path;
    struct tsgd_samples *out;
    size_t start_room, entry_room, value_room, target_room, entries;
    uint32_t features;          /* the largest index so far, in either file */
    struct tsgd_classes *labels; /* already sorted where the test is read */
    bool numbers;
};

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* The end of the word at p: a blank, the beginning of a comment, or the end of the row. */
static const char *word_end(const char *p, const char *end)
{
    while (p < end && !is_blank(*p) && *p != '#')
        p++;
    return p;
}

/* The sentence about the n bytes at `word`, which begins with the line and the byte in it. */
static enum tsgd_status fail_word(const struct reader *r, const char *word, const char *want,
                                  struct tsgd_error *err)
{
    char shown[TSGD_SHOWN];
    const char *end = word_end(word, r->rows.row + r->rows.length);
    return tsgd_fail(err, TSGD_EFORMAT, "%s:%llu: column %zu: found '%s', want %s", r->path,
                     r->rows.line, (size_t)(word - r->rows.row) + 1,
                     tsgd_show(shown, word, (size_t)(end - word)), want);
}

static enum tsgd_status take_label(struct reader *r, const char *word, size_t n,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_samples *out = r->out;
    double v;
    size_t i = out->count;
    const char *end = tsgd_scan_double(word, &v);
    if (memchr(word, ',', n))
        TRY(fail_word(r, word, "one label a sample", err));
    if (memchr(word, ':', n))
        TRY(fail_word(r, word, "a label before the first INDEX:VALUE", err));
    if (end != word + n || !isfinite((float)v))
        TRY(fail_word(r, word, "a label that is a number", err));
    if (r->numbers) {
        TRY(tsgd_grow((void **)&out->targets, &r->target_room, i + 1, sizeof *out->targets,
                      r->path, USE_LESS, err));
        out->targets[i] = (float)v;
        return TSGD_OK;
    }
    TRY(tsgd_grow((void **)&out->labels, &r->target_room, i + 1, sizeof *out->labels, r->path,
                  USE_LESS, err));
    if (r->labels->classes)
        TRY(tsgd_classes_find(r->labels, word, n, r->rows.line, &out->labels[i], err));
    else
        TRY(tsgd_classes_add(r->labels, word, n, r->rows.line, &out->labels[i], err));
done:
    return st;
}

/* Why the word is no INDEX:VALUE that may follow index `last`. */
static enum tsgd_status fail_entry(const struct reader *r, const char *word, uint32_t last,
                                   struct tsgd_error *err)
{
    char want[96] = "INDEX:VALUE, a whole number and a number that single precision can hold";
    const char *p = word;
    uint64_t index = 0;
    for (; *p >= '0' && *p <= '9' && index <= TSGD_MOST_FEATURES; p++)
        index = 10 * index + (uint64_t)(*p - '0');
    if (!strncmp(word, "qid:", 4))
        strcpy(want, "INDEX:VALUE; queries of rankings are not supported");
    else if (p > word && index == 0)
        strcpy(want, "indices from 1 on; scikit-learn writes them with zero_based=False");
    else if (p > word && index > TSGD_MOST_FEATURES)
        snprintf(want, sizeof want, "indices up to %d", TSGD_MOST_FEATURES);
    else if (*p == ':' && index <= last)
        snprintf(want, sizeof want, "indices that ascend, above %u here", last);
    return fail_word(r, word, want, err);
}

static enum tsgd_status take_entries(struct reader *r, const char *p, const char *end,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_sparse *to = &r->out->sparse;
    /* Each entry has at least four bytes with the blank before it. */
    size_t most = r->entries + (size_t)(end - p) / 4 + 1;
    uint32_t last = 0;
    TRY(tsgd_grow((void **)&to->column, &r->entry_room, most, sizeof *to->column, r->path, USE_LESS,
                  err));
    TRY(tsgd_grow((void **)&to->value, &r->value_room, most, sizeof *to->value, r->path, USE_LESS,
                  err));
    for (;;) {
        while (p < end && is_blank(*p))
            p++;
        if (p == end || *p == '#')
            break;
        const char *word = p, *next = NULL;
        uint64_t index = 0;
        double v;
        for (; *p >= '0' && *p <= '9' && index <= TSGD_MOST_FEATURES; p++)
            index = 10 * index + (uint64_t)(*p - '0');
        if (*p != ':' || index <= last || index > TSGD_MOST_FEATURES ||
            !(next = tsgd_scan_double(p + 1, &v)) || !isfinite((float)v) ||
            (next < end && !is_blank(*next) && *next != '#'))
            return fail_entry(r, word, last, err);
        p = next;
        last = (uint32_t)index;
        to->column[r->entries] = last - 1;
        to->value[r->entries++] = (float)v;
    }
    r->features = last > r->features ? last : r->features;
done:
    return st;
}

/* Reads a file to its end; what *out has got is the caller's to free, whatever comes back. */
static enum tsgd_status read_samples(struct reader *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_samples *out = r->out;
    r->labels->path = r->path;
    r->labels->column = 1;
    for (bool found;;) {
        TRY(tsgd_rows_next(&r->rows, &found, err));
        if (!found)
            break;
        const char *p = r->rows.row, *end = p + r->rows.length, *word;
        while (p < end && is_blank(*p))
            p++;
        if (p == end || *p == '#')
            continue;
        if (out->count == UINT32_MAX)
            TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: more than %u samples", r->path, UINT32_MAX));
        TRY(tsgd_grow((void **)&out->sparse.start, &r->start_room, out->count + (size_t)2,
                      sizeof *out->sparse.start, r->path, USE_LESS, err));
        word = p;
        p = word_end(p, end);
        TRY(take_label(r, word, (size_t)(p - word), err));
        out->sparse.start[out->count] = r->entries;
        TRY(take_entries(r, p, end, err));
        out->sparse.start[++out->count] = r->entries;
    }
    if (out->count == 0)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: holds no samples, want at least 1", r->path));
done:
    return st;
}

static enum tsgd_status read_file(struct tsgd_dataset *d, const char *path, bool numbers,
                                  struct tsgd_classes *labels, struct tsgd_samples *out,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct reader r = {.rows = TSGD_ROWS_INIT, .path = path, .out = out, .labels = labels,
                       .numbers = numbers, .features = d->shape.width};
    TRY(tsgd_rows_open(&r.rows, path, false, err));
    tsgd_rows_again(&r.rows, false);
    TRY(read_samples(&r, err));
    d->shape.width = r.features;
done:
    tsgd_rows_close(&r.rows);
    return st;
}

extern const struct tsgd_source tsgd_source_libsvm;

static enum tsgd_status load(const struct tsgd_request *request, struct tsgd_dataset *out,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_classes labels = TSGD_CLASSES_INIT;
    struct tsgd_paths paths = {NULL, NULL};
    TRY(tsgd_paths_init(&paths, request->arg, tsgd_source_libsvm.usage, err));
    d.shape = (struct tsgd_shape){1, 1, 0};
    d.format = TSGD_FORMAT_SPARSE;
    d.table = true;
    d.outputs = 1;
    TRY(read_file(&d, paths.train, request->numbers, &labels, &d.train, err));
    if (!request->numbers) {
        TRY(tsgd_classes_sort(&labels, d.train.labels, d.train.count, err));
        TRY(tsgd_classes_name(&labels, &d, err));
    }
    if (paths.test)
        TRY(read_file(&d, paths.test, request->numbers, &labels, &d.test, err));
    if (!d.shape.width)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: no sample has a feature, want INDEX:VALUE in some",
                      paths.train));
    *out = d;
    d = (struct tsgd_dataset)TSGD_DATASET_INIT;
done:
    tsgd_dataset_release(&d);
    tsgd_classes_release(&labels);
    free(paths.train);
    return st;
}

const struct tsgd_source tsgd_source_libsvm = {
    .name = "libsvm",
    .usage = "libsvm:TRAIN[,TEST]",
    .summary = "sparse samples, LABEL INDEX:VALUE .. a line, plain or .gz",
    .has_numbers = true,
    .has_paths = true,
    .load = load,
};
