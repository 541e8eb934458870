/* Tables as text, one sample a row, one column of which is the target (RFC 4180, and what programs
 * make of it): plain or gzip; separated by commas, semicolons or tabs; with a row of names or not.
 * All other columns are numbers. The file is read once, from front to end, so it may be a pipe. */
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "data/classes.h"
#include "data/paths.h"
#include "data/rows.h"
#include "data/source.h"

#include <math.h>
#include <string.h>

enum { FIRST_ROWS = 8, MOST_COLUMNS = 1 << 22 };

#define USE_LESS "use fewer rows"

struct field {
    const char *at;             /* followed by a byte that is part of no number */
    size_t n;
};

/* What both files have in common; the training file says it. */
struct layout {
    char separator;
    size_t columns, target;     /* target: which column, from 0 */
    const char *path;           /* of training */
    char **name;                /* [columns], or NULL */
    bool numbers;               /* targets are numbers */
};

extern const struct tsgd_source tsgd_source_csv;

struct reader {
    struct tsgd_rows rows;
    struct layout *layout;
    const char *path;
    struct field *field;        /* of the row that was split */
    size_t fields, field_room;
    char *copy;                 /* of its texts in quotes */
    size_t copy_room;
};

/* ---- rows and their fields ---- */

static const char *skip_blanks(const struct layout *l, const char *p, const char *end)
{
    while (p < end && (*p == ' ' || (*p == '\t' && l->separator != '\t')))
        p++;
    return p;
}

static size_t without_blanks(const struct layout *l, const char *at, const char *end)
{
    while (end > at && (end[-1] == ' ' || (end[-1] == '\t' && l->separator != '\t')))
        end--;
    return (size_t)(end - at);
}

static enum tsgd_status fail_quote(const struct reader *r, struct tsgd_error *err)
{
    return tsgd_fail(err, TSGD_EFORMAT, "%s:%llu: column %zu goes on after a quote that closes it, "
                     "want a quote within quotes to be written twice", r->path, r->rows.line,
                     r->fields + 1);
}

/* A field in quotes, *from being the first one, without them into *to. NULL: it does not end where
 * a field ends.                                                                                 */
static const char *unquote(const struct reader *r, const char *from, const char *end, char **to)
{
    const char *p = from + 1;
    for (; p < end; p++) {
        if (*p == '"' && !(p + 1 < end && p[1] == '"'))
            break;
        p += *p == '"';
        *(*to)++ = *p;
    }
    p = skip_blanks(r->layout, p < end ? p + 1 : p, end);
    return p == end || *p == r->layout->separator ? p : NULL;
}

/* Sets field[fields]. Blanks around a field are not part of it, unless they stand in quotes. */
static enum tsgd_status split(struct reader *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const char *p = r->rows.row, *end = p + r->rows.length;
    r->fields = 0;
    TRY(tsgd_grow((void **)&r->copy, &r->copy_room, r->rows.length + 1 + TSGD_NUMBER_SLACK, 1,
                  r->path, "use shorter rows", err));
    memset(r->copy, 0, r->rows.length + 1 + TSGD_NUMBER_SLACK);
    for (char *to = r->copy;; p++) {
        struct field f;
        p = skip_blanks(r->layout, p, end);
        if (p < end && *p == '"') {
            f.at = to;
            p = unquote(r, p, end, &to);
            if (!p)
                TRY(fail_quote(r, err));
            f.n = (size_t)(to - f.at);
            *to++ = '\n';
        } else {
            const char *next = memchr(p, r->layout->separator, (size_t)(end - p));
            f.at = p;
            p = next ? next : end;
            f.n = without_blanks(r->layout, f.at, p);
        }
        if (r->fields == MOST_COLUMNS)
            TRY(tsgd_fail(err, TSGD_EFORMAT, "%s:%llu: more than %d columns", r->path,
                          r->rows.line, MOST_COLUMNS));
        TRY(tsgd_grow((void **)&r->field, &r->field_room, r->fields + 1, sizeof *r->field, r->path,
                      "use fewer columns", err));
        r->field[r->fields++] = f;
        if (p == end)
            break;
    }
done:
    return st;
}

