/* compare/labels.h: names for runs, or groups of runs, that stand side by side, which say what
 * tells them apart.                                                                             */
#ifndef TSGD_COMPARE_LABELS_H
#define TSGD_COMPARE_LABELS_H

#include "compare/values.h"

struct tsgd_labels {
    /* label[i] names what run number run[i] stands for: "teleport, 8 of 100, ring", then each
     * setting of the result in which it differs from another of the n, as in ", lr 0.1". Names that
     * are equal all the same end in " #1", " #2", ..                                            */
    size_t n;
    const size_t *run;
    /* Fields to leave out, and such as are always told. The step size that a search chose is. */
    bool unsaid[TSGD_FIELDS], said[TSGD_FIELDS];
    /* What the name begins with: method, k of n and topology; those of them in which two of the n
     * differ; or nothing.                                                                       */
    enum { TSGD_LABEL_FULL, TSGD_LABEL_DIFFERENT, TSGD_LABEL_SAID } form;
};

/* The caller frees each label; on failure they are NULL. TSGD_ENOMEM. */
enum tsgd_status tsgd_labels_create(char **label, const struct tsgd_values *v,
                                    const struct tsgd_labels *how, struct tsgd_error *err);

/* Whether the name of number i tells this field behind its beginning. */
bool tsgd_labels_say(const struct tsgd_values *v, const struct tsgd_labels *how, size_t i,
                     size_t field);

/* What all of these runs have in common, for a title: "mlp:64 on digits, 32 nodes, ring". The
 * caller frees it. TSGD_ENOMEM.                                                                 */
enum tsgd_status tsgd_labels_common(char **out, const struct tsgd_values *v, const size_t *run,
                                    size_t n, struct tsgd_error *err);

#endif
