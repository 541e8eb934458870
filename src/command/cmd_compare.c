/* telesgd compare: runs side by side, from their logs. */
#include "command/outputs.h"
#include "compare/comparison.h"
#include "compare/plot.h"

/* What can be known before the logs are read. */
static enum tsgd_status check_options(const struct tsgd_settings *s, struct tsgd_error *err)
{
    if (s->csv + s->latex + s->ascii > 1)
        return tsgd_fail(err, TSGD_EINVAL, "--csv, --latex, --ascii: found several, want one");
    return s->plot ? tsgd_plot_check_name(s->plot, err) : TSGD_OK;
}

/* The picture must not replace a log that is read, nor a file of somebody else. */
static enum tsgd_status check_plot(const struct tsgd_comparison *c, struct tsgd_error *err)
{
    if (!c->s->plot)
        return TSGD_OK;
    for (size_t i = 0; i < c->set.n; i++)
        if (tsgd_outputs_same(c->s->plot, c->set.log[i].path))
            return tsgd_fail(err, TSGD_EINVAL, "--plot: '%s' is a log that is read; want another",
                             c->s->plot);
    return tsgd_outputs_check_plot(c->s, err);
}

static enum tsgd_exit run(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_error err;
    const struct tsgd_settings *s = cli->settings;
    struct tsgd_comparison c = {.s = s};
    enum tsgd_exit code = TSGD_EXIT_USAGE;
    TRY(check_options(s, &err));
    TRY(tsgd_comparison_create(&c, self, cli, &err));
    if (c.set.n == 0)
        goto done;
    TRY(check_plot(&c, &err));
    TRY(tsgd_comparison_print(&c, &err));
    code = TSGD_EXIT_FAILED;
    if (s->plot || s->ascii)
        TRY(tsgd_comparison_draw(&c, &err));
    code = c.set.unreadable > 0 ? TSGD_EXIT_USAGE : TSGD_EXIT_DONE;
done:
    if (st != TSGD_OK)
        tsgd_complain(self, &err);
    tsgd_comparison_release(&c);
    return code;
}

static const char about[] =
    "Prints a table of runs from their logs ('telesgd train --log LOG'), or those in a folder: how "
    "far they came, how good they are, what they sent. Runs that differ only in the seed are one "
    "row, with mean and standard deviation; of a search ('telesgd tune') it is the choice. Runs "
    "that diverged, were stopped or are going on are told of, and left out of the mean where "
    "others of the row came to their end. A second table has the metric after as much of X, as far "
    "as all runs came that ended well:\n"
    "= 75.84 %\tevery run of the row was evaluated there\n"
    "= ~75.84 %\tinterpolated between the evaluations before and after: linearly, or grad_norm2 in "
    "its logarithm\n"
    "= -\tbefore the first evaluation of a run or after its last\n";

static const char closing[] =
    "# Examples\n"
    "    telesgd compare sweep/ --best lr --plot curves.svg\n"
    "    telesgd compare a.jsonl b.jsonl --metric test_accuracy --target 0.8 --x wall_seconds\n"
    "    telesgd compare sweep/ --by topology,active --metric consensus --csv > consensus.csv\n";

const struct tsgd_command tsgd_command_compare = {
    .name = "compare",
    .options = TSGD_FOR_COMPARE,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .usage = "LOG|FOLDER... [OPTION]...",
    .summary = "runs side by side, from their logs",
    .about = about,
    .closing = closing,
    .run = run,
};
