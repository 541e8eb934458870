/* cli/labels.h: names for runs that stand side by side, which say what tells them apart. */
#ifndef TSGD_CLI_LABELS_H
#define TSGD_CLI_LABELS_H

#include "cli/runlog.h"

/* label[i] names log[i]: "teleport, 8 of 100, ring", then each setting of the result in which the
 * run differs from another of the n, as in ", lr 0.1, seed 3". The step size that a search chose is
 * always among them. Names that are equal all the same end in " #1", " #2", ..
 * The caller frees each label; on failure they are NULL. TSGD_ENOMEM.                           */
enum tsgd_status tsgd_labels_create(char **label, const struct tsgd_runlog *log, size_t n,
                                    struct tsgd_error *err);

#endif
