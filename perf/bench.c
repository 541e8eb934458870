#include "bench.h"

#include "base/cpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_arguments(int argc, char **argv, int most, const char *usage, const char *measures)
{
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help")) {
            printf("usage: %s%s%s\n%s\n", name, *usage ? " " : "", usage, measures);
            exit(fflush(stdout) ? 1 : 0);
        }
        if (*argv[i] != '-' && i <= most)
            continue;
        fprintf(stderr, "%s: found '%s', want %s; see --help\n", name, argv[i],
                *usage ? usage : "no arguments");
        exit(2);
    }
}

bool bench_print(const char *name, struct bench_time t, double flops, bool ok, const char *format,
                 ...)
{
    static bool begun;
    const char *rev = getenv("REV");
    va_list args;
    if (!begun) {
        char cpu[TSGD_CPU_NAME];
        tsgd_cpu_name(cpu);
        printf("# cpu: %s\n# isa: %s\n", cpu, bench_widest_isa());
    }
    begun = true;
    va_start(args, format);
    printf("bench=%s ", name);
    vprintf(format, args);
    va_end(args);
    printf(" ns_med=%.0f ns_p90=%.0f", t.median, t.p90);
    if (flops > 0)
        printf(" GFLOPS=%.1f of_peak=%.2f", flops / t.median, flops / t.median / bench_peak());
    printf(" check=%s rev=%s\n", ok ? "ok" : "FAILED", rev ? rev : "unknown");
    fflush(stdout);                     /* into a pipe too, as soon as it is known */
    return ok;
}