/* False: the field is no number as a whole. */
static bool to_number(struct field f, double *out)
{
    return f.n > 0 && tsgd_scan_double(f.at, out) == f.at + f.n;
}

static bool is_number(struct field f)
{
    double v;
    return to_number(f, &v);
}

/* False: nor does single precision hold it. */
static bool to_float(struct field f, float *out)
{
    double v;
    if (!to_number(f, &v) || !isfinite((float)v))
        return false;
    *out = (float)v;
    return true;
}

/* What programs write where they have no value. */
static bool is_missing(struct field f)
{
    static const char *const text[] = {"", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "?"};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        if (f.n == strlen(text[i]) && !memcmp(f.at, text[i], f.n))
            return true;
    return false;
}

/* ---- what the first rows tell ---- */

/* How often c stands in the row, outside of quotes. */
static size_t count(const struct tsgd_rows *r, char c)
{
    size_t n = 0;
    bool inside = false;
    for (size_t i = 0; i < r->length; i++) {
        inside ^= r->row[i] == '"';
        n += r->row[i] == c && !inside;
    }
    return n;
}

/* The one that stands equally often in all of the first rows; else the one that stands in the first
 * row at all, and what is wrong is found when that row is read. A tab or semicolon comes before a
 * comma, which may be a decimal mark.                                                           */
static enum tsgd_status find_separator(struct reader *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    static const char candidate[] = "\t;,";
    size_t first[3] = {0}, rows = 0;
    bool found = true, equal[3] = {true, true, true};
    for (; rows < FIRST_ROWS; rows++) {
        TRY(tsgd_rows_next(&r->rows, &found, err));
        if (!found)
            break;
        for (int i = 0; i < 3; i++) {
            size_t n = count(&r->rows, candidate[i]);
            first[i] = rows ? first[i] : n;
            equal[i] &= n == first[i];
        }
    }
    if (!rows)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: is empty, want rows of numbers", r->path));
    r->layout->separator = 0;
    for (int any = 0; any < 2; any++)
        for (int i = 0; i < 3 && !r->layout->separator; i++)
            if (first[i] && (equal[i] || any))
                r->layout->separator = candidate[i];
    if (!r->layout->separator)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s:1: one column, want at least 2, separated by commas, "
                      "semicolons or tabs", r->path));
    tsgd_rows_again(&r->rows, true);
done:
    return st;
}

/* A row 0, 1, 2, .. is what pandas calls columns without names; the target may have one. */
static bool counts_up(const struct reader *r)
{
    for (size_t i = 0; i < r->fields; i++) {
        double v = -1;
        if (to_number(r->field[i], &v) ? v != (double)i : i != r->layout->target)
            return false;
    }
    return r->fields >= 4;
}

static bool has_name(const struct reader *r, size_t i, const char *name)
{
    return r->field[i].n == strlen(name) && !memcmp(r->field[i].at, name, r->field[i].n);
}

static bool has_names(const struct reader *r, char *const *name)
{
    bool same = r->fields == r->layout->columns;
    for (size_t i = 0; i < r->fields && same; i++)
        same = has_name(r, i, name[i]);
    return same;
}

/* Whether the first row is one of names: one of its features is a text where the second row has a
 * number. It is split afterwards, and the next row is the second one.                           */
static enum tsgd_status find_names(struct reader *r, bool *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct layout *l = r->layout;
    bool found, second, *number = NULL;
    size_t n = 0;
    TRY(tsgd_rows_next(&r->rows, &found, err));
    TRY(tsgd_rows_next(&r->rows, &second, err));
    if (second) {
        TRY(split(r, err));
        n = r->fields;
        TRY(TSGD_NEW(&number, n, r->path, err));
        for (size_t i = 0; i < n; i++)
            number[i] = is_number(r->field[i]);
    }
    tsgd_rows_again(&r->rows, true);
    TRY(tsgd_rows_next(&r->rows, &found, err));
    TRY(split(r, err));
    *out = counts_up(r) || (l->name && has_names(r, l->name));
    for (size_t i = 0; i < r->fields; i++)
        *out |= i != l->target && !is_number(r->field[i]) && !is_missing(r->field[i]) &&
                (!second || (i < n && number[i]));
done:
    free(number);
    return st;
}

