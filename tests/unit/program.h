/* tests/unit/program.h: the program as its users meet it: run in an empty folder, and what it
 * printed, wrote and returned. Whatever fails here fails the test. What is read is freed when the
 * test ends.                                                                                    */
#ifndef TESTS_UNIT_PROGRAM_H
#define TESTS_UNIT_PROGRAM_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/types.h>

#define TINY "train --data digits --model logistic --nodes 20 --active 4 --threads 2"
#define ALL "train --data digits --model logistic --nodes 9 --rounds 10"
#define QUAD "train --model quadratic --nodes 20 --active 4 --lr 0.01 --threads 2"
#define QUIET " --progress off"

/* For a suite of tests: .init and .fini. */
void enter_folder(void);
void leave_folder(void);

/* From now on it is the program of this name, which lies beside it. */
void use_program(const char *name);

void program_path(char path[PATH_MAX]);

struct result {
    int code;                   /* -1: killed by a signal */
    char *out, *err;
};

/* The words of the command line are separated by spaces; \037 stands for a space within one. */
struct result run(const char *words);
struct result run_limited(rlim_t file_size, const char *words);
void expect_code(const struct result *r, int code);

/* The next one that is started has this limit too (RLIMIT_..). */
void limit_next(int resource, rlim_t most);

/* Starts it with these streams, -1 for one that is closed, for the caller to await. */
pid_t start(int out, int err, rlim_t file_size, const char *words);
int code_of(pid_t child);

/* A Python in which these lines run, into name[64]. Debian's has numpy once `make test` has
 * installed python3-numpy, so a test that wants no more must not be skipped there.              */
bool find_python(char name[64], const char *lines);

/* It ends with this code, and the sentence is part of what it says. */
void expect_program_refuses(const char *words, int code, const char *sentence);

char *keep(char *text);             /* frees it when the test ends */
char *contents(FILE *f);            /* all that is left to read of f, which is closed */
char *read_file(const char *path);
void write_file(const char *path, const char *text);
int count_files(void);

/* JSON lines as an array of objects. */
json_t *parse_lines(const char *text);
json_t *last_line(const json_t *lines);
double number(const json_t *line, const char *name);
bool has_type(const json_t *line, const char *type);

#endif
