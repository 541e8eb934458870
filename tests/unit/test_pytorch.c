/* The modules that `telesgd model --pytorch` prints: they are Python and, where PyTorch is
 * installed, they compute what telesgd computes.                                                */
#include "program.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(pytorch, .init = enter_folder, .fini = leave_folder, .timeout = 900);

static const char *const printed[] = {
    "logistic --data digits", "mlp:3,4 --input 5", "lenet --input 1x28x28",
    "vgg11 --input 3x32x32", "resnet20 --input 3x32x32",
    "net:dense\0374;\037a:\037residual\037{\037dense\0376;\037relu\037};\037conv\0373\0371;"
    "maxpool\0371;dense --input 2x4x4",
    "net:dwconv\0373\037nobias;layernorm;gelu;avgpool\0372;dense\0374;layernorm;dwconv\0371;"
    "dense --input 2x6x6",
};

/* One class Net, whose modules have the names of the tensors and no others. */
static const char parse[] =
    "import ast, sys\n"
    "tree = ast.parse(open('net.py').read())\n"
    "found = [n for n in tree.body if isinstance(n, ast.ClassDef)]\n"
    "assert [n.name for n in found] == ['Net'], found\n"
    "assert [n.name for n in found[0].body] == ['__init__', 'forward']\n"
    "named = {}\n"
    "def name(n):\n"
    "    if isinstance(n, ast.Subscript):\n"
    "        k = n.slice if isinstance(n.slice, ast.Constant) else n.slice.value\n"
    "        return name(n.value) + '.' + k.value\n"
    "    return n.attr\n"
    "for n in ast.walk(found[0].body[0]):\n"
    "    if isinstance(n, ast.Assign):\n"
    "        named[name(n.targets[0])] = n.value.func.attr\n"
    "modules = {n for n, kind in named.items() if kind != 'ModuleDict'}\n"
    "calls = {name(n.func) for n in ast.walk(found[0].body[1]) if isinstance(n, ast.Call)\n"
    "         and isinstance(n.func, (ast.Subscript, ast.Attribute))}\n"
    "assert modules <= calls, (modules, calls)\n"
    "print(' '.join(sorted(modules)))\n";

Test(pytorch, printed_modules_are_python_with_the_names_of_the_tensors)
{
    char python[64], words[400];
    if (!find_python(python, "import ast"))
        cr_skip_test("there is no Python");
    write_file("parse.py", parse);
    for (size_t i = 0; i < sizeof printed / sizeof *printed; i++) {
        snprintf(words, sizeof words, "model %s --pytorch", printed[i]);
        struct result r = run(words);
        expect_code(&r, 0);
        write_file("net.py", r.out);
        snprintf(words, sizeof words, "%s parse.py > out 2>&1", python);
        cr_assert(system(words) == 0, "%s: %s\n%s", printed[i], read_file("out"), r.out);
        char *modules = read_file("out");
        snprintf(words, sizeof words, "model %s --json", printed[i]);
        r = run(words);
        expect_code(&r, 0);
        json_t *network = json_array_get(parse_lines(r.out), 0), *layer, *tensor;
        size_t at, t, n = 0, spaces = 0;
        json_array_foreach(json_object_get(network, "layers"), at, layer) {
            n += json_array_size(json_object_get(layer, "tensors")) > 0;
            json_array_foreach(json_object_get(layer, "tensors"), t, tensor) {
                char name[64];
                const char *whole = json_string_value(json_object_get(tensor, "name"));
                snprintf(name, sizeof name, "%.*s", (int)(strrchr(whole, '.') - whole), whole);
                cr_expect(strstr(modules, name), "%s: %s is not in %s", printed[i], name, modules);
            }
        }
        for (const char *c = modules; *c; c++)
            spaces += *c == ' ';
        cr_expect(n == spaces + 1, "%s: %zu layers with tensors, %zu modules", printed[i], n,
                  spaces + 1);
    }
}

/* Losses, accuracies and trainings: tests/pytorch/compare.py. */
/* Minutes under a sanitizer, which sees nothing there that it does not see in other suites. */
#ifndef __SANITIZE_ADDRESS__
Test(pytorch, printed_modules_load_saved_files_and_train_alike)
{
    char python[64], script[PATH_MAX], digits[PATH_MAX], program[PATH_MAX];
    char command[3 * PATH_MAX + 128];
    if (!find_python(python, "import torch, numpy"))
        cr_skip_test("there is no Python with PyTorch and numpy");
    tree_path(script, "tests/pytorch/compare.py");
    tree_path(digits, "datasets/digits");
    program_path(program);
    snprintf(command, sizeof command, "%s '%s' '%s' '%s' > out 2>&1", python, script, program,
             digits);
    cr_expect(system(command) == 0, "%s", read_file("out"));
}
#endif

Test(pytorch, a_name_that_a_module_cannot_have_is_refused)
{
    static const char *const names[] = {"lambda", "train", "a.items", "_x"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char words[100];
        snprintf(words, sizeof words, "model net:%s:dense --input 4 --pytorch", names[i]);
        struct result r = run(words);
        expect_code(&r, 2);
        cr_expect(!*r.out && strstr(r.err, "--pytorch: a module of PyTorch cannot") &&
                  strstr(r.err, names[i]), "%s%s", r.out, r.err);
    }
}
