/* tests/model/explorer/main.c: the classic programs, then those of the engine with the orders that
 * stand in its text, which must hold, then with each order in turn made relaxed, which some program
 * must notice. Of an order that both acquires and releases, each half is left out too, to tell
 * which the programs need.                                                                       */
#include "explorer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    const struct program *program;
} part[] = {
    {"seq", programs_of_seq}, {"sleep", programs_of_sleep}, {"slices", programs_of_slices},
    {"teams", programs_of_teams}, {"evaluation", programs_of_evaluation},
    {"checkpoint", programs_of_checkpoint}, {"ranks", programs_of_ranks},
    {"stream", programs_of_stream}, {"watchdog", programs_of_watchdog},
};
enum { PARTS = sizeof part / sizeof *part };

/* Orders that are not needed where they stand, and why that is so. */
static const struct {
    const char *file, *function, *operation, *why;
} spare[] = {
    {"checkpoint.c", "tsgd_checkpoint_may_stop", "load",
     "tsgd_checkpoint_is_due asks once more before anything is written"},
    {"checkpoint.c", "copy_node", "exchange",
     "the load before it has acquired from the same store"},
    {"mail.c", "complete_row", "store",
     "whoever reads it is looking, after the look that told of it, and one look orders the next"},
    {"mail.c", "receive_rows", "load", "as complete_row's"},
};

static const char *const order_name[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const char *reason_to_spare(const struct explorer_site *s)
{
    for (size_t i = 0; i < sizeof spare / sizeof *spare; i++)
        if (!strcmp(base_name(s->file), spare[i].file) &&
            !strcmp(s->function, spare[i].function) && !strcmp(s->operation, spare[i].operation))
            return spare[i].why;
    return NULL;
}

enum { MOST_PROGRAMS = 64 };
static bool uses[MOST_PROGRAMS][SITES];         /* whether a program executes a site */

/* The first program that goes wrong, of those that execute the site, or NULL. */
static const struct program *fails(int site, uint64_t *executions, const char **how)
{
    int n = 0;
    for (int i = 0; i < PARTS; i++)
        for (const struct program *p = part[i].program; p->name; p++) {
            if (!uses[n++][site])
                continue;
            struct result r = explorer_run(p);
            *executions += r.executions;
            *how = r.wrong;
            if (r.wrong)
                return p;
        }
    return NULL;
}

static int as_written(uint64_t *executions)
{
    int bad = 0, n = 0;
    for (int i = 0; i < PARTS; i++)
        for (const struct program *p = part[i].program; p->name; p++, n++) {
            memset(explorer_site_used, 0, SITES);
            struct result r = explorer_run(p);
            memcpy(uses[n], explorer_site_used, SITES);
            printf("%-5s %-10s %-58s %9llu executions%s%s\n", r.wrong ? "WRONG" : "ok",
                   part[i].name, p->name, (unsigned long long)r.executions, r.wrong ? ": " : "",
                   r.wrong ? r.wrong : "");
            fflush(stdout);
            *executions += r.executions;
            bad += r.wrong != NULL;
        }
    printf("explorer: %d programs of the engine, %llu executions, %d wrong\n\n", n,
           (unsigned long long)*executions, bad);
    return bad;
}

static int weakened(uint64_t *executions)
{
    int bad = 0;
    for (int i = 0; i < explorer_n_sites; i++) {
        const struct explorer_site *s = &explorer_sites[i];
        const char *how, *why = reason_to_spare(s);
        explorer_weaken(i, memory_order_relaxed);
        const struct program *p = fails(i, executions, &how);
        bool right = (p != NULL) == (why == NULL);
        bad += !right;
        printf("%-5s %-13s %-24s %-8s %-7s -> relaxed: ", right ? "ok" : "WRONG",
               base_name(s->file), s->function, s->operation, order_name[s->order]);
        printf("%s%s%s\n", p ? how : "nothing notices", why ? ": " : "", why ? why : "");
        if (s->order == memory_order_acq_rel)
            for (int half = memory_order_acquire; half <= memory_order_release; half++) {
                explorer_weaken(i, (enum explorer_order)half);
                p = fails(i, executions, &how);
                printf("%55s   -> %s: %s\n", "", order_name[half],
                       p ? how : "nothing notices: these programs need no more");
            }
        fflush(stdout);
    }
    explorer_weaken(-1, memory_order_relaxed);
    return bad;
}

/* Orders that no program here executes: those of run_writer and tsgd_checkpoint_end, between the
 * writer and whoever posts and joins it, which a semaphore orders as well, as their comments say;
 * and one of stall.c, which only tells.                                                         */
enum { ELSEWHERE = 4 + 1 };

/* main(ORDERS): how many orders stronger than relaxed stand in the text of the engine. */
int main(int argc, char **argv)
{
    uint64_t written = 0, weak = 0;
    int bad = classic(), orders = argc > 1 ? atoi(argv[1]) : 0;
    explorer_n_sites = 0;               /* those of the classic programs */
    bad += as_written(&written);
    bad += weakened(&weak);
    if (orders != explorer_n_sites + ELSEWHERE) {
        printf("WRONG %d orders stronger than relaxed stand in the engine, want %d that are "
               "weakened here and %d elsewhere: write a program for what is new\n", orders,
               explorer_n_sites, ELSEWHERE);
        bad++;
    }
    printf("explorer: %d orders weakened, %llu executions, %d wrong\n", explorer_n_sites,
           (unsigned long long)weak, bad);
    return bad != 0;
}
