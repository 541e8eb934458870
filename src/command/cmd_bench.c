/* telesgd bench: what this machine gives. */
#include "cli/parse.h"

#include "base/build.h"
#include "base/cpu.h"
#include "base/json.h"
#include "bench/figures.h"
#include "bench/picture.h"
#include "cli/human.h"
#include "cli/page.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "command/outputs.h"
#include "compare/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- while it measures ---- */

static void draw(const char *what, double done, double all, void *user)
{
    char line[200], left[TSGD_HUMAN];
    double rest = all > done ? all - done : 0;
    (void)user;
    snprintf(line, sizeof line, "%3.0f %%  %s  about %s left", 100 * done / all, what,
             tsgd_human_time(rest, left));
    tsgd_terminal_draw(line);
}

static void say(const char *what, double done, double all, void *user)
{
    (void)user;
    fprintf(stderr, "%3.0f %%  ", 100 * (done < all ? done / all : 1));
    tsgd_human_print(stderr, what);
    fputc('\n', stderr);
}

/* ---- as text ---- */

/* Three figures that mean something, without an exponent. */
static void add_number(struct tsgd_table *t, double x)
{
    int digits = x >= 100 ? 0 : x >= 10 ? 1 : x >= 1 ? 2 : x >= 0.1 ? 3 : 4;
    tsgd_table_add(t, "%.*f", digits, x);
}

static void add_name(struct tsgd_table *t, const struct tsgd_figure *f)
{
    const struct tsgd_figure_kind *kind = &tsgd_figure_kinds[f->group];
    char size[TSGD_HUMAN];
    switch (f->group) {
    case TSGD_FIGURE_BANDWIDTH:
        tsgd_table_add(t, "%s %s (%s)", kind->title, f->name, tsgd_human_bytes(f->size, size));
        return;
    case TSGD_FIGURE_STEP:
    case TSGD_FIGURE_GOSSIP:
        tsgd_table_add(t, "%s %s (%s floats)", kind->title, f->name,
                       tsgd_human_short(f->size, size));
        return;
    case TSGD_FIGURE_THREADS:
        tsgd_table_add(t, "%s %s, %.0f thread%s", kind->title, f->name, f->size,
                       f->size == 1 ? "" : "s");
        return;
    default:
        tsgd_table_add(t, "%s %s", kind->title, f->name);
    }
}

static void print_title(FILE *out, const char *title, const struct tsgd_bench *b)
{
    tsgd_human_print(out, title);
    fprintf(out, ", telesgd %s", tsgd_build_revision);
    if (!isnan(b->load))
        fprintf(out, "; load before it: %.2f", b->load);
    fputs("\n\n", out);
}

static void print_disturbed(FILE *out, const struct tsgd_bench *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++)
        n += *b->figure[i].disturbance != 0;
    if (n == 0)
        fputs("\nnobody else was felt while it was measured\n", out);
    else
        fprintf(out, "\n%zu of %zu figures were measured beside other load, which makes them worse "
                     "than the machine is\n", n, b->n);
}

static enum tsgd_status print_text(FILE *out, const char *title, const struct tsgd_bench *b,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_table t = TSGD_TABLE_INIT(7);
    static const char *const heading[] = {"what", "median", "least", "most", "unit", "that is",
                                          "other load"};
    for (size_t i = 0; i < t.columns; i++)
        tsgd_table_add(&t, "%s", heading[i]);
    for (size_t i = 0; i < b->n; i++) {
        const struct tsgd_figure *f = &b->figure[i];
        const struct tsgd_figure_kind *kind = &tsgd_figure_kinds[f->group];
        add_name(&t, f);
        add_number(&t, f->median);
        add_number(&t, f->least);
        add_number(&t, f->most);
        tsgd_table_add(&t, "%s", kind->unit);
        if (isnan(f->share))
            tsgd_table_add(&t, "%s", "");
        else
            tsgd_table_add(&t, "%.2f %s", f->share, kind->share);
        tsgd_table_add(&t, "%s", f->disturbance);
    }
    print_title(out, title, b);
    TRY(tsgd_table_print(&t, out, err));
    print_disturbed(out, b);
done:
    tsgd_table_release(&t);
    return st;
}

/* ---- as JSON ---- */

/* A number that may not be there. */
static json_t *real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *figure_json(const struct tsgd_figure *f)
{
    const struct tsgd_figure_kind *kind = &tsgd_figure_kinds[f->group];
    char hash[20];
    json_t *o = json_pack("{s:s, s:{s:f, s:f, s:f, s:I}, s:o, s:o, s:b}", kind->name_key, f->name,
                          kind->unit_key, "median", f->median, "least", f->least, "most", f->most,
                          "turns", (json_int_t)f->turns, "cpu_share", real(f->ran), "others_cpus",
                          real(f->others), "disturbed", *f->disturbance != 0);
    bool ok = o != NULL;
    if (kind->size_key)
        ok &= json_object_set_new(o, kind->size_key, json_integer((json_int_t)f->size)) == 0;
    if (kind->share_key)
        ok &= json_object_set_new(o, kind->share_key, real(f->share)) == 0;
    if (f->group == TSGD_FIGURE_THREADS) {
        snprintf(hash, sizeof hash, "%016llx", (unsigned long long)f->hash);
        ok &= json_object_set_new(o, "state_hash", json_string(hash)) == 0;
    }
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

static bool add_group(json_t *o, enum tsgd_figure_group group, const struct tsgd_bench *b)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; i < b->n; i++)
        if (b->figure[i].group == group)
            ok &= json_array_append_new(list, figure_json(&b->figure[i])) == 0;
    return json_object_set_new(o, tsgd_figure_kinds[group].key, list) == 0 && ok;
}

