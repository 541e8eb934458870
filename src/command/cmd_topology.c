/* telesgd topology: how fast a graph mixes, or the graph itself. */
#include "cli/parse.h"

#include "base/json.h"
#include "topology/spectrum.h"

#include <stdlib.h>

static void print_text(const char *topology, uint64_t k, const struct tsgd_spectrum *s)
{
    printf("%s, %llu tokens\n", topology, (unsigned long long)k);
    printf("  degree           %u\n  period           %u\n", s->degree, s->period);
    printf("  gap of round 0   %.6g\n  gap of a period  %.6g\n", s->gap, s->gap_period);
    if (s->exact_after)
        printf("  exact after      %u round%s\n", s->exact_after, s->exact_after == 1 ? "" : "s");
    else
        printf("  exact after      never\n");
}

static enum tsgd_status print_json(const struct tsgd_spectrum *s, struct tsgd_error *err)
{
    json_t *o = json_pack("{s:I, s:I, s:f, s:f, s:o}", "degree", (json_int_t)s->degree, "period",
                          (json_int_t)s->period, "gap", s->gap, "gap_period", s->gap_period,
                          "exact_after",
                          s->exact_after ? json_integer(s->exact_after) : json_null());
    enum tsgd_status st = tsgd_json_print(stdout, o, JSON_COMPACT | JSON_REAL_PRECISION(9), err);
    json_decref(o);
    return st;
}

static void print_matrix(const struct tsgd_mixing *s)
{
    for (uint32_t r = 0; r < s->period; r++)
        for (uint32_t a = 0; a < s->w[r].n; a++)
            for (uint32_t i = s->w[r].ptr[a]; i < s->w[r].ptr[a + 1]; i++)
                if (s->w[r].val[i] != 0)
                    printf("%u %u %u %.9g\n", r, a, s->w[r].col[i], (double)s->w[r].val[i]);
}

/* Whether a reads b. */
static bool reads(const struct tsgd_csr *w, uint32_t a, uint32_t b)
{
    uint32_t from = w->ptr[a], to = w->ptr[a + 1];
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (w->col[middle] == b)
            return w->val[middle] != 0;
        if (w->col[middle] < b)
            from = middle + 1;
        else
            to = middle;
    }
    return false;
}

/* An arrow leads from who is read to who reads; a line stands for two arrows. */
static void print_dot(const char *topology, const struct tsgd_mixing *s)
{
    printf("digraph \"");
    for (const char *c = topology; *c; c++)
        printf("%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
    printf("\" {\n");
    for (uint32_t a = 0; a < s->w[0].n; a++)
        printf("  %u;\n", a);
    for (uint32_t r = 0; r < s->period; r++) {
        const struct tsgd_csr *w = &s->w[r];
        for (uint32_t a = 0; a < w->n; a++)
            for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++) {
                uint32_t b = w->col[i];
                bool both = reads(w, b, a);
                if (b == a || w->val[i] == 0 || (both && b < a))
                    continue;
                printf("  %u -> %u [label=\"", b, a);
                if (s->period > 1)
                    printf("%u", r);
                printf("\"%s];\n", both ? ", dir=none" : "");
            }
    }
    printf("}\n");
}

static enum tsgd_status show(const struct tsgd_cli *cli, const struct tsgd_mixing *schedule,
                             struct tsgd_error *err)
{
    const char *topology = cli->operand[0];
    const struct tsgd_settings *s = cli->settings;
    struct tsgd_spectrum spectrum;
    if (s->dot) {
        print_dot(topology, schedule);
        return TSGD_OK;
    }
    if (s->matrix) {
        print_matrix(schedule);
        return TSGD_OK;
    }
    enum tsgd_status st = tsgd_spectrum(&spectrum, schedule, err);
    if (st == TSGD_OK && s->json)
        st = print_json(&spectrum, err);
    else if (st == TSGD_OK)
        print_text(topology, s->active, &spectrum);
    return st;
}

static enum tsgd_status check(const struct tsgd_settings *s, struct tsgd_error *err)
{
    if (s->dot + s->matrix + s->json > 1)
        return tsgd_fail(err, TSGD_EINVAL, "--dot, --matrix, --json: found several, want one");
    if (!TSGD_GIVEN(s, active))
        return tsgd_fail(err, TSGD_EINVAL, "--active: must be given: the number of tokens");
    return TSGD_OK;
}

static enum tsgd_exit run(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_error err;
    struct tsgd_mixing schedule = TSGD_MIXING_INIT;
    const struct tsgd_settings *s = cli->settings;
    TRY(check(s, &err));
    TRY((s->allow_disconnected ? tsgd_topology_build_parts : tsgd_topology_build)(
        &schedule, cli->operand[0], (uint32_t)s->active, s->seed, &err));
    TRY(show(cli, &schedule, &err));
done:
    tsgd_mixing_release(&schedule);
    if (st == TSGD_OK)
        return TSGD_EXIT_DONE;
    tsgd_complain(self, &err);
    return TSGD_EXIT_USAGE;
}

static const char about[] =
    "Tells how fast the tokens of a graph (telesgd list topologies) come to agree: how many "
    "neighbours one reads in a round, after how many rounds the graph repeats, the spectral gap 1 "
    "- sigma^2 (sigma: the second largest singular value) of round 0 and of a whole period, and "
    "after how many rounds everybody holds the exact mean.\n";

static const char closing[] =
    "# Examples\n"
    "    telesgd topology base:1 --active 25\n"
    "    telesgd topology torus --active 12 --dot | dot -Tsvg > torus.svg\n";

static const struct tsgd_option_help options[] = {
    {"active", "must be given", "tokens that mix"},
    {"seed", NULL, "of graphs that are drawn, regular and er; the same as of a training"},
    {NULL, NULL, NULL},
};

const struct tsgd_command tsgd_command_topology = {
    .name = "topology",
    .options = TSGD_FOR_TOPOLOGY,
    .own_help = options,
    .min_operands = 1,
    .max_operands = 1,
    .usage = "GRAPH --active K [OPTION]...",
    .summary = "how fast a graph mixes, its picture, its weights",
    .about = about,
    .closing = closing,
    .run = run,
};
