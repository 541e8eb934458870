/* telesgd split: which node has which classes, without training. */
#include "cli/parse.h"

#include "base/json.h"
#include "cli/human.h"
#include "cli/page.h"
#include "command/outputs.h"
#include "command/split_picture.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

/* Whether what reads the standard output takes UTF-8, as the environment says. The locale of the
 * process stays the C locale, in which numbers have a point.                                    */
static bool takes_utf8(void)
{
    locale_t user = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    bool utf8 = user && !strcmp(nl_langinfo_l(CODESET, user), "UTF-8");
    if (user)
        freelocale(user);
    return utf8;
}

/* What was split, how, among whom. */
static void print_title(const struct tsgd_settings *s, const struct tsgd_split_view *v)
{
    char number[TSGD_HUMAN];
    tsgd_human_print(stdout, s->data);
    printf(", ");
    tsgd_human_print(stdout, s->split ? s->split : s->partition);
    printf(": %s samples", tsgd_human_count(v->samples, number));
    printf(" of %u classes", v->classes);
    printf(" on %s node%s\n", tsgd_human_count(v->nodes, number), v->nodes == 1 ? "" : "s");
    if (v->left_out)
        printf("%s training samples are on no node\n", tsgd_human_count(v->left_out, number));
}

static void print_stats(const struct tsgd_split_view *v, const struct tsgd_split_stats *t)
{
    char least[TSGD_HUMAN], most[TSGD_HUMAN];
    printf("  samples a node     %s to %s, mean %.6g, median %.6g\n",
           tsgd_human_count(t->least_samples, least), tsgd_human_count(t->most_samples, most),
           t->mean_samples, t->median_samples);
    printf("  empty nodes        %s\n", tsgd_human_count(t->empty, least));
    printf("  classes a node     %u to %u, mean %.3g%s\n", t->least_classes, t->most_classes,
           t->mean_classes, t->empty ? " (of nodes with samples)" : "");
    printf("  effective classes  mean %.3g, all nodes together %.3g\n", t->mean_effective,
           t->effective_of_all);
    printf("  distance           mean %.3f\n", t->mean_distance);
    printf("  hash               %016" PRIx64 "\n", v->hash);
}

/* What the data call the classes that stand over the picture. */
static void print_names(const struct tsgd_split_view *v)
{
    enum { MOST = 40 };
    for (uint32_t c = 0; c < v->classes && c < MOST; c++) {
        printf("%s%u ", c ? ", " : "  class names        ", c);
        tsgd_human_print(stdout, v->class_name[c]);
    }
    printf(v->classes > MOST ? ", .. (--json has all)\n" : "\n");
}

static enum tsgd_status print_text(const struct tsgd_settings *s, const struct tsgd_split_view *v,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_split_stats stats;
    TRY(tsgd_split_view_stats(v, &stats, err));
    print_title(s, v);
    putchar('\n');
    TRY(tsgd_split_picture(stdout, v, tsgd_page_columns(stdout), takes_utf8(), err));
    putchar('\n');
    print_stats(v, &stats);
    if (v->class_name)
        print_names(v);
done:
    return st;
}

static void print_counts(const uint32_t *count, uint32_t classes)
{
    for (uint32_t c = 0; c < classes; c++)
        printf("%c%u", c ? ',' : '[', count[c]);
    putchar(']');
}

static enum tsgd_status print_json_names(const struct tsgd_split_view *v, struct tsgd_error *err)
{
    for (uint32_t c = 0; c < v->classes; c++) {
        json_t *name = json_string(v->class_name[c]);
        char *text = tsgd_json_text(name, JSON_COMPACT | JSON_ENCODE_ANY);
        json_decref(name);
        if (!text)
            return tsgd_fail(err, TSGD_ENOMEM, "no memory for a line of JSON");
        printf("%s%s", c ? "," : ",\"class_names\":[", text);
        free(text);
    }
    putchar(']');
    return TSGD_OK;
}

/* One object. The counts, of which there may be millions, are printed without making JSON values
 * of them first.                                                                                */
