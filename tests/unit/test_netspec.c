/* Networks as text: what is read, what is refused and where, what is printed again, and that the
 * built-in ones are the lists of layers that they have always been.                             */
#include "model/model.h"
#include "program.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLASSES = 10 };

static struct tsgd_netspec parse(const char *text)
{
    struct tsgd_netspec s;
    struct tsgd_error err;
    cr_assert(tsgd_netspec_parse(&s, text, "TEXT", &err) == TSGD_OK, "%s: %s", text, err.text);
    return s;
}

static char *text_of(const struct tsgd_netspec *s)
{
    char *text;
    struct tsgd_error err;
    cr_assert(tsgd_netspec_text(s, &text, &err) == TSGD_OK, "%s", err.text);
    return text;
}

/* ---- what is refused ---- */

/* The sentence begins with the place, and has these words. */
static const struct {
    const char *text, *place, *says;
} wrong[] = {
    {"", "line 1, column 1", "no layer"},
    {" # dense\n ;; \n", "line 3, column 1", "no layer"},
    {"convv 3 3", "line 1, column 1", "'convv'; did you mean 'conv'?"},
    {"relu\n  groupnrom 4", "line 2, column 3", "did you mean 'groupnorm'?"},
    {"residal { relu }", "line 1, column 1", "did you mean 'residual'?"},
    {"x", "line 1, column 1", "known are dense, conv"},
    {"add", "line 1, column 1", "'add'"},
    {"relu; conv", "line 1, column 11", "CHANNELS is 'the end of the text', want 1 to 65536"},
    {"conv 3\ndense", "line 1, column 7", "SIZE is 'the end of the line', want 1 to 15"},
    {"conv 3 3 3", "line 1, column 10", "want conv CHANNELS SIZE [stride N] [pad N] [nobias]"},
    {"conv 0 3", "line 1, column 6", "CHANNELS is '0', want 1 to"},
    {"conv 99999 3", "line 1, column 6", "'99999', want 1 to 65536"},
    {"conv 3 16", "line 1, column 8", "'16', want 1 to 15"},
    {"conv 3 -1", "line 1, column 8", "'-1'"},
    {"conv 3 18446744073709551619", "line 1, column 8", "want 1 to 15"},
    {"conv 3 3 pat 1", "line 1, column 10", "did you mean 'pad'?"},
    {"conv 3 3 pad", "line 1, column 13", "pad is 'the end of the text', want 0 to 14"},
    {"conv 3 3 stride 0", "line 1, column 17", "stride is '0', want 1 to"},
    {"conv 3 3 pad 1 pad 1", "line 1, column 16", "twice"},
    {"conv 3 3 nobias 1", "line 1, column 17", "unknown '1'"},
    {"conv pad 1", "line 1, column 6", "CHANNELS is 'pad'"},
    {"relu relu", "line 1, column 6", "unknown 'relu'"},
    {"dense 0", "line 1, column 7", "want 1 to 1000000, or 'classes'"},
    {"dense class", "line 1, column 7", "'class'"},
    {"\ndense; relu", "line 2, column 1", "as in dense 128; only the last layer"},
    {"residual { dense }", "line 1, column 12", "only the last layer"},
    {"residual relu", "line 1, column 10", "want '{'"},
    {"residual { }", "line 1, column 12", "no layers"},
    {"residual { ; \n }", "line 2, column 2", "no layers"},
    {"relu; residual { relu", "line 1, column 7", "no '}'"},
    {"relu }", "line 1, column 6", "no residual is open"},
    {"{ relu }", "line 1, column 1", "found '{'"},
    {"residual { relu } relu", "line 1, column 19", "want ';' or the end of the line"},
    {"residual{residual{residual{residual{residual{residual{residual{residual{residual{relu",
     "line 1, column 73", "at most 8 deep"},
    {"a: relu", "line 1, column 4", "no tensors that could be called 'a'"},
    {": relu", "line 1, column 1", "found ':'"},
    {"a: ; relu", "line 1, column 4", "behind the name 'a'"},
    {"a: b: dense", "line 1, column 4", "'b'"},
    {"1a: dense", "line 1, column 1", "'1a' is no name"},
    {"a..b: dense", "line 1, column 1", "'a..b' is no name"},
    {"a.: dense", "line 1, column 1", "'a.' is no name"},
    {"a-b: dense", "line 1, column 1", "'a-b' is no name"},
    {"a23456789012345678901234567890ab: dense", "line 1, column 1", "at most 31"},
    {"a2345678901234567890: residual { b2345678901: dense 3 }", "line 1, column 47", "has 32"},
    {"a234567890123456789012345678901: residual { relu }", "line 1, column 34", "at most 30"},
    {"a: dense 3; a: dense 3", "line 1, column 16", "cannot go with 'a' of line 1, column 1"},
    {"fc2: dense 3\ndense 3", "line 2, column 1", "'fc2' cannot go with 'fc2' of line 1"},
    {"a: dense 3; a.b: dense 3", "line 1, column 18", "'a.b' cannot go with 'a'"},
    {"a: residual { dense 3 }; a: residual { dense 3 }", "line 1, column 40", "'a.fc1'"},
};

