/* telesgd report: runs as one page for a browser, from their logs. */
#include "cli/parse.h"

#include "base/file.h"
#include "cli/human.h"
#include "command/outputs.h"
#include "web/data.h"
#include "web/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/stat.h>

static enum tsgd_status put_data(FILE *out, void *set, struct tsgd_error *err)
{
    return tsgd_webdata_write(out, set, err);
}

static enum tsgd_status check(const struct tsgd_settings *s, struct tsgd_error *err)
{
    if (!s->output)
        return tsgd_fail(err, TSGD_EINVAL, "--output: is missing; say where the page goes, as in "
                         "-o report.html");
    return tsgd_outputs_check_page(s, err);
}

/* With --force too: a page must not take the place of what it shows. */
static enum tsgd_status check_inputs(const struct tsgd_settings *s, const struct tsgd_logset *set,
                                     struct tsgd_error *err)
{
    struct stat info;
    for (size_t i = 0; i < set->n; i++) {
        if (stat(set->log[i].path, &info) == 0 && !S_ISREG(info.st_mode))
            return tsgd_fail(err, TSGD_EINVAL, "'%.200s' is a pipe or a device, and a report reads "
                             "a log twice; want a file", set->log[i].path);
        if (tsgd_outputs_same(s->output, set->log[i].path))
            return tsgd_fail(err, TSGD_EINVAL, "--output: '%s' is one of the logs too; want "
                             "another", s->output);
    }
    return TSGD_OK;
}

static enum tsgd_status write_page(const char *path, struct tsgd_logset *set,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_outfile f = TSGD_OUTFILE_INIT;
    char count[TSGD_HUMAN], bytes[TSGD_HUMAN];
    TRY(tsgd_outfile_open(&f, path, "--output", err));
    TRY(tsgd_webpage_write(f.f, put_data, set, err));
    struct stat s;
    if (fflush(f.f) != 0 || fstat(fileno(f.f), &s) != 0)
        TRY(tsgd_fail(err, TSGD_EIO, "cannot write '%s': %s", path, strerror(errno)));
    TRY(tsgd_outfile_commit(&f, err));
    printf("written  ");
    tsgd_human_print(stdout, path);
    printf(" (%s run%s, %s)\n", tsgd_human_count(set->n, count), set->n == 1 ? "" : "s",
           tsgd_human_bytes((double)s.st_size, bytes));
done:
    tsgd_outfile_abandon(&f);
    return st;
}

static enum tsgd_exit run(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    enum tsgd_status st = TSGD_OK;
    enum tsgd_exit code = TSGD_EXIT_USAGE;
    struct tsgd_error err;
    struct tsgd_logset set = TSGD_LOGSET_INIT;
    TRY(check(cli->settings, &err));
    TRY(tsgd_logset_read(&set, self, cli->operand, cli->n_operands, TSGD_EVERY_METRIC, &err));
    TRY(check_inputs(cli->settings, &set, &err));
    if (set.n == 0)
        goto done;
    code = TSGD_EXIT_FAILED;
    TRY(write_page(cli->settings->output, &set, &err));
    code = set.unreadable ? TSGD_EXIT_USAGE : TSGD_EXIT_DONE;
done:
    if (st != TSGD_OK)
        tsgd_complain(self, &err);
    tsgd_logset_release(&set);
    return code;
}

static const char about[] =
    "Writes one page for a browser from logs ('telesgd train --log LOG'), or from all logs of a "
    "folder (FOLDER/*.jsonl, as 'telesgd sweep' writes them). The page is one file and loads "
    "nothing from elsewhere.\n"
    "It shows the settings in which runs differ, and those that they share; how each run ended; "
    "the curves of every metric over rounds, samples, gradients, bytes or seconds, of runs that "
    "differ in their seed alone as mean and deviation; where the time of the workers went; which "
    "node held which token, round after round; the mixing matrices with their singular values; "
    "and the split: how many samples of each class a node has.\n"
    "The last three follow from the settings in a log and its seed. The split needs the data too: "
    "where they are not, the page says so. A log that cannot be read is told of and left out, and "
    "the exit code is then 2.\n";

static const char closing[] =
    "# Examples\n"
    "    telesgd report build/run/dsgd.jsonl build/run/teleport.jsonl -o report.html\n"
    "    telesgd report results -o report.html\n";

static const struct tsgd_option_help options[] = {
    {"output", "must be given", "the page that is written; -o FILE for short"},
    {"force", NULL, "replace the file also when telesgd did not write it"},
    {NULL, NULL, NULL},
};

const struct tsgd_command tsgd_command_report = {
    .name = "report",
    .options = TSGD_FOR_REPORT,
    .own_help = options,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .usage = "FOLDER|LOG... -o FILE",
    .summary = "a page with curves and pictures of runs, from their logs",
    .about = about,
    .closing = closing,
    .run = run,
};
