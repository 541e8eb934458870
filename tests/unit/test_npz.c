/* NumPy's arrays: NumPy writes them, or bytes written by hand where it would not. */
#include "scratch.h"
#include "sources.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(npz, .init = sources_enter, .fini = sources_leave, .timeout = 120);

/* Ends scripts: the arrays x and y, written in all ways. */
#define SAVE                                    \
    "np.savez('s.npz', x=x, y=y)\n"             \
    "np.savez_compressed('c.npz', x=x, y=y)\n"  \
    "np.save('x.npy', x)\n"                     \
    "np.save('y.npy', y)\n"

/* Many archives, 0.npz, 1.npz, .., from one script, since starting Python takes longest. */
static char script[1 << 15];

static void add(const char *format, ...)
{
    size_t used = strlen(script);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(script + used, sizeof script - used, format, args);
    va_end(args);
    cr_assert(n >= 0 && (size_t)n < sizeof script - used);
}

static struct tsgd_dataset load_number(size_t i)
{
    char data[32];
    snprintf(data, sizeof data, "npz:%zu.npz", i);
    return sources_load(data, NULL, false);
}

/* A table of float32, stored, compressed and as a pair of files, also compressed with gzip. */
Test(npz, arrays_are_read_stored_compressed_and_from_files_of_their_own)
{
    enum { N = 40000, F = 30 };
    static float want[N * F], label[N];
    static const char *const data[] = {"npz:s.npz", "npz:c.npz", "npz:x.npy+y.npy",
                                       "npz:gx.npy+gy.npy"};
    sources_python("r = np.random.default_rng(1)\n"
                   "x = r.normal(size=(40000, 30)).astype('f4')\n"
                   "y = r.integers(0, 3, 40000)\n" SAVE
                   "x.tofile('x.bin')\n"
                   "y.astype('f4').tofile('y.bin')\n"
                   "import gzip\n"
                   "for n in 'xy':\n"
                   "    b = open(n + '.npy', 'rb').read()\n"
                   "    gzip.open('g' + n + '.npy', 'wb', 1).write(b)\n");
    sources_floats("x.bin", want, N * F);
    sources_floats("y.bin", label, N);
    for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
        struct tsgd_dataset d = sources_load(data[i], NULL, false);
        cr_assert(d.train.count == N && d.format == TSGD_FORMAT_FLOATS && d.table);
        cr_assert(d.shape.channels == 1 && d.shape.height == 1 && d.shape.width == F);
        cr_expect(!memcmp(d.train.floats, want, sizeof want), "%s", data[i]);
        cr_assert(d.classes == 3 && d.outputs == 3 && !d.class_name);
        for (size_t j = 0; j < N; j++)
            cr_assert((float)d.train.labels[j] == label[j]);
        cr_expect(d.test.count == 0);
        tsgd_dataset_release(&d);
    }
}

/* Every type of x in both byte orders, against what NumPy makes float32 of. */
static const char *const types[] = {"b1", "i1", "i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4",
                                    "f8"};
