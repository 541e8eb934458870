/* Tables as text. Values come from texts in which they can be seen, or from NumPy. */
#include "sources.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(csv, .init = sources_enter, .fini = sources_leave, .timeout = 120);

static void check_floats(const struct tsgd_samples *s, size_t features, const float *want,
                         uint32_t count)
{
    cr_assert(s->count == count, "%u samples", s->count);
    for (size_t i = 0; i < count * features; i++)
        cr_expect(s->floats[i] == want[i], "number %zu is %g, want %g", i, (double)s->floats[i],
                  (double)want[i]);
}

static struct tsgd_dataset load_text(const char *text, const char *label, bool numbers)
{
    sources_write("d.csv", text);
    return sources_load("csv:d.csv", label, numbers);
}

static void refuse_text(const char *text, const char *part)
{
    sources_write("d.csv", text);
    sources_refuse("csv:d.csv", NULL, false, TSGD_EFORMAT, part);
}

Test(csv, a_table_is_floats_with_labels_from_the_last_column)
{
    struct tsgd_dataset d = load_text("width,height,kind\n1,2,cat\n3.5,-4,ant\n5e1,.5,cat\n", NULL,
                                      false);
    const float want[] = {1, 2, 3.5f, -4, 50, 0.5f};
    check_floats(&d.train, 2, want, 3);
    cr_expect(d.format == TSGD_FORMAT_FLOATS && d.table);
    cr_expect(d.shape.channels == 1 && d.shape.height == 1 && d.shape.width == 2);
    cr_assert(d.classes == 2 && d.outputs == 2 && d.class_name);
    cr_expect(!strcmp(d.class_name[0], "ant") && !strcmp(d.class_name[1], "cat"));
    cr_expect(d.train.labels[0] == 1 && d.train.labels[1] == 0 && d.train.labels[2] == 1);
    cr_expect(!d.train.targets && d.test.count == 0);
    tsgd_dataset_release(&d);
}

/* Texts in which columns, rows and labels are the same, whatever stands around them. */
Test(csv, what_stands_around_fields_does_not_count)
{
    static const char *const text[] = {
        "1,2,0\n3,4,1\n", "1;2;0\n3;4;1\n", "1\t2\t0\n3\t4\t1\n", "1,2,0\r\n3,4,1\r\n",
        "1,2,0\n3,4,1", "\n1,2,0\n\n\n3,4,1\n\n", "\357\273\2771,2,0\n3,4,1\n",
        " 1 , 2 ,0 \n3,\t4, 1\n", "\"1\",\"2\",\"0\"\n3,4,1\n", "a,b,c\n1,2,0\n3,4,1\n",
        "\"a\",\"b, b\",\"c\"\n1,2,0\n3,4,1\n", "\"a\nb\",\"\"\"b\"\"\",c\n1,2,0\n3,\"4\" ,1\n",
        "\xef\xbb\xbf\"a\";b;c\r\n1;2;0\r\n3;4;1\r\n", "+1,2.0,0\n3e0,4.,1.0\n",
        "1,b,c\n1,2,0\n3,4,1\n", "# a,b,c\n1,2,0\n3,4,1\n", "a;b,c,d\n1,2,0\n3,4,1\n",
    };
    const float want[] = {1, 2, 3, 4};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        struct tsgd_dataset d = load_text(text[i], NULL, false);
        cr_assert(d.train.count == 2 && d.shape.width == 2, "'%s'", text[i]);
        check_floats(&d.train, 2, want, 2);
        cr_expect(d.classes == 2 && !d.class_name && d.train.labels[0] == 0 &&
                  d.train.labels[1] == 1, "'%s'", text[i]);
        tsgd_dataset_release(&d);
    }
}

/* How many rows are samples: the first one is none where it has names. */
Test(csv, a_row_of_names_is_told_from_a_sample)
{
    static const struct { const char *text; uint32_t samples; } row[] = {
        {"1,2,a\n3,4,b\n", 2}, {"x,y,a\n3,4,b\n3,4,c\n", 2}, {"1,y,l\n3,4,b\n1,2,c\n", 2},
        {"0,1,2,3\n5,6,7,0\n5,6,7,1\n", 2},         /* as pandas calls columns without names */
        {"0,1,2,label\n5,6,7,0\n5,6,7,1\n", 2}, {"0,1,0\n1,1,1\n", 2}, {"0,1,2\n1,1,1\n", 2},
        {"1,2,3,4\n5,6,7,0\n5,6,7,1\n", 3},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct tsgd_dataset d = load_text(row[i].text, NULL, false);
        cr_expect(d.train.count == row[i].samples, "'%s': %u", row[i].text, d.train.count);
        tsgd_dataset_release(&d);
    }
}

