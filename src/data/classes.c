#include "data/classes.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LESS "use fewer classes"

/* Where a label stands: the beginning of a sentence. */
struct place { char text[400]; };

static const char *say(struct place *to, const struct tsgd_classes *l, uint64_t place)
{
    if (l->column)
        snprintf(to->text, sizeof to->text, "%.300s:%llu: column %zu", l->path,
                 (unsigned long long)place, l->column);
    else
        snprintf(to->text, sizeof to->text, "%.300s: sample %llu", l->path,
                 (unsigned long long)place);
    return to->text;
}

static const char *text_of(const struct tsgd_classes *l, uint32_t number)
{
    return l->texts + l->label[number].text;
}

/* The slot of a text, or the free one that it belongs in. */
static uint32_t *find_slot(const struct tsgd_classes *l, const char *text, size_t n, uint64_t hash)
{
    size_t i = hash & (l->slots - 1);
    for (;; i = (i + 1) & (l->slots - 1)) {
        uint32_t at = l->slot[i];
        if (!at)
            break;
        const char *known = text_of(l, at - 1);
        if (l->label[at - 1].hash == hash && !memcmp(known, text, n) && !known[n])
            break;
    }
    return &l->slot[i];
}

/* A table of twice as many slots; at most half of them are taken. */
static enum tsgd_status grow_table(struct tsgd_classes *l, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t slots = l->slots ? 2 * l->slots : 64;
    uint32_t *slot = NULL;
    TRY(TSGD_NEW(&slot, slots, l->path, err));
    free(l->slot);
    l->slot = slot;
    l->slots = slots;
    for (uint32_t i = 0; i < l->n; i++) {
        size_t at = l->label[i].hash & (slots - 1);
        while (slot[at])
            at = (at + 1) & (slots - 1);
        slot[at] = i + 1;
    }
done:
    return st;
}

/* A text that may be the name of a class. */
static enum tsgd_status check(const struct tsgd_classes *l, const char *text, size_t n,
                              uint64_t place, struct tsgd_error *err)
{
    struct place where;
    char shown[TSGD_SHOWN];
    bool plain = n <= TSGD_MOST_LABEL;
    for (size_t at = 0, width; plain && at < n; at += width) {
        width = tsgd_utf8(text + at, n - at);
        plain = width > 0 && (unsigned char)text[at] >= ' ' && text[at] != 0x7f;
    }
    if (!plain)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: label '%s', want UTF-8 without control "
                         "characters, at most %d bytes", say(&where, l, place),
                         tsgd_show(shown, text, n), TSGD_MOST_LABEL);
    if (l->n == TSGD_MOST_CLASSES)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: label '%s' is the %dth that differs, want at most "
                         "%d classes; --loss mse takes targets that are numbers",
                         say(&where, l, place), tsgd_show(shown, text, n), TSGD_MOST_CLASSES + 1,
                         TSGD_MOST_CLASSES);
    return TSGD_OK;
}

/* The number that a text is as a whole; NAN: it is none. */
static double number_of(const char *text)
{
    double v;
    const char *end = tsgd_scan_double(text, &v);
    return end && !*end ? v : (double)NAN;
}

enum tsgd_status tsgd_classes_add(struct tsgd_classes *l, const char *text, size_t n,
                                  uint64_t place, uint16_t *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t hash = tsgd_hash(text, n);
    assert(n > 0 && !l->classes);
    if (l->slots <= 2 * l->n)
        TRY(grow_table(l, err));
    if (n > TSGD_MOST_LABEL)
        return check(l, text, n, place, err);
    uint32_t *slot = find_slot(l, text, n, hash);
    if (!*slot) {
        TRY(check(l, text, n, place, err));
        TRY(tsgd_grow((void **)&l->label, &l->room, l->n + 1, sizeof *l->label, l->path, LESS,
                      err));
        /* Beyond the end of a text, find_slot compares up to the longest label. */
        TRY(tsgd_grow((void **)&l->texts, &l->texts_room, l->used + n + TSGD_MOST_LABEL + 1, 1,
                      l->path, LESS, err));
        char *copy = l->texts + l->used;
        memcpy(copy, text, n);
        memset(copy + n, 0, TSGD_MOST_LABEL + 1);
        l->label[l->n] = (struct tsgd_label){.text = l->used, .hash = hash, .place = place,
                                             .number = number_of(copy)};
        l->used += n + 1;
        *slot = (uint32_t)++l->n;
    }
    *out = (uint16_t)(*slot - 1);
done:
    return st;
}

/* ---- classes ---- */