Test(npz, all_types_of_numbers_become_floats)
{
    enum { ITEMS = 600, TYPES = sizeof types / sizeof *types };
    static float want[ITEMS];
    for (size_t i = 0; i < TYPES; i++)
        add("r = np.random.default_rng(2)\n"
            "t = np.dtype('%s')\n"
            "raw = r.integers(0, 256, 600 * t.itemsize).astype('u1').tobytes()\n"
            "x = np.frombuffer(raw, t)\n"
            "x = x.astype(bool) if t.kind == 'b' else x\n"
            "x = np.where(np.isfinite(x), x, 1).astype(t)\n"
            "if t == 'f8': x = np.where(np.abs(x) < 1e38, x, -3e38 * r.random(600))\n"
            "x = x.reshape(100, 6)\n"
            "x.astype('f4').tofile('%zu.bin')\n"
            "for k, o in enumerate('<>'):\n"
            "    np.savez('%%d.npz' %% (k + %zu), x=x.astype(o + '%s'),"
            " y=(np.arange(100) %% 2).astype(o + 'i%d'))\n", types[i], i, 2 * i, types[i],
            1 << i % 4);
    sources_python(script);
    for (size_t i = 0; i < 2 * TYPES; i++) {
        const char *type = types[i / 2];
        char bin[32];
        snprintf(bin, sizeof bin, "%zu.bin", i / 2);
        struct tsgd_dataset d = load_number(i);
        sources_floats(bin, want, ITEMS);
        cr_assert(d.train.count == 100 && d.shape.width == 6 && d.classes == 2, "%s", type);
        for (size_t j = 0; j < ITEMS; j++) {
            float v = d.train.floats ? d.train.floats[j] : d.value[d.train.bytes[j]];
            cr_assert(v == want[j], "%s: item %zu is %g, want %g", type, j, (double)v,
                      (double)want[j]);
        }
        cr_expect((d.format == TSGD_FORMAT_BYTES) == !strcmp(type, "b1"));
        tsgd_dataset_release(&d);
    }
}

Test(npz, bytes_stay_bytes_that_stand_for_a_255th)
{
    sources_python("np.savez_compressed('d.npz', y=np.arange(4) % 2,"
                   " x=np.arange(24, dtype='u1').reshape(4, 2, 3))\n");
    struct tsgd_dataset d = sources_load("npz:d.npz", NULL, false);
    cr_assert(d.format == TSGD_FORMAT_BYTES && !d.table && d.train.bytes && !d.train.floats);
    cr_expect(d.shape.channels == 1 && d.shape.height == 2 && d.shape.width == 3);
    for (int i = 0; i < 24; i++)
        cr_expect(d.train.bytes[i] == i);
    for (int b = 0; b < 256; b++)
        cr_expect(d.value[b] == (float)(b / 255.0));
    tsgd_dataset_release(&d);
}

/* Shapes: x counts up in the order of the sample that is wanted, (C, H, W). */
static const struct { const char *make; uint32_t channels, height, width; bool table; } shapes[] = {
    {"w.reshape(5, 48)", 1, 1, 48, true},
    {"w.reshape(5, 6, 8)", 1, 6, 8, false},
    {"w.reshape(5, 2, 4, 6)", 2, 4, 6, false},
    {"w.reshape(5, 3, 4, 4)", 3, 4, 4, false},
    {"w.reshape(5, 3, 4, 4).transpose(0, 2, 3, 1)", 3, 4, 4, false},
    {"w.reshape(5, 1, 6, 8).transpose(0, 2, 3, 1)", 1, 6, 8, false},
    {"w.reshape(5, 3, 16, 1).transpose(0, 2, 3, 1)", 3, 16, 1, false},
    {"w.reshape(5, 48, 1, 1)", 48, 1, 1, false},
    {"w.reshape(5, 3, 16, 1)", 3, 16, 1, false},
    {"w.reshape(240)[::48]", 1, 1, 1, true},
};
Test(npz, shapes_say_what_is_a_table_and_what_an_image)
{
    enum { SHAPES = sizeof shapes / sizeof *shapes };
    for (size_t i = 0; i < 4 * SHAPES; i++)
        add("w = np.arange(240)\n"
            "x = %s\n"
            "np.savez('%zu.npz', x=np.array(x, '%s', order='%c'), y=np.arange(5) %% 2)\n",
            shapes[i / 4].make, i, i & 2 ? "u1" : "f8", i & 1 ? 'F' : 'C');
    sources_python(script);
    for (size_t i = 0; i < 4 * SHAPES; i++) {
        const char *make = shapes[i / 4].make;
        struct tsgd_dataset d = load_number(i);
        size_t features = tsgd_shape_size(d.shape);
        bool bytes = i & 2;
        cr_expect(d.shape.channels == shapes[i / 4].channels &&
                  d.shape.height == shapes[i / 4].height && d.shape.width == shapes[i / 4].width,
                  "%s: %u x %u x %u", make, d.shape.channels, d.shape.height, d.shape.width);
        cr_expect(d.table == shapes[i / 4].table);
        cr_assert(d.train.count == 5 && 48 % features == 0);
        for (size_t j = 0; j < 5 * features; j++)
            cr_assert((bytes ? (float)d.train.bytes[j] : d.train.floats[j]) ==
                      (float)(j * (48 / features)), "%s, item %zu", make, j);
        tsgd_dataset_release(&d);
    }
}

