#include "bench/figures.h"

#include "base/cpu.h"
#include "base/machine.h"
#include "base/mem.h"
#include "bench/limits.h"
#include "bench/load.h"
#include "data/dataset.h"
#include "linalg/isa.h"
#include "linalg/mix.h"
#include "model/model.h"
#include "run/costs.h"
#include "run/handoff.h"
#include "run/run.h"
#include "topology/topology.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

const struct tsgd_figure_kind tsgd_figure_kinds[TSGD_FIGURE_GROUPS] = {
    [TSGD_FIGURE_PEAK] = {"peak", "peak", "isa", NULL, "GFLOP/s", "gflops", NULL, NULL},
    [TSGD_FIGURE_BANDWIDTH] = {"scale", "bandwidth", "where", "bytes", "GB/s",
                               "gbytes_per_second", NULL, NULL},
    [TSGD_FIGURE_HAND_OFF] = {"hand-off", "hand_off", "how", NULL, "ns", "nanoseconds", NULL, NULL},
    [TSGD_FIGURE_STEP] = {"step", "step", "model", "parameters", "ms", "milliseconds",
                          "of the peak", "of_peak"},
    [TSGD_FIGURE_GOSSIP] = {"gossip", "gossip", "how", "parameters", "ms", "milliseconds",
                            "times a scale", "over_scale"},
    [TSGD_FIGURE_THREADS] = {"training", "training", "model", "threads", "steps/s",
                             "steps_per_second", "times one thread", "speed_up"},
};

/* ---- figures ---- */

static enum tsgd_status add(struct tsgd_bench *b, struct tsgd_figure *f, double threads,
                            struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    bool moves = f->group == TSGD_FIGURE_BANDWIDTH || f->group == TSGD_FIGURE_GOSSIP;
    tsgd_load_disturbance(f->disturbance, threads == 1 ? f->ran : NAN, f->others,
                          b->online - threads, moves);
    TRY(tsgd_grow((void **)&b->figure, &b->room, b->n + 1, sizeof *b->figure, "figures",
                  "end other programs", err));
    b->figure[b->n++] = *f;
done:
    return st;
}

/* The figure of a timing: `amount` over its ns, or, with amount 0, its ms or ns. */
static struct tsgd_figure figure_of(enum tsgd_figure_group group, const char *name, double size,
                                    struct tsgd_timing t, double amount)
{
    double by = group == TSGD_FIGURE_HAND_OFF ? 1 : 1e-6;
    struct tsgd_figure f = {.group = group, .size = size, .turns = t.n, .share = NAN,
                            .ran = t.ran};
    snprintf(f.name, sizeof f.name, "%s", name);
    f.median = amount > 0 ? amount / t.median : t.median * by;
    f.least = amount > 0 ? amount / t.most : t.least * by;
    f.most = amount > 0 ? amount / t.least : t.most * by;
    return f;
}

/* ---- the plan: what is measured one after the other ---- */

struct piece {
    enum tsgd_figure_group group;
    const char *name;           /* instruction set, place, model, topology */
    size_t i;                   /* bytes, floats of a row, a set's number, threads */
    bool which;                 /* claims; slices */
    double seconds;             /* of a minute */
};

static enum tsgd_status peak(struct tsgd_bench *b, const struct piece *p, double seconds,
                             struct tsgd_figure *f, struct tsgd_error *err)
{
    (void)err;
    *f = figure_of(p->group, p->name, NAN, tsgd_limit_peak(p->i, seconds),
                   tsgd_limit_flops(p->i));
    b->peak = f->median;        /* the last one is of the widest vectors */
    return TSGD_OK;
}

static enum tsgd_status bandwidth(struct tsgd_bench *b, const struct piece *p, double seconds,
                                  struct tsgd_figure *f, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_timing t;
    (void)b;
    TRY(tsgd_limit_move(&t, TSGD_SCALE, p->i, seconds, err));
    *f = figure_of(p->group, p->name, (double)p->i, t,
                   tsgd_limit_traffic(TSGD_SCALE) * (double)p->i);
done:
    return st;
}

static enum tsgd_status hand_off(struct tsgd_bench *b, const struct piece *p, double seconds,
                                 struct tsgd_figure *f, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_timing t;
    (void)b;
    TRY(tsgd_hand_off(&t, p->which, seconds, err));
    *f = figure_of(p->group, p->name, NAN, t, 0);
done:
    return st;
}

/* ---- a step ---- */

/* The images that the built-in models are made for, and how many seconds a model is timed. A
 * network of another name gets the first row's.                                                 */
