/* tests/fuzz/sources.h: what targets share whose sources are files that --data names. */
#ifndef TESTS_FUZZ_SOURCES_H
#define TESTS_FUZZ_SOURCES_H

#include "data/source.h"
#include "fuzz/fuzz.h"

/* Loads "name:..", and looks at what comes back, with the test samples that are drawn where the
 * source has none.                                                                              */
void fuzz_load(const char *data, const char *label, bool numbers);

/* Puts a gzip member with these bytes, or the bytes themselves, into file number `slot`. */
const char *fuzz_packed(int slot, bool packed, const uint8_t *data, size_t n);

#endif
