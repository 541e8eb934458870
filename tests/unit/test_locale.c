/* A host that has set a locale whose numbers have a comma: everything that is read and written
 * stays as it is in the C locale, byte for byte, and the host's locale stays as it is.          */
#include <criterion/criterion.h>
#include <ftw.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/format.h"
#include "base/text.h"
#include "model/safetensors.h"
#include "sim/settings.h"
#include "telesgd.h"

static char folder[] = "/tmp/telesgd-locale-XXXXXX";

static void enter_folder(void)
{
    cr_assert(mkdtemp(folder) != NULL && chdir(folder) == 0);
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s, (void)type, (void)at;
    return remove(path);
}

static void leave_folder(void)
{
    cr_assert(chdir("/") == 0);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(locale, .init = enter_folder, .fini = leave_folder, .timeout = 240);

/* ---- the locale ---- */

/* Compiles a locale into the test's folder, so that nothing depends on those of the system. A test
 * may skip only where the C library has no localedef; Debian's libc-bin always has it, and `make
 * test` installs the sources (package locales), so it must not be skipped there.                */
static void make_locale(const char *name)
{
    char command[256];
    if (system("command -v localedef >/dev/null") != 0)
        cr_skip_test("this system has no localedef");
    snprintf(command, sizeof command, "localedef -i %s -f UTF-8 ./%s.UTF-8 >localedef.log 2>&1",
             name, name);
    cr_assert(system(command) == 0, "%s failed; is the package `locales` there?", command);
    cr_assert(setenv("LOCPATH", folder, 1) == 0);
}

static void enter_locale(const char *name, const char *point)
{
    cr_assert(setlocale(LC_ALL, name) != NULL, "no locale %s", name);
    cr_assert(!strcmp(localeconv()->decimal_point, point));
}

static void still_german(void)
{
    char text[16];
    snprintf(text, sizeof text, "%.1f", 0.5);
    cr_expect(!strcmp(text, "0,5"), "the host writes %s", text);
    cr_expect(uselocale((locale_t)0) == LC_GLOBAL_LOCALE, "the thread has a locale of its own");
    cr_expect(!strcmp(setlocale(LC_ALL, NULL), "de_DE.UTF-8"));
}

/* ---- single texts ---- */

Test(locale, a_number_is_read_and_written_with_a_point)
{
    double value = 0;
    char text[32];
    struct tsgd_error err;
    make_locale("de_DE");
    enter_locale("de_DE.UTF-8", ",");
    cr_expect(tsgd_parse_double("0.5", &value) && value == 0.5);
    cr_expect(tsgd_parse_double("-2.5e-3", &value) && value == -0.0025);
    cr_expect(!tsgd_parse_double("0,5", &value));
    cr_expect(tsgd_format(text, sizeof text, "%g %.3f %'d", 0.1, 1234.5, 1234567) == 20);
    cr_expect(!strcmp(text, "0.1 1234.500 1234567"), "%s", text);
    tsgd_fail(&err, TSGD_EINVAL, "found %g, want %.2f to %.1e", 0.5, 0.25, 1.5);
    cr_expect(!strcmp(err.text, "found 0.5, want 0.25 to 1.5e+00"), "%s", err.text);
    still_german();
}

Test(locale, a_thread_keeps_the_locale_that_it_has)
{
    make_locale("de_DE");
    locale_t german = newlocale(LC_ALL_MASK, "de_DE.UTF-8", (locale_t)0);
    cr_assert(german);
    uselocale(german);
    double value;
    char text[16];
    cr_expect(tsgd_parse_double("0.5", &value) && value == 0.5);
    cr_expect(uselocale((locale_t)0) == german);
    tsgd_format(text, sizeof text, "%g", 0.5);
    cr_expect(!strcmp(text, "0.5") && uselocale((locale_t)0) == german);
    snprintf(text, sizeof text, "%g", 0.5);
    cr_expect(!strcmp(text, "0,5"), "the host's own numbers: %s", text);
    uselocale(LC_GLOBAL_LOCALE);
    freelocale(german);
}

/* ---- whole runs ---- */

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    cr_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* The whole file; the caller frees it. */
static char *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    cr_assert(f != NULL, "no file %s", path);
    cr_assert(fseek(f, 0, SEEK_END) == 0);
    *size = (size_t)ftell(f);
    rewind(f);
    char *bytes = calloc(1, *size + 1);
    cr_assert(bytes && fread(bytes, 1, *size, f) == *size && fclose(f) == 0);
    return bytes;
}