static enum tsgd_status print_json(const struct tsgd_split_view *v, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_split_stats t;
    char hash[20], *text = NULL;
    json_t *o = NULL;
    TRY(tsgd_split_view_stats(v, &t, err));
    snprintf(hash, sizeof hash, "%016" PRIx64, v->hash);
    o = json_pack("{s:I, s:I, s:I, s:I, s:s, s:I, s:f, s:f, s:I, s:I, s:I, s:f, s:I, s:f, s:f, "
                  "s:f}", "nodes", (json_int_t)v->nodes, "classes", (json_int_t)v->classes,
                  "samples", (json_int_t)v->samples, "left_out", (json_int_t)v->left_out,
                  "split_hash", hash,
                  "samples_least", (json_int_t)t.least_samples, "samples_mean", t.mean_samples,
                  "samples_median", t.median_samples, "samples_most", (json_int_t)t.most_samples,
                  "empty_nodes", (json_int_t)t.empty,
                  "classes_least", (json_int_t)t.least_classes, "classes_mean", t.mean_classes,
                  "classes_most", (json_int_t)t.most_classes,
                  "effective_classes", t.mean_effective,
                  "effective_classes_together", t.effective_of_all,
                  "distance", t.mean_distance);
    text = tsgd_json_text(o, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (!text)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for a line of JSON"));
    printf("%.*s,\"class_samples\":", (int)strlen(text) - 1, text);     /* without its last brace */
    print_counts(v->total, v->classes);
    if (v->class_name)
        TRY(print_json_names(v, err));
    printf(",\"counts\":[");
    for (uint32_t i = 0; i < v->nodes; i++) {
        if (i)
            putchar(',');
        print_counts(tsgd_split_view_of(v, i), v->classes);
    }
    printf("]}\n");
done:
    free(text);
    json_decref(o);
    return st;
}

static enum tsgd_exit run(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_error err;
    struct tsgd_split_view v = TSGD_SPLIT_VIEW_INIT;
    struct tsgd_shelf *shelf = NULL;
    const struct tsgd_settings *s = cli->settings;
    TRY(tsgd_outputs_check_names(s, &err));
    TRY(tsgd_outputs_check_replaced(s, &err));
    TRY(tsgd_shelf_create(&shelf, &err));
    TRY(tsgd_split_view_make(&v, shelf, s, &err));
    TRY(s->json ? print_json(&v, &err) : print_text(s, &v, &err));
done:
    tsgd_split_view_release(&v);
    tsgd_shelf_free(shelf);
    if (st == TSGD_OK)
        return TSGD_EXIT_DONE;
    tsgd_complain(self, &err);
    return TSGD_EXIT_USAGE;
}

static const char about[] =
    "Shows how the training samples are split among the nodes, as 'telesgd train' would with these "
    "options: a row a node, a column a class, and in it which share of the node's samples is of "
    "that class. The distance is between the classes of a node and those of all nodes together "
    "(total variation): 0, the same shares, to 1, nothing in common. Effective classes are "
    "exp(entropy): so many equally frequent classes would be as varied.\n";

static const char closing[] =
    "# Examples\n"
    "How different the nodes are:\n"
    "    telesgd split --data fashion-mnist --partition dirichlet:0.1 --nodes 25\n"
    "A split to train on, and to look at later:\n"
    "    telesgd split --data digits --partition shards:2 --nodes 20 --save-split shards.txt\n"
    "    telesgd train --data digits --model logistic --nodes 20 --split shards.txt\n"
    "The samples of node 3, by class:\n"
    "    telesgd split --data digits --nodes 20 --json | jq -c '.counts[3]'\n";

static const struct tsgd_option_help options[] = {
    {"data", NULL, "whose training samples; see 'telesgd list data'"},
    {"partition", NULL, "how they are split; see 'telesgd list partitions'"},
    {"label", NULL, "the column of the labels, by name or number"},
    {"test-share", "0.2 if data have none", "share that becomes test samples first"},
    {"split", NULL, "show the split in FILE instead of drawing one by --partition"},
    {"allow-empty", NULL, "let nodes have no samples"},
    {"validation", "none", "hold out this share of every node's samples first"},
    {"json", NULL, "print one JSON object instead, with the counts of every node"},
    {"seed", NULL, "of the draw, where --split-seed does not say otherwise"},
    {NULL, NULL, NULL},
};

const struct tsgd_command tsgd_command_split = {
    .name = "split",
    .options = TSGD_FOR_SPLIT,
    .own_help = options,
    .usage = "--data DATA [OPTION]...",
    .summary = "which node has which classes, as a picture",
    .about = about,
    .closing = closing,
    .run = run,
};
