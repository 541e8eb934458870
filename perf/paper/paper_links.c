/* perf/paper/paper_links.c: accuracy against simulated seconds, D-SGD beside TELEPORTATION, on a
 * homogeneous network (tau = 1) and on heterogeneous ones (tau = 5), by three rules of which links
 * are slow (the setting of the paper's Figure 4).
 * A run is as long as its method gets within a budget of simulated seconds. Transfers cost the same
 * whatever is transferred and computing costs nothing, so the clock depends on the method and the
 * network alone, and the quadratic in one dimension tells in advance how many rounds fit.        */
#include "paper.h"

#include <math.h>
#include <stdio.h>

enum { MOST_SEEDS = 3, ACTIVE = 8, CURVE = 4, METHODS = 2, NETWORKS = 4, POINTS = 20 };

static const struct { const char *label, *rule; double tau; } networks[NETWORKS] = {
    {"none slow", "preferred", 1},      /* with tau = 1 every rule means this network */
    {"preferred", "preferred", 5},
    {"slow-links:0.2", "slow-links:0.2", 5},
    {"slow-nodes:0.2", "slow-nodes:0.2", 5},
};
static const struct { const char *label, *name; uint64_t active; } methods[METHODS] = {
    {"D-SGD", "dsgd", 0},
    {"TELEPORTATION", "teleport", ACTIVE},
};
static const struct { uint64_t nodes; double quick, full; } sizes[] = {{25, 500, 4000},
                                                                     {100, 300, 2000}};

/* The paper's grid; the quick mode takes its first two. */
static const double rate[] = {0.1, 0.01, 0.001};

static size_t rates, seeds;

struct best {
    struct paper_stat curve[CURVE];     /* accuracy in percent, after 1/CURVE, .. of the budget */
    struct paper_stat rounds;           /* within the budget */
    double rate;
};

/* How many rounds end within so many simulated seconds. A round costs at least a second: somebody
 * gossips with another node.                                                                    */
static uint64_t rounds_within(const struct tsgd_settings *network, double budget)
{
    struct paper_run r;
    uint64_t rounds = 0;
    paper_train(&r, settings_with(network, "data= partition= model=quadratic dim=1 eval-every=1 "
                                  "threads=1 lr=1e-6 momentum=0 rounds=%.0f", floor(budget)));
    for (size_t i = 0; i < r.count && r.eval[i].sim_seconds <= budget; i++)
        rounds = r.eval[i].round;
    paper_release(&r);
    return rounds;
}

/* The last accuracy known after each part of the budget; INFINITY if none is, or it diverged. */
static void accuracies(struct tsgd_settings *s, double budget, double out[CURVE])
{
    struct paper_run r;
    paper_train(&r, s);
    for (size_t c = 0; c < CURVE; c++) {
        out[c] = INFINITY;
        for (size_t i = 0; !r.diverged && i < r.count; i++)
            if (r.eval[i].sim_seconds <= budget * (double)(c + 1) / CURVE)
                out[c] = 100 * r.eval[i].test_accuracy;
    }
    paper_release(&r);
}

static struct best tune(const struct tsgd_settings *s, double budget)
{
    struct best b = {.rate = NAN};
    double rounds[MOST_SEEDS];
    for (size_t i = 0; i < seeds; i++)
        rounds[i] = (double)rounds_within(settings_with(s, "seed=%zu", i), budget);
    for (size_t e = 0; e < rates; e++) {
        double found[CURVE][MOST_SEEDS], one[CURVE];
        for (size_t i = 0; i < seeds; i++) {
            uint64_t length = (uint64_t)rounds[i];
            accuracies(settings_with(s, "lr=%g seed=%zu rounds=%d eval-every=%d", rate[e], i,
                                     (int)length, (int)((length - 1) / POINTS + 1)), budget, one);
            for (size_t c = 0; c < CURVE; c++)
                found[c][i] = one[c];
        }
        struct paper_stat last = paper_stat(found[CURVE - 1], seeds);
        if (!paper_more(last, b.curve[CURVE - 1]))
            continue;
        b.rate = rate[e];
        b.rounds = paper_stat(rounds, seeds);
        for (size_t c = 0; c < CURVE; c++)
            b.curve[c] = paper_stat(found[c], seeds);
    }
    return b;
}

