/* perf/paper/paper_fig2.c: iterations to a small gradient against the number of nodes, on the
 * synthetic quadratic (the setting of the paper's Figure 2).
 * One run serves both targets, and all its k serve "best k" and "the search's k": the gradient of a
 * quadratic is affine, so the tokens' mean of squared norms is never below that at their mean, and
 * a run that ends when the tokens have reached the target has passed xbar's on its way.         */
#include "paper.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZES = 5, MOST_SEEDS = 5, ROUNDS = 10000, EVERY = 5,
       SEARCH = 1000, METHODS = 5, METRICS = 2 };

/* Agreement: to degrade is to need more than MARGIN times the iterations; a k that needs at most
 * NEAR times those of the best is a good one.                                                   */
static const double MARGIN = 1.1, NEAR = 1.5;

static const uint64_t sizes[SIZES] = {16, 32, 64, 128, 256};
static const struct { const char *name; double target; } problems[] = {
    {"koloskova", 0.01}, {"spread", 0.003},
};
static const char *const metrics[METRICS] = {"grad_norm2", "grad_norm2_tokens"};
static const char *const graphs[] = {"ring", "exp", "base:1"};
enum { GRAPHS = sizeof graphs / sizeof *graphs, BEST = GRAPHS, SEARCHED };
static const char *const methods[METHODS] = {
    "D-SGD ring", "D-SGD exp", "D-SGD base:1", "TELEPORTATION best k", "TELEPORTATION searched k",
};

/* The paper's grid, and the part of it that the quick mode takes. */
static const double full_rates[] = {0.1, 0.075, 0.05, 0.025, 0.01, 0.0075, 0.005, 0.0025, 0.001,
                                    0.00075, 0.0005, 0.00025, 0.0001};
static const double quick_rates[] = {0.1, 0.025, 0.01, 0.0025, 0.001, 0.0001};

static size_t rates, seeds;
static const double *rate;

/* What came out for one method, one n and one metric: at the step size that was best for it. */
struct best {
    struct paper_stat stat;
    double rate;
    double k;                   /* active nodes; the mean over the seeds for the search */
};

/* One thread: the seeds run side by side. */
static struct tsgd_settings *quadratic(const char *conditioning, uint64_t n, double eta)
{
    return settings_of("model=quadratic conditioning=%s nodes=%d lr=%g rounds=%d eval-every=%d "
                       "threads=1", conditioning, (int)n, eta, ROUNDS, EVERY);
}

/* For each seed the first evaluation of each metric at or below the target; INFINITY without. */
static void iterations(const struct tsgd_settings *s, double target,
                       double out[METRICS][MOST_SEEDS])
{
    struct paper_run run[MOST_SEEDS];
    struct tsgd_settings *all[MOST_SEEDS];
    for (size_t i = 0; i < seeds; i++)
        all[i] = settings_with(s, "until=grad_norm2_tokens<=%g seed=%zu", target, i);
    paper_train_all(run, all, seeds);
    for (size_t i = 0; i < seeds; i++) {
        const struct paper_run *r = &run[i];
        out[0][i] = out[1][i] = INFINITY;
        for (size_t e = r->count; e-- > 0;) {
            double round = (double)r->eval[e].round;
            out[0][i] = r->eval[e].grad_norm2 <= target ? round : out[0][i];
            out[1][i] = r->eval[e].grad_norm2_tokens <= target ? round : out[1][i];
        }
        paper_release(&run[i]);
    }
}

/* The k that the search chooses (Algorithm 2 of the paper); 0 if all candidates diverge. */
static uint64_t chosen_k(const struct tsgd_settings *s)
{
    struct tsgd_tune *t;
    struct tsgd_tuning end;
    struct tsgd_error err;
    enum tsgd_status st = tsgd_tune_create(&t, s, &err);
    if (st == TSGD_OK)
        st = tsgd_tune_run(t, NULL, NULL, &end, &err);
    if (st != TSGD_OK && st != TSGD_EDIVERGED) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    uint64_t k = st == TSGD_OK && end.chosen ? end.chosen->active : 0;
    tsgd_tune_free(t);
    return k;
}

