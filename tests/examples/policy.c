/* A policy learnt by trial and error (REINFORCE): a corridor of 9 places pays 1 at its right end
 * and 0.5 at its left end, every step costs a tenth of what is paid, and one step in ten slips the
 * other way. Each of 7 nodes simulates walks from a place of its own. Prints where the policy goes
 * from each place, and the mean of what it is paid.                                             */
#include <math.h>
#include <stdio.h>
#include <telesgd.h>

enum { PLACES = 7, WALKS = 16, MOST_STEPS = 100, JUDGED = 2000 };

struct walk {
    int steps, place[MOST_STEPS];       /* 1 to PLACES */
    bool right[MOST_STEPS];             /* where the policy went there */
    double paid;
};

static double right(const float *x, int place) { return 1 / (1 + exp(-(double)x[place - 1])); }

static void simulate(struct walk *w, const float *x, int place, struct tsgd_random *random)
{
    double worth = 1;
    w->paid = 0;
    for (w->steps = 0; w->steps < MOST_STEPS && place > 0 && place <= PLACES; w->steps++) {
        bool goes = tsgd_random_uniform(random) < right(x, place);
        bool slips = tsgd_random_uniform(random) < 0.1;
        w->place[w->steps] = place;
        w->right[w->steps] = goes;
        place += goes != slips ? 1 : -1;
        worth *= 0.9;
        w->paid = place > PLACES ? worth : place == 0 ? worth / 2 : 0;
    }
}

/* The mean over the walks of minus (paid - what walks are paid on average) d log p(walk) / dx. */
static double gradient(const struct tsgd_call *call, const float *x, float *grad, void *user)
{
    struct walk *w = call->scratch;
    double mean = 0;
    (void)user;
    for (int i = 0; i < WALKS; i++) {
        simulate(&w[i], x, 1 + (int)call->node, call->random);
        mean += w[i].paid / WALKS;
    }
    for (int i = 0; i < WALKS; i++)
        for (int t = 0; t < w[i].steps; t++) {
            double score = w[i].right[t] - right(x, w[i].place[t]);
            grad[w[i].place[t] - 1] -= (float)((w[i].paid - mean) * score / WALKS);
        }
    return -mean;
}

static uint32_t samples(uint32_t node, uint64_t visit, void *user)
{
    (void)node, (void)visit, (void)user;
    return WALKS;
}

/* A block is a place to start from. */
static void evaluate(const struct tsgd_call *call, const float *x, double *value, void *user)
{
    struct walk *w = call->scratch;
    (void)user;
    for (int i = 0; i < JUDGED; i++) {
        simulate(w, x, 1 + (int)call->block, call->random);
        value[0] += w->paid / JUDGED / PLACES;
    }
}

int main(void)
{
    const struct tsgd_objective_metric metric = {"paid", true};
    const struct tsgd_objective objective = {
        .size = sizeof objective, .name = "corridor", .dim = PLACES, .nodes = PLACES,
        .scratch_bytes = WALKS * sizeof (struct walk), .gradient = gradient, .samples = samples,
        .evaluate = evaluate, .blocks = PLACES, .metrics = &metric, .n_metrics = 1,
    };
    struct tsgd_settings *s;
    struct tsgd_error err;
    struct tsgd_summary end;
    struct tsgd_run *run = NULL;
    bool failed = tsgd_settings_create(&s, &err) ||
                  tsgd_settings_set_objective(s, &objective, &err) ||
                  tsgd_settings_set(s, "active", "4", &err) ||
                  tsgd_settings_set(s, "lr", "1", &err) ||
                  tsgd_run_create(&run, s, &err) || tsgd_run_train(run, NULL, NULL, &end, &err);
    if (failed)
        fprintf(stderr, "%s\n", err.text);
    for (int place = 1; !failed && place <= PLACES; place++)
        putchar(tsgd_run_mean(run)[place - 1] > 0 ? 'R' : 'L');
    if (!failed)
        printf(" %.4f\n", end.last.metric[0]);
    tsgd_run_free(run);
    tsgd_settings_free(s);
    return failed;
}