/* More samples than a tile, in Fortran's order, which scikit-learn and pandas often leave. */
Test(npz, large_arrays_in_the_order_of_fortran_are_turned)
{
    enum { N = 1000, F = 70 };
    static float want[N * F];
    sources_python("x = np.random.default_rng(4).normal(size=(1000, 70)).astype('f4')\n"
                   "x.tofile('x.bin')\n"
                   "np.savez('d.npz', x=np.asfortranarray(x), y=np.arange(1000) % 9)\n");
    struct tsgd_dataset d = sources_load("npz:d.npz", NULL, false);
    sources_floats("x.bin", want, N * F);
    cr_expect(!memcmp(d.train.floats, want, sizeof want));
    tsgd_dataset_release(&d);
}

/* What y may be for the same three classes, and what these are called. */
static const struct { const char *make; const char *name[3]; } labels[] = {
    {"np.array([0, 1, 2, 1])", {NULL}},
    {"np.array([[0], [1], [2], [1]], 'u1')", {NULL}},
    {"np.array([0., 1., 2., 1.], 'f4')", {NULL}},
    {"np.array([0., 1., 2., 1.], '>f2')", {NULL}},
    {"np.array([-5, 7, 300, 7], 'i2')", {"-5", "7", "300"}},
    {"np.array([-2**40, 7, 2**40, 7], '>i8')", {"-1099511627776", "7", "1099511627776"}},
    {"np.array(['a', 'b', 'c c', 'b'])", {"a", "b", "c c"}},
    {"np.array(['a', '\\u00e9', '\\U0001f600', '\\u00e9'], '>U3')",
     {"a", "\xc3\xa9", "\xf0\x9f\x98\x80"}},
    {"np.array([b'a', b'bb', b'c', b'bb'])", {"a", "bb", "c"}},
    {"np.array(['9', '10', '+11', '10'])", {"9", "10", "11"}},
};
Test(npz, labels_are_whole_numbers_or_names)
{
    enum { KINDS = sizeof labels / sizeof *labels };
    for (size_t i = 0; i < KINDS; i++)
        add("np.savez('%zu.npz', x=np.zeros((4, 2)), y=%s)\n", i, labels[i].make);
    sources_python(script);
    for (size_t i = 0; i < KINDS; i++) {
        struct tsgd_dataset d = load_number(i);
        const uint16_t want[] = {0, 1, 2, 1};
        cr_assert(d.classes == 3 && !d.class_name == !labels[i].name[0], "%s", labels[i].make);
        cr_expect(!memcmp(d.train.labels, want, sizeof want), "%s", labels[i].make);
        for (int c = 0; c < 3 && d.class_name; c++)
            cr_expect(!strcmp(d.class_name[c], labels[i].name[c]), "%s: '%s'", labels[i].make,
                      d.class_name[c]);
        tsgd_dataset_release(&d);
    }
}

