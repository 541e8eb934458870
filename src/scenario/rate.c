#include "scenario/rate.h"

#include "base/elementary.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

static enum tsgd_status parse_cosine(struct tsgd_rate *r, const char *arg, struct tsgd_error *err)
{
    r->kind = TSGD_RATE_COSINE;
    if (r->rounds == 0)
        return tsgd_fail(err, TSGD_EINVAL,
                         "--schedule cosine: needs --rounds, to know where it ends");
    if (arg && (!tsgd_parse_double(arg, &r->least) || r->least < 0))
        return tsgd_fail(err, TSGD_EINVAL,
                         "--schedule cosine: '%s' is not a step size of 0 or more", arg);
    if (r->least > r->eta)
        return tsgd_fail(err, TSGD_EINVAL, "--schedule cosine: found %g, want at most --lr, %g",
                         r->least, r->eta);
    return TSGD_OK;
}

static enum tsgd_status parse_steps(struct tsgd_rate *r, const char *arg, struct tsgd_error *err)
{
    char rounds[512];
    const char *colon = arg ? strchr(arg, ':') : NULL;
    size_t n = !arg ? 0 : colon ? (size_t)(colon - arg) : strlen(arg);
    r->kind = TSGD_RATE_STEP;
    r->factor = 0.1;
    if (n == 0 || n >= sizeof rounds)
        return tsgd_fail(err, TSGD_EINVAL, "--schedule step: want rounds, as in step:300,450:0.1");
    memcpy(rounds, arg, n);
    rounds[n] = 0;
    if (!tsgd_parse_list(rounds, r->step, TSGD_RATE_STEPS, &r->n_steps))
        return tsgd_fail(err, TSGD_EINVAL,
                         "--schedule step: '%s' is not a list of at most %d rounds", rounds,
                         TSGD_RATE_STEPS);
    for (size_t i = 1; i < r->n_steps; i++)
        if (r->step[i] <= r->step[i - 1])
            return tsgd_fail(err, TSGD_EINVAL, "--schedule step: rounds '%s' do not ascend",
                             rounds);
    if (colon && (!tsgd_parse_double(colon + 1, &r->factor) || r->factor <= 0))
        return tsgd_fail(err, TSGD_EINVAL, "--schedule step: factor '%s' is not above 0",
                         colon + 1);
    float end = tsgd_rate_at(r, r->step[r->n_steps - 1]);
    if (r->factor > 1 && !isfinite(end))
        return tsgd_fail(err, TSGD_EINVAL, "--schedule step: factor %g makes the last step size %g",
                         r->factor, (double)end);
    return TSGD_OK;
}

enum tsgd_status tsgd_rate_parse(struct tsgd_rate *out, const char *schedule, double eta,
                                 uint64_t rounds, uint64_t warmup, struct tsgd_error *err)
{
    static const char *const names[] = {"const", "cosine", "step"};
    struct tsgd_rate r = {.eta = eta, .rounds = rounds, .warmup = warmup};
    struct tsgd_spec spec;
    enum tsgd_status st = tsgd_spec_parse(&spec, schedule, "--schedule", err);
    if (st != TSGD_OK)
        return st;
    if (!strcmp(spec.name, "cosine"))
        st = parse_cosine(&r, spec.arg, err);
    else if (!strcmp(spec.name, "step"))
        st = parse_steps(&r, spec.arg, err);
    else if (strcmp(spec.name, "const"))
        st = tsgd_unknown_name("--schedule", spec.name, names, 3, err);
    else if (spec.arg)
        st = tsgd_fail(err, TSGD_EINVAL, "--schedule const: takes no argument, found ':%s'",
                       spec.arg);
    if (st == TSGD_OK)
        *out = r;
    return st;
}

float tsgd_rate_at(const struct tsgd_rate *r, uint64_t t)
{
    double eta = r->eta;
    if (r->kind == TSGD_RATE_COSINE && t < r->rounds)
        eta = r->least + (eta - r->least) * 0.5 *
              (1 + tsgd_cos(3.141592653589793 * (double)t / (double)r->rounds));
    else if (r->kind == TSGD_RATE_COSINE)
        eta = r->least;
    for (size_t i = 0; i < r->n_steps && t >= r->step[i]; i++)
        eta *= r->factor;
    if (t < r->warmup)
        eta *= (double)(t + 1) / (double)r->warmup;
    return (float)eta;
}

static float at(const void *schedule, uint64_t t) { return tsgd_rate_at(schedule, t); }

struct tsgd_step_size tsgd_rate_step_size(const struct tsgd_rate *r)
{
    return (struct tsgd_step_size){at, r};
}