static void consider(struct best *b, const double *value, double eta, double k)
{
    struct paper_stat stat = paper_stat(value, seeds);
    if (paper_less(stat, b->stat))
        *b = (struct best){stat, eta, k};
}

static void dsgd(size_t problem, uint64_t n, double eta, struct best out[METHODS][METRICS])
{
    for (size_t g = 0; g < GRAPHS; g++) {
        double found[METRICS][MOST_SEEDS];
        struct tsgd_settings *s = quadratic(problems[problem].name, n, eta);
        settings_change(s, "method=dsgd topology=%s", graphs[g]);
        iterations(s, problems[problem].target, found);
        for (size_t m = 0; m < METRICS; m++)
            consider(&out[g][m], found[m], eta, (double)n);
    }
}

static void teleport(size_t problem, uint64_t n, double eta, struct best out[METHODS][METRICS])
{
    double searched[METRICS][MOST_SEEDS], sum = 0;
    uint64_t winner[MOST_SEEDS];
    const struct tsgd_settings *s = quadratic(problems[problem].name, n, eta);
    for (size_t i = 0; i < seeds; i++) {
        winner[i] = chosen_k(settings_with(s, "seed=%zu rounds=%d eval-every=%d", i, SEARCH,
                                           SEARCH));
        sum += (double)winner[i];
        searched[0][i] = searched[1][i] = INFINITY;
    }
    for (uint64_t k = 1; k <= n; k *= 2) {
        double found[METRICS][MOST_SEEDS];
        iterations(settings_with(s, "active=%d", (int)k), problems[problem].target, found);
        for (size_t m = 0; m < METRICS; m++) {
            consider(&out[BEST][m], found[m], eta, (double)k);
            for (size_t i = 0; i < seeds; i++)
                if (winner[i] == k)
                    searched[m][i] = found[m][i];
        }
    }
    for (size_t m = 0; m < METRICS; m++)
        consider(&out[SEARCHED][m], searched[m], eta, sum / (double)seeds);
}

/* ---- what came out ---- */

typedef struct best results[SIZES][METHODS][METRICS];

static void show(size_t problem, size_t metric, const results r)
{
    struct paper_table t = {.left = 1};
    printf("\n%s, iterations to %s <= %g\n", problems[problem].name, metrics[metric],
           problems[problem].target);
    paper_row(&t, "method\tn = 16\tn = 32\tn = 64\tn = 128\tn = 256");
    for (size_t m = 0; m < METHODS; m++) {
        char cell[SIZES][96], text[64];
        for (size_t i = 0; i < SIZES; i++) {
            const struct best *b = &r[i][m][metric];
            const char *stat = paper_text(b->stat, 0, text, sizeof text);
            if (b->stat.found == 0)
                snprintf(cell[i], sizeof cell[i], "never");
            else if (m < GRAPHS)
                snprintf(cell[i], sizeof cell[i], "%s [%g]", stat, b->rate);
            else
                snprintf(cell[i], sizeof cell[i], "%s [%g, k=%.3g]", stat, b->rate, b->k);
        }
        paper_row(&t, "%s\t%s\t%s\t%s\t%s\t%s", methods[m], cell[0], cell[1], cell[2], cell[3],
                  cell[4]);
    }
    paper_print(&t);
}

static const char *agrees(bool yes) { return yes ? "agrees with the paper" : "does not agree"; }

/* How many times the iterations of n = 16 the largest n needs, and whether that agrees. */
static void growth(const char *claim, size_t method, bool degrades, size_t metric, const results r)
{
    struct paper_stat few = r[0][method][metric].stat, many = r[SIZES - 1][method][metric].stat;
    double ratio = many.mean / few.mean;        /* NaN if one never gets there */
    bool worse = many.found == 0 || many.missing > 0 || ratio > MARGIN;
    printf("  \"%s\": n = 256 ", claim);
    if (many.found == 0)
        printf("does not get there within %d rounds", ROUNDS);
    else
        printf("needs %s%.2f times the iterations of n = 16", many.missing ? "at least " : "",
               ratio);
    printf("; %s.\n", agrees(worse == degrades));
}

