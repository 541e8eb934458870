/* Sweep files. The words of an input are what the command line says in place of the file's
 * settings; the file follows the line "---".                                                     */
#include "fuzz/fuzz.h"
#include "sweep/grid.h"

#include <string.h>

/* Runs stand together by cell, in order, and no two that are reported have the same name. */
static void look_at(struct tsgd_grid *g)
{
    size_t runs = 0;
    for (size_t i = 0; i < g->n_cells; i++) {
        struct tsgd_cell *c = &g->cell[i];
        MUST(c->first_run == runs && c->n_runs > 0);
        runs += c->n_runs;
        for (size_t j = c->first_run; j < runs; j++)
            MUST(g->run[j].cell == i);
        MUST(!c->choices == !c->n_tuned);
        for (size_t j = 0; c->choices && j < c->n_tuned; j++)
            MUST(tsgd_grid_choice(c, c->choices - 1, j));
        if (c->choices)
            MUST(tsgd_grid_choose(g, i, c->choices - 1, NULL) == TSGD_OK);
    }
    MUST(runs == g->n_runs && runs * sizeof(struct tsgd_settings) <= FUZZ_MEMORY);
    for (size_t i = 0; i < runs; i++) {
        const struct tsgd_grid_run *r = &g->run[i];
        MUST(*r->name && !strchr(r->name, '/') && strlen(r->name) < 200);
        for (size_t j = 0; j < i && runs < 200; j++)
            MUST(strcmp(r->name, g->run[j].name) ||
                 (r->choice == TSGD_REPORTED) != (g->run[j].choice == TSGD_REPORTED));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_words words;
    struct tsgd_grid g;
    struct tsgd_error err;
    if (!fuzz_words(&words, "x", &data, &size))
        return -1;
    const char *path = fuzz_file(0, data, size);
    enum tsgd_status st = tsgd_grid_init(&g, path, words.word, words.n, &err);
    if (st == TSGD_OK)
        look_at(&g);
    else
        fuzz_refused(st, &err);
    tsgd_grid_release(&g);
    return 0;
}
