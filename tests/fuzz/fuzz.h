/* tests/fuzz/fuzz.h: what the fuzz targets share. A target is a file fuzz_NAME.c with one function,
 * which gives any bytes to one reader of the program and looks at what comes back: sanitizers see
 * that memory is touched only where it may be, and MUST that what the reader promises is true.
 * The same files are compiled in two ways: for libFuzzer, which makes up inputs (`make fuzz`), and
 * into one program that reads the inputs kept in corpus/NAME again (replay.c, `make test`).     */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/status.h"

/* Bytes that the machine seems to have, as tsgd_mem_check tells it: so the same inputs are refused
 * on every machine, and what is not refused is soon done.                                        */
enum { FUZZ_MEMORY = 32 << 20 };

/* Words of an input: its lines up to one that is "---"; what follows that is a file of its own, and
 * an @ at the end of a word stands for its path.                                                */
enum { FUZZ_MOST_WORDS = 64, FUZZ_MOST_TEXT = 1 << 16 };
struct fuzz_words {
    char *word[FUZZ_MOST_WORDS];
    size_t n;
    char text[FUZZ_MOST_TEXT + 1];      /* the words stand in it, or in `named` */
    char named[FUZZ_MOST_WORDS][400];
};

/* libFuzzer's name for it; the Makefile gives each target its own where all are in one program.
 * Returns 0; -1: the input should not be kept.                                                  */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise that did not hold ends the process, as a sanitizer's finding does. */
#define MUST(condition) \
    ((condition) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_broken(const char *file, int line, const char *condition);

/* Puts the bytes into file number `slot`, 0 to 7, which lives in memory, and returns its path,
 * which is always the same.                                                                     */
const char *fuzz_file(int slot, const void *bytes, size_t n);

/* A folder under $TMPDIR or /tmp in which name[i], up to a NULL, leads to file number i; it is
 * removed at the end of the process.                                                            */
const char *fuzz_folder(const char *const *name);

/* Takes an input apart; path: what an @ stands for. The bytes after the words are data[size]: empty
 * if there are none. False: there are too many, or too long ones.                               */
bool fuzz_words(struct fuzz_words *out, const char *path, const uint8_t **data, size_t *size);

/* What a call that failed must have told: its status, and a sentence; FUZZ_SAY in the environment
 * shows it.                                                                                     */
void fuzz_refused(enum tsgd_status st, const struct tsgd_error *err);

/* Reads all bytes, so that sanitizers see whether they are there and have a value. */
void fuzz_look(const void *bytes, size_t n);

/* The next byte of an input, for a choice; 0 at its end. */
uint8_t fuzz_byte(const uint8_t **data, size_t *size);

#endif
