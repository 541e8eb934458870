#include "scenario/network.h"

#include "base/rng.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- which links are slow ---- */

static bool reads(const struct tsgd_csr *w, uint32_t a, uint32_t b)
{
    uint32_t lo = w->ptr[a], hi = w->ptr[a + 1];
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (w->col[mid] == b)
            return true;
        if (w->col[mid] < b)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static bool not_preferred(const struct tsgd_network *n, uint32_t from, uint32_t to)
{
    for (uint32_t r = 0; r < n->links.period; r++)
        if (reads(&n->links.w[r], from, to) || reads(&n->links.w[r], to, from))
            return false;
    return true;
}

static bool slow_link(const struct tsgd_network *n, uint32_t from, uint32_t to)
{
    struct tsgd_rng rng = tsgd_rng(n->seed, TSGD_RNG_SLOW_LINK, from < to ? from : to,
                                   from < to ? to : from);
    return tsgd_rng_unit(&rng) < n->share;
}

static bool slow_node(const struct tsgd_network *n, uint32_t node)
{
    struct tsgd_rng rng = tsgd_rng(n->seed, TSGD_RNG_SLOW_NODE, node, 0);
    return tsgd_rng_unit(&rng) < n->share;
}

static bool slow_end(const struct tsgd_network *n, uint32_t from, uint32_t to)
{
    return slow_node(n, from) || slow_node(n, to);
}

const struct tsgd_link_rule tsgd_link_rules[] = {
    {"preferred", false, not_preferred},
    {"slow-links", true, slow_link},
    {"slow-nodes", true, slow_end},
};
const size_t tsgd_n_link_rules = sizeof tsgd_link_rules / sizeof *tsgd_link_rules;

double tsgd_network_transfer(const struct tsgd_network *n, uint32_t from, uint32_t to,
                             uint64_t bytes)
{
    if (from == to)
        return 0;
    double factor = n->rule && n->rule->slow(n, from, to) ? n->tau : 1;
    return factor * (n->link_seconds + (double)bytes / n->bandwidth);
}

double tsgd_network_step(const struct tsgd_network *n, uint32_t node)
{
    if (n->sigma == 0)
        return n->step_seconds;
    struct tsgd_rng rng = tsgd_rng(n->seed, TSGD_RNG_NODE_SPEED, node, 0);
    return n->step_seconds * exp(n->sigma * tsgd_rng_normal(&rng));
}

/* ---- the settings ---- */

static enum tsgd_status parse_rule(struct tsgd_network *n, const char *text, struct tsgd_error *err)
{
    struct tsgd_spec spec;
    const char *names[sizeof tsgd_link_rules / sizeof *tsgd_link_rules];
    enum tsgd_status st = tsgd_spec_parse(&spec, text, "--link-cost", err);
    if (st != TSGD_OK)
        return st;
    for (size_t i = 0; i < tsgd_n_link_rules; i++) {
        names[i] = tsgd_link_rules[i].name;
        if (!strcmp(spec.name, names[i]))
            n->rule = &tsgd_link_rules[i];
    }
    if (!n->rule)
        return tsgd_unknown_name("--link-cost", spec.name, names, tsgd_n_link_rules, err);
    if (!n->rule->takes_share && spec.arg)
        return tsgd_fail(err, TSGD_EINVAL, "--link-cost %s: takes no argument, found ':%.80s'",
                         spec.name, spec.arg);
    if (n->rule->takes_share &&
        (!spec.arg || !tsgd_parse_double(spec.arg, &n->share) || n->share < 0 || n->share > 1))
        return tsgd_fail(err, TSGD_EINVAL, "--link-cost: '%.80s' has no share from 0 to 1, want "
                         "%s:P as in %s:0.2", text, spec.name, spec.name);
    return TSGD_OK;
}

static enum tsgd_status parse_compute(struct tsgd_network *n, const char *text,
                                      struct tsgd_error *err)
{
    static const char drawn[] = ":lognormal:";
    const char *colon = strchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    char seconds[64];
    bool ok = length < sizeof seconds;
    if (ok) {
        snprintf(seconds, sizeof seconds, "%.*s", (int)length, text);
        ok = tsgd_parse_double(seconds, &n->step_seconds) && n->step_seconds >= 0;
    }
    if (ok && colon)
        ok = !strncmp(colon, drawn, strlen(drawn)) &&
             tsgd_parse_double(colon + strlen(drawn), &n->sigma) && n->sigma >= 0 && n->sigma <= 10;
    if (ok)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--compute-seconds: '%.80s' is not SECONDS or "
                     "SECONDS:lognormal:SIGMA, with SECONDS from 0 up and SIGMA from 0 to 10", text);
}