ParameterizedTestParameters(netspec, mistakes_are_told_with_their_place)
{
    return twin_rows(sizeof wrong / sizeof *wrong);
}

ParameterizedTest(size_t *row, netspec, mistakes_are_told_with_their_place)
{
    struct tsgd_netspec s = TSGD_NETSPEC_INIT;
    struct tsgd_error err;
    char begins[80];
    snprintf(begins, sizeof begins, "TEXT: %s: ", wrong[*row].place);
    cr_assert(tsgd_netspec_parse(&s, wrong[*row].text, "TEXT", &err) == TSGD_EINVAL, "%s",
              wrong[*row].text);
    cr_expect(!strncmp(err.text, begins, strlen(begins) - 2) && strstr(err.text, wrong[*row].says),
              "%s: %s", wrong[*row].text, err.text);
    cr_expect(!s.layer && !s.where);
}

Test(netspec, a_text_has_at_most_1024_layers_and_65536_characters)
{
    struct tsgd_netspec s = TSGD_NETSPEC_INIT;
    struct tsgd_error err;
    char *text = calloc(1, TSGD_NETSPEC_TEXT + 2);
    for (int i = 0; i < 1023; i++)
        strcat(text, "relu;");
    strcat(text, "dense");
    s = parse(text);
    cr_expect(s.n == 1024, "%u", s.n);
    tsgd_netspec_release(&s);
    memcpy(text + 5 * 1023, "relu\ndense", sizeof "relu\ndense");
    cr_expect(tsgd_netspec_parse(&s, text, "TEXT", &err) == TSGD_EINVAL);
    cr_expect(!strncmp(err.text, "TEXT: line 2, column 1: a network has at most 1024", 50), "%s",
              err.text);
    memset(text, ' ', TSGD_NETSPEC_TEXT);
    memcpy(text, "dense", 5);
    s = parse(text);
    tsgd_netspec_release(&s);
    text[TSGD_NETSPEC_TEXT] = ' ';
    cr_expect(tsgd_netspec_parse(&s, text, "TEXT", &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "65537 characters, want at most 65536"), "%s", err.text);
    free(text);
}