static const struct { const char *model, *input; double seconds; } models[] = {
    {"lenet", "1x28x28", 2}, {"mlp", "1x28x28", 2}, {"resnet20", "3x32x32", 4},
    {"vgg11", "3x32x32", 7},
};
enum { MODELS = sizeof models / sizeof *models };

static const char *input_of(const struct tsgd_bench *b, const char *model)
{
    if (b->s->input)
        return b->s->input;
    for (size_t i = 0; i < MODELS; i++)
        if (!strcmp(model, models[i].model))
            return models[i].input;
    return models[0].input;
}

static enum tsgd_status set(struct tsgd_settings *s, enum tsgd_setting_id id, const char *value,
                            struct tsgd_error *err)
{
    char where[48];
    snprintf(where, sizeof where, "--%s", tsgd_setting_rows[id].shown.name);
    return tsgd_settings_give(s, &tsgd_setting_rows[id], value, where, err);
}

static enum tsgd_status set_count(struct tsgd_settings *s, enum tsgd_setting_id id, uint64_t value,
                                  struct tsgd_error *err)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return set(s, id, text, err);
}

/* A training of random pictures, a minibatch's worth on each of the nodes. */
static enum tsgd_status make_settings(struct tsgd_settings **out, const struct tsgd_bench *b,
                                      const char *model, uint64_t nodes, uint64_t threads,
                                      struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = NULL;
    char data[96];
    snprintf(data, sizeof data, "blobs:%llu,%.60s,10",
             (unsigned long long)(nodes * b->s->batch), input_of(b, model));
    TRY(tsgd_settings_create(&s, err));
    TRY(set(s, TSGD_SET_data, data, err));
    TRY(set(s, TSGD_SET_model, model, err));
    TRY(set(s, TSGD_SET_momentum, "0.9", err));
    TRY(set(s, TSGD_SET_lr, "0.001", err));
    TRY(set_count(s, TSGD_SET_nodes, nodes, err));
    TRY(set_count(s, TSGD_SET_active, nodes, err));
    TRY(set_count(s, TSGD_SET_batch, b->s->batch, err));
    TRY(set_count(s, TSGD_SET_threads, threads, err));
    if (b->s->isa)
        TRY(set(s, TSGD_SET_isa, b->s->isa, err));
    *out = s;
    s = NULL;
done:
    tsgd_settings_free(s);
    return st;
}

/* The sentence of a training that lacked memory names options that bench does not have. */
static enum tsgd_status say_what_helps(enum tsgd_status st, const struct tsgd_bench *b,
                                       const char *title, const char *model, uint64_t nodes,
                                       struct tsgd_error *err)
{
    if (st != TSGD_ENOMEM)
        return st;
    return tsgd_fail(err, st, "%s %.80s: no memory for %llu x %llu samples of %.60s (nodes x "
                     "--batch); use a smaller --model, --input or --batch%s", title, model,
                     (unsigned long long)nodes, (unsigned long long)b->s->batch,
                     input_of(b, model), nodes > 8 ? ", or fewer --threads" : "");
}

static enum tsgd_status step(struct tsgd_bench *b, const struct piece *p, double seconds,
                             struct tsgd_figure *f, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = NULL;
    struct tsgd_setup setup = {.s = NULL};
    struct tsgd_job job = {.setup = NULL};
    struct tsgd_costs costs = {.job = NULL};
    struct tsgd_info info = {.parameters = 0};
    const struct tsgd_audience nobody = {.judge = NULL};
    TRY(make_settings(&s, b, p->name, 1, 1, err));
    TRY(tsgd_setup_init(&setup, s, TSGD_FOR_TRAIN, err));
    TRY(tsgd_setup_make(&setup, NULL, err));
    TRY(tsgd_job_init(&job, &setup, &(struct tsgd_member){setup.tokens, setup.s->lr}, 1, &nobody,
                      err));
    tsgd_setup_describe(&setup, job.tokens, 0, &info);
    TRY(tsgd_costs_init(&costs, &job, err));
    TRY(tsgd_costs_find_source(&costs, err));
    *f = figure_of(p->group, p->name, (double)info.parameters,
                   tsgd_time_calls(tsgd_cost_step, &costs, seconds), 0);
    f->share = (double)info.step_flops / (f->median * 1e6) / b->peak;
done:
    tsgd_costs_release(&costs);
    tsgd_job_release(&job);
    tsgd_setup_release(&setup);
    tsgd_settings_free(s);
    return say_what_helps(st, b, "step", p->name, 1, err);
}

