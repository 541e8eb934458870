/* perf/paper/paper_lenet.c: LeNet on Fashion-MNIST, D-SGD beside TELEPORTATION, at equal rounds and
 * at equal samples, for much and little heterogeneity (the setting of the paper's networks).
 * One run of TELEPORTATION serves both budgets: it is evaluated after as many rounds as D-SGD ran,
 * and goes on to as many samples.                                                               */
#include "paper.h"

#include <math.h>
#include <stdio.h>

enum { ACTIVE = 8, BATCH = 32, MOST_SEEDS = 3, DSGD = 0, ROUNDS, SAMPLES, METHODS };

static const char *const methods[METHODS] = {
    "D-SGD", "TELEPORTATION, equal rounds", "TELEPORTATION, equal samples",
};
static const char *const graphs[] = {"ring", "exp", "base:1"};
static const char *const partitions[] = {"dirichlet-even:10", "dirichlet-even:0.1"};
enum { GRAPHS = sizeof graphs / sizeof *graphs };
static const struct { uint64_t nodes, quick, full; } sizes[] = {{25, 80, 1500}, {100, 50, 1000}};

/* The paper's grid; the quick mode takes its first two. */
static const double rate[] = {0.1, 0.01, 0.001};

static size_t rates, seeds;

struct best {
    struct paper_stat stat;     /* test accuracy of xbar, percent */
    double rate;
};

static double percent(const struct paper_run *r, size_t i)
{
    return r->diverged ? INFINITY : 100 * r->eval[i].test_accuracy;
}

/* One D-SGD run and one TELEPORTATION run; accuracies by method. */
static void pair(const struct tsgd_settings *s, uint64_t nodes, uint64_t rounds,
                 double out[METHODS])
{
    struct paper_run r;
    unsigned long long samples = nodes * rounds * BATCH;
    paper_train(&r, settings_with(s, "method=dsgd rounds=%d", (int)rounds));
    out[DSGD] = percent(&r, r.count - 1);
    if (!r.diverged)            /* short last batches make it fewer */
        samples = r.eval[r.count - 1].samples;
    paper_release(&r);
    paper_train(&r, settings_with(s, "method=teleport active=%d samples=%llu", ACTIVE, samples));
    out[ROUNDS] = percent(&r, 0);
    out[SAMPLES] = percent(&r, r.count - 1);
    paper_release(&r);
}

static void tune(const struct tsgd_settings *s, uint64_t nodes, uint64_t rounds,
                 struct best out[METHODS])
{
    for (size_t e = 0; e < rates; e++) {
        double found[METHODS][MOST_SEEDS], one[METHODS];
        paper_progress("lenet: n = %llu, %s, %s, step size %g", (unsigned long long)nodes,
                       tsgd_settings_get(s, "partition"), tsgd_settings_get(s, "topology"),
                       rate[e]);
        for (size_t i = 0; i < seeds; i++) {
            pair(settings_with(s, "lr=%g seed=%zu", rate[e], i), nodes, rounds, one);
            for (size_t m = 0; m < METHODS; m++)
                found[m][i] = one[m];
        }
        for (size_t m = 0; m < METHODS; m++) {
            struct paper_stat stat = paper_stat(found[m], seeds);
            if (paper_more(stat, out[m].stat))
                out[m] = (struct best){stat, rate[e]};
        }
    }
}

static void show(const char *partition, uint64_t nodes, uint64_t rounds,
                 struct best r[GRAPHS][METHODS])
{
    struct paper_table t = {.left = 1};
    printf("\nn = %llu, %s, %llu rounds of D-SGD\n", (unsigned long long)nodes, partition,
           (unsigned long long)rounds);
    paper_row(&t, "test accuracy, %%\tring\texp\tbase:1");
    for (size_t m = 0; m < METHODS; m++) {
        char cell[GRAPHS][96], text[64];
        for (size_t g = 0; g < GRAPHS; g++)
            snprintf(cell[g], sizeof cell[g], "%s [%g]",
                     paper_text(r[g][m].stat, 2, text, sizeof text), r[g][m].rate);
        paper_row(&t, "%s\t%s\t%s\t%s", methods[m], cell[0], cell[1], cell[2]);
    }
    paper_print(&t);
}

/* On how many graphs, and by how much on average, TELEPORTATION is ahead of D-SGD. */
static void conclude(const char *partition, uint64_t nodes, struct best r[GRAPHS][METHODS])
{
    for (size_t m = ROUNDS; m < METHODS; m++) {
        size_t ahead = 0;
        double gain = 0;
        for (size_t g = 0; g < GRAPHS; g++) {
            ahead += paper_more(r[g][m].stat, r[g][DSGD].stat);
            gain += (r[g][m].stat.mean - r[g][DSGD].stat.mean) / GRAPHS;
        }
        printf("\"TELEPORTATION reaches a higher accuracy\", n = %llu, %s, equal %s: on %zu of %d "
               "graphs, %+.2f points on average; %s.\n", (unsigned long long)nodes, partition,
               m == ROUNDS ? "rounds" : "samples", ahead, GRAPHS, gain,
               ahead == GRAPHS ? "agrees with the paper" : "does not agree");
    }
}

int main(void)
{
    enum { SIZES = sizeof sizes / sizeof *sizes, PARTITIONS = 2 };
    static struct best r[SIZES][PARTITIONS][GRAPHS][METHODS];
    bool full = paper_full();
    rates = full ? 3 : 2;
    seeds = full ? MOST_SEEDS : 2;
    printf("LeNet on Fashion-MNIST: test accuracy of xbar at the end of the training, in\n"
           "percent. Batches of 32, momentum 0.9, constant step size; TELEPORTATION with k =\n"
           "%d, on a graph of the same kind; %zu seeds; step size by the best mean of", ACTIVE,
           seeds);
    for (size_t e = 0; e < rates; e++)
        printf(" %g", rate[e]);
    printf(".\nEqual rounds: as many as D-SGD, so k/n of its samples. Equal samples: as many as\n"
           "D-SGD, so n/k of its rounds. Cells: mean +- standard deviation over seeds [step size]\n"
           "%s", full ? "" : "(quick; FULL=1 for all seeds and step sizes, and longer runs)\n");
    for (size_t i = 0; i < SIZES; i++)
        for (size_t p = 0; p < PARTITIONS; p++) {
            uint64_t nodes = sizes[i].nodes, rounds = full ? sizes[i].full : sizes[i].quick;
            for (size_t g = 0; g < GRAPHS; g++)
                tune(settings_of("data=fashion-mnist model=lenet momentum=0.9 batch=%d nodes=%d "
                                 "partition=%s topology=%s eval-every=%d", BATCH, (int)nodes,
                                 partitions[p], graphs[g], (int)rounds), nodes, rounds, r[i][p][g]);
            show(partitions[p], nodes, rounds, r[i][p]);
        }
    printf("\n");
    for (size_t i = 0; i < SIZES; i++)
        for (size_t p = 0; p < PARTITIONS; p++)
            conclude(partitions[p], sizes[i].nodes, r[i][p]);
    return 0;
}
