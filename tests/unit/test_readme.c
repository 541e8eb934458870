/* What README.md shows is right: its lines that load parameters, and how it is to be cited. */
#include "program.h"
#include "scratch.h"
#include "telesgd.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(readme, .init = enter_folder, .fini = leave_folder, .timeout = 60);

static char *tree_file(const char *name)
{
    char path[PATH_MAX];
    tree_path(path, name);
    return read_file(path);
}

/* The block of code that has these words in it. */
static char *block_with(const char *words)
{
    static const char fence[] = "\n```";
    char *at = strstr(tree_file("README.md"), words), *start = at, *end;
    cr_assert(at != NULL, "README.md does not have '%s'", words);
    while (strncmp(start, fence, strlen(fence)))
        start--;
    start = strchr(start + strlen(fence), '\n') + 1;
    end = strstr(at, fence);
    cr_assert(end != NULL);
    end[1] = 0;
    return start;
}

/* Logistic regression with the loaded parameters, in double, on the files of the digits. */
static const char measure[] =
    "import gzip, sys\n"
    "def idx(name, head):\n"
    "    data = gzip.open(sys.argv[1] + '/t10k-' + name + '-ubyte.gz').read()\n"
    "    return np.frombuffer(data, 'u1', offset=head)\n"
    "t = load_file('s')\n"
    "labels = idx('labels-idx1', 8)\n"
    "images = idx('images-idx3', 16).reshape(len(labels), -1) / 255\n"
    "scores = images @ t['fc.weight'].T.astype('f8') + t['fc.bias']\n"
    "print(sorted(t) == ['fc.bias', 'fc.weight'], np.mean(scores.argmax(1) == labels))\n";

Test(readme, the_lines_that_load_parameters_give_the_accuracy_of_the_run)
{
    char python[64], script[4096], folder[PATH_MAX], command[PATH_MAX + 128];
    double accuracy = 0;
    if (!find_python(python, "import numpy"))
        cr_skip_test("there is no Python with numpy");
    struct result r = run(TINY QUIET " --rounds 200 --save s --log -");
    expect_code(&r, 0);
    snprintf(script, sizeof script, "%s%s", block_with("def load_file("), measure);
    write_file("script.py", script);
    tree_path(folder, "datasets/digits");
    snprintf(command, sizeof command, "%s script.py '%s' > out 2>&1", python, folder);
    cr_expect(system(command) == 0, "%s", read_file("out"));
    cr_assert(sscanf(read_file("out"), "True %lf", &accuracy) == 1, "%s", read_file("out"));
    cr_expect(fabs(accuracy - number(last_line(parse_lines(r.out)), "test_accuracy")) < 1e-8, "%g",
              accuracy);
    cr_expect(accuracy > 0.5, "it has learnt nothing");
}

/* The mean of a checkpoint's tokens is what --save writes after as many rounds, but for the order
 * of the sums.                                                                                  */
static const char look[] =
    "c, s = load_file('c'), load_file('s')\n"
    "print(all(np.allclose(c[name].mean(0), s[name], 1e-5, 1e-7) for name in s),\n"
    "      len({t.dtype for t in c.values()}), c['telesgd.loss'].dtype, c['fc.bias'].shape)\n";

Test(readme, the_lines_that_load_parameters_open_a_checkpoint)
{
    char python[64], script[4096], command[128];
    if (!find_python(python, "import numpy"))
        cr_skip_test("there is no Python with numpy");
    struct result r = run(TINY QUIET " --rounds 200 --checkpoint c --checkpoint-every 100");
    expect_code(&r, 0);
    r = run(TINY QUIET " --rounds 100 --save s");
    expect_code(&r, 0);
    snprintf(script, sizeof script, "%s%s", block_with("def load_file("), look);
    write_file("script.py", script);
    snprintf(command, sizeof command, "%s script.py > out 2>&1", python);
    cr_expect(system(command) == 0, "%s", read_file("out"));
    cr_expect(!strcmp(read_file("out"), "True 4 float64 (4, 10)\n"), "%s", read_file("out"));
}