static void expect_same_files(const char *a, const char *b)
{
    size_t n, m;
    char *x = read_file(a, &n), *y = read_file(b, &m);
    cr_expect(n == m && memcmp(x, y, n) == 0, "%s and %s differ:\n%.300s\n%.300s", a, b,
              n > 8 ? x + 8 : x, m > 8 ? y + 8 : y);
    free(x);
    free(y);
}

/* Settings with a real number in every text that may hold one. */
static struct tsgd_settings *fractions(void)
{
    return settings_of("data=blobs:400,12,4 partition=dirichlet-even:0.5 normalize=data "
                       "model=mlp:8 nodes=6 active=3 topology=file:graph.txt "
                       "availability-trace=nodes.txt link-cost=slow-links:0.25 "
                       "compute-seconds=0.125:lognormal:0.5 lr=0.05 schedule=step:4,8:0.5 "
                       "rounds=12 eval-every=3 until=test_loss<=0.001 batch=8 threads=2");
}

struct course {
    uint32_t n;
    struct tsgd_eval eval[16];
    char normalize[128], lr[32];
    struct tsgd_evaluated file;
};

static bool keep(const struct tsgd_eval *eval, void *user)
{
    struct course *c = user;
    c->eval[c->n] = *eval;
    c->eval[c->n++].wall_seconds = 0;
    return false;
}

static void train(const struct tsgd_settings *s, const char *saved, struct course *out)
{
    struct tsgd_error err;
    struct tsgd_run *run;
    struct tsgd_summary end;
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_train(run, keep, out, &end, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_save(run, saved, &err) == TSGD_OK, "%s", err.text);
    snprintf(out->normalize, sizeof out->normalize, "%s",
             tsgd_settings_get(tsgd_run_info(run)->resolved, "normalize"));
    snprintf(out->lr, sizeof out->lr, "%s", tsgd_settings_get(tsgd_run_info(run)->resolved, "lr"));
    tsgd_run_free(run);
    cr_assert(tsgd_evaluate_file(saved, s, &out->file, &err) == TSGD_OK,
              "%s", err.text);
}

Test(locale, a_run_reads_and_writes_the_same_files)
{
    static struct course plain, german;     /* zero, padding too: they are compared as bytes */
    make_locale("de_DE");
    write_file("graph.txt", "0 0 0.5\n0 1 0.25\n0 2 0.25\n1 0 .25\n1 1 5e-1\n1 2 0.25\n2 0 0.25\n"
                            "2 1 0.25\n2 2 0.5 # a comment\n");
    write_file("nodes.txt", "0 0 7\n3 2 12\n");
    train(settings_with(fractions(), "save-split=split.C"), "saved.C", &plain);
    enter_locale("de_DE.UTF-8", ",");
    train(settings_with(fractions(), "save-split=split.de"), "saved.de", &german);
    still_german();
    cr_assert(plain.n == 4 && strchr(plain.normalize, '.') && !strcmp(plain.lr, "0.05"));
    cr_expect(memcmp(&plain, &german, sizeof plain) == 0, "normalised by %s, want %s",
              german.normalize, plain.normalize);
    expect_same_files("saved.C", "saved.de");
    expect_same_files("split.C", "split.de");
    /* What a run has resolved, and what it wrote, is read again. */
    train(settings_with(fractions(), "partition= split=split.de init=saved.de normalize=%s lr=%s",
                        german.normalize, german.lr), "again.de", &german);
}

