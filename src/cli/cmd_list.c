/* telesgd list: the tables of things that options choose by name. */
#include "cli/command.h"

#include "base/text.h"
#include "data/partition.h"
#include "method/method.h"
#include "model/model.h"
#include "topology/topology.h"

#include <string.h>

enum { INDENT = 24 };

static void list_models(void)
{
    for (size_t i = 0; i < tsgd_n_models; i++)
        tsgd_help_item(stdout, tsgd_models[i]->usage, tsgd_models[i]->summary, INDENT);
}

static void list_data(void)
{
    for (size_t i = 0; i < tsgd_n_sources; i++) {
        tsgd_help_item(stdout, tsgd_sources[i]->usage, tsgd_sources[i]->summary, INDENT);
        if (tsgd_sources[i]->default_dir)
            printf("%*sfrom %s, or --data-dir\n", INDENT, "", tsgd_sources[i]->default_dir);
    }
}

static void list_topologies(void)
{
    for (size_t i = 0; i < tsgd_n_topologies; i++)
        tsgd_help_item(stdout, tsgd_topologies[i]->usage, tsgd_topologies[i]->summary, INDENT);
}

static void list_methods(void)
{
    for (size_t i = 0; i < tsgd_n_methods; i++)
        tsgd_help_item(stdout, tsgd_methods[i]->name, tsgd_methods[i]->summary, INDENT);
}

static void list_partitions(void)
{
    for (size_t i = 0; i < tsgd_n_rules; i++)
        tsgd_help_item(stdout, tsgd_rules[i].usage, tsgd_rules[i].summary, INDENT);
}

static const struct {
    const char *name, *option;
    void (*print)(void);
} kinds[] = {
    {"models", "--model", list_models},
    {"data", "--data", list_data},
    {"topologies", "--topology", list_topologies},
    {"methods", "--method", list_methods},
    {"partitions", "--partition", list_partitions},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

enum tsgd_exit tsgd_cmd_list(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    const char *names[KINDS], *wanted = cli->n_operands ? cli->operand[0] : NULL;
    bool found = !wanted;
    struct tsgd_error err;
    for (size_t i = 0; i < KINDS; i++) {
        names[i] = kinds[i].name;
        if (wanted && strcmp(wanted, names[i]))
            continue;
        found = true;
        printf("%s%s (%s)\n", !wanted && i > 0 ? "\n" : "", kinds[i].name, kinds[i].option);
        kinds[i].print();
    }
    if (!found) {
        tsgd_unknown_name("list", wanted, names, KINDS, &err);
        tsgd_complain(self, &err);
        return TSGD_EXIT_USAGE;
    }
    return TSGD_EXIT_DONE;
}