static const struct {
    const char *text;
    struct tsgd_shape in;
    const char *place, *says;
} misfits[] = {
    {"conv 6 5 pad 1\ndense", {1, 2, 9}, "line 1, column 1",
     "conv1: 6 kernels of 5x5 do not fit an input of 1x2x9"},
    {"maxpool 2\nmaxpool 3\ndense", {2, 5, 9}, "line 2, column 1",
     "window 3 does not fit an input of 2x4, want at most 2"},
    {"relu; avgpool 6; dense", {2, 5, 9}, "line 1, column 7",
     "window 6 does not fit an input of 5x9, want at most 5"},
    {"relu; dwconv 4; dense", {2, 3, 9}, "line 1, column 7",
     "dwconv1: 2 kernels of 4x4 do not fit an input of 2x3x9"},
    {"conv 6 3; groupnorm 4; dense", {1, 8, 8}, "line 1, column 11",
     "6 channels cannot be cut into 4 equal groups, but into 3"},
    {"relu; residual { conv 2 3 }; dense", {2, 8, 8}, "line 1, column 7", "2x8x8"},
    {"residual { conv 1 1 }; dense", {2, 8, 8}, "line 1, column 1", "2x8x8"},
    {"dense 9", {2, 8, 8}, "line 1, column 1", "9 numbers for each sample, want 10"},
    {"dense 10; residual { relu; dense 12 }", {2, 8, 8}, "line 1, column 11", "12 numbers"},
    {"relu", {10, 1, 1}, "line 1, column 1", "nothing to train"},
    {"conv 65536 1; dense", {1, 200, 200}, "line 1, column 1", "at most 1073741824"},
};

ParameterizedTestParameters(netspec, layers_that_do_not_fit_are_told_with_their_place)
{
    return twin_rows(sizeof misfits / sizeof *misfits);
}

ParameterizedTest(size_t *row, netspec, layers_that_do_not_fit_are_told_with_their_place)
{
    struct tsgd_netspec s = parse(misfits[*row].text);
    struct tsgd_error err;
    char begins[80];
    snprintf(begins, sizeof begins, "TEXT: %s: ", misfits[*row].place);
    cr_assert(tsgd_netspec_shape(&s, misfits[*row].in, CLASSES, &err) == TSGD_EINVAL, "%s",
              misfits[*row].text);
    cr_expect(!strncmp(err.text, begins, strlen(begins)) && strstr(err.text, misfits[*row].says),
              "%s: %s", misfits[*row].text, err.text);
    tsgd_netspec_release(&s);
}

/* ---- text, from layers ---- */

static const struct {
    const char *text, *again;
} printed[] = {
    {"dense", "dense classes"},
    {"dense\t 5 ;dense classes#\n", "dense 5; dense classes"},
    {"\n\nrelu\r\n;# a comment; dense 3\n  dense 7;;", "relu; dense 7"},
    {"conv 3 5 stride 1 pad 0", "conv 3 5"},
    {"conv 003 5 nobias pad 2 stride 3", "conv 3 5 stride 3 pad 2 nobias"},
    {"conv1: dense 3", "conv1: dense 3"},
    {"a.b_1: conv 1 1 # name", "a.b_1: conv 1 1"},
    {"residual{\nrelu}", "residual { relu }"},
    {"b:residual {relu;residual{groupnorm 2\n}}; maxpool 3",
     "b: residual { relu; residual { groupnorm 2 } }; maxpool 3"},
    {"gelu; a: layernorm; avgpool 02; dw: dwconv 3 nobias pad 1 stride 2; dwconv 1 stride 1",
     "gelu; a: layernorm; avgpool 2; dw: dwconv 3 stride 2 pad 1 nobias; dwconv 1"},
    {"residual { residual { relu\n }\n avgpool\n }\n",
     "residual { residual { relu }; avgpool }"},
};

ParameterizedTestParameters(netspec, a_text_is_printed_in_its_usual_form)
{
    return twin_rows(sizeof printed / sizeof *printed);
}

ParameterizedTest(size_t *row, netspec, a_text_is_printed_in_its_usual_form)
{
    struct tsgd_netspec s = parse(printed[*row].text);
    char *text = text_of(&s);
    cr_expect(!strcmp(text, printed[*row].again), "%s", text);
    tsgd_netspec_release(&s);
    free(text);
}

/* A text at random: in its usual form, and the same with other spaces, lines and comments. */
struct draft {
    struct tsgd_rng rng;
    char plain[4000], loose[16000];
    uint32_t layers;
};

static void put(struct draft *d, const char *text)
{
    strcat(d->plain, text);
    strcat(d->loose, text);
}

