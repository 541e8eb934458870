/* run/split_view.h: a split as people look at it: how many samples of each class every node has,
 * and what follows from that. Making one loads the data set and draws or reads the split exactly as
 * a run does, without a model and without training.
 * Ownership: whoever makes a view releases it. Threads: any number may read.                    */
#ifndef TSGD_RUN_SPLIT_VIEW_H
#define TSGD_RUN_SPLIT_VIEW_H

#include "run/shelf.h"

struct tsgd_split_view {
    uint32_t nodes, classes;
    uint32_t samples;           /* of all nodes */
    uint32_t left_out;          /* training samples that no node has: --subset, --split, and those
                                 * that --validation holds out */
    uint32_t *count;            /* [nodes][classes] */
    uint32_t *total;            /* [classes], of all nodes together */
    char **class_name;          /* [classes], UTF-8, as the data call them; NULL: 0, 1, .. */
    uint64_t hash;              /* split_hash of a log: before --validation takes samples */
};
#define TSGD_SPLIT_VIEW_INIT {.count = NULL}

/* From the settings of a run, as a user gave them or as a log has them (tsgd_config_read); those
 * that concern neither data nor nodes are ignored. Data and split stay on the shelf; the view does
 * not need it any more. Writes the split where save_split asks for it.
 * Who shows the split of a log compares `hash` with the log's: files may have changed since. On
 * error *out is untouched, and nothing is written. TSGD_EINVAL, TSGD_EIO, TSGD_EFORMAT,
 * TSGD_ENOMEM.                                                                                  */
enum tsgd_status tsgd_split_view_make(struct tsgd_split_view *out, struct tsgd_shelf *shelf,
                                      const struct tsgd_settings *s, struct tsgd_error *err);
void tsgd_split_view_release(struct tsgd_split_view *v);

static inline const uint32_t *tsgd_split_view_of(const struct tsgd_split_view *v, uint32_t node)
{
    return v->count + (size_t)node * v->classes;
}

/* How many samples a node has. */
uint32_t tsgd_split_view_samples(const struct tsgd_split_view *v, uint32_t node);

/* Total variation distance between the classes of a node and those of all nodes together, which is
 * half the sum of the differences of their shares: 0, the same shares, to nearly 1. NaN: the node
 * has no samples.                                                                               */
double tsgd_split_view_distance(const struct tsgd_split_view *v, uint32_t node);

struct tsgd_split_stats {
    uint32_t empty;             /* nodes without samples */
    uint32_t least_samples, most_samples;
    double mean_samples, median_samples;    /* of all nodes */
    /* Of nodes with samples; every split has one. Effective classes are exp(entropy of the shares):
     * as many equally frequent classes would be as varied.                                      */
    uint32_t least_classes, most_classes;
    double mean_classes, mean_effective, mean_distance;
    double effective_of_all;    /* of all nodes together */
};

/* TSGD_ENOMEM. */
enum tsgd_status tsgd_split_view_stats(const struct tsgd_split_view *v,
                                       struct tsgd_split_stats *out, struct tsgd_error *err);

#endif