/* ---- gossip ---- */

enum { GOSSIPERS = 16 };

struct gossip {
    const struct tsgd_kernels *kernels;
    const struct tsgd_csr *w;
    struct tsgd_mix_plan plan;
    size_t dim, stride;
    float *x, *out, *scratch;
    bool slices, bypass;
};

static void mix(void *arg)
{
    struct gossip *g = arg;
    if (g->slices)
        tsgd_mix_all(g->kernels, &g->plan, NULL, g->x, g->stride, 0, g->dim, g->scratch);
    for (uint32_t a = 0; a < g->w->n && !g->slices; a++)
        tsgd_mix_row(g->kernels, g->w, a, NULL, g->x, g->stride, g->dim, g->bypass,
                     g->out + a * g->stride);
}

/* All rows of a round, where they stand or one by one into another place; over a scale of them. */
static enum tsgd_status gossip(struct tsgd_bench *b, const struct piece *p, double seconds,
                               struct tsgd_figure *f, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_holding h = TSGD_HOLDING_INIT;
    struct tsgd_mixing w = TSGD_MIXING_INIT;
    struct gossip g = {.dim = p->i, .stride = tsgd_round_up(p->i, 16), .slices = p->which};
    size_t bytes = GOSSIPERS * g.stride * sizeof(float);
    struct tsgd_timing scale;
    char name[64];
    TRY(tsgd_isa_find(&g.kernels, b->s->isa, err));
    TRY(tsgd_topology_build(&w, p->name, GOSSIPERS, 0, err));
    TRY(tsgd_mix_plan_init(&g.plan, w.w, &h, err));
    TRY(tsgd_hold_map(&h, (void **)&g.x, bytes, "rows", err));
    TRY(tsgd_hold_map(&h, (void **)&g.out, bytes, "rows", err));
    TRY(tsgd_hold_map(&h, (void **)&g.scratch, tsgd_mix_scratch(GOSSIPERS) * sizeof(float),
                      "a strip of rows", err));
    for (size_t i = 0; i < GOSSIPERS * g.stride; i++)
        g.x[i] = g.out[i] = (float)(i % 1000);
    g.w = w.w;
    g.bypass = tsgd_mix_bypass(g.dim, 2 * bytes);
    TRY(tsgd_limit_move(&scale, TSGD_SCALE, bytes, seconds / 3, err));
    snprintf(name, sizeof name, "%s, %s", p->name, p->which ? "slices" : "rows");
    *f = figure_of(p->group, name, (double)g.dim, tsgd_time_calls(mix, &g, 2 * seconds / 3), 0);
    f->share = f->median * 1e6 / scale.median;
done:
    tsgd_mixing_release(&w);
    tsgd_holding_release(&h);
    return st;
}

/* ---- all but the training ---- */

typedef enum tsgd_status measure_fn(struct tsgd_bench *b, const struct piece *p, double seconds,
                                    struct tsgd_figure *f, struct tsgd_error *err);

static measure_fn *const measures[TSGD_FIGURE_GROUPS] = {
    [TSGD_FIGURE_PEAK] = peak, [TSGD_FIGURE_BANDWIDTH] = bandwidth,
    [TSGD_FIGURE_HAND_OFF] = hand_off, [TSGD_FIGURE_STEP] = step, [TSGD_FIGURE_GOSSIP] = gossip,
};

/* Seconds of a minute, without the training, which gets the rest of it. */
enum { ROOM = 32 };

/* Bytes of a cache, as the system tells it; or `unknown`. */
static size_t cache(int name, size_t unknown)
{
    long bytes = sysconf(name);
    return bytes > 0 ? (size_t)bytes : unknown;
}

/* Half of what a core's own cache holds; eight times that, which the shared one does where there is
 * one; and what no cache holds.                                                                 */