static void space(struct draft *d)
{
    static const char *const spaces[] = {" ", "  ", "\t", " \r "};
    strcat(d->plain, " ");
    strcat(d->loose, spaces[tsgd_rng_below(&d->rng, 4)]);
}

static void separate(struct draft *d)
{
    static const char *const ends[] = {"; ", ";", "\n", " # x { ; }\n", "\n#\n;\n\n  "};
    strcat(d->plain, "; ");
    strcat(d->loose, ends[tsgd_rng_below(&d->rng, 5)]);
}

static void put_number(struct draft *d, uint32_t least, uint32_t most)
{
    char text[16];
    snprintf(text, sizeof text, "%u", least + tsgd_rng_below(&d->rng, most - least + 1));
    space(d);
    put(d, text);
}

static void put_name(struct draft *d)
{
    char text[16];
    snprintf(text, sizeof text, "n%u", d->layers);
    put(d, text);
    strcat(d->plain, ": ");
    strcat(d->loose, tsgd_rng_below(&d->rng, 2) ? ":" : " : ");
}

static void draft_layers(struct draft *d, int depth);

static void draft_layer(struct draft *d, int depth)
{
    enum { CONV, DENSE, GROUPNORM, DWCONV, LAYERNORM, RELU, MAXPOOL, AVGPOOL, GELU, RESIDUAL };
    uint32_t kind = tsgd_rng_below(&d->rng, depth < 3 ? RESIDUAL + 1 : RESIDUAL);
    bool name = (kind < RELU || kind == RESIDUAL) && tsgd_rng_below(&d->rng, 2);
    static const char *const words[] = {"conv", "dense", "groupnorm", "dwconv", "layernorm", "relu",
                                        "maxpool", "avgpool", "gelu", "residual"};
    d->layers++;
    if (name)
        put_name(d);
    put(d, words[kind]);
    if (kind == CONV || kind == DWCONV) {
        if (kind == CONV)
            put_number(d, 1, 65536);
        put_number(d, 1, 15);
        if (tsgd_rng_below(&d->rng, 2))
            space(d), put(d, "stride"), put_number(d, 2, 9);
        if (tsgd_rng_below(&d->rng, 2))
            space(d), put(d, "pad"), put_number(d, 1, 14);
        if (tsgd_rng_below(&d->rng, 2))
            space(d), put(d, "nobias");
    } else if (kind == DENSE && tsgd_rng_below(&d->rng, 4) == 0) {
        space(d);
        put(d, "classes");
    } else if (kind == DENSE) {
        put_number(d, 1, 1000000);
    } else if (kind == GROUPNORM) {
        put_number(d, 1, 65536);
    } else if (kind == MAXPOOL || (kind == AVGPOOL && tsgd_rng_below(&d->rng, 2))) {
        put_number(d, 1, 65535);
    } else if (kind == RESIDUAL) {
        strcat(d->plain, " { ");
        strcat(d->loose, tsgd_rng_below(&d->rng, 2) ? "{" : " {\n");
        draft_layers(d, depth + 1);
        strcat(d->plain, " }");
        strcat(d->loose, tsgd_rng_below(&d->rng, 2) ? "}" : "\n ; }");
    }
}

static void draft_layers(struct draft *d, int depth)
{
    for (uint32_t n = 1 + tsgd_rng_below(&d->rng, 5); n > 0; n--) {
        draft_layer(d, depth);
        if (n > 1)
            separate(d);
    }
}

Test(netspec, texts_at_random_come_back_in_their_usual_form, .timeout = 60)
{
    for (uint32_t trial = 0; trial < 2000; trial++) {
        struct draft d = {.rng = tsgd_rng(30, TSGD_RNG_TEST, trial, 0)};
        draft_layers(&d, 0);
        struct tsgd_netspec s = parse(d.loose), again = parse(d.plain);
        char *text = text_of(&s), *same = text_of(&again);
        cr_assert(!strcmp(text, d.plain), "%s\nbecame\n%s", d.loose, text);
        cr_assert(!strcmp(same, d.plain) && s.n == again.n, "%s\nbecame\n%s", d.plain, same);
        for (uint32_t i = 0; i < s.n; i++)
            cr_assert(!memcmp(&s.layer[i], &again.layer[i], sizeof s.layer[i]), "layer %u of %s", i,
                      d.plain);
        tsgd_netspec_release(&s);
        tsgd_netspec_release(&again);
        free(text);
        free(same);
    }
}