static void run(uint64_t nodes, double budget, struct best r[NETWORKS][METHODS])
{
    for (size_t w = 0; w < NETWORKS; w++)
        for (size_t m = 0; m < METHODS; m++) {
            struct tsgd_settings *s = settings_of(
                "data=fashion-mnist model=lenet partition=dirichlet-even:0.1 topology=ring "
                "momentum=0.9 nodes=%d method=%s link-cost=%s tau=%g link-seconds=1", (int)nodes,
                methods[m].name, networks[w].rule, networks[w].tau);
            if (methods[m].active)
                settings_change(s, "active=%d", (int)methods[m].active);
            paper_progress("links: n = %llu, %s, tau = %g, %s", (unsigned long long)nodes,
                           networks[w].label, networks[w].tau, methods[m].label);
            r[w][m] = tune(s, budget);
        }
}

static void show(uint64_t nodes, double budget, struct best r[NETWORKS][METHODS])
{
    struct paper_table t = {.left = 3};
    printf("\nn = %llu, test accuracy in percent after simulated seconds\n",
           (unsigned long long)nodes);
    paper_row(&t, "slow links\ttau\tmethod\tstep size\trounds\ts/round\t%g s\t%g s\t%g s\t%g s",
              budget / 4, budget / 2, budget * 3 / 4, budget);
    for (size_t w = 0; w < NETWORKS; w++)
        for (size_t m = 0; m < METHODS; m++) {
            const struct best *b = &r[w][m];
            char text[CURVE][64];
            const char *cell[CURVE];
            for (size_t c = 0; c < CURVE; c++)
                cell[c] = paper_text(b->curve[c], 2, text[c], sizeof text[c]);
            paper_row(&t, "%s\t%g\t%s\t%g\t%.0f\t%.2f\t%s\t%s\t%s\t%s", networks[w].label,
                      networks[w].tau, methods[m].label, b->rate, b->rounds.mean,
                      budget / b->rounds.mean, cell[0], cell[1], cell[2], cell[3]);
        }
    paper_print(&t);
}

static void conclude(uint64_t nodes, struct best r[NETWORKS][METHODS])
{
    const struct paper_stat *end[NETWORKS][METHODS];
    for (size_t w = 0; w < NETWORKS; w++)
        for (size_t m = 0; m < METHODS; m++)
            end[w][m] = &r[w][m].curve[CURVE - 1];
    bool homogeneous = paper_more(*end[0][0], *end[0][1]);
    printf("\nn = %llu, homogeneous network (tau = 1): %s is first, %.2f against %.2f; %s.\n",
           (unsigned long long)nodes, methods[!homogeneous].label, end[0][!homogeneous]->mean,
           end[0][homogeneous]->mean,
           homogeneous ? "agrees with the paper (D-SGD first)" : "does not agree (D-SGD first)");
    for (size_t w = 1; w < NETWORKS; w++) {
        bool heterogeneous = paper_more(*end[w][1], *end[w][0]);
        printf("n = %llu, %s, tau = %g: %s is first, %.2f against %.2f; the paper's order (D-SGD "
               "first at tau = 1, TELEPORTATION at 5) %s.\n", (unsigned long long)nodes,
               networks[w].label, networks[w].tau, methods[heterogeneous].label,
               end[w][heterogeneous]->mean, end[w][!heterogeneous]->mean,
               homogeneous && heterogeneous ? "comes out" : "does not come out");
    }
}

int main(void)
{
    static struct best r[NETWORKS][METHODS];
    bool full = paper_full();
    size_t n_sizes = full ? sizeof sizes / sizeof *sizes : 1;
    rates = full ? 3 : 2;
    seeds = full ? MOST_SEEDS : 2;
    printf("LeNet on Fashion-MNIST over a simulated network: test accuracy of xbar within a\n"
           "budget of simulated seconds. A transfer takes 1 s, over a slow link tau s;\n"
           "transfers run in parallel, computing takes no time. Slow links: preferred, all\n"
           "but those of a ring over the nodes; slow-links:0.2, a fifth of the pairs of\n"
           "nodes; slow-nodes:0.2, all from and to a fifth of the nodes. D-SGD on a ring;\n"
           "TELEPORTATION with k = %d, on a ring. dirichlet-even:0.1, batches of 32,\n"
           "momentum 0.9; %zu seeds; step size by the best mean at the end of", ACTIVE, seeds);
    for (size_t e = 0; e < rates; e++)
        printf(" %g", rate[e]);
    printf(".\nCells: mean +- standard deviation over seeds\n%s",
           full ? "" : "(quick; FULL=1 for all seeds and step sizes, longer runs, and n = 100)\n");
    for (size_t i = 0; i < n_sizes; i++) {
        double budget = full ? sizes[i].full : sizes[i].quick;
        run(sizes[i].nodes, budget, r);
        show(sizes[i].nodes, budget, r);
        conclude(sizes[i].nodes, r);
    }
    return 0;
}
