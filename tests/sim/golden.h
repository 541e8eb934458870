/* sim/golden.h: short trainings that end with the same bits on every processor with a fused
 * multiply-add: those of unit/golden_list.h, which `make golden-update` writes. Without Criterion,
 * so that they also run where it is not installed.                                              */
#ifndef SIM_GOLDEN_H
#define SIM_GOLDEN_H

#include <jansson.h>
#include <stdbool.h>

enum { GOLDEN_WORDS = 600, GOLDEN_TEXT = 800 };

/* What is trained, and state_hash and test_loss, where there is one, at its end. `--images CxS` are
 * those of golden_command; ~ is a space within a word.                                          */
struct golden {
    const char *words, *hash;
    double loss;
};

/* NULL behind the last. */
const struct golden *golden_run(size_t i);

/* The words of the command that trains it and writes the log `l`, separated by spaces; \037 stands
 * for a space within one. Its images, if it has some, are written into the current folder. False:
 * they could not be.                                                                            */
bool golden_command(char words[GOLDEN_WORDS], size_t i, const char *isa);

/* Whether the last line of its log has the bits of the list; text says what is wrong. */
bool golden_holds(size_t i, const char *isa, const json_t *last, char text[GOLDEN_TEXT]);

#endif
