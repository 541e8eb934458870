/* tests/arm/golden.c: the trainings of sim/golden.h by the whole program, without Criterion: for a
 * processor that the cross compiler knows and an emulator has. make check-arm.
 *     golden FOLDER        where they write their files                                         */
#include "command/program.h"
#include "linalg/isa.h"
#include "sim/golden.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a process of its own, as the program runs once in each. What it prints is not looked at. */
static bool train(char *words)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        char *argv[GOLDEN_WORDS] = {"telesgd"};
        int argc = 1;
        for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
            for (char *c = word; (c = strchr(c, '\037'));)
                *c = ' ';
            argv[argc++] = word;
        }
        if (!freopen("/dev/null", "w", stdout))
            _exit(1);
        _exit(tsgd_program(argc, argv, &(struct tsgd_world){.transport = NULL}));
    }
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static json_t *last_line(const char *path)
{
    json_t *last = NULL, *line;
    FILE *f = fopen(path, "r");
    while (f && (line = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL))) {
        json_decref(last);
        last = line;
    }
    if (f)
        fclose(f);
    return last;
}

static bool has_its_bits(size_t i, const char *isa)
{
    char words[GOLDEN_WORDS], text[GOLDEN_TEXT];
    unlink("l");
    if (!golden_command(words, i, isa) || !train(words)) {
        printf("FAIL %s, %s: ends with an error\n", golden_run(i)->words, isa);
        return false;
    }
    json_t *last = last_line("l");
    bool good = golden_holds(i, isa, last, text);
    json_decref(last);
    printf("%s%s\n", good ? "" : "FAIL ", good ? golden_run(i)->words : text);
    return good;
}

int main(int argc, char **argv)
{
    const struct tsgd_kernels *k;
    size_t n = 0, failed = 0;
    if (argc != 2 || chdir(argv[1])) {
        fprintf(stderr, "golden: want one folder to write into\n");
        return 2;
    }
    for (size_t set = 0; (k = tsgd_isa_table(set)); set++)
        for (size_t i = 0; k->fused && golden_run(i); i++, n++)
            failed += !has_its_bits(i, k->isa);
    printf("%zu trainings, %zu failed\n", n, failed);
    return n == 0 || failed > 0;
}
