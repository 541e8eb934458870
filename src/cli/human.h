/* cli/human.h: numbers and foreign text as people read them. */
#ifndef TSGD_CLI_HUMAN_H
#define TSGD_CLI_HUMAN_H

#include <stdint.h>
#include <stdio.h>

/* The functions for numbers fill and return text, which has room for so many characters. */
#define TSGD_HUMAN 32

/* "1,234,567" */
const char *tsgd_human_count(uint64_t n, char *text);

/* "0.417", "950", "1.23k", "45.6M", "1e+18T": for rates. */
const char *tsgd_human_short(double x, char *text);

/* "512 B", "1.50 MiB", "1e+06 EiB" */
const char *tsgd_human_bytes(double bytes, char *text);

/* "1.5 ms", "2.43 s", "12.3 s", "4:05 min", "3:04:05 h", "32 years", "3.17e+22 years" */
const char *tsgd_human_time(double seconds, char *text);

/* Replaces every control character, and every byte that is not UTF-8, by '?', so that text out of a
 * file cannot command the terminal. Returns text.                                               */
char *tsgd_human_text(char *text);

/* Prints the first character of a text, which has one, so changed; the rest of the text. */
const char *tsgd_human_put(FILE *out, const char *text);

/* Prints text so changed. */
void tsgd_human_print(FILE *out, const char *text);

#endif
