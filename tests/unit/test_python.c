/* The shared library from Python, by tests/examples/telesgd.py: what it gives is what the program
 * writes, an objective in NumPy finds its solution, and what is raised comes out.                */
#include "program.h"
#include "scratch.h"
#include "telesgd.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(python, .init = enter_folder, .fini = leave_folder, .timeout = 120);

/* What Python prints, of a file or lines; NULL: there is no Python with numpy, or the tests are
 * built with a sanitizer, which the library would then ask of Python too.                       */
static char *python(const char *file, const char *lines)
{
#ifdef __SANITIZE_ADDRESS__
    (void)file, (void)lines;
    return NULL;
#else
    char name[64], folder[PATH_MAX], library[PATH_MAX], command[2 * PATH_MAX];
    if (!find_python(name, "import numpy"))
        return NULL;
    tree_path(folder, "tests/examples");
    program_path(library);
    strcpy(strrchr(library, '/') + 1, "libtelesgd.so.0");
    cr_assert(access(library, R_OK) == 0, "%s is not built", library);
    if (lines)
        write_file("lines.py", lines);
    setenv("TELESGD_LIBRARY", library, 1);
    setenv("PYTHONPATH", folder, 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    snprintf(command, sizeof command, "%s '%s/%s' > out 2>&1", name, lines ? "." : folder,
             lines ? "lines.py" : file);
    int code = system(command);
    cr_assert(code == 0, "%d: %s", code, read_file("out"));
    return read_file("out");
#endif
}

#define SKIP "there is no Python with numpy, or a sanitizer"

Test(python, an_objective_in_numpy_comes_to_the_solution_of_the_normal_equations)
{
    char version[32], text[3][256];
    double loss, least, distance, of, apart;
    for (int i = 0; i < 2; i++) {
        const char *out = python("objective.py", NULL);
        if (!out)
            cr_skip_test(SKIP);
        snprintf(text[i], sizeof *text, "%s", out);
    }
    cr_assert(sscanf(text[0], "library %31s loss %lf, at best %lf distance %lf, of %lf from 0 "
                     "tokens apart %lf", version, &loss, &least, &distance, &of, &apart) == 6, "%s",
              text[0]);
    cr_expect(!strcmp(version, TELESGD_VERSION), "%s", version);
    cr_expect(loss > least && loss < least * 1.01 && distance < 0.01 * of, "%s", text[0]);
    cr_expect(apart < 0.01 * of, "%s", text[0]);
    cr_expect(!strcmp(text[0], text[1]), "once more, it was '%s'", text[1]);
}

/* The shared library and the program have the same bits, by way of the file that one writes and the
 * memory that the other shows; arrays are views of it, and outlive the run.                     */
static const char show[] =
    "import gc\n"
    "import numpy as np, telesgd\n"
    "run = telesgd.Run({'data': 'digits', 'model': 'mlp:12', 'nodes': 20, 'active': 4,\n"
    "                   'threads': 2, 'rounds': 50, 'eval-every': 10, 'nesterov': True,\n"
    "                   'momentum': 0.5})\n"
    "rounds = []\n"
    "def see(round, metrics):\n"
    "    rounds.append((round, metrics['test_accuracy']))\n"
    "    assert metrics['consensus'] > 0 and metrics['lr'] > 0\n"
    "    assert 'test_r2' not in metrics and 'grad_norm2' not in metrics\n"
    "run.train(see)\n"
    "run.save('saved')\n"
    "assert open('saved', 'rb').read().endswith(run.mean.tobytes())\n"
    "told = []\n"
    "bowl = telesgd.Objective('bowl', 3, 4, lambda node, x, rng: (x @ x / 2, x),\n"
    "                         lambda x: [x @ x / 2, x[0]], ['height', 'first'])\n"
    "telesgd.Run({'active': 2, 'rounds': 9, 'eval-every': 9}, bowl).train(\n"
    "    lambda round, metrics: told.append((round, metrics['height'], metrics['first'])))\n"
    "assert told == [(9, 0.0, 0.0)], told\n"
    "mean, tensors, tokens = run.mean, run.tensors, run.tokens\n"
    "assert np.shares_memory(mean, tensors['fc1.bias']) and not mean.flags.writeable\n"
    "assert [r for r, _ in rounds] == [10, 20, 30, 40, 50]\n"
    "del run\n"
    "gc.collect()\n"
    "junk = [np.ones(100000, np.float32) for _ in range(50)]\n"
    "open('mean', 'wb').write(mean.tobytes())\n"
    "print(*[name + str(t.shape).replace(' ', '') for name, t in tensors.items()], len(tokens))\n"
    "print('%.6g %.17g' % (np.abs(np.mean(tokens, 0) - mean).max(), rounds[-1][1]))\n";

Test(python, results_are_arrays_of_what_the_program_writes)
{
    const char *out = python(NULL, show);
    double apart, accuracy;
    if (!out)
        cr_skip_test(SKIP);
    struct result r = run("train --data digits --model mlp:12 --nodes 20 --active 4 --threads 1 "
                          "--rounds 50 --eval-every 10 --nesterov --momentum 0.5 --progress off "
                          "--log - --save s");
    expect_code(&r, 0);
    FILE *saved = fopen("s", "rb"), *shown = fopen("mean", "rb");
    cr_assert(saved && shown);
    static char a[4 * 910 + 1], b[sizeof a];
    cr_assert(fread(a, 1, sizeof a, shown) == 4 * 910, "64 x 12 + 12 + 12 x 10 + 10 floats");
    cr_assert(fseek(saved, -4 * 910, SEEK_END) == 0 && fread(b, 1, 4 * 910, saved) == 4 * 910);
    cr_expect(!memcmp(a, b, 4 * 910));
    fclose(saved);
    fclose(shown);
    static const char names[] =
        "fc1.weight(12,64) fc1.bias(12,) fc2.weight(10,12) fc2.bias(10,) 4\n";
    cr_assert(!strncmp(out, names, strlen(names)), "%s", out);
    cr_assert(sscanf(out + strlen(names), "%lf %lf", &apart, &accuracy) == 2, "%s", out);
    cr_expect(apart < 1e-5, "the mean is that of the tokens");
    cr_expect(fabs(accuracy - number(last_line(parse_lines(r.out)), "test_accuracy")) < 1e-8);
}

/* Each line that is printed is what was raised. */
static const char raise[] =
    "import telesgd\n"
    "def fails(node, x, rng): raise KeyError('gradient')\n"
    "def flat(node, x, rng): return 1.0, 0 * x\n"
    "def writes(node, x, rng): x[0] = 1\n"
    "def late(x): raise ValueError('evaluate')\n"
    "def told(round, metrics): raise IndexError('on_eval')\n"
    "def attempt(settings, objective=None, on_eval=None):\n"
    "    try:\n"
    "        run = telesgd.Run(settings, objective)\n"
    "        run.train(on_eval)\n"
    "        print('trained', len(run.tokens))\n"
    "        run.train()\n"
    "    except Exception as e:\n"
    "        print(type(e).__name__, e)\n"
    "few = {'active': 2, 'rounds': 20}\n"
    "attempt({'lr': 'much'})\n"
    "attempt(few, telesgd.Objective('a', 3, 4, fails))\n"
    "attempt(few, telesgd.Objective('a', 3, 4, flat, late, ['m']))\n"
    "attempt(few, telesgd.Objective('a', 3, 4, writes))\n"
    "attempt(few, telesgd.Objective('a', 3, 4, flat), told)\n"
    "attempt(few, telesgd.Objective('a b', 3, 4, flat))\n"
    "attempt(few, telesgd.Objective('a', 3, 4, flat))\n";

Test(python, what_is_raised_in_a_callback_or_refused_by_the_library_is_raised_by_train)
{
    static const char *const want[] = {
        "Error --lr: 'much' is not", "KeyError 'gradient'", "ValueError evaluate",
        "ValueError assignment destination is read-only", "IndexError on_eval",
        "Error ", "trained 2", "Error tsgd_run_train: it has been trained already",
    };
    char *out = python(NULL, raise), *line;
    if (!out)
        cr_skip_test(SKIP);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        line = strsep(&out, "\n");
        cr_assert(line && !strncmp(line, want[i], strlen(want[i])), "'%s', want '%s'",
                  line ? line : "(nothing)", want[i]);
    }
    cr_expect(out && !*out, "%s", out);
}
