/* base/build.h: what this program was built of, and by what; for logs and --version. */
#ifndef TSGD_BASE_BUILD_H
#define TSGD_BASE_BUILD_H

/* Of the sources, as git names it, with "-dirty" when they had been changed; "unknown" when the
 * Makefile did not say.                                                                         */
extern const char tsgd_build_revision[];

/* "gcc 12.2.0" */
extern const char tsgd_build_compiler[];

#endif