static size_t plan(const struct tsgd_bench *b, struct piece piece[ROOM])
{
    static const char *const topologies[] = {"ring", "exp"};
    static const size_t dims[] = {44470, 1000000};
    size_t n = 0, own = cache(_SC_LEVEL2_CACHE_SIZE, 1 << 20);
    size_t shared = cache(_SC_LEVEL3_CACHE_SIZE, 16 << 20), most = 256 << 20;
    shared = 4 * shared < most ? 4 * shared : most;     /* virtual machines show the host's */
    for (size_t i = 0; i < tsgd_limit_isas(); i++)
        piece[n++] = (struct piece){TSGD_FIGURE_PEAK, tsgd_limit_isa(i), i, false, 0.7};
    piece[n++] = (struct piece){TSGD_FIGURE_BANDWIDTH, "in L2", own / 2, false, 0.7};
    piece[n++] = (struct piece){TSGD_FIGURE_BANDWIDTH, "in L3", 8 * own, false, 0.7};
    piece[n++] = (struct piece){TSGD_FIGURE_BANDWIDTH, "in memory", shared, false, 1};
    for (int claims = 0; claims < 2 && b->cpus > 1; claims++)
        piece[n++] = (struct piece){TSGD_FIGURE_HAND_OFF, claims ? "claim" : "publish", 0,
                                    claims != 0, 0.7};
    if (b->s->model)
        piece[n++] = (struct piece){TSGD_FIGURE_STEP, b->s->model, 0, false, 6};
    for (size_t i = 0; i < MODELS && !b->s->model; i++)
        piece[n++] = (struct piece){TSGD_FIGURE_STEP, models[i].model, 0, false,
                                    models[i].seconds};
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 2; j++)
            for (int slices = 1; slices >= 0; slices--)
                piece[n++] = (struct piece){TSGD_FIGURE_GOSSIP, topologies[j], dims[i],
                                            slices != 0, 1};
    return n;
}

static void tell(struct tsgd_bench *b, const struct piece *p)
{
    char what[160], more[48] = "";
    if (p->group == TSGD_FIGURE_GOSSIP)
        snprintf(more, sizeof more, ", %s, %zu floats", p->which ? "slices" : "rows", p->i);
    else if (p->group == TSGD_FIGURE_THREADS)
        snprintf(more, sizeof more, ", %zu thread%s", p->i, p->i == 1 ? "" : "s");
    snprintf(what, sizeof what, "%s %.80s%s", tsgd_figure_kinds[p->group].title, p->name, more);
    if (b->progress)
        b->progress(what, b->done, b->all, b->user);
}

static enum tsgd_status measure(struct tsgd_bench *b, const struct piece *p, double seconds,
                                struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_load before, after;
    struct tsgd_figure f;
    tell(b, p);
    tsgd_load_read(&before, "/proc");
    TRY(measures[p->group](b, p, seconds, &f, err));
    tsgd_load_read(&after, "/proc");
    f.others = tsgd_load_others(&before, &after);
    TRY(add(b, &f, 1, err));
    b->done += seconds;
done:
    return st;
}

/* ---- a training, with more and more threads ---- */

enum { TURNS = 5, COUNTS = 20 };

/* With so many threads, in turns with the others. */
struct count {
    uint64_t threads;
    double rate[TURNS];         /* steps a second */
    double wall, own, others;   /* seconds; NaN: not told */
    uint64_t hash;
};

/* One, twice as many each time, and the most. */
static size_t counts_up_to(uint64_t most, struct count out[COUNTS])
{
    size_t n = 0;
    for (uint64_t t = 1; t < most && n + 1 < COUNTS; t *= 2)
        out[n++].threads = t;
    out[n++].threads = most;
    return n;
}

static enum tsgd_status train(const struct tsgd_bench *b, const char *model, uint64_t threads,
                              uint64_t rounds, struct tsgd_shelf *shelf, double *rate,
                              uint64_t *hash, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = NULL;
    struct tsgd_run *run = NULL;
    struct tsgd_summary end;
    TRY(make_settings(&s, b, model, b->tokens, threads, err));
    TRY(set_count(s, TSGD_SET_rounds, rounds, err));
    TRY(set_count(s, TSGD_SET_eval_every, rounds, err));
    TRY(tsgd_run_plan(&run, s, shelf, NULL, err));
    TRY(tsgd_run_start(run, err));
    TRY(tsgd_run_train(run, NULL, NULL, &end, err));
    *rate = end.samples_per_second / (double)b->s->batch;
    *hash = end.last.state_hash;
done:
    tsgd_run_free(run);
    tsgd_settings_free(s);
    return say_what_helps(st, b, "training", model, b->tokens, err);
}

static enum tsgd_status train_turn(const struct tsgd_bench *b, const char *model, struct count *c,
                                   size_t turn, uint64_t rounds, struct tsgd_shelf *shelf,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_load before, after;
    tsgd_load_read(&before, "/proc");
    TRY(train(b, model, c->threads, rounds, shelf, &c->rate[turn], &c->hash, err));
    tsgd_load_read(&after, "/proc");
    c->wall += after.wall - before.wall;
    c->own += after.own - before.own;
    c->others += fmax(0, after.all - before.all - (after.own - before.own));
done:
    return st;
}