/* Prices in thousands, by area, rooms and age. */
static void write_houses(void)
{
    FILE *f = fopen("houses.csv", "w");
    cr_assert(f && fputs("area,rooms,age,price\n", f) >= 0);
    for (int i = 0; i < 500; i++) {
        int area = 40 + i * 37 % 200, rooms = 1 + area / 30 + i % 2, age = i * 53 % 120;
        fprintf(f, "%d,%d,%d,%.1f\n", area, rooms, age, 80 + 2.2 * area + 15 * rooms - 0.8 * age);
    }
    cr_assert(fclose(f) == 0);
}

/* The documents' line of a regression, from its command on, learns from such data. */
Test(readme, the_line_of_a_regression_learns)
{
    static const char *const documents[] = {"README.md", "datasets/README.md"};
    static const char command[] = "train --data csv:houses.csv ";
    char words[256];
    write_houses();
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        const char *at = strstr(tree_file(documents[i]), command);
        cr_assert(at != NULL, "%s has no '%s'", documents[i], command);
        snprintf(words, sizeof words, "%.*s --log -" QUIET, (int)strcspn(at, "\n"), at);
        struct result r = run(words);
        expect_code(&r, 0);
        double r2 = number(last_line(parse_lines(r.out)), "test_r2");
        cr_expect(r2 > 0.8, "%s: %s: %g", documents[i], words, r2);
    }
}

/* The end of a program that the tests build and run: suite examples. */
Test(readme, the_objective_is_that_of_an_example)
{
    const char *shown = block_with("static double gradient(const struct tsgd_call");
    const char *whole = tree_file("tests/examples/least_squares.c");
    size_t n = strlen(shown), all = strlen(whole);
    cr_assert(n > 1000 && n < all);
    cr_expect(!strcmp(whole + all - n, shown), "README.md and the example differ");
    cr_expect(strstr(shown, "int main(void)"));
}

/* The text between the first `before` and the next `after`, without braces. */
static char *between(const char *text, const char *before, char after)
{
    const char *start = strstr(text, before);
    cr_assert(start != NULL, "no '%s'", before);
    start += strlen(before);
    char *out = keep(calloc(strlen(start) + 1, 1));
    for (size_t n = 0; *start && *start != after; start++)
        if (*start != '{' && *start != '}')
            out[n++] = *start;
    return out;
}

Test(readme, bibtex_and_citation_agree)
{
    const char *bibtex = block_with("@inproceedings"), *program = strstr(bibtex, "@misc");
    const char *cff = tree_file("CITATION.cff"), *references = strstr(cff, "references:");
    cr_assert(program && references);
    char *title = between(program, "title     = {", '\n');
    title[strcspn(title, ",")] = 0;
    cr_expect(!strcmp(title, between(cff, "title: \"", '"')), "%s", title);
    cr_expect(!strcmp(between(program, "author    = {{", '}'), between(cff, "- name: ", '\n')));
    cr_expect(!strcmp(between(program, "note      = {version ", '}'), TELESGD_VERSION));
    cr_expect(!strcmp(between(cff, "\nversion: ", '\n'), TELESGD_VERSION));
    cr_expect(!strcmp(between(bibtex, "title     = {", '}'), between(references, "title: ", '\n')));
    cr_expect(!strcmp(between(bibtex, "booktitle = {", '}'),
                      between(references, "collection-title: ", '\n')));
    cr_expect(!strcmp(between(bibtex, "year      = {", '}'), between(references, "year: ", '\n')));
    cr_expect(!strcmp(between(bibtex, "url       = {", '}'), between(references, "url: ", '\n')));
    static const char *const names[] = {"Takezawa", "Yuki", "Stich", "Sebastian U."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect(strstr(bibtex, names[i]) && strstr(references, names[i]), "%s", names[i]);
}
