/* data/classes.h: classes by the values that stand in a file. The labels of training samples are
 * collected as texts, each with a number in the order in which they came, and then sorted into
 * classes. Where all are numbers a class is a whole number, texts of the same value ("1", "+1",
 * "1.0") are one class, and classes go by value; else a class is a text, and classes go by bytes.
 * Labels of the test are looked up among them.
 * Ownership: whoever inits it releases it. One thread.                                          */
#ifndef TSGD_DATA_CLASSES_H
#define TSGD_DATA_CLASSES_H

#include "data/dataset.h"

enum { TSGD_MOST_LABEL = 255 };     /* bytes */

struct tsgd_label {
    size_t text;                /* begins at texts[text] and ends with a zero byte */
    uint64_t hash, place;       /* place: of the sample that had it first */
    double number;              /* NAN: the text is none */
    uint32_t class;
};

struct tsgd_classes {
    /* For sentences; the caller sets them anew for another file. column > 0: a place is a line, and
     * the label stands in that column; 0: it is the number of a sample.                         */
    const char *path;
    size_t column;

    struct tsgd_label *label;
    char *texts;
    uint32_t *slot;             /* a hash table of label numbers + 1; 0: free */
    size_t n, room, used, texts_room, slots;
    uint32_t *first;            /* [classes] the number of a label of each class */
    uint32_t classes;           /* 0 before they are sorted */
    bool numbers;
    const char *from;           /* the file whose labels they are */
};
#define TSGD_CLASSES_INIT {.path = NULL}

/* The number of the label that these n > 0 bytes are. TSGD_EFORMAT: it is longer than
 * TSGD_MOST_LABEL bytes, not UTF-8, has a control character, or is one too many. TSGD_ENOMEM.   */
enum tsgd_status tsgd_classes_add(struct tsgd_classes *l, const char *text, size_t n,
                                  uint64_t place, uint16_t *out, struct tsgd_error *err);

/* Makes the classes, and in label[count] of each number its class. TSGD_EFORMAT: all are numbers
 * but not all whole ones below 2^53, or they are all the same. TSGD_ENOMEM.                     */
enum tsgd_status tsgd_classes_sort(struct tsgd_classes *l, uint16_t *label, size_t count,
                                   struct tsgd_error *err);

/* The class of a label, once they are sorted. TSGD_EFORMAT: there is none. */
enum tsgd_status tsgd_classes_find(const struct tsgd_classes *l, const char *text, size_t n,
                                   uint64_t place, uint16_t *out, struct tsgd_error *err);

/* Gives a data set its classes, and their names unless these are just the numbers from 0 on.
 * TSGD_ENOMEM.                                                                                  */
enum tsgd_status tsgd_classes_name(const struct tsgd_classes *l, struct tsgd_dataset *to,
                                   struct tsgd_error *err);

void tsgd_classes_release(struct tsgd_classes *l);

#endif
