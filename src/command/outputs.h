/* command/outputs.h: whether the files a run will write can be written, before anything is done. */
#ifndef TSGD_COMMAND_OUTPUTS_H
#define TSGD_COMMAND_OUTPUTS_H

#include "run/settings.h"

/* TSGD_EINVAL: two outputs are one file, or an output is an input. */
enum tsgd_status tsgd_outputs_check_names(const struct tsgd_settings *s, struct tsgd_error *err);

/* TSGD_EINVAL: an output would replace a file that telesgd did not write, without --force. */
enum tsgd_status tsgd_outputs_check_replaced(const struct tsgd_settings *s, struct tsgd_error *err);

/* The same for the picture of `telesgd compare`, --plot. */
enum tsgd_status tsgd_outputs_check_plot(const struct tsgd_settings *s, struct tsgd_error *err);

/* The same for the page of `telesgd report`, --output. */
enum tsgd_status tsgd_outputs_check_page(const struct tsgd_settings *s, struct tsgd_error *err);

/* Whether two paths, of files that may not be there yet, lead to one file. */
bool tsgd_outputs_same(const char *a, const char *b);

/* TSGD_EIO: --save, --log, --save-split, --trace or --checkpoint cannot be written. Leaves nothing
 * behind.                                                                                       */
enum tsgd_status tsgd_outputs_probe(const struct tsgd_settings *s, struct tsgd_error *err);

#endif