/* ---- names ---- */

Test(netspec, tensors_are_called_after_kinds_and_residuals_with_names_count_anew)
{
    static const char *const want[] = {
        "conv1", "gn1", "mine", "a.conv1", "", "a.gn1", "", "a.b.conv1", "", "", "conv3", "", "a.c",
        "fc1", "fc2",
    };
    struct tsgd_netspec s = parse(
        "conv 4 1; groupnorm 2; mine: conv 4 1; a: residual { conv 4 1; relu; groupnorm 2; relu; "
        "b: residual { conv 4 1 } }; residual { conv 4 1 }; a.c: groupnorm 2; dense 3; dense");
    cr_assert(s.n == sizeof want / sizeof *want, "%u", s.n);
    for (uint32_t i = 0; i < s.n; i++)
        cr_expect(!strcmp(s.layer[i].name, want[i]), "%u: '%s', want '%s'", i, s.layer[i].name,
                  want[i]);
    tsgd_netspec_release(&s);
}

/* ---- the built-in networks, as they were listed in C ---- */

#define CONV(label, n, side, margin) \
    {.ops = &tsgd_layer_conv, .name = label, .units = n, .window = side, .pad = margin, .stride = 1}
#define NORM(label, n) {.ops = &tsgd_layer_groupnorm, .name = label, .groups = n}
#define RELU {.ops = &tsgd_layer_relu}
#define POOL {.ops = &tsgd_layer_maxpool, .window = 2}
#define FC(label, n) {.ops = &tsgd_layer_dense, .name = label, .units = n}

static const struct tsgd_layer logistic[] = {FC("fc", CLASSES)};

static const struct tsgd_layer mlp[] = {
    FC("fc1", 256), RELU, FC("fc2", 128), RELU, FC("fc3", CLASSES),
};

static const struct tsgd_layer lenet[] = {
    CONV("conv1", 6, 5, 0), RELU, POOL, NORM("gn1", 2), CONV("conv2", 16, 5, 0), RELU, POOL,
    NORM("gn2", 4), FC("fc1", 120), RELU, FC("fc2", 84), RELU, FC("fc3", CLASSES),
};

#define UNIT(i, n) CONV("conv" #i, n, 3, 1), NORM("gn" #i, 8), RELU
static const struct tsgd_layer vgg11[] = {
    UNIT(1, 64), POOL, UNIT(2, 128), POOL, UNIT(3, 256), UNIT(4, 256), POOL, UNIT(5, 512),
    UNIT(6, 512), POOL, UNIT(7, 512), UNIT(8, 512), POOL, FC("fc", CLASSES),
};

#define BARE(label, n, step) \
    {.ops = &tsgd_layer_conv, .name = label, .units = n, .window = 3, .pad = 1, .stride = step, \
     .no_bias = true}
#define BLOCK(at, n, step)                                                                      \
    BARE("layer" at ".conv1", n, step), NORM("layer" at ".gn1", 8), RELU,                       \
    BARE("layer" at ".conv2", n, 1), NORM("layer" at ".gn2", 8),                                \
    {.ops = &tsgd_layer_add, .skip = 5}, RELU
static const struct tsgd_layer resnet20[] = {
    BARE("conv1", 16, 1), NORM("gn1", 8), RELU,
    BLOCK("1.0", 16, 1), BLOCK("1.1", 16, 1), BLOCK("1.2", 16, 1),
    BLOCK("2.0", 32, 2), BLOCK("2.1", 32, 1), BLOCK("2.2", 32, 1),
    BLOCK("3.0", 64, 2), BLOCK("3.1", 64, 1), BLOCK("3.2", 64, 1),
    {.ops = &tsgd_layer_avgpool}, FC("fc", CLASSES),
};