Test(npz, targets_may_be_numbers_one_or_several_a_sample)
{
    sources_python("np.savez('d.npz', x=np.zeros((3, 2)), y=np.array([0.5, -1, 2]))\n"
                   "np.savez('m.npz', x=np.zeros((3, 2)),"
                   " y=np.asfortranarray(np.arange(6).reshape(3, 2)))\n"
                   "np.savez('t.npz', x=np.zeros((3, 2)), y=np.array(['a', 'b', 'c']))\n");
    struct tsgd_dataset d = sources_load("npz:d.npz", NULL, true);
    cr_expect(d.classes == 0 && d.outputs == 1 && !d.train.labels);
    cr_expect(d.train.targets[0] == 0.5f && d.train.targets[1] == -1 && d.train.targets[2] == 2);
    tsgd_dataset_release(&d);
    d = sources_load("npz:m.npz", NULL, true);
    cr_expect(d.classes == 0 && d.outputs == 2);
    for (int i = 0; i < 6; i++)
        cr_expect(d.train.targets[i] == (float)i);
    tsgd_dataset_release(&d);
    sources_refuse("npz:m.npz,d.npz", NULL, true, TSGD_EFORMAT,
                   ".npz: y.npy: 1 numbers a sample, want 2 as in training");
    sources_refuse("npz:t.npz", NULL, true, TSGD_EFORMAT, "t.npz: y.npy: texts, want numbers");
}

Test(npz, the_test_is_a_second_file_or_beside_the_training)
{
    sources_python("a = dict(x=np.zeros((3, 2)), y=np.array([0, 1, 2]))\n"
                   "b = dict(x=np.ones((2, 2)), y=np.array([2, 0]))\n"
                   "np.savez('a.npz', **a)\n"
                   "np.savez('b.npz', **b)\n"
                   "np.savez('keras.npz', x_train=a['x'], y_train=a['y'], x_test=b['x'],"
                   " y_test=b['y'])\n"
                   "np.savez('X.npz', X=a['x'], y=a['y'], X_test=b['x'], y_test=b['y'])\n"
                   "for k, v in a.items(): np.save('a' + k + '.npy', v)\n"
                   "for k, v in b.items(): np.save('b' + k + '.npy', v)\n");
    static const char *const data[] = {"npz:a.npz,b.npz", "npz:keras.npz", "npz:X.npz",
                                       "npz:ax.npy+ay.npy,bx.npy+by.npy", "npz:a.npz,bx.npy+by.npy",
                                       "npz:keras.npz,keras.npz"};
    for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
        struct tsgd_dataset d = sources_load(data[i], NULL, false);
        cr_assert(d.train.count == 3 && d.test.count == 2, "%s", data[i]);
        cr_expect(d.train.floats[0] == 0 && d.test.floats[0] == 1 && d.test.floats[3] == 1);
        cr_expect(d.test.labels[0] == 2 && d.test.labels[1] == 0);
        tsgd_dataset_release(&d);
    }
}

Test(npz, a_test_that_does_not_fit_the_training_is_refused)
{
    sources_python("y = np.array([0, 1])\n"
                   "np.savez('a.npz', x=np.zeros((2, 2, 3)), y=y)\n"
                   "np.savez('shape.npz', x=np.zeros((2, 3, 2)), y=y)\n"
                   "np.savez('type.npz', x=np.zeros((2, 2, 3), 'u1'), y=y)\n"
                   "np.savez('bool.npz', x=np.zeros((2, 2, 3), bool), y=y)\n"
                   "np.savez('label.npz', x=np.zeros((2, 2, 3)), y=y + 1)\n"
                   "np.savez('names.npz', x=np.zeros((2, 2, 3)), z=y)\n");
    sources_refuse("npz:a.npz,shape.npz", NULL, false, TSGD_EFORMAT,
                   "shape.npz: x.npy: shape 2 x 3 x 2, want samples as in a.npz: x.npy, whose "
                   "shape is 2 x 2 x 3");
    sources_refuse("npz:a.npz,type.npz", NULL, false, TSGD_EFORMAT,
                   "type.npz: x.npy: items of type '|u1', want '<f8' as in a.npz: x.npy");
    sources_refuse("npz:type.npz,a.npz", NULL, false, TSGD_EFORMAT,
                   "a.npz: x.npy: items of type '<f8', want '|u1' as in type.npz: x.npy");
    sources_refuse("npz:type.npz,bool.npz", NULL, false, TSGD_EFORMAT,
                   "bool.npz: x.npy: items of type '|b1', want '|u1' as in type.npz: x.npy");
    sources_refuse("npz:a.npz,label.npz", NULL, false, TSGD_EFORMAT,
                   "label.npz: y.npy: sample 1: label '2', which no sample of a.npz: y.npy has");
    sources_refuse("npz:a.npz,names.npz", NULL, false, TSGD_EFORMAT,
                   "names.npz: holds x.npy, z.npy, want arrays x and y, or x_test and y_test");
}

