#include "sim/crew.h"

#include "engine/holders.h"
#include "sim/graphs.h"

#include <math.h>
#include <stdlib.h>

static double *doubles(size_t n)
{
    double *p = calloc(n, sizeof *p);
    if (!p)
        abort();
    return p;
}

/* [rounds + 9][tokens] seconds of each step: some are that far ahead when the last round ends. */
static double *steps_of(const struct tsgd_crewsim *c)
{
    size_t k = c->tokens;
    double *step = doubles((c->rounds + 9) * k);
    uint32_t *node = calloc(k, sizeof *node);
    struct tsgd_holding holding = TSGD_HOLDING_INIT;
    struct tsgd_holders h = {.nodes = c->nodes, .tokens = c->tokens, .teleports = c->teleports,
                             .seed = c->seed, .presence = c->presence};
    if (!node || tsgd_holders_init(&h, &holding, NULL) != TSGD_OK)
        abort();
    for (uint64_t t = 0; t < c->rounds + 9; t++) {
        tsgd_holders_begin(&h, t);
        tsgd_holders_next(&h, 0, c->tokens, node);
        tsgd_holders_end(&h);
        for (uint32_t a = 0; a < k; a++)
            step[t * k + a] = c->cost.step * (c->stragglers ?
                tsgd_network_step(c->stragglers, node[a]) / c->stragglers->step_seconds : 1);
    }
    tsgd_holding_release(&holding);
    free(node);
    return step;
}

static bool reads(const struct tsgd_crewsim *c, uint64_t t, uint32_t a, uint32_t b)
{
    const struct tsgd_csr *w = graph_at(c->mixing, t);
    for (uint32_t i = w ? w->ptr[a] : 0; w && i < w->ptr[a + 1]; i++)
        if (w->col[i] == b)
            return true;
    return false;
}

static double mix_of(const struct tsgd_crewsim *c, uint64_t t, uint32_t a)
{
    const struct tsgd_csr *w = graph_at(c->mixing, t);
    uint32_t n = w ? w->ptr[a + 1] - w->ptr[a] : 0;
    return n > 1 ? n * c->cost.read : 0;
}

/* ---- every instant anew ---- */

struct hand {
    bool busy, steps;
    double end;
    uint32_t token, last;
};

/* What token a shows: 2t, or 2t + 1 when its step of round t is done. */
static bool may_begin(const struct tsgd_crewsim *c, const uint64_t *shows, const bool *taken,
                      uint32_t a)
{
    uint64_t t = shows[a] / 2;
    if (taken[a])
        return false;
    if (shows[a] % 2 == 0) {
        for (uint32_t b = 0; b < c->tokens; b++)        /* plans are kept for eight rounds */
            if (shows[b] / 2 + 8 <= t)
                return false;
        return true;
    }
    for (uint32_t b = 0; b < c->tokens; b++) {
        if (reads(c, t, a, b) && shows[b] < 2 * t + 1)
            return false;
        if (t > 0 && reads(c, t - 1, b, a) && shows[b] < 2 * t)
            return false;
    }
    return true;
}

static bool choose(const struct tsgd_crewsim *c, const uint64_t *shows, const bool *taken,
                   uint32_t w, const struct hand *h, uint32_t *out)
{
    uint32_t k = c->tokens, lo = w * k / c->workers, hi = (w + 1) * k / c->workers;
    for (uint32_t i = 1; i <= hi - lo; i++) {
        *out = lo + (h->last - lo + i) % (hi - lo);
        if (may_begin(c, shows, taken, *out))
            return true;
    }
    for (uint32_t i = 0; i < k; i++) {
        *out = (hi + i) % k;
        if (may_begin(c, shows, taken, *out))
            return true;
    }
    return false;
}

static bool all_at(const struct tsgd_crewsim *c, const uint64_t *shows, uint64_t round)
{
    for (uint32_t a = 0; a < c->tokens; a++)
        if (shows[a] < 2 * round)
            return false;
    return true;
}

