/* log/logresume.h: a log that goes on where a checkpoint was taken. The lines of later evaluations
 * and the summary of the stopped run are taken away, those up to there stay, and the file is as if
 * there had been no stop, wall time aside.                                                      */
#ifndef TSGD_LOG_LOGRESUME_H
#define TSGD_LOG_LOGRESUME_H

#include "log/logfile.h"

/* Begins the log of any run: as tsgd_log_begin does, or, if the run resumes (info->resumed_round),
 * where its checkpoint was taken; then too a file that is not there or empty, a pipe or a device
 * begins anew, and has the evaluations to come. Requires an open log, or none. TSGD_EINVAL: it is
 * the log of another run, or lacks evaluations that the checkpoint counts. TSGD_EIO, TSGD_EFORMAT,
 * TSGD_ENOMEM. On error the file is as it was.                                                  */
enum tsgd_status tsgd_log_go_on(struct tsgd_log *log, const struct tsgd_info *info,
                                const struct tsgd_settings *asked,
                                const struct tsgd_command *command, struct tsgd_error *err);

#endif
