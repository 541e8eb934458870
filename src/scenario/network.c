#include "scenario/network.h"

#include "base/elementary.h"
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

const struct tsgd_link_cost tsgd_link_costs[] = {
    {"preferred", false, not_preferred},
    {"slow-links", true, slow_link},
    {"slow-nodes", true, slow_end},
};
const size_t tsgd_n_link_costs = sizeof tsgd_link_costs / sizeof *tsgd_link_costs;

double tsgd_network_transfer(const struct tsgd_network *n, uint32_t from, uint32_t to,
                             uint64_t bytes)
{
    if (from == to)
        return 0;
    double factor = n->link_cost && n->link_cost->slow(n, from, to) ? n->tau : 1;
    return factor * (n->link_seconds + (double)bytes / n->bandwidth);
}

double tsgd_network_step(const struct tsgd_network *n, uint32_t node)
{
    if (n->sigma == 0)
        return n->step_seconds;
    struct tsgd_rng rng = tsgd_rng(n->seed, TSGD_RNG_NODE_SPEED, node, 0);
    return n->step_seconds * tsgd_exp(n->sigma * tsgd_rng_normal(&rng));
}

/* ---- the options ---- */

static enum tsgd_status parse_link_cost(struct tsgd_network *n, const char *text,
                                        struct tsgd_error *err)
{
    struct tsgd_spec spec;
    const char *names[sizeof tsgd_link_costs / sizeof *tsgd_link_costs];
    enum tsgd_status st = tsgd_spec_parse(&spec, text, "--link-cost", err);
    if (st != TSGD_OK)
        return st;
    for (size_t i = 0; i < tsgd_n_link_costs; i++) {
        names[i] = tsgd_link_costs[i].name;
        if (!strcmp(spec.name, names[i]))
            n->link_cost = &tsgd_link_costs[i];
    }
    if (!n->link_cost)
        return tsgd_unknown_name("--link-cost", spec.name, names, tsgd_n_link_costs, err);
    if (!n->link_cost->takes_share && spec.arg)
        return tsgd_fail(err, TSGD_EINVAL, "--link-cost %s: takes no argument, found ':%.80s'",
                         spec.name, spec.arg);
    if (n->link_cost->takes_share &&
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
                     "SECONDS:lognormal:SIGMA, with SECONDS from 0 up and SIGMA from 0 to 10",
                     text);
}

enum tsgd_status tsgd_network_make(struct tsgd_network *out, const struct tsgd_network_options *o,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_error why;
    struct tsgd_network n = TSGD_NETWORK_INIT;
    if (o->link_cost)
        TRY(parse_link_cost(&n, o->link_cost, err));
    TRY(parse_compute(&n, o->compute_seconds, err));
    if (n.link_cost && !n.link_cost->takes_share &&
        tsgd_topology_build(&n.links, o->link_topology, o->nodes, o->seed, &why))
        TRY(tsgd_fail(err, why.status, "--link-topology, over the nodes: %.900s", why.text));
    n.on = true;
    n.tau = n.link_cost ? o->tau : 1;
    n.link_seconds = o->link_seconds;
    n.bandwidth = o->bandwidth;
    n.serial = o->serial;
    n.seed = o->seed;
    *out = n;
    n = (struct tsgd_network)TSGD_NETWORK_INIT;
done:
    tsgd_network_release(&n);
    return st;
}

void tsgd_network_release(struct tsgd_network *n)
{
    tsgd_mixing_release(&n->links);
    *n = (struct tsgd_network)TSGD_NETWORK_INIT;
}