Test(csv, the_label_stands_in_the_column_that_is_named_or_numbered)
{
    static const char text[] = "kind,a,b\n7,1,2\n3,4,5\n";
    static const char *const label[] = {"kind", "1"};
    const float want[] = {1, 2, 4, 5};
    for (int i = 0; i < 2; i++) {
        struct tsgd_dataset d = load_text(text, label[i], false);
        check_floats(&d.train, 2, want, 2);
        cr_assert(d.classes == 2 && d.class_name);
        cr_expect(!strcmp(d.class_name[0], "3") && !strcmp(d.class_name[1], "7"));
        cr_expect(d.train.labels[0] == 1 && d.train.labels[1] == 0);
        tsgd_dataset_release(&d);
    }
    sources_refuse("csv:d.csv", "knd", false, TSGD_EINVAL, "did you mean 'kind'?");
    sources_refuse("csv:d.csv", "0", false, TSGD_EINVAL, "--label: column 0, want 1 to 3");
    sources_refuse("csv:d.csv", "4", false, TSGD_EINVAL, "--label: column 4, want 1 to 3");
    sources_write("d.csv", "a,a,b\n1,2,3\n");
    sources_refuse("csv:d.csv", "a", false, TSGD_EINVAL, "2 columns of d.csv are named 'a'");
}

Test(csv, labels_that_are_numbers_go_by_value_and_others_by_bytes)
{
    struct tsgd_dataset d = load_text("1,10\n1,9\n1,-2\n1,9.0\n1,+10\n", NULL, false);
    cr_assert(d.classes == 3 && d.class_name);
    cr_expect(!strcmp(d.class_name[0], "-2") && !strcmp(d.class_name[1], "9") &&
              !strcmp(d.class_name[2], "10"));
    const uint16_t want[] = {2, 1, 0, 1, 2};
    cr_expect(!memcmp(d.train.labels, want, sizeof want));
    tsgd_dataset_release(&d);
    d = load_text("1,10\n1,9\n1,x\n1,9.0\n", NULL, false);
    cr_assert(d.classes == 4 && !strcmp(d.class_name[0], "10") && !strcmp(d.class_name[1], "9") &&
              !strcmp(d.class_name[2], "9.0") && !strcmp(d.class_name[3], "x"));
    tsgd_dataset_release(&d);
    d = load_text("1,\"a, \"\"b\"\"\"\n1, \xc3\xa9t\xc3\xa9 \n", NULL, false);
    cr_assert(d.classes == 2 && !strcmp(d.class_name[0], "a, \"b\"") &&
              !strcmp(d.class_name[1], "\xc3\xa9t\xc3\xa9"));
    tsgd_dataset_release(&d);
}

Test(csv, targets_may_be_numbers)
{
    struct tsgd_dataset d = load_text("a,t\n1,0.5\n2,-1e3\n", NULL, true);
    cr_expect(d.classes == 0 && d.outputs == 1 && !d.train.labels && !d.class_name);
    cr_expect(d.train.targets[0] == 0.5f && d.train.targets[1] == -1000);
    tsgd_dataset_release(&d);
    sources_write("d.csv", "a,t\n1,0.5\n2,x\n");
    sources_refuse("csv:d.csv", NULL, true, TSGD_EFORMAT,
                   "d.csv:3: column 2 ('t') holds 'x', want a number, since --loss mse");
    sources_write("d.csv", "a,t\n1,0.5\n2,\n");
    sources_refuse("csv:d.csv", NULL, true, TSGD_EFORMAT, "d.csv:3: column 2 ('t') is empty");
}