static int compare(const void *a, const void *b, void *labels)
{
    const struct tsgd_classes *l = labels;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    double x = l->label[i].number, y = l->label[j].number;
    if (l->numbers)
        return x < y ? -1 : x > y ? 1 : i < j ? -1 : 1;
    return strcmp(text_of(l, i), text_of(l, j));
}

static bool is_whole(double v) { return fabs(v) < 0x1p53 && v == floor(v); }

/* The labels are numbers, so they must be whole. */
static enum tsgd_status check_whole(const struct tsgd_classes *l, struct tsgd_error *err)
{
    struct place where;
    char shown[TSGD_SHOWN];
    for (uint32_t i = 0; i < l->n; i++)
        if (!is_whole(l->label[i].number))
            return tsgd_fail(err, TSGD_EFORMAT, "%s: label '%s', want whole numbers below 2^53 or "
                             "names as classes; --loss mse takes targets that are numbers",
                             say(&where, l, l->label[i].place),
                             tsgd_show(shown, text_of(l, i), strlen(text_of(l, i))));
    return TSGD_OK;
}

enum tsgd_status tsgd_classes_sort(struct tsgd_classes *l, uint16_t *label, size_t count,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char shown[TSGD_SHOWN];
    uint32_t *order = NULL, classes = 0;
    l->numbers = true;
    for (size_t i = 0; i < l->n; i++)
        l->numbers &= !isnan(l->label[i].number);
    if (l->numbers)
        TRY(check_whole(l, err));
    TRY(TSGD_NEW(&order, l->n, l->path, err));
    for (uint32_t i = 0; i < l->n; i++)
        order[i] = i;
    qsort_r(order, l->n, sizeof *order, compare, l);
    for (uint32_t i = 0; i < l->n; i++) {
        struct tsgd_label *own = &l->label[order[i]];
        if (!classes || !l->numbers || own->number > l->label[order[classes - 1]].number)
            order[classes++] = order[i];
        own->class = classes - 1;
    }
    if (classes < 2)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: all labels are '%s', want at least 2 classes",
                      l->path, tsgd_show(shown, text_of(l, 0), strlen(text_of(l, 0)))));
    for (size_t i = 0; i < count; i++)
        label[i] = (uint16_t)l->label[label[i]].class;
    l->classes = classes;
    l->from = l->path;
    l->first = order;
    order = NULL;
done:
    free(order);
    return st;
}

/* The class of a number, or `classes`. */
static uint32_t class_of(const struct tsgd_classes *l, double number)
{
    uint32_t low = 0, high = l->classes;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (l->label[l->first[middle]].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    bool known = low < l->classes && l->label[l->first[low]].number <= number;
    return known ? low : l->classes;
}

enum tsgd_status tsgd_classes_find(const struct tsgd_classes *l, const char *text, size_t n,
                                   uint64_t place, uint16_t *out, struct tsgd_error *err)
{
    struct place where;
    char copy[TSGD_MOST_LABEL + 1 + TSGD_NUMBER_SLACK] = "", shown[TSGD_SHOWN];
    uint32_t class = l->classes;
    assert(n > 0 && l->classes);
    if (n <= TSGD_MOST_LABEL) {
        memcpy(copy, text, n);
        uint32_t slot = *find_slot(l, text, n, tsgd_hash(text, n));
        class = slot ? l->label[slot - 1].class :
                l->numbers && !isnan(number_of(copy)) ? class_of(l, number_of(copy)) : class;
    }
    if (class == l->classes)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: label '%s', which no sample of %.300s has",
                         say(&where, l, place), tsgd_show(shown, text, n), l->from);
    *out = (uint16_t)class;
    return TSGD_OK;
}

enum tsgd_status tsgd_classes_name(const struct tsgd_classes *l, struct tsgd_dataset *to,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char number[24];
    bool plain = l->numbers;
    to->classes = to->outputs = l->classes;
    for (uint32_t i = 0; i < l->classes && plain; i++)
        plain = l->label[l->first[i]].number == i;
    if (plain)
        return TSGD_OK;
    TRY(TSGD_NEW(&to->class_name, l->classes, l->path, err));
    for (uint32_t i = 0; i < l->classes; i++) {
        const char *name = text_of(l, l->first[i]);
        if (l->numbers) {
            snprintf(number, sizeof number, "%lld", (long long)l->label[l->first[i]].number);
            name = number;
        }
        TRY(TSGD_NEW(&to->class_name[i], strlen(name) + 1, l->path, err));
        strcpy(to->class_name[i], name);
    }
done:
    return st;
}

void tsgd_classes_release(struct tsgd_classes *l)
{
    free(l->label);
    free(l->texts);
    free(l->slot);
    free(l->first);
    *l = (struct tsgd_classes)TSGD_CLASSES_INIT;
}