static void start(const struct tsgd_crewsim *c, const double *step, const uint64_t *shows,
                  bool *taken, struct hand *h, uint32_t a, double now)
{
    uint64_t t = shows[a] / 2;
    h->busy = taken[a] = true;
    h->token = a;
    h->steps = shows[a] % 2 == 0;
    h->end = now + (h->steps ? step[t * c->tokens + a] : mix_of(c, t, a));
}

double crew_seconds(const struct tsgd_crewsim *c)
{
    uint32_t k = c->tokens, a;
    double *step = steps_of(c), now = 0, begun = 0;
    uint64_t *shows = calloc(k, sizeof *shows);
    bool *taken = calloc(k, sizeof *taken);
    struct hand *hand = calloc(c->workers, sizeof *hand);
    if (!shows || !taken || !hand)
        abort();
    for (uint32_t w = 0; w < c->workers; w++)
        hand[w].last = (w + 1) * k / c->workers - 1;
    while (!all_at(c, shows, c->rounds)) {
        double next = INFINITY;
        for (uint32_t w = 0; w < c->workers; w++)
            if (!hand[w].busy && choose(c, shows, taken, w, &hand[w], &a)) {
                start(c, step, shows, taken, &hand[w], a, now);
                uint32_t lo = w * k / c->workers, hi = (w + 1) * k / c->workers;
                hand[w].last = a >= lo && a < hi ? a : hand[w].last;
            }
        for (uint32_t w = 0; w < c->workers; w++)
            next = hand[w].busy ? fmin(next, hand[w].end) : next;
        if (next == INFINITY)
            break;
        bool before = !all_at(c, shows, c->rounds / 4);
        now = next;
        for (uint32_t w = 0; w < c->workers; w++) {
            struct hand *h = &hand[w];
            if (!h->busy || h->end > now)
                continue;
            shows[h->token]++;
            h->busy = taken[h->token] = false;
            /* A token that has mixed goes on with its step, and is not looked at in between. */
            if (!h->steps && may_begin(c, shows, taken, h->token))
                start(c, step, shows, taken, h, h->token, now);
        }
        if (before && all_at(c, shows, c->rounds / 4))
            begun = now;
    }
    double seconds = (now - begun) / (double)(c->rounds - c->rounds / 4);
    if (!all_at(c, shows, c->rounds))
        seconds = NAN;                  /* it hangs */
    free(step);
    free(shows);
    free(taken);
    free(hand);
    return seconds;
}

/* ---- a worker for each token ---- */

double crew_recursion(const struct tsgd_crewsim *c)
{
    uint32_t k = c->tokens;
    double *step = steps_of(c), *mixed = doubles(k), *stepped = doubles(k), *next = doubles(k);
    double begun = 0, end = 0;
    for (uint64_t t = 0; t < c->rounds; t++) {
        for (uint32_t a = 0; a < k; a++)
            stepped[a] = mixed[a] + step[t * k + a];
        for (uint32_t a = 0; a < k; a++) {
            double there = 0;           /* when others let it mix */
            for (uint32_t b = 0; b < k; b++) {
                if (b != a && reads(c, t, a, b))
                    there = fmax(there, stepped[b]);
                if (b != a && t > 0 && reads(c, t - 1, b, a))
                    there = fmax(there, mixed[b]);
            }
            next[a] = (there > stepped[a] ? there + c->cost.hand : stepped[a]) + mix_of(c, t, a);
            end = fmax(end, next[a]);
        }
        for (uint32_t a = 0; a < k; a++)
            mixed[a] = next[a];
        if (t + 1 == c->rounds / 4)
            begun = end;
    }
    free(step);
    free(mixed);
    free(stepped);
    free(next);
    return (end - begun) / (double)(c->rounds - c->rounds / 4);
}
