/* run/setup.c: from settings to what a training is made of. */
#include "run/setup.h"

#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "linalg/gemm.h"
#include "linalg/isa.h"
#include "model/model.h"

#include <math.h>
#include <string.h>

void tsgd_settings_default(struct tsgd_settings *out)
{
    *out = (struct tsgd_settings){
        .method = "teleport", .lr = 0.1, .schedule = "const",
        .momentum_home = "token", .local_steps = 1, .eval = "mean",
        .gossip = "auto",
        .validation = NAN, .zeta2 = NAN, .sigma2 = NAN, .x0 = NAN,
        .availability = NAN, .tau = NAN, .link_seconds = NAN, .bandwidth = NAN,
    };
}

/* ---- settings: what each method allows, and what follows from the others ---- */

/* Numbers that steps are computed with, in single precision: they must arrive there as numbers, and
 * what is not 0 as something else than 0.                                                       */
static enum tsgd_status check_single(const char *name, double value, struct tsgd_error *err)
{
    float single = (float)value;
    if (isfinite(single) && (single != 0 || value == 0))
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "%s: found %g, which single precision makes %g; want a "
                     "number that it can hold", name, value, (double)single);
}

static enum tsgd_status check_given(const struct tsgd_settings *s, struct tsgd_error *err)
{
    const struct { const char *name, *value; } needed[] = {
        {"--model", s->model}, {"--method", s->method}, {"--schedule", s->schedule},
        {"--momentum-home", s->momentum_home}, {"--eval", s->eval}, {"--gossip", s->gossip},
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!needed[i].value)
            return tsgd_fail(err, TSGD_EINVAL, "%s: is missing", needed[i].name);
    const struct { const char *name; uint64_t value, least, most; } ranges[] = {
        {"--nodes", s->nodes, 1, UINT32_MAX - 1},
        {"--local-steps", s->local_steps, 1, 1 << 20}, {"--rounds", s->rounds, 0, UINT32_MAX - 16},
        {"--step-parts", s->step_parts, 0, 1 << 16}, {"--threads", s->threads, 0, 65536},
    };
    if (s->nodes == 0)
        return tsgd_fail(err, TSGD_EINVAL, "--nodes: is missing; it says how many nodes share the data");
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (ranges[i].value < ranges[i].least || ranges[i].value > ranges[i].most)
            return tsgd_fail(err, TSGD_EINVAL, "%s: found %llu, want %llu to %llu", ranges[i].name,
                             (unsigned long long)ranges[i].value,
                             (unsigned long long)ranges[i].least,
                             (unsigned long long)ranges[i].most);
    if (s->rounds == 0 && s->samples == 0)
        return tsgd_fail(err, TSGD_EINVAL, "--rounds or --samples: one of them is needed, to know "
                         "when to end");
    if (!(s->lr > 0) || !isfinite(s->lr))
        return tsgd_fail(err, TSGD_EINVAL, "--lr: found %g, want a number above 0", s->lr);
    if (!(s->momentum >= 0 && (float)s->momentum < 1))
        return tsgd_fail(err, TSGD_EINVAL, "--momentum: found %.9g, want 0 up to but not including "
                         "1, in single precision", s->momentum);
    if (!(s->weight_decay >= 0) || !isfinite(s->weight_decay))
        return tsgd_fail(err, TSGD_EINVAL, "--weight-decay: found %g, want 0 or more",
                         s->weight_decay);
    const struct { const char *name; double value; } singles[] = {
        {"--lr", s->lr}, {"--momentum", s->momentum}, {"--weight-decay", s->weight_decay},
    };
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        if (check_single(singles[i].name, singles[i].value, err))
            return TSGD_EINVAL;
    if (strcmp(s->eval, "mean") && strcmp(s->eval, "tokens"))
        return tsgd_fail(err, TSGD_EINVAL, "--eval: unknown '%.80s'; known are mean, tokens", s->eval);
    return TSGD_OK;
}

static enum tsgd_status parse_gossip(enum tsgd_gossip *out, const char *text, struct tsgd_error *err)
{
    static const char *const names[] = {
        [TSGD_GOSSIP_AUTO] = "auto", [TSGD_GOSSIP_ROWS] = "rows", [TSGD_GOSSIP_SLICES] = "slices",
    };
    enum { N = sizeof names / sizeof *names };
    for (int i = 0; i < N; i++)
        if (!strcmp(text, names[i])) {
            *out = (enum tsgd_gossip)i;
            return TSGD_OK;
        }
    return tsgd_unknown_name("--gossip", text, names, N, err);
}

static enum tsgd_status resolve_model(struct tsgd_setup *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_model *model = NULL;
    struct tsgd_spec spec;
    TRY(tsgd_model_find(&model, &spec, r->s.model, err));
    r->kind = model->task;
    TRY(r->kind->resolve(&r->s, err));
done:
    return st;
}