Test(csv, a_test_file_has_the_classes_and_columns_of_training)
{
    sources_write("d.csv", "a,b,c\n1,2,cat\n3,4,dog\n");
    sources_write("t.csv", "a,b,c\n5,6,dog\n");
    struct tsgd_dataset d = sources_load("csv:d.csv,t.csv", NULL, false);
    const float want[] = {5, 6};
    check_floats(&d.test, 2, want, 1);
    cr_expect(d.train.count == 2 && d.test.labels[0] == 1);
    tsgd_dataset_release(&d);
    sources_write("t.csv", "5,6,dog\n");            /* without names, which are not needed */
    d = sources_load("csv:d.csv,t.csv", NULL, false);
    check_floats(&d.test, 2, want, 1);
    tsgd_dataset_release(&d);
    sources_write("d.csv", "2019,2020,c\n1,2,cat\n3,4,dog\n");      /* names that are numbers */
    sources_write("t.csv", "2019,2020,c\n5,6,dog\n");
    d = sources_load("csv:d.csv,t.csv", "c", false);
    check_floats(&d.test, 2, want, 1);
    tsgd_dataset_release(&d);
    sources_write("d.csv", "a,b,c\n1,2,cat\n3,4,dog\n");
    sources_write("t.csv", "a,x,c\n5,6,dog\n");
    sources_refuse("csv:d.csv,t.csv", NULL, false, TSGD_EFORMAT,
                   "t.csv:1: column 2 is named 'x', want 'b' as in d.csv");
    sources_write("t.csv", "a,b,c\n5,6,dog\n5,6,eel\n");
    sources_refuse("csv:d.csv,t.csv", NULL, false, TSGD_EFORMAT,
                   "t.csv:3: column 3: label 'eel', which no sample of d.csv has");
    sources_write("t.csv", "5,6,7,dog\n");
    sources_refuse("csv:d.csv,t.csv", NULL, false, TSGD_EFORMAT,
                   "t.csv:1: 4 columns, want 3 as in d.csv");
    sources_write("t.csv", "a,b,c\n");
    sources_refuse("csv:d.csv,t.csv", NULL, false, TSGD_EFORMAT, "t.csv: holds no samples");
    sources_write("t.csv", "");
    sources_refuse("csv:d.csv,t.csv", NULL, false, TSGD_EFORMAT, "t.csv: is empty");
    sources_write("d.csv", "1,2,3\n3,4,5\n");
    sources_write("t.csv", "1,2,3.0\n");
    d = sources_load("csv:d.csv,t.csv", NULL, false);
    cr_expect(d.test.labels[0] == 0);
    tsgd_dataset_release(&d);
}

