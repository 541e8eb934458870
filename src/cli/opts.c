#include "cli/opts.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ROW(who, option, kind, meta, heading, field)                                            \
    .commands = who, .name = option, .type = TSGD_OPT_##kind, .metavar = meta,                 \
    .group = heading, .at = offsetof(struct tsgd_cli, field)
#define TRAIN TSGD_OPT_TRAIN
#define EVAL TSGD_OPT_EVAL
#define TUNE TSGD_OPT_TUNE
#define TOPOLOGY TSGD_OPT_TOPOLOGY
#define DATA "Data"
#define MODEL "Model"
#define QUADRATIC "Model quadratic"
#define METHOD "Method"
#define CHURN "Nodes that come and go"
#define NETWORK "Simulated network"
#define STEP "Local step"
#define LENGTH "Length and evaluation"
#define OUTPUT "Output"
#define MACHINE "Machine"

const struct tsgd_opt tsgd_opts[] = {
    {ROW(TRAIN | TUNE | EVAL, "data", TEXT, "DATA", DATA, settings.data), .unset = "must be given",
     .help = "what to learn from; see 'telesgd list data'. Not for --model quadratic"},
    {ROW(TRAIN | TUNE | EVAL, "data-dir", TEXT, "DIR", DATA, settings.data_dir),
     .unset = "the usual place of the data set", .help = "folder with the files of the data set"},
    {ROW(TRAIN | TUNE, "subset", COUNT, "N", DATA, settings.subset), .min = 1, .unset = "all",
     .help = "use only N training samples, the first of a shuffle by --split-seed"},
    {ROW(TRAIN | TUNE, "partition", TEXT, "RULE", DATA, settings.partition),
     .unset = "iid; none with --split",
     .help = "how the samples are split among the nodes; see 'telesgd list partitions'"},
    {ROW(TRAIN | TUNE, "split", TEXT, "FILE", DATA, settings.split),
     .help = "read the split from FILE instead of drawing one"},
    {ROW(TRAIN, "save-split", TEXT, "FILE", DATA, settings.save_split),
     .help = "write the split to FILE, for --split"},
    {ROW(TRAIN | TUNE, "allow-empty", FLAG, NULL, DATA, settings.allow_empty),
     .help = "let nodes have no samples: a token that visits one takes no step but still gossips"},
    {ROW(TRAIN | TUNE, "split-seed", COUNT, "N", DATA, settings.split_seed),
     .given = offsetof(struct tsgd_cli, settings.has_split_seed), .unset = "the value of --seed",
     .help = "seed of --subset and --partition"},
    {ROW(TRAIN | TUNE, "normalize", TEXT, "HOW", DATA, settings.normalize), .unset = "none",
     .help = "subtract a mean from the numbers of each channel and divide by a deviation: those of "
             "all training samples (data), or M1,..:S1,.. with one number for each channel; --save "
             "keeps them for 'telesgd eval'"},
    {ROW(TRAIN | TUNE, "augment", TEXT, "HOW", DATA, settings.augment),
     .choices = "none|crop|flip|crop-flip", .unset = "none",
     .help = "change training images each time they are drawn: crop, shifted by up to 4 pixels "
             "either way over black; flip, mirrored half of the time; crop-flip, both"},

    {ROW(TRAIN | TUNE, "model", TEXT, "MODEL", MODEL, settings.model), .unset = "must be given",
     .help = "what to train; see 'telesgd list models'"},
    {ROW(TRAIN | TUNE, "init", TEXT, "FILE", MODEL, settings.init), .unset = "random, by --seed",
     .help = "start from the parameters in this safetensors file"},
    {ROW(EVAL, "init", TEXT, "FILE", MODEL, settings.init), .unset = "must be given",
     .help = "the parameters to evaluate, as --save of 'telesgd train' wrote them"},

    {ROW(TRAIN | TUNE, "dim", COUNT, "D", QUADRATIC, settings.dim), .min = 1, .unset = "50",
     .help = "parameters"},
    {ROW(TRAIN | TUNE, "zeta2", REAL, "Z", QUADRATIC, settings.zeta2), .unset = "1",
     .help = "how much the nodes differ: the variance of their b_i"},
    {ROW(TRAIN | TUNE, "sigma2", REAL, "S", QUADRATIC, settings.sigma2), .unset = "1",
     .help = "mean square of the noise in a gradient"},
    {ROW(TRAIN | TUNE, "conditioning", TEXT, "RULE", QUADRATIC, settings.conditioning),
     .choices = "koloskova|spread|uniform", .unset = "koloskova",
     .help = "koloskova: a_i = i / sqrt(N), b_i of variance Z / i^2; spread: a_i^2 from 1/2 to 3/2, "
             "b_i of variance Z / D; uniform: a_i = 1, b_i as in spread"},
    {ROW(TRAIN | TUNE, "x0", REAL, "X", QUADRATIC, settings.x0), .min = -INFINITY, .unset = "1",
     .help = "where every coordinate starts"},

    {ROW(TRAIN | TUNE, "method", TEXT, "METHOD", METHOD, settings.method), .unset = "must be given",
     .help = "how tokens move and mix; see 'telesgd list methods'"},
    {ROW(TRAIN | TUNE, "nodes", COUNT, "N", METHOD, settings.nodes), .min = 1, .unset = "must be given",
     .help = "participants, each with its own share of the data"},
    {ROW(TRAIN, "active", COUNT, "K", METHOD, settings.active), .min = 1,
     .unset = "all nodes; teleport and walk need it, qg-dsgdm may have it",
     .help = "tokens: the nodes that are active in a round, at most N"},
    {ROW(TOPOLOGY, "active", COUNT, "K", METHOD, settings.active), .min = 1,
     .unset = "must be given", .help = "tokens that mix"},
    {ROW(TRAIN | TUNE, "topology", TEXT, "GRAPH", METHOD, settings.topology),
     .unset = "what suits the method",
     .help = "who mixes with whom among the active nodes; see 'telesgd list topologies'"},
    {ROW(TRAIN | TUNE, "lazy", FLAG, NULL, METHOD, settings.lazy),
     .help = "mix with (I + W) / 2 in place of the topology's W; d2 needs it on some graphs; not "
             "for methods that choose the topology themselves"},
    {ROW(TRAIN | TUNE | TOPOLOGY, "allow-disconnected", FLAG, NULL, METHOD,
         settings.allow_disconnected),
     .help = "let the graph of file:PATH fall into parts that never mix"},

    {ROW(TRAIN | TUNE, "availability", REAL, "P", CHURN, settings.availability), .above = true,
     .unset = "all nodes are always there",
     .help = "a node is there in a round with probability P; one that is away is not chosen, and with "
             "fixed holders it takes no step"},
    {ROW(TRAIN | TUNE, "availability-trace", TEXT, "FILE", CHURN, settings.availability_trace),
     .help = "read when nodes are there from lines 'node from to': in rounds from up to but not "
             "including to; nodes that FILE does not name are always there"},
    {ROW(TRAIN | TUNE, "offline", TEXT, "WHAT", CHURN, settings.offline), .choices = "hold|isolate",
     .unset = "hold, when nodes can be away",
     .help = "hold: the row of a node that is away gossips all the same; isolate: its links are cut "
             "for the round and their weight stays at both ends (fixed holders, symmetric weights)"},

    {ROW(TRAIN | TUNE, "link-cost", TEXT, "RULE", NETWORK, settings.link_cost), .unset = "no link is slow",
     .help = "which transfers take --tau times as long: preferred, all but the links of "
             "--link-topology; slow-links:P, those of a share P of all pairs of nodes; slow-nodes:P, "
             "those from and to a share P of the nodes"},
    {ROW(TRAIN | TUNE, "tau", REAL, "X", NETWORK, settings.tau), .min = 1, .unset = "5, with --link-cost",
     .help = "how many times slower slow links are"},
    {ROW(TRAIN | TUNE, "link-topology", TEXT, "GRAPH", NETWORK, settings.link_topology),
     .unset = "ring, with --link-cost preferred", .help = "the links that are not slow, over the nodes"},
    {ROW(TRAIN | TUNE, "link-seconds", REAL, "S", NETWORK, settings.link_seconds),
     .unset = "1 with --link-cost and without --bandwidth, else 0",
     .help = "seconds of a transfer, beside those of its bytes"},
    {ROW(TRAIN | TUNE, "bandwidth", REAL, "BYTES", NETWORK, settings.bandwidth), .above = true,
     .unset = "unlimited", .help = "bytes a second of a transfer"},
    {ROW(TRAIN | TUNE, "port", TEXT, "HOW", NETWORK, settings.port), .choices = "parallel|serial",
     .unset = "parallel", .help = "a node receives all at once, or one transfer after the other"},
    {ROW(TRAIN | TUNE, "compute-seconds", TEXT, "S", NETWORK, settings.compute_seconds), .unset = "0",
     .help = "seconds of a gradient step; S:lognormal:SIGMA gives each node its own, S exp(SIGMA z) "
             "with z standard normal, so that some are stragglers"},

    {ROW(TRAIN | TUNE, "batch", COUNT, "N", STEP, settings.batch), .min = 1, .unset = "32",
     .help = "samples in a minibatch"},
    {ROW(TRAIN | TUNE, "lr", REAL, "RATE", STEP, settings.lr), .above = true, .help = "step size"},
    {ROW(TRAIN | TUNE, "schedule", TEXT, "RULE", STEP, settings.schedule),
     .help = "step size over the rounds: const, cosine[:LEAST] down to LEAST at the last of "
             "--rounds, or step:R1,R2,..[:FACTOR], times FACTOR (0.1) from round R1, R2, .. on"},
    {ROW(TRAIN | TUNE, "warmup", COUNT, "R", STEP, settings.warmup),
     .help = "rounds in which the step size rises linearly from nearly 0"},
    {ROW(TRAIN | TUNE, "momentum", REAL, "M", STEP, settings.momentum), .below = 1,
     .help = "momentum: m <- M m + g; x <- x - RATE m; qg-dsgdm and momentum-tracking need one"},
    {ROW(TRAIN | TUNE, "nesterov", FLAG, NULL, STEP, settings.nesterov), .help = "Nesterov's momentum"},
    {ROW(TRAIN | TUNE, "momentum-home", TEXT, "WHERE", STEP, settings.momentum_home),
     .choices = "token|node|mixed",
     .help = "token: the buffer travels with the token; node: it stays with the node, memory for "
             "each; mixed: it travels and is mixed as the parameters are"},
    {ROW(TRAIN | TUNE, "weight-decay", REAL, "D", STEP, settings.weight_decay),
     .help = "adds D x to gradients"},
    {ROW(TRAIN | TUNE, "local-steps", COUNT, "H", STEP, settings.local_steps), .min = 1,
     .help = "gradient steps a token takes in a round before it mixes"},
    {ROW(TRAIN | TUNE, "step-parts", COUNT, "N", STEP, settings.step_parts), .min = 1,
     .help = "cut a minibatch into N parts of whole groups of 16 samples, so that up to N threads "
             "share a token's step; results depend on N (by rounding), not on --threads"},
    {ROW(TRAIN | TUNE, "order", TEXT, "ORDER", STEP, settings.order),
     .choices = "epoch|iid|sequential", .unset = "epoch",
     .help = "a node's samples: in a fresh order each pass (epoch), drawn with replacement (iid), "
             "as stored (sequential)"},

    {ROW(TRAIN | TUNE, "rounds", COUNT, "T", LENGTH, settings.rounds), .min = 1,
     .unset = "one of --rounds and --samples must be given", .help = "rounds to train"},
    {ROW(TUNE, "validation", REAL, "P", LENGTH, settings.validation), .above = true, .below = 1,
     .unset = "0.1, for networks",
     .help = "share of every node's samples that is held out from training, to choose by"},
    {ROW(TUNE, "lr-grid", TEXT, "E1,E2,..", LENGTH, lr_grid), .unset = "--lr alone",
     .help = "step sizes to choose from, for every k"},
    {ROW(TRAIN, "samples", COUNT, "N", LENGTH, settings.samples), .min = 1, .unset = "no limit",
     .help = "stop after the round in which gradients have used N samples in all"},
    {ROW(TRAIN, "until", TEXT, "CONDITION", LENGTH, settings.until),
     .help = "stop at the first evaluation with METRIC<=VALUE or METRIC>=VALUE, for any number in "
             "the log's evaluations, as in 'test_accuracy>=0.8'; mind the shell: quote it"},
    {ROW(TRAIN | TUNE, "eval-every", COUNT, "R", LENGTH, settings.eval_every), .min = 1,
     .unset = "a tenth of the rounds",
     .help = "evaluate after rounds that are multiples of R; the last is always evaluated"},
    {ROW(TRAIN | TUNE, "eval-at-start", FLAG, NULL, LENGTH, settings.eval_at_start),
     .help = "evaluate before the first round too"},
    {ROW(TRAIN, "final-average", FLAG, NULL, LENGTH, settings.final_average),
     .help = "end with one all-reduce: every token becomes the mean of all; the last evaluation is "
             "of that"},
    {ROW(TRAIN, "eval", TEXT, "WHAT", LENGTH, settings.eval),
     .choices = "mean|tokens",
     .help = "mean: evaluate the mean of the tokens; tokens: each of them too"},

    {ROW(TRAIN | TUNE, "save", TEXT, "FILE", OUTPUT, save),
     .help = "write the mean of the tokens after training, as safetensors"},
    {ROW(TRAIN | TUNE, "log", TEXT, "FILE", OUTPUT, log),
     .help = "write settings, evaluations and summary as JSON lines; - is the standard output"},
    {ROW(TRAIN, "progress", TEXT, "HOW", OUTPUT, progress), .unset = "auto",
     .choices = "auto|plain|off",
     .help = "on the standard error: a moving line on a terminal (auto), a line for each "
             "evaluation (plain, and auto elsewhere), nothing (off)"},
    {ROW(TUNE, "progress", TEXT, "HOW", OUTPUT, progress), .unset = "auto",
     .choices = "auto|plain|off",
     .help = "on the standard error: a line for each evaluation (auto, plain), nothing (off)"},
    {ROW(TRAIN | TUNE, "trace", TEXT, "FILE", OUTPUT, settings.trace),
     .help = "write what every worker did when to FILE, for ui.perfetto.dev or chrome://tracing"},
    {ROW(TRAIN | TUNE, "trace-layers", FLAG, NULL, OUTPUT, settings.trace_layers),
     .help = "also trace the layers within each step"},
    {ROW(TRAIN | TUNE, "trace-events", COUNT, "N", OUTPUT, settings.trace_events), .min = 1,
     .unset = "200000, with --trace",
     .help = "events that a worker has room for; the trace ends when it is used up"},
    {ROW(TRAIN, "dry-run", FLAG, NULL, OUTPUT, dry_run),
     .help = "show the resolved settings, memory and expected time; train and write nothing"},
    {ROW(TOPOLOGY, "dot", FLAG, NULL, OUTPUT, dot),
     .help = "print the graph for Graphviz instead: an arrow leads from who is read to who reads, "
             "a line goes both ways; a label is the round"},
    {ROW(TOPOLOGY, "matrix", FLAG, NULL, OUTPUT, matrix),
     .help = "print the weights of a period instead: lines 'round row column weight'"},
    {ROW(EVAL | TOPOLOGY, "json", FLAG, NULL, OUTPUT, json),
     .help = "print one JSON object instead of text"},

    {ROW(TRAIN | TUNE, "seed", COUNT, "N", MACHINE, settings.seed),
     .help = "of all randomness; same seed, same bits, for any number of threads"},
    {ROW(EVAL, "seed", COUNT, "N", MACHINE, settings.seed),
     .help = "of generated data: --split-seed, or else --seed, of the training"},
    {ROW(TOPOLOGY, "seed", COUNT, "N", MACHINE, settings.seed),
     .help = "of graphs that are drawn, regular and er; the same as of a training"},
    {ROW(TRAIN | TUNE, "threads", COUNT, "N", MACHINE, settings.threads), .min = 1,
     .unset = "the CPUs that this process may use", .help = "worker threads"},
    {ROW(TRAIN | TUNE, "gossip", TEXT, "HOW", MACHINE, settings.gossip), .choices = "rows|slices|auto",
     .help = "rows: each token mixes as soon as its neighbours are there; slices: all at once where "
             "they stand, with half the memory for rows; auto: what should be faster. Same bits"},
    {ROW(TRAIN | TUNE, "pin", FLAG, NULL, MACHINE, settings.pin),
     .help = "keep each thread on one CPU, so that tokens with neighbouring numbers share caches and "
             "memory; hardware threads of one core are used last"},
    {ROW(TRAIN, "show-placement", FLAG, NULL, MACHINE, show_placement),
     .help = "tell where each thread runs, and its tokens, before the training: on the standard "
             "error, or after what --dry-run shows"},
    {ROW(TRAIN | TUNE, "isa", TEXT, "NAME", MACHINE, settings.isa),
     .unset = "the widest that the CPU has",
     .help = "instruction set of the kernels: sse4, avx2 or avx512 (neon on aarch64); results differ "
             "in rounding"},
    {ROW(TRAIN | TUNE, "config", TEXT, "FILE", MACHINE, config),
     .help = "read settings from FILE; what the command line says wins"},
};
const size_t tsgd_n_opts = sizeof tsgd_opts / sizeof *tsgd_opts;

