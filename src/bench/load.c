#include "bench/load.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

/* Ticks have a hundredth of a second, so what is shorter says nothing. */
#define SHORTEST 0.1

static FILE *open_proc(const char *proc, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", proc, name);
    return fopen(path, "r");
}

/* The line "cpu": user, nice, system, idle, waiting for a disk, interrupts of two kinds, and stolen
 * by the host. Guests of this machine's own are in the first two already.                       */
static double busy_ticks(FILE *f)
{
    double t[8];
    if (!f || fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &t[0], &t[1], &t[2], &t[3], &t[4],
                     &t[5], &t[6], &t[7]) != 8)
        return NAN;
    return t[0] + t[1] + t[2] + t[5] + t[6] + t[7];
}

void tsgd_load_read(struct tsgd_load *out, const char *proc)
{
    struct timespec own;
    FILE *f = open_proc(proc, "stat");
    out->all = busy_ticks(f) / (double)sysconf(_SC_CLK_TCK);
    if (f)
        fclose(f);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    out->own = (double)own.tv_sec + 1e-9 * (double)own.tv_nsec;
    out->wall = 1e-9 * (double)tsgd_now_ns();
}

double tsgd_load_others(const struct tsgd_load *from, const struct tsgd_load *to)
{
    double wall = to->wall - from->wall;
    if (!(wall >= SHORTEST) || isnan(from->all) || isnan(to->all))
        return NAN;
    return fmax(0, (to->all - from->all - (to->own - from->own)) / wall);
}

/* Somebody else is felt from here on: a share of the thread's own time; CPUs more than there are;
 * CPUs at all, where caches and memory are measured.                                            */
#define LOST 0.02
#define TOO_MANY 0.05
#define BESIDE 0.25

const char *tsgd_load_disturbance(char text[96], double ran, double others, double spare,
                                  bool moves)
{
    bool lost = ran < 1 - LOST;                         /* false of NaN, as below */
    bool many = others > fmax(0, spare) + TOO_MANY || (moves && others > BESIDE);
    int used = 0;
    *text = 0;
    if (lost)
        used = snprintf(text, 96, "ran %.0f %% of its time", 100 * ran);
    if ((lost || many) && others > TOO_MANY)
        snprintf(text + used, 96 - (size_t)used, "%sothers kept %.1f CPUs busy", used ? ", " : "",
                 others);
    return text;
}

double tsgd_load_average(const char *proc)
{
    double average = NAN;
    FILE *f = open_proc(proc, "loadavg");
    if (f && fscanf(f, "%lf", &average) != 1)
        average = NAN;
    if (f)
        fclose(f);
    return average;
}
