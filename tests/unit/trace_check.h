/* tests/unit/trace_check.h: a strict look at a trace file, by the rules of the Chrome trace event
 * format as Perfetto reads it: what is broken there is dropped, or shown where it does not belong,
 * without a word.
 *     every event is of a kind that is known, and has its fields and no others
 *     every track that has slices, and its process, are named once
 *     slices of a track lie within each other or one after the other
 *     an arrow begins once and ends once, goes forward in time, and both ends, and what lies
 *     between, are in slices of their tracks
 *     a counter's values are finite numbers, one at a moment
 *     the first thing that happens is at 0                                                      */
#ifndef TSGD_TESTS_TRACE_CHECK_H
#define TSGD_TESTS_TRACE_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Fails the test that runs, and says why. */
void expect_valid_trace(const json_t *file);

/* Whether it finds anything: `why` has the first sentence then. */
bool trace_is_valid(const json_t *file, char *why, size_t size);

#endif