/* The names of the row that was split, in one block, for the caller to free. */
static enum tsgd_status copy_names(const struct reader *r, char ***out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t head = r->fields * sizeof(char *), bytes = head;
    void *block = NULL;
    for (size_t i = 0; i < r->fields; i++)
        bytes += r->field[i].n + 1;
    TRY(tsgd_alloc(&block, bytes, 1, r->path, err));
    char **name = block, *text = (char *)block + head;
    for (size_t i = 0; i < r->fields; i++) {
        name[i] = text;
        memcpy(text, r->field[i].at, r->field[i].n);
        text += r->field[i].n + 1;
    }
    *out = name;
done:
    return st;
}

/* --label, once the first row is split: a number from 1 on, or a name in that row. */
static enum tsgd_status find_target(const struct reader *r, const char *label, size_t *out,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t number;
    char **name = NULL;
    size_t found = 0;
    if (!label) {
        *out = r->fields - 1;
        return TSGD_OK;
    }
    if (tsgd_parse_u64(label, &number)) {
        if (number < 1 || number > r->fields)
            return tsgd_fail(err, TSGD_EINVAL, "--label: column %s, want 1 to %zu, the columns of "
                             "%s", label, r->fields, r->path);
        *out = number - 1;
        return TSGD_OK;
    }
    for (size_t i = 0; i < r->fields; i++)
        if (has_name(r, i, label)) {
            found++;
            *out = i;
        }
    if (found > 1)
        return tsgd_fail(err, TSGD_EINVAL, "--label: %zu columns of %s are named '%.80s', want a "
                         "name that is unique, or a number from 1 on", found, r->path, label);
    if (found == 0) {
        TRY(copy_names(r, &name, err));
        TRY(tsgd_unknown_name("--label", label, (const char *const *)name, r->fields, err));
    }
done:
    free(name);
    return st;
}

/* Columns and their names, as the training file has them. */
static enum tsgd_status learn_layout(struct reader *r, const char *label, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct layout *l = r->layout;
    uint64_t number;
    bool found, names;
    TRY(find_separator(r, err));
    TRY(tsgd_rows_next(&r->rows, &found, err));
    TRY(split(r, err));
    l->columns = r->fields;
    if (l->columns < 2)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s:%llu: one column, want at least 2", r->path,
                      r->rows.line));
    TRY(find_target(r, label, &l->target, err));
    tsgd_rows_again(&r->rows, true);
    TRY(find_names(r, &names, err));
    if (names || (label && !tsgd_parse_u64(label, &number)))
        TRY(copy_names(r, &l->name, err));
    for (size_t i = 0; i < l->columns && l->name; i++)
        if (!l->name[i][0])
            TRY(tsgd_fail(err, TSGD_EFORMAT, "%s:%llu: column %zu has no name; if it numbers the "
                          "rows, write the file without it (pandas: index=False), else name it",
                          r->path, r->rows.line, i + 1));
    tsgd_rows_again(&r->rows, false);
    if (l->name)
        TRY(tsgd_rows_next(&r->rows, &found, err));
done:
    return st;
}

/* The test's file has the same columns; a row of names says so itself. */
static enum tsgd_status check_layout(struct reader *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct layout *l = r->layout;
    char shown[TSGD_SHOWN];
    bool found, names;
    TRY(tsgd_rows_next(&r->rows, &found, err));
    if (!found)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: is empty, want rows as in %s", r->path, l->path));
    tsgd_rows_again(&r->rows, true);
    TRY(find_names(r, &names, err));
    for (size_t i = 0; names && l->name && r->fields == l->columns && i < l->columns; i++)
        if (!has_name(r, i, l->name[i]))
            TRY(tsgd_fail(err, TSGD_EFORMAT, "%s:%llu: column %zu is named '%s', want '%.64s' as "
                          "in %s", r->path, r->rows.line, i + 1,
                          tsgd_show(shown, r->field[i].at, r->field[i].n), l->name[i], l->path));
    if (r->fields != l->columns)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s:%llu: %zu columns, want %zu as in %s", r->path,
                      r->rows.line, r->fields, l->columns, l->path));
    tsgd_rows_again(&r->rows, false);
    if (names)
        TRY(tsgd_rows_next(&r->rows, &found, err));