Test(npz, arrays_that_are_no_samples_are_refused)
{
    static const struct { const char *arrays, *part; } row[] = {
        {"z=np.zeros(3)", "holds z.npy, want arrays x and y, or x_train, y_train"},
        {"x=np.zeros(3)", "holds x.npy, want arrays x and y"},
        {"x=np.zeros((3, 2)), y=np.arange(2)",
         ".npz: y.npy: 2 labels, want 3, one for each sample of"},
        {"x=np.zeros((3, 2)), y=np.eye(3)",
         ".npz: y.npy: shape 3 x 3, want one label for each sample; y.argmax(1)"},
        {"x=np.zeros((3, 2)), y=np.zeros((3, 1, 1))", ".npz: y.npy: shape 3 x 1 x 1, want one"},
        {"x=np.zeros((1, 1, 1, 1, 1)), y=np.zeros(1)",
         ".npz: x.npy: more than 4 dimensions, want 1 to 4"},
        {"x=np.float32(3), y=np.zeros(1)", ".npz: x.npy: has 0 dimensions, want 1 to 4"},
        {"x=np.zeros((3, 0)), y=np.zeros(3)", ".npz: x.npy: dimension 1 is 0, want at least 1"},
        {"x=np.zeros((3, 2), 'c8'), y=np.zeros(3)", ".npz: x.npy: items of type '<c8', want"},
        {"x=np.array(['a', 'b']), y=np.arange(2)", ".npz: x.npy: samples of texts, want numbers"},
        {"x=np.zeros(2), y=np.array([1, None], object)",
         ".npz: y.npy: items of type '|O', want whole numbers"},
        {"x=np.zeros(3, [('a', 'f4')]), y=np.zeros(3)", ".npz: x.npy: items of type '[..]', want"},
        {"x=np.array([[0, 1], [2, np.nan]]), y=np.arange(2)",
         ".npz: x.npy: sample 1 holds nan at 1, want a number"},
        {"x=np.array([[0, -1e39], [2, 3]]), y=np.arange(2)",
         ".npz: x.npy: sample 0 holds -inf at 1, want a number that single precision"},
        {"x=np.array([[0, 1], [2, np.inf]], order='F'), y=np.arange(2)",
         ".npz: x.npy: sample 1 holds inf at 1"},
        {"x=np.zeros(3), y=np.array([0, 0.5, 1])",
         ".npz: y.npy: sample 1: label '0.5', want whole numbers below 2^53 or names"},
        {"x=np.zeros(3), y=np.array([0, np.nan, 1])", ".npz: y.npy: sample 1 has no label, want"},
        {"x=np.zeros(3), y=np.array([0, 2**53, 1])", "sample 1: label '9007199254740992', want"},
        {"x=np.zeros(3), y=np.array([7, 7, 7])", ".npz: y.npy: all labels are '7', want at least"},
        {"x=np.zeros(3), y=np.array(['a', '', 'b'])", ".npz: y.npy: sample 1 has no label"},
        {"x=np.zeros(3), y=np.array(['a', 'b\\n', 'b'])", "sample 1: label 'b?', want UTF-8"},
        {"x=np.zeros(70000, 'u1'), y=np.arange(70000)",
         "sample 65536: label '65536' is the 65537th that differs, want at most 65536 classes"},
        {"x=np.zeros((1, 70000, 2), 'u1'), y=np.arange(1)",
         ".npz: x.npy: shape 1 x 70000 x 2, want sides up to 65535"},
    };
    enum { ROWS = sizeof row / sizeof *row };
    for (size_t i = 0; i < ROWS; i++)
        add("np.savez('%zu.npz', %s)\n", i, row[i].arrays);
    sources_python(script);
    for (size_t i = 0; i < ROWS; i++) {
        char data[32];
        snprintf(data, sizeof data, "npz:%zu.npz", i);
        sources_refuse(data, NULL, false, TSGD_EFORMAT, row[i].part);
    }
}