#define LIST(name) #name, name, sizeof name / sizeof *name
static const struct {
    const char *model;
    const struct tsgd_layer *layers;
    uint32_t n;
    size_t dim;
    uint64_t step_flops;
} built_in[] = {
    {LIST(logistic), 30730, 2 * 2 * 30720},
    {LIST(mlp), 820874, 2 * (2 * 3072 * 256 + 3 * 256 * 128 + 3 * 128 * 10)},
    {LIST(lenet), 62050, 2 * (2 * 75 * 6 * 784 + 3 * 150 * 16 * 100 +
                              3 * (400 * 120 + 120 * 84 + 84 * 10))},
    {LIST(vgg11), 9231114,
     2 * (2 * 27 * 64 * 1024 +
          3 * (9 * 256 * 64 * 128 + 9 * 64 * (128 * 256 + 256 * 256) +
               9 * 16 * (256 * 512 + 512 * 512) + 9 * 4 * 2 * 512 * 512 + 512 * 10))},
    {LIST(resnet20), 269722,
     2 * (2 * 27 * 16 * 1024 +
          3 * (6 * 9 * 1024 * 16 * 16 + 9 * 256 * (16 * 32 + 5 * 32 * 32) +
               9 * 64 * (32 * 64 + 5 * 64 * 64) + 64 * 10))},
};

ParameterizedTestParameters(netspec, built_in_networks_are_the_lists_that_they_were)
{
    return twin_rows(sizeof built_in / sizeof *built_in);
}

ParameterizedTest(size_t *row, netspec, built_in_networks_are_the_lists_that_they_were)
{
    const struct tsgd_shape in = {3, 32, 32};
    struct tsgd_netspec s;
    struct tsgd_net old, now = twin_model(built_in[*row].model, in, CLASSES);
    struct tsgd_error err;
    const struct tsgd_tensor **a, **b;
    uint32_t n, m;
    cr_assert(tsgd_model_read(&s, built_in[*row].model, NULL, &err) == TSGD_OK, "%s", err.text);
    cr_assert(s.n == built_in[*row].n, "%u layers", s.n);
    cr_assert(tsgd_netspec_shape(&s, in, CLASSES, &err) == TSGD_OK, "%s", err.text);
    for (uint32_t i = 0; i < s.n; i++) {
        const struct tsgd_layer *x = &s.layer[i], *y = &built_in[*row].layers[i];
        cr_expect(x->ops == y->ops && !strcmp(x->name, y->name), "layer %u: %s", i, x->name);
        cr_expect(x->units == y->units && x->window == y->window && x->pad == y->pad &&
                  x->stride == y->stride && x->no_bias == y->no_bias && x->groups == y->groups &&
                  x->skip == y->skip, "layer %u, %s", i, x->name);
    }
    cr_assert(tsgd_net_init(&old, built_in[*row].layers, built_in[*row].n, in, CLASSES, &err) ==
              TSGD_OK, "%s", err.text);
    cr_expect(now.dim == built_in[*row].dim && old.dim == now.dim, "%zu", now.dim);
    cr_expect(now.step_flops == built_in[*row].step_flops, "%llu",
              (unsigned long long)now.step_flops);
    cr_expect(old.step_flops == now.step_flops && old.n_layers == now.n_layers);
    cr_assert(tsgd_net_list_tensors(&old, &a, &n, NULL) == TSGD_OK);
    cr_assert(tsgd_net_list_tensors(&now, &b, &m, NULL) == TSGD_OK);
    cr_assert(n == m);
    for (uint32_t i = 0; i < n; i++)
        cr_expect(!strcmp(a[i]->name, b[i]->name) && a[i]->offset == b[i]->offset &&
                  a[i]->rank == b[i]->rank && a[i]->count == b[i]->count &&
                  !memcmp(a[i]->extent, b[i]->extent, sizeof a[i]->extent), "%s", b[i]->name);
    for (uint32_t i = 0; i < now.n_layers; i++)
        cr_expect(old.layer[i].stream == now.layer[i].stream);
    free(a);
    free(b);
    tsgd_net_release(&old);
    tsgd_net_release(&now);
    tsgd_netspec_release(&s);
}

