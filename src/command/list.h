/* command/list.h: the tables of things that options choose by name, for 'telesgd list' and for
 * completion.                                                                                   */
#ifndef TSGD_COMMAND_LIST_H
#define TSGD_COMMAND_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct tsgd_list_item {
    const char *name, *usage, *summary;
    const char *place;          /* the folder that it is read from, or NULL */
    char made[120];             /* where a usage stands that is put together */
    unsigned refused_by;        /* the commands, as bits, that do not take it */
};

struct tsgd_list_kind {
    const char *name, *option;  /* "models", "model" */
    bool (*item)(size_t i, struct tsgd_list_item *out);     /* false beyond the last */
};
extern const struct tsgd_list_kind tsgd_list_kinds[];
extern const size_t tsgd_n_list_kinds;

#endif
