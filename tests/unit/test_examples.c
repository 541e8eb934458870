/* The programs of tests/examples find what can be found in another way: the solution of the normal
 * equations, what singular values leave, the policy of dynamic programming.                     */
#include "program.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Its data, as the program makes them. */
int least_squares_main(void);
#define main least_squares_main
#include "examples/least_squares.c"
#undef main

TestSuite(examples, .init = enter_folder, .fini = leave_folder, .timeout = 60);

static char *output_of(const char *program)
{
    use_program(program);
    struct result r = run("");
    expect_code(&r, 0);
    cr_expect(!*r.err, "%s", r.err);
    return r.out;
}

/* x of a x = b, by elimination; a is positive definite. */
static void eliminate(double a[DIM][DIM], double b[DIM], double x[DIM])
{
    for (int i = 0; i < DIM; i++)
        for (int k = i + 1; k < DIM; k++) {
            double factor = a[k][i] / a[i][i];
            for (int j = i; j < DIM; j++)
                a[k][j] -= factor * a[i][j];
            b[k] -= factor * b[i];
        }
    for (int i = DIM - 1; i >= 0; i--) {
        x[i] = b[i];
        for (int j = i + 1; j < DIM; j++)
            x[i] -= a[i][j] * x[j];
        x[i] /= a[i][i];
    }
}

Test(examples, least_squares_comes_to_the_solution_of_the_normal_equations)
{
    static struct data d;
    double a[DIM][DIM] = {{0}}, b[DIM] = {0}, x[DIM], found[DIM], loss, least = 0;
    make(&d);
    for (int n = 0; n < NODES * ROWS; n++)
        for (int i = 0; i < DIM; i++) {
            const double *row = d.a[n / ROWS][n % ROWS];
            b[i] += row[i] * d.b[n / ROWS][n % ROWS];
            for (int j = 0; j < DIM; j++)
                a[i][j] += row[i] * row[j];
        }
    eliminate(a, b, x);
    for (int n = 0; n < NODES * ROWS; n++) {
        double r = -d.b[n / ROWS][n % ROWS];
        for (int i = 0; i < DIM; i++)
            r += d.a[n / ROWS][n % ROWS][i] * x[i];
        least += r * r / 2 / (NODES * ROWS);
    }
    const char *out = output_of("example_least_squares");
    cr_assert(sscanf(out, "x[0] = %lf x[1] = %lf x[2] = %lf x[3] = %lf loss = %lf", &found[0],
                     &found[1], &found[2], &found[3], &loss) == 5, "%s", out);
    for (int i = 0; i < DIM; i++)
        cr_expect(fabs(found[i] - x[i]) < 0.01, "x[%d] = %g, want %g", i, found[i], x[i]);
    cr_expect(loss > least - 1e-6 && loss < least * 1.01, "%g, at least %g", loss, least);
}

enum { TALL = 30, WIDE = 20, RANKS = 5 };

/* What is left of the square of m beside its largest singular values, by powers of m^T m; each is
 * taken away once it is found.                                                                  */
static void take_away(double m[TALL][WIDE])
{
    double v[WIDE], u[TALL], length;
    for (int j = 0; j < WIDE; j++)
        v[j] = 1 + 0.1 * j;
    for (int turn = 0; turn < 2000; turn++) {
        for (int i = 0; i < TALL; i++) {
            u[i] = 0;
            for (int j = 0; j < WIDE; j++)
                u[i] += m[i][j] * v[j];
        }
        length = 0;
        for (int j = 0; j < WIDE; j++) {
            v[j] = 0;
            for (int i = 0; i < TALL; i++)
                v[j] += m[i][j] * u[i];
            length += v[j] * v[j];
        }
        for (int j = 0; length > 1e-20 && j < WIDE; j++)
            v[j] /= sqrt(length);
    }
    for (int i = 0; length > 1e-20 && i < TALL; i++) {
        double along = 0;
        for (int j = 0; j < WIDE; j++)
            along += m[i][j] * v[j];
        for (int j = 0; j < WIDE; j++)
            m[i][j] -= along * v[j];
    }
}

static double square(double m[TALL][WIDE])
{
    double sum = 0;
    for (int i = 0; i < TALL; i++)
        for (int j = 0; j < WIDE; j++)
            sum += m[i][j] * m[i][j];
    return sum;
}

Test(examples, matrix_factorisation_leaves_what_the_singular_values_leave)
{
    double m[TALL][WIDE], found;
    for (int i = 0; i < TALL; i++)
        for (int j = 0; j < WIDE; j++)
            m[i][j] = 2 * sin(0.3 * i) * cos(0.5 * j) + cos(0.7 * i) * sin(0.2 * j) +
                      0.5 * sin(i * i) * cos(j * j);
    double all = square(m);
    char *out = output_of("example_matrix_factorisation"), *line;
    for (int rank = 1; rank <= RANKS; rank++) {
        int named = 0;
        take_away(m);
        double want = square(m) / all;
        line = strsep(&out, "\n");
        cr_assert(line && sscanf(line, "rank %d leaves %lf", &named, &found) == 2 && named == rank);
        cr_expect((rank < 3) == (want > 0.01), "its rank is 3");
        cr_expect(fabs(found - want) < 1e-4, "rank %d leaves %g, want %g", rank, found, want);
    }
}

/* What is paid on average from each place when every step is the best one, by value iteration. */
static double best(char policy[8])
{
    enum { LAST = 8 };
    double v[LAST + 1] = {[0] = 0.5, [LAST] = 1}, sum = 0;
    for (int turn = 0; turn < 1000; turn++)
        for (int s = 1; s < LAST; s++) {
            double right = 0.9 * (0.9 * v[s + 1] + 0.1 * v[s - 1]);
            double left = 0.9 * (0.9 * v[s - 1] + 0.1 * v[s + 1]);
            v[s] = right > left ? right : left;
            policy[s - 1] = right > left ? 'R' : 'L';
        }
    for (int s = 1; s < LAST; s++)
        sum += v[s];
    return sum / (LAST - 1);
}

Test(examples, the_policy_is_that_of_dynamic_programming)
{
    char found[8] = "", want[8] = "";
    double paid, most = best(want);
    const char *out = output_of("example_policy");
    cr_assert(sscanf(out, "%7s %lf", found, &paid) == 2, "%s", out);
    cr_expect(!strcmp(found, want) && strchr(want, 'L') && strchr(want, 'R'), "%s, want %s", found,
              want);
    /* Above it by chance alone: the mean of 14000 walks, paid 0 to 1. */
    cr_expect(paid > 0.98 * most && paid < most + 0.5 / sqrt(14000), "%g, want %g", paid, most);
}