done:
    return st;
}

/* ---- samples ---- */

/* Numbers and target of a row in which all is as it should be and nothing in quotes. */
static bool take_fast(const struct reader *r, float *x, struct field *target)
{
    const struct layout *l = r->layout;
    const char *p = r->rows.row, *end = p + r->rows.length;
    for (size_t i = 0; i < l->columns; i++) {
        const char *next;
        p = skip_blanks(l, p, end);
        if (i == l->target) {
            next = memchr(p, l->separator, (size_t)(end - p));
            next = next ? next : end;
            *target = (struct field){p, without_blanks(l, p, next)};
            if (target->n == 0 || *p == '"')
                return false;
        } else {
            double v;
            if (!(next = tsgd_scan_double(p, &v)))
                return false;
            next = skip_blanks(l, next, end);
            *x = (float)v;
            if (!isfinite(*x++))
                return false;
        }
        bool last = i + 1 == l->columns;
        if (last ? next != end : next == end || *next != l->separator)
            return false;
        p = next + 1;
    }
    return true;
}

/* The sentence about a field that is not what it should be. */
static enum tsgd_status fail_field(const struct reader *r, size_t i, struct tsgd_error *err)
{
    const struct layout *l = r->layout;
    struct field f = r->field[i];
    char shown[TSGD_SHOWN], name[TSGD_SHOWN], column[2 * TSGD_SHOWN];
    const char *want;
    bool named = l->name;
    snprintf(column, sizeof column, "column %zu%s%s%s", i + 1, named ? " ('" : "",
             named ? tsgd_show(name, l->name[i], strlen(l->name[i])) : "", named ? "')" : "");
    if (f.n == 0)
        return tsgd_fail(err, TSGD_EFORMAT, "%s:%llu: %s is empty, want a %s; put one where a "
                         "value is missing, or leave the row out", r->path, r->rows.line, column,
                         i == l->target && !l->numbers ? "label" : "number");
    if (is_missing(f))
        want = i == l->target && !l->numbers ?
            "a label; give missing ones a name of their own, or leave the row out" :
            "a number; put one where a value is missing, or leave the row out";
    else if (is_number(f))
        want = "a number that single precision can hold";
    else if (memchr(f.at, ',', f.n))
        want = "a number with a decimal point";
    else if (i == l->target)
        want = "a number, since --loss mse takes no classes";
    else
        want = "a number; turn texts into columns of 0 and 1, leave the column out, or say by "
               "--label that it is the target";
    return tsgd_fail(err, TSGD_EFORMAT, "%s:%llu: %s holds '%s', want %s", r->path, r->rows.line,
                     column, tsgd_show(shown, f.at, f.n), want);
}

/* The same of any row; what is wrong is found in the order of columns. */
static enum tsgd_status take(struct reader *r, float *x, struct field *target,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct layout *l = r->layout;
    if (take_fast(r, x, target))
        return TSGD_OK;
    TRY(split(r, err));
    if (r->fields != l->columns)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s:%llu: ends after column %zu, want %zu columns as in "
                      "the first row", r->path, r->rows.line, r->fields, l->columns));
    *target = r->field[l->target];
    for (size_t i = 0; i < l->columns; i++)
        if (i == l->target ? target->n == 0 : !to_float(r->field[i], x++))
            TRY(fail_field(r, i, err));
done:
    return st;
}

struct intake {
    struct tsgd_samples *out;
    size_t x_room, target_room;
    struct tsgd_classes *labels; /* already sorted where the test is read */
};

