/* sweep/grid.h: a sweep file, and the runs that it stands for.
 *
 *     data = digits                a setting of every run, as in a settings file
 *     lr = 0.1, 0.01               a list, of values with a comma and a space between them, is an
 *     seed = 0..2                  axis; so is a range of whole numbers
 *     [dsgd]                       what belongs together; the named sections are one axis
 *     method = dsgd
 *     [teleport]
 *     method = teleport
 *     [tune]                       axes of which the best values are chosen on validation
 *     momentum = 0, 0.9            samples, by seeds of their own, for every combination of the
 *     by = validation_accuracy     other axes; by which metric, if not by loss
 *     seed = 100, 101
 *     [tune teleport]              the same for one section
 *     active = 4, 8
 *
 * A cell is a combination of all axes but the seed and those that are chosen. Where something is
 * chosen it has candidates: a run for each choice and each seed of [tune]. What is reported of a
 * cell is a run for each seed, with the choice that was made.
 * Ownership: whoever inits a grid releases it. One thread.                                      */
#ifndef TSGD_SWEEP_GRID_H
#define TSGD_SWEEP_GRID_H

#include "base/mem.h"
#include "run/metrics.h"
#include "run/settings.h"

struct tsgd_axis {
    const struct tsgd_setting_row *row;
    char **value;               /* [n] */
    size_t n;
    unsigned line;              /* in the file; 0: the command line */
};

struct tsgd_grid_run {
    char *name;                 /* says what differs; can be a file's */
    struct tsgd_settings *settings;     /* as given; what is still to be chosen is lacking */
    size_t cell;
    size_t choice;              /* of a candidate: which it tries; TSGD_REPORTED: none */
};
#define TSGD_REPORTED SIZE_MAX

struct tsgd_cell {
    char *name;                 /* as of its runs, without the seed; "" if there is one cell */
    const struct tsgd_axis **tuned;     /* [n_tuned] what is chosen */
    size_t n_tuned, choices;    /* choices: 0 when nothing is */
    size_t first_run, n_runs;   /* its runs stand together */
    size_t chosen;              /* SIZE_MAX: not yet */
};

struct tsgd_grid {
    const char *path;
    struct tsgd_part *part;     /* the file's sections */
    size_t n_parts;
    const struct tsgd_metric *by;       /* what choices are judged by; NULL: not said */
    struct tsgd_cell *cell;     /* [n_cells] */
    size_t n_cells;
    struct tsgd_grid_run *run;  /* [n_runs] cell after cell, candidates first */
    size_t n_runs;
    bool differs[TSGD_SETTINGS];        /* may not be the same in all runs: columns of a table */
    struct tsgd_holding holding;
};
#define TSGD_GRID_INIT {NULL, NULL, 0, NULL, NULL, 0, NULL, 0, {false}, TSGD_HOLDING_INIT}

/* Reads the file. change[n]: "NAME=VALUE" in place of what the file says of NAME anywhere, which is
 * not chosen then (the seeds that choices are made by stay); or "SECTION.NAME=VALUE" in place of
 * what it says there, also in "tune" and "tune X", where "by" is a name too. Release out either
 * way. TSGD_EIO, TSGD_ENOMEM; TSGD_EFORMAT: no such line; TSGD_EINVAL: a setting or value is wrong,
 * or settings contradict each other.                                                            */
enum tsgd_status tsgd_grid_init(struct tsgd_grid *out, const char *path, char *const *change,
                                size_t n, struct tsgd_error *err);
void tsgd_grid_release(struct tsgd_grid *g);

/* Whether anything is to be chosen. */
bool tsgd_grid_tunes(const struct tsgd_grid *g);

/* Gives the settings of a cell's reported runs what was chosen. TSGD_ENOMEM. */
enum tsgd_status tsgd_grid_choose(struct tsgd_grid *g, size_t cell, size_t choice,
                                  struct tsgd_error *err);

/* The value of a cell's tuned axis number i in a choice. */
const char *tsgd_grid_choice(const struct tsgd_cell *c, size_t choice, size_t i);

#endif
