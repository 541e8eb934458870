/* Sparse samples as text, LABEL INDEX:VALUE .. a line. */
#include "sources.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(libsvm, .init = sources_enter, .fini = sources_leave, .timeout = 60);

static struct tsgd_dataset load_text(const char *text, bool numbers)
{
    sources_write("d.svm", text);
    return sources_load("libsvm:d.svm", NULL, numbers);
}

/* Labels -1 and 1, with features 0 and 3, none, and 1. */
static void check_small(const struct tsgd_dataset *d)
{
    const struct tsgd_sparse *s = &d->train.sparse;
    const uint64_t start[] = {0, 2, 2, 3};
    const uint32_t column[] = {0, 3, 1};
    const float value[] = {0.5f, -2, 1e-3f};
    cr_assert(d->train.count == 3 && d->format == TSGD_FORMAT_SPARSE && d->table);
    cr_assert(d->shape.channels == 1 && d->shape.height == 1 && d->shape.width == 4);
    cr_expect(!memcmp(s->start, start, sizeof start) && !memcmp(s->column, column, sizeof column) &&
              !memcmp(s->value, value, sizeof value));
    cr_assert(d->classes == 2 && d->class_name);
    cr_expect(!strcmp(d->class_name[0], "-1") && !strcmp(d->class_name[1], "1"));
    cr_expect(d->train.labels[0] == 1 && d->train.labels[1] == 0 && d->train.labels[2] == 1);
    cr_expect(!d->train.floats && !d->train.bytes && d->test.count == 0);
}

Test(libsvm, samples_stay_sparse_and_labels_become_classes)
{
    static const char *const text[] = {
        "+1 1:0.5 4:-2\n-1\n1 2:.001\n",
        "+1 1:0.5 4:-2 \r\n-1\r\n1.0\t2:1e-3\r\n",
        "# a comment\n\n+1  1:0.5\t4:-2 # a sample\n \n -1#none\n1 2:.001#x",
    };
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        struct tsgd_dataset d = load_text(text[i], false);
        check_small(&d);
        tsgd_dataset_release(&d);
    }
}

Test(libsvm, a_test_file_may_have_other_features_but_no_other_classes)
{
    sources_write("d.svm", "0 1:1\n1 2:1\n2 3:1\n");
    sources_write("t.svm", "2 7:1\n");
    struct tsgd_dataset d = sources_load("libsvm:d.svm,t.svm", NULL, false);
    cr_expect(d.shape.width == 7 && d.classes == 3 && !d.class_name);
    cr_expect(d.test.count == 1 && d.test.labels[0] == 2 && d.test.sparse.column[0] == 6);
    tsgd_dataset_release(&d);
    sources_write("t.svm", "2 2:1\n");
    d = sources_load("libsvm:d.svm,t.svm", NULL, false);
    cr_expect(d.shape.width == 3 && d.test.sparse.column[0] == 1);
    tsgd_dataset_release(&d);
    sources_write("t.svm", "2 7:1\n\n3 1:1\n");
    sources_refuse("libsvm:d.svm,t.svm", NULL, false, TSGD_EFORMAT,
                   "t.svm:3: column 1: label '3', which no sample of d.svm has");
}

Test(libsvm, targets_may_be_numbers)
{
    struct tsgd_dataset d = load_text("0.25 1:1\n-3e2 2:1\n", true);
    cr_expect(d.classes == 0 && d.outputs == 1 && !d.train.labels);
    cr_expect(d.train.targets[0] == 0.25f && d.train.targets[1] == -300);
    tsgd_dataset_release(&d);
}