Test(npz, names_that_are_no_such_files_are_refused)
{
    sources_write("text", "no archive");
    sources_write("x.npy", "no array, but long enough");
    sources_refuse("npz:none.npz", NULL, false, TSGD_EIO, "none.npz: cannot open: No such file");
    sources_refuse("npz:none.npy+y.npy", NULL, false, TSGD_EIO, "none.npy: there is no such file");
    sources_refuse("npz:text", NULL, false, TSGD_EFORMAT, "text: is no zip archive");
    sources_refuse("npz:x.npy+x.npy", NULL, false, TSGD_EFORMAT, "x.npy: does not begin as an");
    sources_refuse("npz:x.npy", NULL, false, TSGD_EINVAL, "found 'x.npy', want X.npy+Y.npy");
    sources_refuse("npz:x.npy+", NULL, false, TSGD_EINVAL, "found 'x.npy+', want X.npy+Y.npy");
    sources_refuse("npz:", NULL, false, TSGD_EINVAL, "want npz:TRAIN[,TEST]");
    cr_assert(system("mkfifo pipe") == 0);
    sources_refuse("npz:pipe", NULL, false, TSGD_EIO, "pipe: cannot open: it is a pipe");
}

/* A pair in which x.npy has this header, and 4 bytes of data; y is that of two samples. */
static void refuse_header(const char *header, size_t n, const char *part)
{
    char bytes[400] = "\x93NUMPY\1\0";
    bytes[8] = (char)n;
    memcpy(bytes + 10, header, n);
    memcpy(bytes + 10 + n, "\1\2\3\4", 4);
    scratch_write("x.npy", bytes, 14 + n);
    sources_refuse("npz:x.npy+y.npy", NULL, false, TSGD_EFORMAT, part);
}

Test(npz, headers_that_numpy_does_not_write_are_refused)
{
    static const struct { const char *header, *part; } row[] = {
        {"", "the header does not tell"}, {"{}", "the header does not tell"},
        {"{'descr': '<f4', 'fortran_order': False}", "the header does not tell"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", "the header does not tell"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", "the header does not tell"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 1}", "the header does not tell"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "the header does not tell"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
         "the header does not tell"},
        {"{'descr': '<f3', 'fortran_order': False, 'shape': (2,)}", "items of type '<f3'"},
        {"{'descr': '', 'fortran_order': False, 'shape': (2,)}", "items of type ''"},
        {"{'descr': '<U0', 'fortran_order': False, 'shape': (2,)}", "items of type '<U0'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
         "ends after 1 items, want 2 as its header says"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1)}",
         "goes on after the 2 items that its header promises"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4611686018427387904, 4)}",
         "its shape asks for more items than memory can have"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4000000000)}", "want sides up to"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 60000, 60000)}",
         "want up to 4294967295 samples of up to 2147483647 numbers"},
    };
    sources_python("np.save('y.npy', np.arange(2))\n");
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        refuse_header(row[i].header, strlen(row[i].header), row[i].part);
    scratch_write("x.npy", "\x93NUMPY\1\0\xff\0{", 11);
    sources_refuse("npz:x.npy+y.npy", NULL, false, TSGD_EFORMAT, "x.npy: ends within its header");
    scratch_write("x.npy", "\x93NUMPY\4\0\1\0{", 11);
    sources_refuse("npz:x.npy+y.npy", NULL, false, TSGD_EFORMAT, "version 4 of the format, want 1");
    scratch_write("x.npy", "\x93NUMPY\2\0\1\0\1\0{", 13);
    sources_refuse("npz:x.npy+y.npy", NULL, false, TSGD_EFORMAT, "a header of 65537 bytes, want");
}

