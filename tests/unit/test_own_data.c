/* Data from memory: a copy of a data set in files, as bytes, floats and sparse samples, trains to
 * the same bits as the files do.                                                                */
#include "base/mem.h"
#include "data/source.h"
#include "sim/settings.h"
#include "telesgd.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(own_data, .timeout = 120);

enum { FEATURES = 64, CLASSES = 10 };
enum kind { BYTES, FLOATS, SPARSE, KINDS };

struct arrays {
    struct tsgd_dataset digits;
    struct tsgd_memory memory;
};

/* The numbers of samples as floats, or those that are not 0. */
static void convert(const struct tsgd_dataset *d, const struct tsgd_samples *s, enum kind kind,
                    struct tsgd_memory_part *out)
{
    float *x = twin_floats((size_t)s->count * FEATURES);
    *out = (struct tsgd_memory_part){.count = s->count, .labels = s->labels};
    for (size_t i = 0; i < (size_t)s->count * FEATURES; i++)
        x[i] = d->value[s->bytes[i]];
    if (kind == BYTES)
        out->bytes = s->bytes;
    if (kind == FLOATS)
        out->floats = x;
    if (kind != SPARSE)
        return;
    uint64_t *start = calloc(s->count + 1, sizeof *start), n = 0;
    uint32_t *column = malloc((size_t)s->count * FEATURES * sizeof *column);
    for (uint32_t i = 0; i < s->count; i++) {
        for (uint32_t f = 0; f < FEATURES; f++)
            if (x[i * FEATURES + f] != 0) {
                x[n] = x[i * FEATURES + f];
                column[n++] = f;
            }
        start[i + 1] = n;
    }
    out->start = start, out->column = column, out->value = x;
}

static void arrays_of_digits(struct arrays *a, enum kind kind)
{
    cr_assert(tsgd_dataset_load(&a->digits, "digits", NULL, NULL) == TSGD_OK);
    a->memory = (struct tsgd_memory){.size = sizeof a->memory, .name = "mine", .channels = 1,
                                     .height = 8, .width = 8, .classes = CLASSES};
    convert(&a->digits, &a->digits.train, kind, &a->memory.train);
    convert(&a->digits, &a->digits.test, kind, &a->memory.test);
}

static struct tsgd_settings *usual(void)
{
    return settings_of("model=mlp:12 nodes=9 active=4 rounds=30 batch=7 lr=0.2 eval-every=10 "
                       "partition=dirichlet:1 seed=3");
}

static struct tsgd_summary train(const struct tsgd_settings *s)
{
    struct tsgd_run *run;
    struct tsgd_summary end;
    struct tsgd_error err;
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_train(run, NULL, NULL, &end, &err) == TSGD_OK, "%s", err.text);
    tsgd_run_free(run);
    return end;
}

ParameterizedTestParameters(own_data, the_bits_are_those_of_the_same_samples_in_files)
{
    return twin_rows(2 * KINDS);
}
ParameterizedTest(size_t *row, own_data, the_bits_are_those_of_the_same_samples_in_files)
{
    struct arrays a;
    struct tsgd_data *data;
    struct tsgd_error err;
    struct tsgd_settings *s = usual();
    arrays_of_digits(&a, *row % KINDS);
    a.memory.borrow = *row >= KINDS;
    cr_assert(tsgd_data_from_memory(&data, &a.memory, &err) == TSGD_OK, "%s", err.text);
    settings_change(s, "data=digits");
    struct tsgd_summary want = train(s);
    cr_assert(tsgd_settings_set_data(s, data, &err) == TSGD_OK, "%s", err.text);
    cr_expect_str_eq(tsgd_settings_get(s, "data"), "memory:mine");
    struct tsgd_summary got = train(s);
    cr_expect(got.last.state_hash == want.last.state_hash);
    cr_expect(got.test_loss == want.test_loss && got.test_accuracy == want.test_accuracy);
    tsgd_data_free(data);
}

/* One data set, several runs at once, of which one normalises its samples. */
Test(own_data, runs_side_by_side_share_it)
{
    struct arrays a;
    struct tsgd_data *data;
    struct tsgd_settings *s[2] = {usual(), usual()};
    struct tsgd_run *run[2];
    struct tsgd_summary end;
    uint64_t alone[2];
    arrays_of_digits(&a, FLOATS);
    a.memory.borrow = true;
    cr_assert(tsgd_data_from_memory(&data, &a.memory, NULL) == TSGD_OK);
    settings_change(s[1], "normalize=data");
    for (int i = 0; i < 2; i++) {
        cr_assert(tsgd_settings_set_data(s[i], data, NULL) == TSGD_OK);
        alone[i] = train(s[i]).last.state_hash;
    }
    cr_assert(alone[0] != alone[1]);
    for (int i = 0; i < 2; i++)
        cr_assert(tsgd_run_create(&run[i], s[i], NULL) == TSGD_OK);
    for (int i = 1; i >= 0; i--) {
        cr_assert(tsgd_run_train(run[i], NULL, NULL, &end, NULL) == TSGD_OK);
        cr_expect(end.last.state_hash == alone[i]);
        tsgd_run_free(run[i]);
    }
    tsgd_data_free(data);
}