/* The log is JSON, whose integers are signed. */
#define MOST INT64_MAX

static const void *field(const struct tsgd_opt *o, const struct tsgd_cli *cli)
{
    return (const char *)cli + o->at;
}

bool tsgd_opt_is_setting(const struct tsgd_opt *o)
{
    return o->at < sizeof(struct tsgd_settings);
}

uint64_t tsgd_opt_count(const struct tsgd_opt *o, const struct tsgd_cli *cli)
{
    return *(const uint64_t *)field(o, cli);
}

double tsgd_opt_real(const struct tsgd_opt *o, const struct tsgd_cli *cli)
{
    return *(const double *)field(o, cli);
}

const char *tsgd_opt_text(const struct tsgd_opt *o, const struct tsgd_cli *cli)
{
    return *(const char *const *)field(o, cli);
}

bool tsgd_opt_flag(const struct tsgd_opt *o, const struct tsgd_cli *cli)
{
    return *(const bool *)field(o, cli);
}

bool tsgd_opt_has_value(const struct tsgd_opt *o, const struct tsgd_cli *cli)
{
    if (o->given)
        return *(const bool *)((const char *)cli + o->given);
    if (o->type == TSGD_OPT_TEXT)
        return tsgd_opt_text(o, cli) != NULL;
    if (o->type == TSGD_OPT_REAL)
        return !isnan(tsgd_opt_real(o, cli));
    return !o->unset || o->type != TSGD_OPT_COUNT || tsgd_opt_count(o, cli) > 0;
}

