/* run/agree.h: what the ranks of a run must agree on before they train together. Each rank runs the
 * same commands; where one of them may fail and the others not, all come to the same call here, and
 * go on or end alike. A rank that fails earlier must still come to the next such call: between two
 * of them nothing may wait for another rank.
 *
 * With one rank, or transport NULL, all of this returns at once what it was given.
 * Threads: one, before and after a training.                                                    */
#ifndef TSGD_RUN_AGREE_H
#define TSGD_RUN_AGREE_H

#include "run/resume.h"

/* The same status on all ranks: TSGD_OK where it is that of all, else that of the first rank that
 * failed, whose number, host and sentence are then in *err everywhere. A sentence that all ranks
 * have alike stays as it is.                                                                    */
enum tsgd_status tsgd_agree(struct tsgd_transport *t, enum tsgd_status mine,
                            struct tsgd_error *err);

/* Whether all ranks have the same text (NULL: none). TSGD_EINVAL on all, with the first that has
 * another.                                                                                      */
enum tsgd_status tsgd_agree_alike(struct tsgd_transport *t, const char *what, const char *text,
                                  struct tsgd_error *err);

/* Whether a text that one rank alone goes by, the first, is what every rank has that has one (NULL:
 * none). TSGD_EINVAL on all, with the first that has another.                                   */
enum tsgd_status tsgd_agree_first(struct tsgd_transport *t, const char *what, const char *text,
                                  struct tsgd_error *err);

/* Whether all ranks have what rank 0 has: the settings that change the result, data, split,
 * placement, first parameters, the checkpoint that it goes on from, which must still be open; and
 * whether messages have tags enough for the tokens. On every rank that setup and info were made.
 * TSGD_EINVAL on all, with the first rank that differs.                                         */
enum tsgd_status tsgd_agree_setup(const struct tsgd_setup *setup, const struct tsgd_info *info,
                                  const struct tsgd_resume *resume, struct tsgd_error *err);

#endif