static enum tsgd_status resolve_tokens(struct tsgd_setup *r, struct tsgd_error *err)
{
    struct tsgd_settings *s = &r->s;
    unsigned long long n = s->nodes, k = s->active;
    if (r->method->teleports && k == 0)
        return tsgd_fail(err, TSGD_EINVAL, "--active: is missing; method %s needs the number of "
                         "active nodes, 1 to %llu", s->method, n);
    if (k > n && (r->method->teleports || r->method->may_teleport))
        return tsgd_fail(err, TSGD_EINVAL, "--active: found %llu, want at most --nodes, %llu", k, n);
    if (!r->method->teleports && !r->method->may_teleport && k != 0 && k != n)
        return tsgd_fail(err, TSGD_EINVAL, "--active: found %llu, but with method %s all %llu nodes "
                         "are active; leave it out", k, s->method, n);
    r->teleports = r->method->teleports || (r->method->may_teleport && k != 0 && k < n);
    if (k == 0)
        s->active = n;
    if (s->topology && r->method->topology && strcmp(s->topology, r->method->topology))
        return tsgd_fail(err, TSGD_EINVAL, "--topology: found '%s', but method %s always uses %s; "
                         "leave it out", s->topology, s->method, r->method->topology);
    if (s->lazy && r->method->topology)
        return tsgd_fail(err, TSGD_EINVAL, "--lazy: method %s always uses topology %s as it is; "
                         "leave it out", s->method, r->method->topology);
    if (!s->topology)
        s->topology = r->method->topology ? r->method->topology : "ring";
    return TSGD_OK;
}

static enum tsgd_status resolve_trace(struct tsgd_setup *r, struct tsgd_error *err)
{
    struct tsgd_settings *s = &r->s;
    if (!s->trace && (s->trace_layers || s->trace_events))
        return tsgd_fail(err, TSGD_EINVAL, "--trace: is missing; %s says what it records",
                         s->trace_layers ? "--trace-layers" : "--trace-events");
    if (s->trace_layers && !r->kind->has_samples)
        return tsgd_fail(err, TSGD_EINVAL, "--trace-layers: model %s has no layers; leave it out",
                         s->model);
    if (s->trace && s->trace_events == 0)
        s->trace_events = 200000;
    return TSGD_OK;
}

static void resolve_length(struct tsgd_settings *s)
{
    uint64_t a_round = tsgd_mul(tsgd_mul(s->active, s->batch), s->local_steps), rounds = s->rounds;
    if (rounds == 0)                    /* as many as full batches would need */
        rounds = (s->samples - 1) / a_round + 1;
    if (s->eval_every == 0)
        s->eval_every = (rounds - 1) / 10 + 1;
    if (s->threads == 0)
        s->threads = tsgd_cpu_count();
}

enum tsgd_status tsgd_setup_init(struct tsgd_setup *out, const struct tsgd_settings *settings,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_setup r = {.s = *settings};
    struct tsgd_rate rate;
    TRY(check_given(&r.s, err));
    TRY(resolve_model(&r, err));
    TRY(tsgd_method_find(&r.method, r.s.method, err));
    TRY(resolve_tokens(&r, err));
    TRY(tsgd_method_rule(&r.rule, r.method, &r.s, err));
    TRY(tsgd_rate_parse(&rate, r.s.schedule, r.s.lr, r.s.rounds, r.s.warmup, err));
    TRY(resolve_trace(&r, err));
    TRY(parse_gossip(&r.gossip, r.s.gossip, err));
    resolve_length(&r.s);
    *out = r;
done:
    return st;
}

enum tsgd_status tsgd_setup_make(struct tsgd_setup *r, const struct tsgd_schedule *mixing,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_churn_make(&r->churn, &r->s, r->teleports, mixing, err));
    TRY(tsgd_network_make(&r->network, &r->s, err));
    TRY(tsgd_isa_init(r->s.isa, err));
    r->s.isa = tsgd_kernels->isa;
    TRY(tsgd_gemm_init(err));
    if (r->s.trace) {
        TRY(tsgd_trace_create(&r->trace, r->s.trace_events, r->s.trace_layers, err));
        TRY(tsgd_mem_check(tsgd_trace_bytes(r->trace), "--trace-events", "give fewer", err));
    }
    TRY(r->kind->create(&r->task, &r->s, err));
done:
    return st;
}