void tsgd_opt_show(const struct tsgd_opt *o, const struct tsgd_cli *cli, char *text, size_t size)
{
    if (!tsgd_opt_has_value(o, cli))
        snprintf(text, size, "%s", o->unset ? o->unset : "none");
    else if (o->type == TSGD_OPT_COUNT)
        snprintf(text, size, "%" PRIu64, tsgd_opt_count(o, cli));
    else if (o->type == TSGD_OPT_REAL)
        snprintf(text, size, "%.15g", tsgd_opt_real(o, cli));
    else if (o->type == TSGD_OPT_FLAG)
        snprintf(text, size, "%s", tsgd_opt_flag(o, cli) ? "true" : "false");
    else
        snprintf(text, size, "%s", tsgd_opt_text(o, cli));
}

/* " from 0 up to but not including 1", " above 0", .. */
static void describe_range(const struct tsgd_opt *o, char *text, size_t size)
{
    *text = 0;
    if (isinf(o->min))
        return;
    int n = snprintf(text, size, o->above ? " above %g" : " from %g up", o->min);
    if (o->below > 0)
        snprintf(text + n, size - (size_t)n, " to but not including %g", o->below);
}

/* A count as it should be, but too large to be kept. */
static bool is_too_large(const char *value)
{
    uint64_t count;
    return *value && strspn(value, "0123456789") == strlen(value) &&
           (!tsgd_parse_u64(value, &count) || count > MOST);
}