/* ---- every layer can be written ---- */

/* With the least of its words, and as help shows it; its printed form is read as the same. */
Test(netspec, every_layer_has_words_a_usage_and_a_module)
{
    char usage[200];
    for (size_t i = 0; i < tsgd_n_layers; i++) {
        const struct tsgd_layer_ops *ops = tsgd_layers[i];
        cr_expect(ops->pytorch, "%s", ops->name);
        cr_expect((ops->init != NULL) <= (ops->prefix != NULL), "%s has tensors, but no prefix",
                  ops->name);
        if (!ops->summary)
            continue;
        tsgd_netspec_usage(ops, usage, sizeof usage);
        cr_expect(!strncmp(usage, ops->name, strlen(ops->name)), "%s", usage);
        char text[200], *again;
        size_t used = (size_t)snprintf(text, sizeof text, "%s", ops->name);
        for (const struct tsgd_layer_arg *a = ops->args; a && a->part; a++)
            if (!a->optional)
                used += (size_t)snprintf(text + used, sizeof text - used, " %u", a->least);
        struct tsgd_netspec s = parse(text);
        again = text_of(&s);
        cr_expect(!strcmp(again, text), "%s", again);
        free(again);
        tsgd_netspec_release(&s);
        used = strlen(ops->name);
        for (const struct tsgd_layer_arg *a = ops->args; a && a->part; a++) {
            bool place = a->part == TSGD_PART_PLACE || a->part == TSGD_PART_OUTPUTS;
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", place ? "" : " ",
                                     place ? "" : a->name);
            if (a->part != TSGD_PART_FLAG)
                used += (size_t)snprintf(text + used, sizeof text - used, " %u", a->most);
        }
        s = parse(text);
        again = text_of(&s);
        cr_expect(!strcmp(again, text), "%s, want %s", again, text);
        free(again);
        tsgd_netspec_release(&s);
    }
}

/* ---- the program ---- */

TestSuite(netspec_files, .init = enter_folder, .fini = leave_folder, .timeout = 120);

#define LAYERS \
    "stem: conv  4 3\nrelu # largest\nmaxpool 2\ndense 8\nresidual {\n dense 8\n}\ndense\n"
#define AGAIN "net:stem: conv 4 3; relu; maxpool 2; dense 8; residual { dense 8 }; dense classes"
#define OWN "train --data digits --nodes 5 --active 2 --batch 8 --threads 2" QUIET

static const char *config_text(const char *path, const char *name)
{
    return json_string_value(json_object_get(json_array_get(parse_lines(read_file(path)), 0),
                                             name));
}

static void same_files(const char *a, const char *b)
{
    char command[200];
    snprintf(command, sizeof command, "cmp %s %s", a, b);
    cr_expect(system(command) == 0, "%s and %s", a, b);
}

Test(netspec_files, a_network_from_a_file_is_whole_in_what_is_written)
{
    write_file("my.net", "conv 36 8; dense 36; relu\ndense");
    struct result r = run(OWN " --model net:@my.net --rounds 9 --log one --save one.st "
                          "--checkpoint c --checkpoint-every 4 --progress off");
    expect_code(&r, 0);
    const char *text = "net:conv 36 8; dense 36; relu; dense classes";
    cr_expect(!strcmp(config_text("one", "model"), text), "%s", config_text("one", "model"));
    cr_assert(unlink("my.net") == 0);
    r = run("eval --init one.st --data digits --json");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, text), "%s", r.out);
    double loss = number(last_line(parse_lines(r.out)), "test_loss");
    cr_expect(loss == number(last_line(parse_lines(read_file("one"))), "test_loss"), "%.9g", loss);
    r = run("train --resume c --checkpoint d --save two.st" QUIET);
    expect_code(&r, 0);
    same_files("one.st", "two.st");
    r = run("train --config one --save three.st" QUIET);
    expect_code(&r, 0);
    same_files("one.st", "three.st");
}

