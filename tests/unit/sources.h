/* tests/unit/sources.h: data sets from files that a test has just written. */
#ifndef TESTS_UNIT_SOURCES_H
#define TESTS_UNIT_SOURCES_H

#include "data/source.h"

/* For suites that write files: .init and .fini. */
void sources_enter(void);
void sources_leave(void);

void sources_write(const char *path, const char *text);

/* Runs a script of Python's with numpy as np, which must succeed. */
void sources_python(const char *script);

/* Reads a file of float32, of which there must be n. */
void sources_floats(const char *path, float *to, size_t n);

/* What a source brings by itself, without a test that is drawn: "csv:train.csv,test.csv". It must
 * succeed.                                                                                      */
struct tsgd_dataset sources_load(const char *data, const char *label, bool numbers);

/* It fails with this status and a sentence that has `part` in it, and leaves *out as it was. */
void sources_refuse(const char *data, const char *label, bool numbers, enum tsgd_status want,
                    const char *part);

#endif