static enum tsgd_status add_count(struct tsgd_bench *b, const char *model, struct count *c,
                                  double one, struct tsgd_error *err)
{
    struct tsgd_timing t = tsgd_timing_of(c->rate, TURNS);
    struct tsgd_figure f = {
        .group = TSGD_FIGURE_THREADS, .size = (double)c->threads, .median = t.median,
        .least = t.least, .most = t.most, .turns = TURNS, .share = t.median / one,
        .ran = fmin(1, c->own / (c->wall * (double)c->threads)), .others = c->others / c->wall,
        .hash = c->hash,
    };
    snprintf(f.name, sizeof f.name, "%.71s", model);
    return add(b, &f, (double)c->threads, err);
}

/* All counts take turns, so that a clock that drifts hits them alike. So many rounds each time that
 * the seconds suffice for one thread's.                                                         */
static enum tsgd_status training(struct tsgd_bench *b, double seconds, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const char *model = b->s->model ? b->s->model : models[0].model;
    struct piece piece = {TSGD_FIGURE_THREADS, model, 1, false, seconds};
    struct count count[COUNTS] = {{.threads = 0}};
    size_t n = counts_up_to(b->threads, count);
    struct tsgd_shelf *shelf = NULL;
    double weight = 0, rate, one;
    TRY(tsgd_shelf_create(&shelf, err));
    tell(b, &piece);
    TRY(train(b, model, 1, 1, shelf, &rate, &count[0].hash, err));
    for (size_t i = 0; i < n; i++)
        weight += 1 / (double)count[i].threads;
    uint64_t rounds = (uint64_t)(seconds / TURNS / weight * rate / (double)b->tokens) + 1;
    for (size_t turn = 0; turn < TURNS; turn++)
        for (size_t i = 0; i < n; i++) {
            piece.i = count[i].threads;
            tell(b, &piece);
            TRY(train_turn(b, model, &count[i], turn, rounds, shelf, err));
            b->done += seconds / TURNS / weight / (double)count[i].threads;
        }
    one = tsgd_timing_of(count[0].rate, TURNS).median;
    for (size_t i = 0; i < n; i++)
        TRY(add_count(b, model, &count[i], one, err));
done:
    tsgd_shelf_free(shelf);
    return st;
}

/* ---- all of it ---- */

/* What can be known at once: whether there is such a model, and such an instruction set. */
static enum tsgd_status check(struct tsgd_bench *b, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_netspec spec = TSGD_NETSPEC_INIT;
    struct tsgd_net net = TSGD_NET_INIT;
    struct tsgd_backend on;
    struct tsgd_shape in;
    TRY(tsgd_backend_init(&on, b->s->isa, err));
    b->isa = on.kernels->isa;
    if (b->s->input && !tsgd_shape_parse(b->s->input, &in))
        TRY(tsgd_fail(err, TSGD_EINVAL, "--input: found '%.80s', want channels, height and width, "
                      "as in 3x32x32, or a number of features", b->s->input));
    for (size_t i = 0; i < MODELS; i++) {
        const char *model = b->s->model ? b->s->model : models[i].model;
        if (!tsgd_shape_parse(input_of(b, model), &in))
            continue;
        TRY(tsgd_model_read(&spec, model, NULL, err));
        TRY(tsgd_model_make(&net, &spec, model, in, 10, &on, err));
        tsgd_net_release(&net);
        tsgd_netspec_release(&spec);
    }
done:
    tsgd_net_release(&net);
    tsgd_netspec_release(&spec);
    return st;
}

enum tsgd_status tsgd_bench_run(struct tsgd_bench *b, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_machine_size machine;
    struct piece piece[ROOM];
    double sum = 0, minute = b->s->seconds / 60;
    TRY(check(b, err));
    tsgd_machine_measure(&machine, "/sys");
    b->cpus = tsgd_cpu_count();
    b->online = machine.cpus ? machine.cpus : b->cpus;
    b->threads = TSGD_HAS(b->s, threads) ? b->s->threads : b->cpus;
    b->tokens = b->threads > 4 ? 2 * b->threads : 8;
    b->load = tsgd_load_average("/proc");
    b->all = b->s->seconds;
    size_t n = plan(b, piece);
    for (size_t i = 0; i < n; i++) {
        sum += piece[i].seconds * minute;
        TRY(measure(b, &piece[i], piece[i].seconds * minute, err));
    }
    TRY(training(b, b->all - sum, err));
done:
    return st;
}

void tsgd_bench_release(struct tsgd_bench *b)
{
    free(b->figure);
}