enum tsgd_status tsgd_setup_mixing(const struct tsgd_setup *r, uint64_t k, struct tsgd_schedule *out,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_schedule mixing = TSGD_SCHEDULE_INIT;
    TRY((r->s.allow_disconnected ? tsgd_topology_build_parts : tsgd_topology_build)(
        &mixing, r->s.topology, (uint32_t)k, r->s.seed, err));
    if (r->s.lazy)
        TRY(tsgd_schedule_lazy(&mixing, err));
    TRY(tsgd_method_check_mixing(r->method, &mixing, r->s.topology, err));
    tsgd_method_suit_mixing(r->method, &mixing);
    *out = mixing;
    mixing = (struct tsgd_schedule)TSGD_SCHEDULE_INIT;
done:
    tsgd_schedule_release(&mixing);
    return st;
}

enum tsgd_status tsgd_setup_population(const struct tsgd_setup *r, uint64_t k, double lr,
                                       const struct tsgd_schedule *mixing, struct tsgd_rate *rate,
                                       struct tsgd_population *out, struct tsgd_error *err)
{
    const struct tsgd_settings *s = &r->s;
    *out = (struct tsgd_population){
        .k = (uint32_t)k,
        .mixing = mixing,
        .rounds = s->rounds ? s->rounds : UINT32_MAX - 16,
        .samples = s->samples,
        .eval_every = s->eval_every,
        .eval_at_start = s->eval_at_start,
    };
    enum tsgd_status st = tsgd_rate_parse(rate, s->schedule, lr, s->rounds, s->warmup, err);
    out->eta = tsgd_rate_step_size(rate);
    return st;
}

struct tsgd_engine_config tsgd_setup_config(const struct tsgd_setup *r,
                                            const struct tsgd_population *population, uint32_t n)
{
    return (struct tsgd_engine_config){
        .problem = r->task->problem,
        .population = population, .n_populations = n,
        .teleports = r->teleports, .presence = tsgd_churn_presence(&r->churn),
        .clock = tsgd_network_clock(&r->network), .rule = r->rule, .gossip = r->gossip, .local_steps = (uint32_t)r->s.local_steps,
        .seed = r->s.seed, .threads = (uint32_t)r->s.threads, .pin = r->s.pin,
        .eval_tokens = !strcmp(r->s.eval, "tokens"),
        .final_average = r->s.final_average,
        .trace = r->trace,
        .init = r->task->init,
    };
}

enum tsgd_status tsgd_setup_fits(const struct tsgd_engine_config *c, struct tsgd_error *err)
{
    return tsgd_mem_check(tsgd_engine_bytes(c), "training",
                          c->rule.node ?
                          "use --momentum-home token, which does not grow with n" :
                          "use fewer active nodes (--active), a smaller model or a smaller --batch",
                          err);
}

void tsgd_setup_describe(const struct tsgd_setup *r, uint64_t tokens, uint64_t engine_bytes,
                         struct tsgd_info *out)
{
    *out = (struct tsgd_info){.memory_bytes = engine_bytes};
    out->resolved = r->s;
    out->parameters = r->task->problem->dim;
    out->tokens = tokens;
    out->threads = tsgd_engine_workers(r->task->problem, tokens, r->s.threads);
    r->kind->describe(r->task, out);
    out->cpu = tsgd_cpu_name();
    out->kernels = tsgd_gemm_kernels();
}

enum tsgd_status tsgd_setup_write_split(const struct tsgd_setup *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_outfile f = TSGD_OUTFILE_INIT;
    if (!r->s.save_split)
        return TSGD_OK;
    TRY(tsgd_outfile_open(&f, r->s.save_split, "--save-split", err));
    (void)r->kind->write_split(r->task, f.f);   /* commit finds what went wrong, and says it */
    TRY(tsgd_outfile_commit(&f, err));
done:
    tsgd_outfile_abandon(&f);
    return st;
}

enum tsgd_status tsgd_setup_save_trace(const struct tsgd_setup *r, struct tsgd_traced *out,
                                       struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_outfile f = TSGD_OUTFILE_INIT;
    TRY(tsgd_outfile_open(&f, r->s.trace, "--trace", err));
    TRY(tsgd_trace_write(r->trace, f.f, out, err));
    TRY(tsgd_outfile_commit(&f, err));
done:
    tsgd_outfile_abandon(&f);
    return st;
}

enum tsgd_status tsgd_setup_save(const struct tsgd_setup *r, const float *x, const char *path,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_outfile f = TSGD_OUTFILE_INIT;
    TRY(tsgd_outfile_open(&f, path, "--save", err));
    TRY(r->kind->write(r->task, f.f, x, err));
    TRY(tsgd_outfile_commit(&f, err));
done:
    tsgd_outfile_abandon(&f);
    return st;
}

void tsgd_setup_release(struct tsgd_setup *r)
{
    tsgd_network_release(&r->network);
    tsgd_churn_release(&r->churn);
    tsgd_trace_free(r->trace);
    if (r->task)
        r->kind->free(r->task);
    *r = (struct tsgd_setup){.task = NULL};
}
