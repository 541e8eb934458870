/* log/logcheck.h: whether the log of a run is there already, and whole: then the run need not be
 * made again.                                                                                   */
#ifndef TSGD_LOG_LOGCHECK_H
#define TSGD_LOG_LOGCHECK_H

#include "base/status.h"

#include <jansson.h>

/* Looks at the log of a run whose config line would be `config` (tsgd_log_config). *summary: its
 * last line, for the caller to json_decref, if the run came to its end or diverged; NULL: the file
 * is not there, or is of a run that was killed or interrupted.
 * TSGD_EINVAL: the file is not a log of telesgd, or of a run with other settings, data or version,
 * or is being written. TSGD_EIO, TSGD_ENOMEM.                                                   */
enum tsgd_status tsgd_log_look(const char *path, const json_t *config, json_t **summary,
                               struct tsgd_error *err);

/* Whether the first line of a log is of a run whose config line would be `config`, as far as the
 * result depends on it. remedy: "give another name". TSGD_EINVAL: it is not; TSGD_EIO,
 * TSGD_EFORMAT, TSGD_ENOMEM.                                                                    */
enum tsgd_status tsgd_log_compare(const char *path, const json_t *config, const char *remedy,
                                  struct tsgd_error *err);

#endif
