/* base/status.h: how things that depend on the world report failure.
 * A function returns a status and, on failure, fills one sentence into `err`: the file or option,
 * the value found, the value wanted. `err` may be NULL. Broken preconditions are asserts.       */
#ifndef TSGD_BASE_STATUS_H
#define TSGD_BASE_STATUS_H

#include "telesgd.h"

/* Fills err and returns status, so that a check reads `return tsgd_fail(err, ...)`. Numbers in the
 * sentence are as in the C locale.                                                              */
enum tsgd_status tsgd_fail(struct tsgd_error *err, enum tsgd_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#ifdef __clang_analyzer__               /* it does not look into another file */
#define tsgd_fail(err, status, ...) (tsgd_fail((err), (status), __VA_ARGS__), (status))
#endif

/* What a public call wants of its caller: that an argument, `name` in telesgd.h, is not NULL.
 * TSGD_EINVAL, with the names of both.                                                          */
enum tsgd_status tsgd_given(const void *argument, const char *name, const char *call,
                            struct tsgd_error *err);

/* Goes to the label `done`, which releases what was taken, if the call fails; its status is then in
 * the local `st`.                                                                               */
#define TRY(call)            \
    do {                     \
        st = (call);         \
        if (st != TSGD_OK)   \
            goto done;       \
    } while (0)

#endif
