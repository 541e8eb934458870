/* telesgd list: the tables of things that options choose by name. */
#include "cli/parse.h"

#include "base/text.h"
#include "cli/page.h"
#include "command/list.h"
#include "data/partition.h"
#include "data/source.h"
#include "method/method.h"
#include "model/model.h"
#include "topology/topology.h"

#include <string.h>

enum { INDENT = 24 };

static bool model(size_t i, struct tsgd_list_item *out)
{
    static const unsigned refused_by[TSGD_MODEL_KINDS] = {
        [TSGD_MODEL_QUADRATIC] = TSGD_FOR_BENCH | TSGD_FOR_MODEL,
        [TSGD_MODEL_OBJECTIVE] = ~0U,
    };
    if (i >= tsgd_n_models)
        return false;
    *out = (struct tsgd_list_item){tsgd_models[i]->name, tsgd_models[i]->usage,
                                   tsgd_models[i]->summary, NULL, "",
                                   refused_by[tsgd_models[i]->kind]};
    return true;
}

/* What a text of layers can have in it (model/netspec.h). */
static bool layer(size_t i, struct tsgd_list_item *out)
{
    static const struct tsgd_list_item residual = {
        "residual", "residual { LAYERS }", "what LAYERS give, and what goes into them added: where "
        "they halve the pixels every second one, where they add channels zeros", NULL, "", 0
    };
    size_t shown = 0;
    for (size_t j = 0; j < tsgd_n_layers; j++) {
        const struct tsgd_layer_ops *ops = tsgd_layers[j];
        if (!ops->summary || shown++ != i)
            continue;
        *out = (struct tsgd_list_item){ops->name, out->made, ops->summary, NULL, "", 0};
        tsgd_netspec_usage(ops, out->made, sizeof out->made);
        return true;
    }
    if (i == shown)
        *out = residual;
    return i == shown;
}

static bool data(size_t i, struct tsgd_list_item *out)
{
    if (i >= tsgd_n_sources)
        return false;
    *out = (struct tsgd_list_item){tsgd_sources[i]->name, tsgd_sources[i]->usage,
                                   tsgd_sources[i]->summary, tsgd_sources[i]->default_dir, "", 0};
    return true;
}

static bool topology(size_t i, struct tsgd_list_item *out)
{
    if (i >= tsgd_n_topologies)
        return false;
    *out = (struct tsgd_list_item){tsgd_topologies[i]->name, tsgd_topologies[i]->usage,
                                   tsgd_topologies[i]->summary, NULL, "", 0};
    return true;
}

static bool method(size_t i, struct tsgd_list_item *out)
{
    if (i >= tsgd_n_methods)
        return false;
    *out = (struct tsgd_list_item){tsgd_methods[i]->name, tsgd_methods[i]->name,
                                   tsgd_methods[i]->summary, NULL, "", 0};
    return true;
}

static bool partition(size_t i, struct tsgd_list_item *out)
{
    if (i >= tsgd_n_partitions)
        return false;
    *out = (struct tsgd_list_item){tsgd_partitions[i].name, tsgd_partitions[i].usage,
                                   tsgd_partitions[i].summary, NULL, "", 0};
    return true;
}

const struct tsgd_list_kind tsgd_list_kinds[] = {
    {"models", "model", model},
    {"layers", "model net:LAYERS", layer},
    {"data", "data", data},
    {"topologies", "topology", topology},
    {"methods", "method", method},
    {"partitions", "partition", partition},
};
enum { KINDS = sizeof tsgd_list_kinds / sizeof *tsgd_list_kinds };
const size_t tsgd_n_list_kinds = KINDS;

static void print_kind(const struct tsgd_list_kind *kind)
{
    struct tsgd_list_item item;
    printf("%s (--%s)\n", kind->name, kind->option);
    for (size_t i = 0; kind->item(i, &item); i++) {
        tsgd_page_item(stdout, item.usage, item.summary, INDENT);
        if (item.place)
            printf("%*sfrom %s, or --data-dir\n", INDENT, "", item.place);
    }
}

static enum tsgd_exit run(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    const char *names[KINDS], *wanted = cli->n_operands ? cli->operand[0] : NULL;
    bool found = !wanted;
    struct tsgd_error err;
    for (size_t i = 0; i < KINDS; i++) {
        names[i] = tsgd_list_kinds[i].name;
        if (wanted && strcmp(wanted, names[i]))
            continue;
        found = true;
        fputs(!wanted && i > 0 ? "\n" : "", stdout);
        print_kind(&tsgd_list_kinds[i]);
    }
    if (!found) {
        tsgd_unknown_name("list", wanted, names, KINDS, &err);
        tsgd_complain(self, &err);
        return TSGD_EXIT_USAGE;
    }
    return TSGD_EXIT_DONE;
}

const struct tsgd_command tsgd_command_list = {
    .name = "list",
    .max_operands = 1,
    .usage = "[models | layers | data | topologies | methods | partitions]",
    .summary = "what --model, --data, --topology, --method and --partition can be",
    .about = "Prints the values of one option, or of all these options.\n",
    .run = run,
};