Test(npz, headers_of_all_versions_and_forms_are_read)
{
    sources_python("import struct\n"
                   "def write(version, text):\n"
                   "    n = struct.pack('<H' if version == 1 else '<I', len(text))\n"
                   "    open('x%d.npy' % version, 'wb').write(b'\\x93NUMPY' + bytes([version, 0])"
                   " + n + text.encode() + struct.pack('<2f', 1, 2))\n"
                   "write(1, \"{'descr':'<f4','fortran_order':True,'shape':(2,)}\")\n"
                   "write(2, '{ \"shape\" : ( 2L , 1L ) , \"descr\" : \"<f4\" , '"
                   " '\"fortran_order\" : False , } \\n')\n"
                   "write(3, \"{'descr': 'f4', 'fortran_order': False, 'shape': (2, 1), }\\n\")\n"
                   "np.save('y.npy', np.arange(2))\n");
    for (int version = 1; version <= 3; version++) {
        char data[32];
        snprintf(data, sizeof data, "npz:x%d.npy+y.npy", version);
        struct tsgd_dataset d = sources_load(data, NULL, false);
        cr_assert(d.train.count == 2 && d.shape.width == 1);
        cr_expect(d.train.floats[0] == 1 && d.train.floats[1] == 2);
        tsgd_dataset_release(&d);
    }
}

/* An archive in which one byte of the data is another, which its checksum shows, stored and
 * compressed; and archives that break off.                                                     */
Test(npz, damaged_archives_are_refused)
{
    sources_python("x = np.random.default_rng(0).integers(0, 9, (1000, 3)).astype('u1')\n"
                   "y = np.arange(1000) % 2\n" SAVE
                   "for n in 'sc':\n"
                   "    b = bytearray(open(n + '.npz', 'rb').read())\n"
                   "    open(n + '-cut.npz', 'wb').write(b[:-9])\n"
                   "    b[1000] ^= 1\n"
                   "    open(n + '-bad.npz', 'wb').write(b)\n");
    sources_refuse("npz:s-bad.npz", NULL, false, TSGD_EFORMAT,
                   "s-bad.npz: x.npy cannot be read as part of a zip archive");
    sources_refuse("npz:c-bad.npz", NULL, false, TSGD_EFORMAT,
                   "c-bad.npz: x.npy cannot be read as part of a zip archive");
    sources_refuse("npz:s-cut.npz", NULL, false, TSGD_EFORMAT, "s-cut.npz: ");
    sources_refuse("npz:c-cut.npz", NULL, false, TSGD_EFORMAT, "c-cut.npz: ");
}

Test(npz, the_files_that_are_read_are_told_so_that_no_output_replaces_them)
{
    static const char data[] = "npz:a.npz,d/x.npy+d/y.npy";
    static const char *const want[] = {"a.npz", "d/x.npy", "d/y.npy"};
    char path[100];
    for (size_t i = 0; i < 3; i++)
        cr_expect(tsgd_dataset_file(data, NULL, i, path, sizeof path) && !strcmp(path, want[i]),
                  "%zu: %s", i, path);
    cr_expect(!tsgd_dataset_file(data, NULL, 3, path, sizeof path));
    cr_expect(!tsgd_dataset_file("csv", NULL, 0, path, sizeof path));
    cr_expect(!tsgd_dataset_file("csv:a,b,c", NULL, 0, path, sizeof path));
    cr_expect(tsgd_dataset_file("libsvm:a", NULL, 0, path, sizeof path) && !strcmp(path, "a"));
}