static enum tsgd_status print_json(FILE *out, const char *cpu, const struct tsgd_bench *b,
                                   struct tsgd_error *err)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:o, s:f, s:I}", "revision",
                          tsgd_build_revision, "compiler", tsgd_build_compiler, "cpu", cpu, "cpus",
                          (json_int_t)b->cpus, "machine_cpus", (json_int_t)b->online, "kernels",
                          b->isa, "load_before", real(b->load), "seconds", b->s->seconds, "tokens",
                          (json_int_t)b->tokens);
    bool ok = o != NULL;
    for (enum tsgd_figure_group g = 0; g < TSGD_FIGURE_GROUPS && ok; g++)
        ok = add_group(o, g, b);
    enum tsgd_status st = tsgd_json_print(out, ok ? o : NULL,
                                          JSON_COMPACT | JSON_REAL_PRECISION(9), err);
    json_decref(o);
    return st;
}

/* ---- the command ---- */

static enum tsgd_status check(const struct tsgd_settings *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (s->plot) {
        TRY(tsgd_plot_check_name(s->plot, err));
        TRY(tsgd_outputs_check_plot(s, err));
        TRY(tsgd_plot_probe(s->plot, err));
    }
done:
    return st;
}

static enum tsgd_status print_all(const struct tsgd_bench *b, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char cpu[TSGD_CPU_NAME], title[TSGD_CPU_NAME + 64];
    tsgd_cpu_name(cpu);
    snprintf(title, sizeof title, "%s, %u of %u CPUs, %s", cpu, b->cpus, b->online, b->isa);
    TRY(b->s->json ? print_json(stdout, cpu, b, err) : print_text(stdout, title, b, err));
    if (b->s->plot) {
        TRY(tsgd_bench_picture(b, title, b->s->plot, err));
        if (!b->s->json) {
            fputs("written  ", stdout);
            tsgd_human_print(stdout, b->s->plot);
            fputc('\n', stdout);
        }
    }
done:
    return st;
}

static enum tsgd_exit run(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    enum tsgd_status st = TSGD_OK;
    enum tsgd_exit code = TSGD_EXIT_USAGE;
    struct tsgd_error err;
    const struct tsgd_settings *s = cli->settings;
    struct tsgd_bench b = {.s = s};
    bool live = !strcmp(s->progress, "auto") && tsgd_terminal_redraws();
    if (strcmp(s->progress, "off"))
        b.progress = live ? draw : say;
    TRY(check(s, &err));
    st = tsgd_bench_run(&b, &err);
    if (live)
        tsgd_terminal_clear();
    TRY(st);
    code = TSGD_EXIT_FAILED;
    TRY(print_all(&b, &err));
    code = TSGD_EXIT_DONE;
done:
    tsgd_bench_release(&b);
    if (st != TSGD_OK)
        tsgd_complain(self, &err);
    return code;
}

static const char about[] =
    "Measures what this machine gives, in about a minute: multiply-adds of a core (peak), bytes "
    "moved by x *= a in place (scale) within its caches and in memory, the hand-off of a token "
    "from one core to another, a step of each model with momentum, a round of gossip of 16 tokens "
    "as a multiple of a scale of their rows, and a training with 1, 2, 4, .. threads, in five "
    "turns. Least and most are of all turns. The last column says when others used the machine: "
    "'ran 80 % of its time' is CPU time over wall time of the thread that was measured, and CPUs "
    "are counted as busy by the whole machine less by telesgd.\n";

static const char closing[] =
    "# Examples\n"
    "    telesgd bench\n"
    "    telesgd bench --model vgg11 --seconds 120 --plot threads.svg\n"
    "    telesgd bench --json --progress off | jq '.step[] | {model, of_peak, disturbed}'\n";

static const struct tsgd_option_help options[] = {
    {"model", "lenet, mlp, resnet20, vgg11", "measure steps and the training of this network "
     "alone; see 'telesgd list models'"},
    {"input", "what the model is usually for", "the shape of a sample: channels, height and width, "
     "as 3x32x32; or a number of features"},
    {"batch", NULL, "samples in a minibatch"},
    {"progress", NULL, "on the standard error: a moving line on a terminal (auto), a line for each "
     "thing that is measured (plain, and auto elsewhere), nothing (off)"},
    {"threads", NULL, "worker threads of the training at most"},
    {"isa", NULL, "instruction set of the kernels: sse4, avx2, avx512 (neon on aarch64) or "
     "portable; the peak and the scale are of the widest that the CPU has"},
    {"plot", NULL, "draw the training's gain by threads into FILE.svg, .pdf or .png through "
     "gnuplot, with bands from the least to the most"},
    {NULL, NULL, NULL},
};

const struct tsgd_command tsgd_command_bench = {
    .name = "bench",
    .options = TSGD_FOR_BENCH,
    .own_help = options,
    .ranks = TSGD_RANKS_NONE,
    .usage = "[OPTION]...",
    .summary = "what this machine gives, in a minute",
    .about = about,
    .closing = closing,
    .run = run,
};
