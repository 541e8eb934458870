/* Least squares on data of one's own: 20 nodes have 50 rows (a, b) each, and together they look for
 * the x with the least mean of (a . x - b)^2 / 2. Prints x and that mean.                       */
#include <stdio.h>
#include <telesgd.h>

enum { NODES = 20, ROWS = 50, DIM = 4 };

struct data {
    double a[NODES][ROWS][DIM], b[NODES][ROWS];
};

/* b = 1 a_0 + 2 a_1 + 3 a_2 + 4 a_3 and noise; the nodes do not quite agree on the 1. */
static void make(struct data *d)
{
    struct tsgd_random random;
    tsgd_random_init(&random, 1, 0);
    for (uint32_t i = 0; i < NODES * ROWS; i++) {
        double *a = d->a[i / ROWS][i % ROWS], *b = &d->b[i / ROWS][i % ROWS];
        for (int j = 0; j < DIM; j++) {
            a[j] = tsgd_random_normal(&random);
            *b += (j + 1) * a[j];
        }
        *b += 0.01 * (i / ROWS) * a[0] + 0.1 * tsgd_random_normal(&random);
    }
}

static double residual(const struct data *d, uint32_t node, uint32_t row, const float *x)
{
    double r = -d->b[node][row];
    for (int j = 0; j < DIM; j++)
        r += d->a[node][row][j] * (double)x[j];
    return r;
}

/* Of one of the node's rows, drawn anew for every visit. */
static double gradient(const struct tsgd_call *call, const float *x, float *grad, void *user)
{
    const struct data *d = user;
    uint32_t row = tsgd_random_below(call->random, ROWS);
    double r = residual(d, call->node, row, x);
    for (int j = 0; j < DIM; j++)
        grad[j] = (float)(r * d->a[call->node][row][j]);
    return r * r / 2;
}

static void evaluate(const struct tsgd_call *call, const float *x, double *value, void *user)
{
    (void)call;
    for (uint32_t i = 0; i < NODES * ROWS; i++) {
        double r = residual(user, i / ROWS, i % ROWS, x);
        value[0] += r * r / 2 / (NODES * ROWS);
    }
}

int main(void)
{
    static struct data data;
    const struct tsgd_objective_metric metric = {"loss", false};
    const struct tsgd_objective objective = {
        .size = sizeof objective, .name = "least-squares", .dim = DIM, .nodes = NODES,
        .gradient = gradient, .evaluate = evaluate, .metrics = &metric, .n_metrics = 1,
        .user = &data,
    };
    struct tsgd_settings *s;
    struct tsgd_error err;
    struct tsgd_summary end;
    struct tsgd_run *run = NULL;
    make(&data);
    bool failed = tsgd_settings_create(&s, &err) ||
                  tsgd_settings_set_objective(s, &objective, &err) ||
                  tsgd_settings_set(s, "schedule", "cosine", &err) ||
                  tsgd_run_create(&run, s, &err) || tsgd_run_train(run, NULL, NULL, &end, &err);
    if (failed)
        fprintf(stderr, "%s\n", err.text);
    for (int j = 0; !failed && j < DIM; j++)
        printf("x[%d] = %.4f\n", j, (double)tsgd_run_mean(run)[j]);
    if (!failed)
        printf("loss = %.6f\n", end.last.metric[0]);
    tsgd_run_free(run);
    tsgd_settings_free(s);
    return failed;
}