Test(locale, a_refusal_has_the_same_words)
{
    static const char *const bad[] = {
        "lr=-0.5", "momentum=1.5", "weight-decay=-0.25", "availability-trace= availability=1.25",
        "schedule=cosine:0.75", "lr=0.5x", "zeta2=0.5", "topology=file:graph.txt",
        "topology=ring",                    /* then the trace is read */
    };
    enum { N = sizeof bad / sizeof *bad };
    struct tsgd_error plain[N], german;
    make_locale("de_DE");
    write_file("graph.txt", "0 0 0.5\n0 1 0.5\n1 0 0.5\n1 1 0.5\n1 2 0.25\n2 2 1\n");
    write_file("nodes.txt", "0 0 7.5\n");
    for (int i = 0; i < N; i++)
        cr_assert(settings_try_run(fractions(), bad[i], &plain[i]) != TSGD_OK, "%s", bad[i]);
    cr_assert(strstr(plain[7].text, "row 1 of round 0 sums to 1.25"), "%s", plain[7].text);
    cr_assert(strstr(plain[8].text, "'7.5'"), "%s", plain[8].text);
    enter_locale("de_DE.UTF-8", ",");
    for (int i = 0; i < N; i++) {
        cr_assert(settings_try_run(fractions(), bad[i], &german) != TSGD_OK, "%s", bad[i]);
        cr_expect(!strcmp(german.text, plain[i].text), "%s, want %s", german.text, plain[i].text);
    }
    still_german();
}

Test(locale, a_search_finds_the_same)
{
    struct tsgd_tuning end[2];
    struct tsgd_error err;
    make_locale("de_DE");
    for (int i = 0; i < 2; i++) {
        struct tsgd_tune *t;
        const struct tsgd_settings *s = settings_with(
            fractions(), "active= topology=ring availability-trace= until= link-cost= "
            "compute-seconds= lr= lr-grid=0.05,0.0125");
        cr_assert(tsgd_tune_create(&t, s, &err) == TSGD_OK, "%s", err.text);
        cr_assert(tsgd_tune_run(t, NULL, NULL, &end[i], &err) == TSGD_OK, "%s", err.text);
        cr_assert(tsgd_tune_save(t, i ? "tuned.de" : "tuned.C", &err) == TSGD_OK, "%s", err.text);
        tsgd_tune_free(t);
        enter_locale("de_DE.UTF-8", ",");
    }
    cr_expect(end[0].test_loss == end[1].test_loss);
    expect_same_files("tuned.C", "tuned.de");
    still_german();
}

/* Pashto's decimal point has two bytes in UTF-8. */
Test(locale, a_header_with_a_real_number_is_read_where_the_point_has_two_bytes)
{
    static const char header[] = "{\"__metadata__\":{\"telesgd.model\":\"lenet\"},\"x\":0.5}      ";
    uint64_t length = sizeof header - 1;
    struct tsgd_saved saved;
    struct tsgd_error err = {TSGD_OK, ""};
    make_locale("ps_AF");
    FILE *f = fopen("real.safetensors", "wb");
    cr_assert(f && fwrite(&length, sizeof length, 1, f) == 1 &&
              fwrite(header, 1, length, f) == length && fclose(f) == 0);
    enter_locale("ps_AF.UTF-8", "\xd9\xab");
    cr_expect(tsgd_safetensors_identify("real.safetensors", &saved, &err) == TSGD_EFORMAT);
    cr_expect(strstr(err.text, "telesgd.shape is ''"), "%s", err.text);
}

/* ---- the program ---- */

/* Its output with these words, run in the given locale, into a file. */
static void run_program(const char *locale, const char *words, const char *out)
{
    char program[PATH_MAX], command[2 * PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 16);
    cr_assert(n > 0);
    program[n] = 0;
    strcpy(strrchr(program, '/'), "/telesgd");
    cr_assert(access(program, X_OK) == 0, "%s is not built", program);
    snprintf(command, sizeof command, "LC_ALL=%s '%s' %s >%s 2>&1", locale, program, words, out);
    cr_assert(system(command) == 0, "%s", command);
}

Test(locale, the_program_prints_the_same)
{
    static const char *const words[] = {    /* the last without what time it took */
        "topology ring --active 5 --matrix", "topology torus --active 12", "train --help",
        "topology exp --active 6 --json",
        "train --data blobs:400,12,4 --model mlp:8 --nodes 6 --active 3 --lr 0.05 --rounds 4 "
        "--normalize data --log - --progress off | "
        "sed -n 's/\"\\(wall_seconds\\|date\\)\":[^,]*,//;/:\"config\"\\|:\"eval\"/p'",
    };
    make_locale("de_DE");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        run_program("C", words[i], "out.C");
        run_program("de_DE.UTF-8", words[i], "out.de");
        expect_same_files("out.C", "out.de");
    }
}