/* y = 3 + 2 a - b, without noise: the squared error has one minimum, where it is 0. */
Test(own_data, least_squares_finds_the_plane)
{
    enum { N = 200 };
    static float x[N][2], y[N][2];
    struct tsgd_data *data;
    struct tsgd_error err;
    struct tsgd_rng r = tsgd_rng(8, TSGD_RNG_TEST, 0, 0);
    for (int i = 0; i < N; i++) {
        x[i][0] = (float)(2 * tsgd_rng_unit(&r) - 1);
        x[i][1] = (float)(2 * tsgd_rng_unit(&r) - 1);
        y[i][0] = 3 + 2 * x[i][0] - x[i][1];
        y[i][1] = -y[i][0];
    }
    struct tsgd_memory m = {.size = sizeof m, .name = "plane", .width = 2, .targets = 2,
                            .train = {.count = N, .floats = x[0], .targets = y[0]}};
    struct tsgd_settings *s = settings_of("model=logistic loss=mse nodes=10 active=5 rounds=800 "
                                          "lr=0.3 batch=20");
    cr_assert(tsgd_data_from_memory(&data, &m, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_settings_set_data(s, data, NULL) == TSGD_OK);
    struct tsgd_run *run;
    struct tsgd_summary end;
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    const struct tsgd_info *info = tsgd_run_info(run);
    cr_expect(info->train_samples == 160 && info->test_samples == 40, "a fifth is drawn");
    cr_expect(info->classes == 0 && info->targets == 2);
    cr_assert(tsgd_run_train(run, NULL, NULL, &end, NULL) == TSGD_OK);
    static const double want[] = {2, -1, -2, 1, 3, -3};
    for (int i = 0; i < 6; i++)
        cr_expect(fabs((double)tsgd_run_mean(run)[i] - want[i]) < 1e-4, "%d: %g", i,
                  (double)tsgd_run_mean(run)[i]);
    cr_expect(end.test_loss < 1e-8 && end.test_r2 > 1 - 1e-8 && isnan(end.test_accuracy));
    tsgd_run_free(run);
    tsgd_data_free(data);
}

Test(own_data, a_run_of_it_goes_on_from_a_checkpoint)
{
    struct arrays a;
    struct tsgd_data *data;
    struct tsgd_settings *s = usual(), *on;
    struct tsgd_error err;
    char path[] = "/tmp/telesgd-test-XXXXXX";
    close(mkstemp(path));
    unlink(path);
    arrays_of_digits(&a, SPARSE);
    cr_assert(tsgd_data_from_memory(&data, &a.memory, NULL) == TSGD_OK);
    cr_assert(tsgd_settings_set_data(s, data, NULL) == TSGD_OK);
    uint64_t want = train(s).last.state_hash;
    settings_change(s, "checkpoint=%s", path);
    settings_change(s, "checkpoint-every=10");
    cr_expect(train(s).last.state_hash == want);
    on = settings_of("resume=%s", path);
    struct tsgd_run *run;
    cr_expect(tsgd_run_create(&run, on, &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "tsgd_settings_set_data"), "%s", err.text);
    cr_assert(tsgd_settings_set_data(on, data, NULL) == TSGD_OK);
    cr_expect(train(on).last.state_hash == want);
    unlink(path);
    tsgd_data_free(data);
}

/* ---- what is refused ---- */

static const float two[4] = {1, 2, 3, 4}, bad[4] = {1, 2, NAN, 4};
static const uint16_t label[2] = {0, 1}, high[2] = {0, 2};
static const uint64_t begin[3] = {0, 1, 3}, falls[3] = {0, 2, 1}, late[3] = {1, 2, 3};
static const uint32_t column[3] = {1, 0, 1}, twice[3] = {1, 1, 1}, far[3] = {0, 0, 2};

/* Each row begins as one that is right, and overrides what makes it wrong. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#define OF(...) {.count = 2, .labels = label, __VA_ARGS__}
#define M .size = sizeof (struct tsgd_memory), .name = "a", .width = 2, .classes = 2
static const struct { struct tsgd_memory m; const char *says; } wrong[] = {
    {{.size = 8}, "size is 8"},
    {{.size = 208}, "members that this version"},
    {{M, .name = "a b", .train = OF(.floats = two)}, "name is 'a b'"},
    {{M, .name = NULL, .train = OF(.floats = two)}, "name is ''"},
    {{M, .width = 0, .train = OF(.floats = two)}, "0 x 0 x 0"},
    {{M, .channels = 3, .train = OF(.floats = two)}, "3 x 0 x 2"},
    {{M, .classes = 1, .train = OF(.floats = two)}, "1 classes"},
    {{M, .targets = 1, .train = OF(.floats = two)}, "2 classes and 1 targets"},
    {{M, .classes = 0, .train = OF(.floats = two)}, "0 classes and 0 targets"},
    {{M, .train = {.labels = label, .floats = two}}, "train.count is 0"},
    {{M, .train = OF(.count = 1ull << 33, .floats = two)}, "train.count is 8589934592"},
    {{M, .train = OF(.bytes = NULL)}, "train: want one of bytes"},
    {{M, .train = OF(.floats = two, .bytes = (const uint8_t *)two)}, "train: want one of bytes"},
    {{M, .train = OF(.start = begin, .column = column)}, "train: want one of bytes"},
    {{M, .train = OF(.floats = two, .targets = two)}, "train: want labels alone"},
    {{M, .train = OF(.floats = two, .labels = NULL)}, "train: want labels alone"},
    {{M, .train = OF(.floats = two, .labels = high)}, "train.labels[1]"},
    {{M, .train = OF(.floats = bad)}, "train.floats[2]"},
    {{M, .train = OF(.start = late, .column = column, .value = two)}, "train.start[0]"},
    {{M, .train = OF(.start = falls, .column = column, .value = two)}, "train.start[2]"},
    {{M, .train = OF(.start = begin, .column = twice, .value = two)}, "train.column[2]"},
    {{M, .train = OF(.start = begin, .column = far, .value = two)}, "train.column[2]"},
    {{M, .train = OF(.start = begin, .column = column, .value = bad)}, "train.value[2]"},
    {{M, .train = OF(.floats = two), .test = OF(.bytes = (const uint8_t *)two)},
     "test: want samples of the kind of train"},
    {{M, .train = OF(.floats = two), .test = OF(.floats = bad)}, "test.floats[2]"},
    {{M, .train = OF(.floats = two), .test = OF(.floats = two), .test_share = 0.5}, "test_share"},
    {{M, .train = OF(.floats = two), .test_share = 1}, "test_share is 1"},
    {{M, .train = OF(.floats = two), .test_share = 0.1}, "leaves none"},
    {{M, .train = OF(.floats = two), .class_names = (const char *const[]){"x", NULL}},
     "class_names[1]"},
    {{M, .train = OF(.floats = two), .class_names = (const char *const[]){"x", "\xff"}},
     "class_names[1]"},
};

#pragma GCC diagnostic pop

ParameterizedTestParameters(own_data, what_makes_no_sense_is_refused)
{
    return twin_rows(sizeof wrong / sizeof *wrong);
}
ParameterizedTest(size_t *row, own_data, what_makes_no_sense_is_refused)
{
    struct tsgd_error err = {TSGD_OK, ""};
    struct tsgd_data *data = (struct tsgd_data *)&err;
    cr_expect(tsgd_data_from_memory(&data, &wrong[*row].m, &err) == TSGD_EINVAL && !data);
    cr_expect(strstr(err.text, wrong[*row].says), "'%s' in '%s'", wrong[*row].says, err.text);
}

Test(own_data, settings_of_files_do_not_go_with_it)
{
    static const char *const changes[][2] = {
        {"data=digits", "--data: found 'digits', but 'memory:mine' was set"},
        {"data-dir=/tmp", "--data-dir: found '/tmp'"}, {"label=3", "--label: found '3'"},
        {"test-share=0.3", "--test-share: found '0.3'"}, {"loss=mse", "--loss: found 'mse'"},
    };
    struct arrays a;
    struct tsgd_data *data;
    struct tsgd_error err;
    arrays_of_digits(&a, BYTES);
    cr_assert(tsgd_data_from_memory(&data, &a.memory, NULL) == TSGD_OK);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct tsgd_settings *s = usual();
        struct tsgd_run *run;
        cr_assert(tsgd_settings_set_data(s, data, NULL) == TSGD_OK);
        settings_change(s, "%s", changes[i][0]);
        cr_expect(tsgd_run_create(&run, s, &err) == TSGD_EINVAL && !run);
        cr_expect(strstr(err.text, changes[i][1]), "%s", err.text);
        cr_assert(tsgd_settings_set_data(s, NULL, NULL) == TSGD_OK);
        cr_expect(tsgd_run_create(&run, s, &err) == TSGD_EINVAL && strstr(err.text, "--data"));
    }
    tsgd_data_free(data);
}