static void ahead(size_t metric, const results r)
{
    size_t beaten = 0;
    for (size_t g = 0; g < GRAPHS; g++)
        beaten += paper_less(r[SIZES - 1][BEST][metric].stat, r[SIZES - 1][g][metric].stat);
    printf("  \"TELEPORTATION is ahead of D-SGD\": at n = 256 it needs fewer iterations than D-SGD "
           "on %zu of %d graphs; %s.\n", beaten, GRAPHS, agrees(beaten == GRAPHS));
}

static void search(size_t metric, const results r)
{
    double worst = 1;
    size_t lost = 0;
    for (size_t i = 0; i < SIZES; i++) {
        struct paper_stat s = r[i][SEARCHED][metric].stat;
        if (s.found == 0 || s.missing > 0)
            lost++;
        else
            worst = fmax(worst, s.mean / r[i][BEST][metric].stat.mean);
    }
    printf("  \"The search finds a good k\": it needs at most %.2f times the iterations of "
           "the best k", worst);
    if (lost)
        printf(", but for %zu of %d n does not get there with every seed", lost, SIZES);
    printf("; %s.\n", agrees(lost == 0 && worst <= NEAR));
}

static void conclude(size_t problem, size_t metric, const results r)
{
    printf("%s, %s:\n", problems[problem].name, metrics[metric]);
    growth("D-SGD on the ring degrades with n", 0, true, metric, r);
    growth("TELEPORTATION does not degrade with n", BEST, false, metric, r);
    ahead(metric, r);
    search(metric, r);
}

static void introduce(bool full)
{
    printf("The synthetic quadratic: rounds until the squared norm of the gradient of f is\n"
           "at most the target, at xbar (grad_norm2) and as the mean over the tokens\n"
           "(grad_norm2_tokens). d = 50, zeta2 = sigma2 = 1, x0 = 1, no momentum; evaluated\n"
           "every %d rounds, at most %d rounds; %zu seeds; step size, and best k of 1, 2, 4,\n"
           ".. n, by the least mean. TELEPORTATION on a ring. The search for k, for each\n"
           "step size and seed: %d rounds each, least grad_norm2 at the end. Cells: mean +-\n"
           "standard deviation over seeds [step size, k]; (i of j): so many seeds got there,\n"
           "and the mean is over these. Step sizes:", EVERY, ROUNDS, seeds, SEARCH);
    for (size_t i = 0; i < rates; i++)
        printf(" %g", rate[i]);
    printf("%s\n", full ? "" : "\n(quick; FULL=1 for all seeds and step sizes)");
}

int main(void)
{
    static results r[2];
    bool full = paper_full();
    rate = full ? full_rates : quick_rates;
    rates = (full ? sizeof full_rates : sizeof quick_rates) / sizeof *rate;
    seeds = full ? MOST_SEEDS : 2;
    introduce(full);
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < SIZES; i++)
            for (size_t e = 0; e < rates; e++) {
                paper_progress("fig2: %s, n = %llu, step size %g", problems[p].name,
                               (unsigned long long)sizes[i], rate[e]);
                dsgd(p, sizes[i], rate[e], r[p][i]);
                teleport(p, sizes[i], rate[e], r[p][i]);
            }
    for (size_t p = 0; p < 2; p++)
        for (size_t m = 0; m < METRICS; m++)
            show(p, m, r[p]);
    printf("\nTo degrade is to need more than %g times the iterations; a good k needs at most %g "
           "times those of the best.\n", MARGIN, NEAR);
    for (size_t p = 0; p < 2; p++)
        for (size_t m = 0; m < METRICS; m++)
            conclude(p, m, r[p]);
    return 0;
}
