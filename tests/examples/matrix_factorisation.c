/* Matrix factorisation: 30 nodes have a row each of a matrix M, and look for u [30][rank] and v
 * [20][rank] with the least sum of (u_i . v_j - M_ij)^2. Trains one rank after the other, and
 * prints what each leaves of the sum of M_ij^2: nothing from the rank of M on.                  */
#include <math.h>
#include <stdio.h>
#include <telesgd.h>

enum { ROWS = 30, COLUMNS = 20, MOST_RANK = 5 };

struct problem {
    double m[ROWS][COLUMNS], square;    /* square: the sum of m_ij^2 */
    uint32_t rank;
};

/* Row i of u v^T - M, into r[COLUMNS]. */
static void residual(const struct problem *p, uint32_t i, const float *x, double *r)
{
    const float *u = x + i * p->rank, *v = x + ROWS * p->rank;
    for (uint32_t j = 0; j < COLUMNS; j++) {
        r[j] = -p->m[i][j];
        for (uint32_t k = 0; k < p->rank; k++)
            r[j] += (double)u[k] * (double)v[j * p->rank + k];
    }
}

static double gradient(const struct tsgd_call *call, const float *x, float *grad, void *user)
{
    const struct problem *p = user;
    double *r = call->scratch, loss = 0;
    size_t u = call->node * p->rank, v = ROWS * p->rank;
    residual(p, call->node, x, r);
    for (uint32_t j = 0; j < COLUMNS; j++, v += p->rank) {
        loss += r[j] * r[j] / 2;
        for (uint32_t k = 0; k < p->rank; k++) {
            grad[u + k] += (float)r[j] * x[v + k];
            grad[v + k] = (float)r[j] * x[u + k];
        }
    }
    return loss;
}

/* A block is a row. */
static void evaluate(const struct tsgd_call *call, const float *x, double *value, void *user)
{
    const struct problem *p = user;
    double *r = call->scratch;
    residual(p, call->block, x, r);
    for (int j = 0; j < COLUMNS; j++)
        value[0] += r[j] * r[j] / p->square;
}

static void init(struct tsgd_random *random, float *x, void *user)
{
    tsgd_random_normals(random, x, (ROWS + COLUMNS) * ((const struct problem *)user)->rank);
}

/* Three products of a column and a row. */
static void make(struct problem *p)
{
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) {
            p->m[i][j] = 2 * sin(0.3 * i) * cos(0.5 * j) + cos(0.7 * i) * sin(0.2 * j) +
                         0.5 * sin(i * i) * cos(j * j);
            p->square += p->m[i][j] * p->m[i][j];
        }
}

static enum tsgd_status train(struct tsgd_settings *s, struct problem *p, struct tsgd_error *err)
{
    const struct tsgd_objective_metric metric = {"left", false};
    const struct tsgd_objective_tensor tensors[] = {{"u", 2, {ROWS, p->rank}},
                                                    {"v", 2, {COLUMNS, p->rank}}};
    const struct tsgd_objective objective = {
        .size = sizeof objective, .name = "factorisation", .dim = (ROWS + COLUMNS) * p->rank,
        .nodes = ROWS, .scratch_bytes = COLUMNS * sizeof (double), .user = p, .init = init,
        .gradient = gradient, .evaluate = evaluate, .blocks = ROWS, .metrics = &metric,
        .n_metrics = 1, .tensors = tensors, .n_tensors = 2,
    };
    struct tsgd_summary end;
    struct tsgd_run *run = NULL;
    enum tsgd_status st = tsgd_settings_set_objective(s, &objective, err);
    if (st == TSGD_OK)
        st = tsgd_run_create(&run, s, err);
    if (st == TSGD_OK)
        st = tsgd_run_train(run, NULL, NULL, &end, err);
    if (st == TSGD_OK)
        printf("rank %u leaves %.6f\n", p->rank, end.last.metric[0]);
    tsgd_run_free(run);
    return st;
}

int main(void)
{
    static struct problem p;
    struct tsgd_settings *s;
    struct tsgd_error err;
    make(&p);
    bool failed = tsgd_settings_create(&s, &err) || tsgd_settings_set(s, "lr", "0.05", &err) ||
                  tsgd_settings_set(s, "rounds", "8000", &err) ||
                  tsgd_settings_set(s, "schedule", "cosine", &err);
    for (p.rank = 1; !failed && p.rank <= MOST_RANK; p.rank++)
        failed = train(s, &p, &err) != TSGD_OK;
    if (failed)
        fprintf(stderr, "%s\n", err.text);
    tsgd_settings_free(s);
    return failed;
}