Test(netspec_files, a_run_goes_on_with_its_file_if_the_layers_are_the_same)
{
    write_file("my.net", "dense 6; relu; dense");
    struct result r = run(OWN " --model net:@my.net --rounds 9 --save one.st --checkpoint c "
                          "--checkpoint-every 4");
    expect_code(&r, 0);
    write_file("my.net", "# now with a comment\ndense  6\nrelu\ndense classes\n");
    r = run("train --resume c --checkpoint d --model net:@my.net --save two.st" QUIET);
    expect_code(&r, 0);
    same_files("one.st", "two.st");
    write_file("my.net", "dense 7; relu; dense");
    r = run("train --resume c --checkpoint d --model net:@my.net --save two.st" QUIET);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "net:dense 6; relu; dense classes (found net:dense 7;"), "%s", r.err);
    r = run("train --resume c --checkpoint d --model net:@none --save two.st" QUIET);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "cannot open 'none'"), "%s", r.err);
}

Test(netspec_files, mistakes_in_a_file_are_told_with_its_name)
{
    static const struct { const char *text, *says; } bad[] = {
        {"relu\nconv 3\n", "my.net: line 2, column 7: conv: SIZE is 'the end of the line'"},
        {"conv 4 9\ndense\n", "my.net: line 1, column 1: conv1: 4 kernels of 9x9 do not fit"},
        {"dense 3\n", "my.net: line 1, column 1: the last layer gives 3 numbers"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file("my.net", bad[i].text);
        struct result r = run(OWN " --model net:@my.net --rounds 1");
        expect_code(&r, 2);
        cr_expect(strstr(r.err, bad[i].says), "%s", r.err);
    }
    struct result r = run(OWN " --model net:@/dev/zero --rounds 1");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "/dev/zero:1: a zero byte"), "%s", r.err);
    write_file("my.net", "dense");
    r = run(OWN " --model net:@my.net --rounds 1 --log my.net --force");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--log: 'my.net' is the file of --model too"), "%s", r.err);
    cr_expect(!strcmp(read_file("my.net"), "dense"));
}

/* Shapes of tensors alone would not tell: nothing is different but the order of two layers. */
Test(netspec_files, parameters_of_other_layers_are_refused)
{
    struct result r = run(OWN " --model net:conv\0374\0373;relu;maxpool\0372;dense --rounds 1 "
                          "--save s");
    expect_code(&r, 0);
    r = run(OWN " --model net:conv\0374\0373;\037relu;maxpool\0372;dense --rounds 1 --init s");
    expect_code(&r, 0);
    r = run(OWN " --model net:conv\0374\0373;maxpool\0372;dense --rounds 1 --init s");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "holds parameters of --model net:conv 4 3; relu;"), "%s", r.err);
    write_file("logistic.net", "fc: dense");
    r = run(OWN " --model logistic --rounds 1 --save s --force");
    expect_code(&r, 0);
    r = run(OWN " --model net:@logistic.net --rounds 1 --init s");
    expect_code(&r, 0);
}

Test(netspec_files, a_sweep_varies_networks)
{
    write_file("a.net", "dense 4; relu; dense");
    write_file("b.net", LAYERS);
    write_file("sweep", "data = digits\nnodes = 5\nactive = 2\nbatch = 8\nrounds = 3\n"
               "model = net:@a.net, net:@b.net, net:dense 3;dense\n");
    struct result r = run("sweep sweep -o out" QUIET);
    expect_code(&r, 0);
    r = run("sweep sweep -o out" QUIET);        /* all are there */
    expect_code(&r, 0);
    cr_expect(system("cat out/*.jsonl | grep -c '\"model\":\"" AGAIN "\"' > n; grep -qx 1 n") == 0,
              "%s", read_file("n"));
    r = run("compare out");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "model net:dense 4; relu; dense classes") &&
              strstr(r.out, "model net:stem: conv 4 3; relu; maxpool 2; dense 8; res"), "%s",
              r.out);
}