/* The row's target becomes that of sample `i`. */
static enum tsgd_status take_target(struct reader *r, struct intake *in, struct field target,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct layout *l = r->layout;
    struct tsgd_samples *out = in->out;
    size_t i = out->count;
    if (l->numbers) {
        TRY(tsgd_grow((void **)&out->targets, &in->target_room, i + 1, sizeof *out->targets,
                      r->path, USE_LESS, err));
        if (!to_float(target, &out->targets[i])) {
            TRY(split(r, err));
            TRY(fail_field(r, l->target, err));
        }
        return TSGD_OK;
    }
    TRY(tsgd_grow((void **)&out->labels, &in->target_room, i + 1, sizeof *out->labels, r->path,
                  USE_LESS, err));
    if (is_missing(target)) {
        TRY(split(r, err));
        TRY(fail_field(r, r->layout->target, err));
    }
    if (in->labels->classes)
        TRY(tsgd_classes_find(in->labels, target.at, target.n, r->rows.line, &out->labels[i], err));
    else
        TRY(tsgd_classes_add(in->labels, target.at, target.n, r->rows.line, &out->labels[i], err));
done:
    return st;
}

/* Reads a file to its end; what *out has got is the caller's to free, whatever comes back. */
static enum tsgd_status read_samples(struct reader *r, struct tsgd_classes *labels,
                                     struct tsgd_samples *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t features = r->layout->columns - 1;
    struct intake in = {.out = out, .labels = labels};
    labels->path = r->path;
    labels->column = r->layout->target + 1;
    for (bool found;; out->count++) {
        struct field target = {NULL, 0};
        TRY(tsgd_rows_next(&r->rows, &found, err));
        if (!found)
            break;
        if (out->count == UINT32_MAX)
            TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: more than %u samples", r->path, UINT32_MAX));
        TRY(tsgd_grow((void **)&out->floats, &in.x_room, (out->count + (size_t)1) * features,
                      sizeof *out->floats, r->path, USE_LESS, err));
        TRY(take(r, out->floats + out->count * features, &target, err));
        TRY(take_target(r, &in, target, err));
    }
    if (out->count == 0)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: holds no samples, want at least 1", r->path));
done:
    return st;
}

static void release(struct reader *r)
{
    tsgd_rows_close(&r->rows);
    free(r->field);
    free(r->copy);
}

/* label: --label, of the training's file. */
static enum tsgd_status read_file(struct layout *l, const char *path, const char *label,
                                  struct tsgd_classes *labels, struct tsgd_samples *out,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct reader r = {.rows = TSGD_ROWS_INIT, .layout = l, .path = path};
    TRY(tsgd_rows_open(&r.rows, path, true, err));
    if (l->path) {
        TRY(check_layout(&r, err));
    } else {
        TRY(learn_layout(&r, label, err));
        l->path = path;
    }
    TRY(read_samples(&r, labels, out, err));
done:
    release(&r);
    return st;
}

static enum tsgd_status load(const struct tsgd_request *request, struct tsgd_dataset *out,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_classes labels = TSGD_CLASSES_INIT;
    struct tsgd_paths paths = {NULL, NULL};
    struct layout l = {.numbers = request->numbers};
    TRY(tsgd_paths_init(&paths, request->arg, tsgd_source_csv.usage, err));
    TRY(read_file(&l, paths.train, request->label, &labels, &d.train, err));
    d.shape = (struct tsgd_shape){1, 1, (uint32_t)(l.columns - 1)};
    d.format = TSGD_FORMAT_FLOATS;
    d.table = true;
    d.outputs = 1;
    if (!l.numbers) {
        TRY(tsgd_classes_sort(&labels, d.train.labels, d.train.count, err));
        TRY(tsgd_classes_name(&labels, &d, err));
    }
    if (paths.test)
        TRY(read_file(&l, paths.test, NULL, &labels, &d.test, err));
    *out = d;
    d = (struct tsgd_dataset)TSGD_DATASET_INIT;
done:
    tsgd_dataset_release(&d);
    tsgd_classes_release(&labels);
    free(l.name);
    free(paths.train);
    return st;
}

const struct tsgd_source tsgd_source_csv = {
    .name = "csv",
    .usage = "csv:TRAIN[,TEST]",
    .summary = "rows of numbers and a label, separated by commas, semicolons or tabs, plain or .gz",
    .has_columns = true,
    .has_numbers = true,
    .has_paths = true,
    .load = load,
};