Test(libsvm, errors_name_file_line_and_column)
{
    static const struct { const char *text, *part; } row[] = {
        {"", "d.svm: holds no samples"},
        {"# nothing\n", "d.svm: holds no samples"},
        {"1 1:1\n1 1:2\n", "d.svm: all labels are '1', want at least 2 classes"},
        {"1\n2\n", "d.svm: no sample has a feature"},
        {"1 0:1\n2 1:1\n", "d.svm:1: column 3: found '0:1', want indices from 1 on"},
        {"1 1:1\n2 2:1 2:1\n", "d.svm:2: column 7: found '2:1', want indices that ascend, above 2"},
        {"1 1:1\n2 3:1 2:1\n", "d.svm:2: column 7: found '2:1', want indices that ascend, above 3"},
        {"1 1:1\n2 2147483647:1 2147483648:1\n", "found '2147483648:1', want indices up to"},
        {"1 99999999999999999999:1\n", "found '99999999999999999999:1', want indices up to"},
        {"1 qid:3 1:1\n", "d.svm:1: column 3: found 'qid:3', want INDEX:VALUE; queries"},
        {"1 1:1 x\n", "d.svm:1: column 7: found 'x', want INDEX:VALUE"},
        {"1 1:1 2\n", "d.svm:1: column 7: found '2', want INDEX:VALUE"},
        {"1 1: 2:1\n", "d.svm:1: column 3: found '1:', want INDEX:VALUE"},
        {"1 1:x\n", "d.svm:1: column 3: found '1:x', want INDEX:VALUE"},
        {"1 1:1x\n", "d.svm:1: column 3: found '1:1x', want INDEX:VALUE"},
        {"1 -1:1\n", "d.svm:1: column 3: found '-1:1', want INDEX:VALUE"},
        {"1 1:nan\n", "d.svm:1: column 3: found '1:nan', want INDEX:VALUE"},
        {"1 1:1e39\n", "d.svm:1: column 3: found '1:1e39', want INDEX:VALUE"},
        {"1:1 2:1\n", "d.svm:1: column 1: found '1:1', want a label before the first"},
        {"1,2 2:1\n", "d.svm:1: column 1: found '1,2', want one label a sample"},
        {"  cat 2:1\n", "d.svm:1: column 3: found 'cat', want a label that is a number"},
        {"nan 2:1\n", "d.svm:1: column 1: found 'nan', want a label that is a number"},
        {"1 1:1\n2.5 1:1\n", "d.svm:2: column 1: label '2.5', want whole numbers below 2^53"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sources_write("d.svm", row[i].text);
        sources_refuse("libsvm:d.svm", NULL, false, TSGD_EFORMAT, row[i].part);
    }
    sources_refuse("libsvm:none", NULL, false, TSGD_EIO, "none: there is no such file");
    sources_refuse("libsvm:", NULL, false, TSGD_EINVAL, "want libsvm:TRAIN[,TEST]");
}

Test(libsvm, a_label_column_cannot_be_chosen)
{
    struct tsgd_dataset d;
    struct tsgd_error err;
    const struct tsgd_request r = {.label = "2"};
    sources_write("d.svm", "1 1:1\n2 1:1\n");
    cr_expect(tsgd_dataset_load(&d, "libsvm:d.svm", &r, &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "has no columns to choose from"), "%s", err.text);
}

/* Many rows over several blocks, as NumPy says what is in them, plain and gzip. */
Test(libsvm, large_files_are_read_as_numpy_reads_them)
{
    enum { N = 20000, F = 50 };
    static float want[N * F], got[N * F], label[N];
    static const char *const data[] = {"libsvm:d.svm", "libsvm:d.svm.gz"};
    sources_python(
        "r = np.random.default_rng(5)\n"
        "x = r.normal(size=(20000, 50)) * (r.random((20000, 50)) < 0.3)\n"
        "x[7, 49] = 1\n"
        "y = r.integers(-2, 3, 20000)\n"
        "text = [['%.*g' % (1 + (i + j) % 17, v) for j, v in enumerate(row)]"
        " for i, row in enumerate(x)]\n"
        "np.array(text).astype('f8').astype('f4').tofile('x.bin')\n"
        "(y + 2).astype('f4').tofile('y.bin')\n"
        "open('d.svm', 'w').write(''.join('%d' % k + ''.join(' %d:%s' % (j + 1, v) for j, v in"
        " enumerate(row) if v != '0') + '\\n' for k, row in zip(y, text)))\n"
        "import gzip\n"
        "gzip.open('d.svm.gz', 'wb', 1).write(open('d.svm', 'rb').read())\n");
    sources_floats("x.bin", want, N * F);
    sources_floats("y.bin", label, N);
    for (int which = 0; which < 2; which++) {
        struct tsgd_dataset d = sources_load(data[which], NULL, false);
        const struct tsgd_sparse *s = &d.train.sparse;
        cr_assert(d.train.count == N && d.shape.width == F && d.classes == 5);
        memset(got, 0, sizeof got);
        for (size_t i = 0; i < N; i++) {
            cr_assert((float)d.train.labels[i] == label[i], "label %zu", i);
            for (uint64_t j = s->start[i]; j < s->start[i + 1]; j++)
                got[i * F + s->column[j]] = s->value[j];
        }
        for (size_t i = 0; i < N * F; i++)
            cr_assert(got[i] == want[i], "number %zu", i);
        tsgd_dataset_release(&d);
    }
}