Test(csv, errors_name_file_line_and_column)
{
    static const struct { const char *text, *part; } row[] = {
        {"", "d.csv: is empty"},
        {"\n\n", "d.csv: is empty"},
        {"a,b\n", "d.csv: holds no samples"},
        {"1\n2\n", "d.csv:1: one column, want at least 2"},
        {"a,b,c\n1,2,0\n1,,1\n", "d.csv:3: column 2 ('b') is empty, want a number; put one where"},
        {"1,2,0\n1,NA,1\n", "d.csv:2: column 2 holds 'NA', want a number; put one where"},
        {"1,2,0\n1,nan,1\n", "d.csv:2: column 2 holds 'nan', want a number; put one where"},
        {"1,2,0\n1,?,1\n", "d.csv:2: column 2 holds '?', want a number; put one where"},
        {",2,0\n1,2,1\n", "d.csv:1: column 1 is empty, want a number"},
        {"NA,2,0\n1,2,1\n", "d.csv:1: column 1 holds 'NA', want a number"},
        {"a,b,c\n1,2,x\n1,2,\n", "d.csv:3: column 3 ('c') is empty, want a label"},
        {"1,2,0\n1,2\n", "d.csv:2: ends after column 2, want 3 columns"},
        {"1,2,0\n1,2,3,4\n", "d.csv:2: ends after column 4, want 3 columns"},
        {"1,2,0\n1,2,0\n1\n", "d.csv:3: ends after column 1, want 3 columns"},
        {"a,b,c\n1,red,0\n2,blue,1\n", "d.csv:2: column 2 ('b') holds 'red', want a number; turn"},
        {"1,2,0\n1,2x,1\n", "d.csv:2: column 2 holds '2x', want a number"},
        {"1,2,0\n1,0x1p3,1\n", "d.csv:2: column 2 holds '0x1p3', want a number"},
        {"1,2,0\n1,inf,1\n", "d.csv:2: column 2 holds 'inf', want a number"},
        {"1,2,0\n1,1e39,1\n", "d.csv:2: column 2 holds '1e39', want a number that single"},
        {"1,2,0\n1,1e999,1\n", "d.csv:2: column 2 holds '1e999', want a number"},
        {"1;2;0\n1;2,5;1\n", "d.csv:2: column 2 holds '2,5', want a number with a decimal point"},
        {"1,5;2,5;0\n1,5;2,5;1\n", "d.csv:1: column 1 holds '1,5', want a number with a decimal"},
        {"1,2,0\n1,\"2\n\n3,1\n", "d.csv:2: a quote is opened in this row and never closed"},
        {"1,2,0\n\"1\"2,3,1\n", "d.csv:2: column 1 goes on after a quote that closes it"},
        {"1,2,0\n\"a\nb\",3,1\n", "d.csv:2: column 1 holds 'a?b', want a number"},
        {"\"a\nb\",c,d\n1,2,0\n1,x,1\n", "d.csv:4: column 2 ('c') holds 'x'"},
        {",a,b\n0,1,x\n1,2,y\n", "d.csv:1: column 1 has no name; if it numbers the rows"},
        {"1,2,0\n1,2,0\n", "d.csv: all labels are '0', want at least 2 classes"},
        {"1,2,0\n1,2,0.5\n", "d.csv:2: column 3: label '0.5', want whole numbers below 2^53"},
        {"1,2,1e300\n1,2,2\n", "d.csv:1: column 3: label '1e300', want whole numbers below 2^53"},
        {"1,2,a\n1,2,\"b\nc\"\n", "d.csv:2: column 3: label 'b?c', want UTF-8"},
        {"1,2,a\n1,2,\xff\n", "d.csv:2: column 3: label '?', want UTF-8"},
        {"1,2,0\n1,2\x1b[31m,1\n", "d.csv:2: column 2 holds '2?[31m', want a number"},
        {"\xff\xfe" "1", "d.csv: text in UTF-16, want UTF-8"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        refuse_text(row[i].text, row[i].part);
    sources_refuse("csv:none.csv", NULL, false, TSGD_EIO, "none.csv: there is no such file");
    sources_refuse("csv:.", NULL, false, TSGD_EIO, ".: cannot open: Is a directory");
    sources_refuse("csv:", NULL, false, TSGD_EINVAL, "want csv:TRAIN[,TEST]");
    sources_refuse("csv", NULL, false, TSGD_EINVAL, "want csv:TRAIN[,TEST]");
    sources_refuse("csv:d.csv,", NULL, false, TSGD_EINVAL, "want csv:TRAIN[,TEST]");
    sources_refuse("csv:a,b,c", NULL, false, TSGD_EINVAL, "want csv:TRAIN[,TEST]");
}

/* The first line that is wrong is told, not the first kind of fault. */
Test(csv, the_first_bad_line_is_told)
{
    refuse_text("1,2,0\n1,x,1\n1,2\n", "d.csv:2: column 2");
    refuse_text("1,2,0\n1,2\n1,x,1\n", "d.csv:2: ends after column 2");
    refuse_text("1,2,0\n,x,1\n", "d.csv:2: column 1 is empty");
}

Test(csv, a_zero_byte_is_not_the_end_of_anything)
{
    FILE *f = fopen("d.csv", "wb");
    cr_assert(f && fwrite("1,2,0\n1,2\0003,1\n", 1, 15, f) == 15 && fclose(f) == 0);
    sources_refuse("csv:d.csv", NULL, false, TSGD_EFORMAT, "d.csv:2: column 2 holds '2?3'");
}

/* 60,000 rows, some blocks long, with numbers of all lengths: NumPy writes them and says what they
 * are.                                                                                          */
static const char big[] =
    "r = np.random.default_rng(3)\n"
    "x = r.normal(size=(60000, 6)) * 10.0 ** r.integers(-12, 12, size=(60000, 6))\n"
    "y = r.integers(0, 5, 60000)\n"
    "form = ['%.3g', '%.9g', '%.17g', '%.6f', '%r', '%.12e']\n"
    "text = [[(form[j] % (float(v),)) for j, v in enumerate(row)] for row in x]\n"
    "np.array(text).astype('f8').astype('f4').tofile('x.bin')\n"
    "y.astype('f4').tofile('y.bin')\n"
    "rows = [','.join(row) + ',c%d\\n' % k for row, k in zip(text, y)]\n"
    "open('d.csv', 'w').write('a,b,c,d,e,f,kind\\n' + ''.join(rows))\n"
    "import gzip\n"
    "gzip.open('d.csv.gz', 'wb', 1).write(open('d.csv', 'rb').read())\n"
    "quoted = ['\"' + row.replace(',', '\",\"').rstrip('\\n') + '\"\\r\\n' for row in rows]\n"
    "open('q.csv', 'w', newline='').write(''.join(quoted))\n";

static void check_big(const char *data)
{
    enum { N = 60000 };
    static float x[N * 6], y[N];
    struct tsgd_dataset d = sources_load(data, NULL, false);
    sources_floats("x.bin", x, N * 6);
    sources_floats("y.bin", y, N);
    cr_assert(d.train.count == N && d.shape.width == 6 && d.classes == 5);
    cr_expect(!memcmp(d.train.floats, x, sizeof x));
    for (size_t i = 0; i < N; i++)
        cr_assert((float)d.train.labels[i] == y[i], "label %zu", i);
    cr_expect(!strcmp(d.class_name[4], "c4"));
    tsgd_dataset_release(&d);
}

Test(csv, large_files_are_read_plain_compressed_quoted_and_from_a_pipe)
{
    sources_python(big);
    check_big("csv:d.csv");
    check_big("csv:d.csv.gz");
    check_big("csv:q.csv");
    cr_assert(mkfifo("pipe", 0600) == 0);
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", "cat d.csv > pipe", (char *)NULL);
        _exit(1);
    }
    check_big("csv:pipe");
    cr_assert(waitpid(child, NULL, 0) == child);
}

/* A row that goes over several blocks, and one that is too long for any. */
Test(csv, rows_may_be_long_but_not_without_end)
{
    enum { COLUMNS = 700000 };
    FILE *f = fopen("d.csv", "w");
    cr_assert(f != NULL);
    for (int row = 0; row < 2; row++) {
        for (int i = 0; i < COLUMNS; i++)
            fprintf(f, "%d,", i + row);
        fprintf(f, "%d\n", row);
    }
    cr_assert(fclose(f) == 0);
    struct tsgd_dataset d = sources_load("csv:d.csv", NULL, false);
    cr_assert(d.shape.width == COLUMNS && d.train.count == 2);
    for (size_t i = 0; i < 2 * COLUMNS; i++)
        cr_assert(d.train.floats[i] == (float)(i % COLUMNS + i / COLUMNS));
    tsgd_dataset_release(&d);
    sources_refuse("csv:/dev/zero", NULL, false, TSGD_EFORMAT,
                   "/dev/zero:1: a row of more than 67108864 bytes");
}

Test(csv, there_are_up_to_65536_classes)
{
    for (int extra = 0; extra < 2; extra++) {
        FILE *f = fopen("d.csv", "w");
        cr_assert(f != NULL);
        for (int i = 65535 + extra; i >= 0; i--)
            fprintf(f, "1,%d\n", 3 * i);
        cr_assert(fclose(f) == 0);
        if (extra) {
            sources_refuse("csv:d.csv", NULL, false, TSGD_EFORMAT, "d.csv:65537: column 2: label "
                           "'0' is the 65537th that differs, want at most 65536 classes; --loss");
            return;
        }
        struct tsgd_dataset d = sources_load("csv:d.csv", NULL, false);
        cr_assert(d.classes == 65536 && !strcmp(d.class_name[65535], "196605"));
        for (uint32_t i = 0; i < d.train.count; i++)
            cr_assert(d.train.labels[i] == 65535 - i);
        tsgd_dataset_release(&d);
    }
}

Test(csv, gzip_that_breaks_off_is_refused)
{
    sources_write("d.csv", "1,2,0\n1,2,1\n");
    cr_assert(system("gzip d.csv && head -c -6 d.csv.gz > t.csv.gz") == 0);
    sources_refuse("csv:t.csv.gz", NULL, false, TSGD_EFORMAT, "break off");
}

Test(csv, a_comma_is_no_mark_of_thousands_whatever_the_locale)
{
    struct tsgd_dataset d = load_text("1.5;a\n2.25;b\n", NULL, false);
    cr_expect(d.train.floats[0] == 1.5f && d.train.floats[1] == 2.25f);
    tsgd_dataset_release(&d);
}