static enum tsgd_status refuse_number(const struct tsgd_opt *o, const char *value,
                                      const char *where, struct tsgd_error *err)
{
    char range[64];
    describe_range(o, range, sizeof range);
    return tsgd_fail(err, TSGD_EINVAL, "%s: '%.80s' is not a %s%s", where, value,
                     o->type == TSGD_OPT_COUNT ? "whole number" : "number", range);
}

static bool is_choice(const char *choices, const char *value)
{
    size_t n = strlen(value);
    for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (strcspn(c, "|") == n && !strncmp(c, value, n))
            return true;
    return false;
}

static enum tsgd_status refuse_choice(const struct tsgd_opt *o, const char *value,
                                      const char *where, struct tsgd_error *err)
{
    char text[64];
    const char *names[8];
    char *rest;
    size_t n = 0;
    snprintf(text, sizeof text, "%s", o->choices);
    for (char *c = strtok_r(text, "|", &rest); c; c = strtok_r(NULL, "|", &rest))
        names[n++] = c;
    return tsgd_unknown_name(where, value, names, n, err);
}

enum tsgd_status tsgd_opt_set(struct tsgd_cli *cli, const struct tsgd_opt *o, const char *value,
                              const char *where, struct tsgd_error *err)
{
    char *at = (char *)cli + o->at;
    uint64_t count;
    double real;
    switch (o->type) {
    case TSGD_OPT_COUNT:
        if (is_too_large(value))
            return tsgd_fail(err, TSGD_EINVAL, "%s: '%.80s' is more than %" PRId64, where, value,
                             MOST);
        if (!tsgd_parse_u64(value, &count) || (double)count < o->min)
            return refuse_number(o, value, where, err);
        *(uint64_t *)at = count;
        break;
    case TSGD_OPT_REAL:
        if (!tsgd_parse_double(value, &real) || real < o->min || (o->above && real <= o->min) ||
            (o->below > 0 && real >= o->below))
            return refuse_number(o, value, where, err);
        *(double *)at = real;
        break;
    case TSGD_OPT_TEXT:
        if (!*value)
            return tsgd_fail(err, TSGD_EINVAL, "%s: the value is empty", where);
        if (o->choices && !is_choice(o->choices, value))
            return refuse_choice(o, value, where, err);
        *(const char **)at = value;
        break;
    case TSGD_OPT_FLAG:
        if (strcmp(value, "true") && strcmp(value, "false"))
            return tsgd_fail(err, TSGD_EINVAL, "%s: '%.80s' is not true or false", where, value);
        *(bool *)at = *value == 't';
        break;
    }
    if (o->given)
        *(bool *)((char *)cli + o->given) = true;
    return TSGD_OK;
}

const struct tsgd_opt *tsgd_opt_find(const char *name, unsigned commands)
{
    for (size_t i = 0; i < tsgd_n_opts; i++)
        if ((tsgd_opts[i].commands & commands) && !strcmp(tsgd_opts[i].name, name))
            return &tsgd_opts[i];
    return NULL;
}

const char *tsgd_opt_nearest(const char *name, unsigned commands)
{
    const char *names[sizeof tsgd_opts / sizeof *tsgd_opts];
    size_t n = 0;
    for (size_t i = 0; i < tsgd_n_opts; i++)
        if (tsgd_opts[i].commands & commands)
            names[n++] = tsgd_opts[i].name;
    return tsgd_nearest(name, names, n);
}