/* What is given but would change nothing. */
static enum tsgd_status check_used(const struct tsgd_settings *s, const struct tsgd_network *n,
                                   struct tsgd_error *err)
{
    if (s->port && !n->on)
        return tsgd_fail(err, TSGD_EINVAL, "--port: needs a simulated network: give --link-cost, "
                         "--link-seconds, --bandwidth or --compute-seconds");
    if (!isnan(s->tau) && !n->rule)
        return tsgd_fail(err, TSGD_EINVAL, "--tau: needs --link-cost, which says what is slow");
    if (s->link_topology && (!n->rule || n->rule->takes_share))
        return tsgd_fail(err, TSGD_EINVAL, "--link-topology: needs --link-cost preferred");
    return TSGD_OK;
}

static enum tsgd_status check_numbers(const struct tsgd_settings *s, struct tsgd_error *err)
{
    if (!isnan(s->tau) && !(s->tau >= 1 && isfinite(s->tau)))
        return tsgd_fail(err, TSGD_EINVAL, "--tau: found %g, want 1 or more", s->tau);
    if (!isnan(s->link_seconds) && !(s->link_seconds >= 0 && isfinite(s->link_seconds)))
        return tsgd_fail(err, TSGD_EINVAL, "--link-seconds: found %g, want 0 or more",
                         s->link_seconds);
    if (!isnan(s->bandwidth) && !(s->bandwidth > 0 && isfinite(s->bandwidth)))
        return tsgd_fail(err, TSGD_EINVAL, "--bandwidth: found %g, want bytes a second, above 0",
                         s->bandwidth);
    if (s->port && strcmp(s->port, "parallel") && strcmp(s->port, "serial"))
        return tsgd_fail(err, TSGD_EINVAL, "--port: unknown '%.80s'; known are parallel, serial",
                         s->port);
    return TSGD_OK;
}

enum tsgd_status tsgd_network_make(struct tsgd_network *out, struct tsgd_settings *s,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_error why;
    struct tsgd_network n = TSGD_NETWORK_INIT;
    n.on = s->link_cost || !isnan(s->link_seconds) || !isnan(s->bandwidth) || s->compute_seconds;
    TRY(check_numbers(s, err));
    if (s->link_cost)
        TRY(parse_rule(&n, s->link_cost, err));
    if (s->compute_seconds)
        TRY(parse_compute(&n, s->compute_seconds, err));
    TRY(check_used(s, &n, err));
    if (!n.on)
        return TSGD_OK;
    if (n.rule && isnan(s->tau))
        s->tau = 5;
    if (isnan(s->link_seconds))         /* a slow link must cost something to be slow */
        s->link_seconds = s->link_cost && isnan(s->bandwidth) ? 1 : 0;
    if (!s->compute_seconds)
        s->compute_seconds = "0";
    if (!s->port)
        s->port = "parallel";
    if (n.rule && !n.rule->takes_share) {
        if (!s->link_topology)
            s->link_topology = "ring";
        if (tsgd_topology_build(&n.links, s->link_topology, (uint32_t)s->nodes, s->seed, &why))
            TRY(tsgd_fail(err, why.status, "--link-topology, over the nodes: %.900s", why.text));
    }
    n.tau = n.rule ? s->tau : 1;
    n.link_seconds = s->link_seconds;
    n.bandwidth = isnan(s->bandwidth) ? INFINITY : s->bandwidth;
    n.serial = !strcmp(s->port, "serial");
    n.seed = s->seed;
    *out = n;
    n = (struct tsgd_network)TSGD_NETWORK_INIT;
done:
    tsgd_network_release(&n);
    return st;
}

void tsgd_network_release(struct tsgd_network *n)
{
    tsgd_schedule_release(&n->links);
    *n = (struct tsgd_network)TSGD_NETWORK_INIT;
}
