#include "engine/mail.h"

#include "transport/await.h"

#include <string.h>

enum { MOST_AT_ONCE = 64 };     /* messages that one look takes down */

/* Tags of a population's messages. */
enum { MEAN_TAG, MEASURES_TAG, VERDICT_TAG, TAGS };

enum tsgd_status tsgd_mail_init(struct mail *m, struct state *s, struct planner *planner,
                                struct evaluation *evaluation, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    m->s = s;
    m->planner = planner;
    m->evaluation = evaluation;
    if (!s->is_spread)
        return TSGD_OK;
    TRY(TSGD_HOLD(&m->holding, &m->ghost, tsgd_mul(s->tokens, SLOTS), "messages", err));
    TRY(TSGD_HOLD(&m->holding, &m->missing, s->tokens, "messages", err));
    TRY(TSGD_HOLD(&m->holding, &m->from, s->tokens, "messages", err));
    TRY(TSGD_HOLD(&m->holding, &m->seen, s->c.ranks.ranks, "messages", err));
done:
    return st;
}

void tsgd_mail_release(struct mail *m) { tsgd_holding_release(&m->holding); }

/* ---- posting: by whoever looks ---- */

static void send(struct mail *m, uint32_t to, enum tsgd_channel channel, uint32_t tag,
                 const void *data, size_t bytes, uint64_t label)
{
    struct tsgd_transport *t = m->s->spread.transport;
    t->ops->send(t, to, channel, tag, data, bytes, label);
}

static void receive(struct mail *m, uint32_t from, enum tsgd_channel channel, uint32_t tag,
                    void *data, size_t bytes, uint64_t label)
{
    struct tsgd_transport *t = m->s->spread.transport;
    t->ops->receive(t, from, channel, tag, data, bytes, label);
}

/* The rows of token a that gossip mixes, with their head, and what is private to it. */
static size_t rows_bytes(const struct state *s) { return s->arena.token_step * sizeof(float); }
static size_t own_bytes(const struct state *s) { return s->arena.own_token_step * sizeof(float); }

static uint64_t planned(const struct mail *m)
{
    return tsgd_seq_phase(tsgd_seq_load(&m->planner->planned));
}

/* What the trace shows of half-steps; private rows, which travel beside them, have no arrow. */
static const struct tsgd_trace_kind
    sends = {"send", "message", {"token", "round", "rank"}, TSGD_TRACE_SENT},
    sends_own = {"send: private rows", "message", {"token", "round", "rank"}, TSGD_TRACE_ALONE},
    receives = {"receive", "message", {"token", "round", "rank"}, TSGD_TRACE_RECEIVED};

static uint64_t traced_begin(const struct worker *w)
{
    return tsgd_is_traced(w) ? tsgd_ticks() : 0;
}

/* It lies within whatever the worker is at. */
static void traced_end(struct worker *w, uint64_t begin, const struct tsgd_trace_kind *kind,
                       uint32_t a, uint64_t t, uint32_t rank)
{
    if (tsgd_is_traced(w))
        tsgd_track_add(w->track, &(struct tsgd_trace_event){
            .begin = begin, .end = tsgd_ticks(), .kind = kind,
            .number = {a, (uint32_t)t, rank}});
}

struct row {
    struct mail *m;
    struct worker *w;
    uint32_t a;
    uint64_t t;
};

static void send_row(void *row, uint32_t to)
{
    const struct row *r = row;
    uint64_t begin = traced_begin(r->w);
    send(r->m, to, TSGD_CHANNEL_ROWS, 2 * r->a, tsgd_state_head(r->m->s, r->t, r->a),
         rows_bytes(r->m->s), tsgd_errand(ERRAND_ROW, r->a, r->t));
    traced_end(r->w, begin, &sends, r->a, r->t, to);
}

/* M1, M5: a half-step goes to the ranks that mix with it; what is private to the new holder's. */
static void send_rows(struct mail *m, struct worker *w, uint32_t a, uint64_t t)
{
    const struct state *s = m->s;
    tsgd_plan_targets(m->planner, a, t, m->seen, &m->seeing, send_row, &(struct row){m, w, a, t});
    if (!s->own || !(tsgd_plan_of(m->planner, t)->way[a] & WAY_MOVES))
        return;
    uint32_t to = tsgd_plan_of(m->planner, t + 1)->rank[a];
    uint64_t begin = traced_begin(w);
    send(m, to, TSGD_CHANNEL_ROWS, 2 * a + 1, tsgd_arena_own(&s->arena, 0, a), own_bytes(s),
         tsgd_errand(ERRAND_OWN, a, t));
    traced_end(w, begin, &sends_own, a, t, to);
}

/* M4: posts the receives of a half-step, if that may be. */
static bool receive_rows(struct mail *m, uint64_t errand)
{
    const struct state *s = m->s;
    uint32_t a = tsgd_errand_id(errand);
    uint64_t t = tsgd_errand_number(errand, planned(m));
    const struct slot *slot = tsgd_plan_of(m->planner, t);
    bool comes = s->own && (slot->way[a] & WAY_MOVES) && (slot->way[a] & WAY_STAYS);
    /* Acquire: what the word shows came before, on this rank. */
    if (tsgd_seq_phase(tsgd_seq_load(&s->arena.seq[a])) != slot->before[a] ||
        !tsgd_place_is_free(&s->spread, a, tsgd_state_place(s, t, a)))
        return false;
    /* Acquire, pairs with the release in complete: the rows have left (M5). */
    if (comes && atomic_load_explicit(&s->spread.places[a].own_leaves, memory_order_acquire))
        return false;
    /* Relaxed: whoever completes these receives looks after this look. */
    atomic_store_explicit(&m->missing[a], comes ? 2 : 1, memory_order_relaxed);
    atomic_store_explicit(&m->from[a], slot->rank[a] + 1, memory_order_relaxed);
    receive(m, slot->rank[a], TSGD_CHANNEL_ROWS, 2 * a, tsgd_state_head(s, t, a), rows_bytes(s),
            errand);
    if (comes)
        receive(m, slot->rank[a], TSGD_CHANNEL_ROWS, 2 * a + 1, tsgd_arena_own(&s->arena, 0, a),
                own_bytes(s), errand);
    return true;
}

/* In their order, so that those of a token stay in that of its rounds. */
static void post_ghosts(struct mail *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->ghosts; i++)
        if (!receive_rows(m, m->ghost[i]))
            m->ghost[kept++] = m->ghost[i];
    m->ghosts = kept;
}

/* ---- evaluations ---- */

static struct evaluated_pop *evaluated_of(struct mail *m, uint32_t q)
{
    return &m->evaluation->pop[q];
}

/* The evaluation that is measured, or would be next. */
static uint64_t under_way(struct mail *m, uint32_t q)
{
    return tsgd_seq_phase(tsgd_seq_load(&evaluated_of(m, q)->evaluated));
}

static void send_fold(struct mail *m, uint64_t errand)
{
    const struct state *s = m->s;
    uint32_t a = tsgd_errand_id(errand), q = s->pop_of[a];
    const struct evaluated_pop *p = evaluated_of(m, q);
    uint64_t i = tsgd_errand_number(errand, atomic_load_explicit(&p->evals, memory_order_relaxed));
    struct tsgd_head *head = tsgd_state_head(s, tsgd_evaluated_round(p, i), a);
    head->sent_ns = tsgd_spread_now(&s->spread);
    tsgd_place_leaves(&m->s->spread, a, tsgd_state_place(s, tsgd_evaluated_round(p, i), a));
    send(m, 0, TSGD_CHANNEL_EVALUATION, a, head,
         (TSGD_HEAD_FLOATS + s->arena.stride) * sizeof(float), errand);
}

/* The same bytes from rank 0 to all others. */
static void send_all(struct mail *m, uint32_t tag, const void *data, size_t bytes, uint64_t errand)
{
    tsgd_spread_begin(&m->s->spread, m->s->c.ranks.ranks - 1);
    for (uint32_t r = 1; r < m->s->c.ranks.ranks; r++)
        send(m, r, TSGD_CHANNEL_CONTROL, tag, data, bytes, errand);
    tsgd_spread_end(&m->s->spread);     /* the errand's own */
}

/* Packs the blocks that a rank has measured, or with out the other way round; how many. */
static uint32_t pack(struct mail *m, uint32_t q, uint64_t i, uint32_t rank, bool out,
                     struct tsgd_measure *at)
{
    struct evaluated_pop *p = evaluated_of(m, q);
    uint32_t n = 0;
    for (uint32_t b = 0; b < p->blocks; b++) {
        if (!tsgd_block_is_of(m->evaluation, q, i, b, rank))
            continue;
        if (out)
            p->part[b] = at[n];
        else if (at)
            at[n] = p->part[b];
        n++;
    }
    return n;
}

static void send_measures(struct mail *m, uint32_t q, uint64_t i, uint64_t errand)
{
    struct tsgd_measure *at = evaluated_of(m, q)->gathered.measures;
    uint32_t n = pack(m, q, i, m->s->c.ranks.rank, false, at);
    send(m, 0, TSGD_CHANNEL_CONTROL, TAGS * q + MEASURES_TAG, at, n * sizeof *at, errand);
}

/* Rank 0 awaits rows in token order, and measures of the evaluation under way. */
static void post_gathering(struct mail *m, uint32_t q, uint64_t evals, uint64_t evaluated)
{
    const struct state *s = m->s;
    struct evaluated_pop *p = evaluated_of(m, q);
    struct gathered *g = &p->gathered;
    size_t row = TSGD_HEAD_FLOATS + s->arena.stride;
    uint32_t k = s->pop[q].c.k, n = 0;
    /* Acquire, of `taken`: the fold has read what stood in the buffer. */
    uint64_t most = atomic_load_explicit(&g->taken, memory_order_acquire) + WINDOW;
    for (; g->posted < most && g->at < evals * k; g->at++) {
        uint32_t b = (uint32_t)(g->at % k), from = tsgd_evaluated_rank(p, g->at / k, b);
        if (from == 0)
            continue;
        g->asks[g->posted % WINDOW] = g->at;
        tsgd_spread_begin(&m->s->spread, 1);
        receive(m, from, TSGD_CHANNEL_EVALUATION, s->pop[q].first + b,
                g->row + g->posted % WINDOW * row, row * sizeof(float),
                tsgd_errand(ERRAND_FOLD, q, g->posted));
        g->posted++;
    }
    if (g->verdicts == evals || g->verdicts > evaluated)
        return;
    tsgd_spread_begin(&m->s->spread, s->c.ranks.ranks - 1);
    for (uint32_t r = 1; r < s->c.ranks.ranks; r++) {
        uint32_t mine = pack(m, q, evaluated, r, false, NULL);
        g->begin[r] = n;
        receive(m, r, TSGD_CHANNEL_CONTROL, TAGS * q + MEASURES_TAG, g->measures + n,
                mine * sizeof *g->measures, tsgd_errand(ERRAND_MEASURES, q, r));
        n += mine;
    }
    g->verdicts++;
}

/* The others await means, each when its buffer is no longer measured, and verdicts. */
static void post_following(struct mail *m, uint32_t q, uint64_t evals, uint64_t evaluated)
{
    const struct state *s = m->s;
    struct evaluated_pop *p = evaluated_of(m, q);
    struct gathered *g = &p->gathered;
    for (; g->means < evals && g->means <= evaluated + 1; g->means++) {
        tsgd_spread_begin(&m->s->spread, 1);
        receive(m, 0, TSGD_CHANNEL_CONTROL, TAGS * q + MEAN_TAG, p->mean[g->means & 1],
                s->arena.dim * sizeof(float), tsgd_errand(ERRAND_MEAN, q, g->means));
    }
    for (; s->c.awaits_verdict && g->verdicts < evals; g->verdicts++) {
        tsgd_spread_begin(&m->s->spread, 1);
        receive(m, 0, TSGD_CHANNEL_CONTROL, TAGS * q + VERDICT_TAG,
                &p->record[g->verdicts % RECORDS].verdict, 1,
                tsgd_errand(ERRAND_VERDICT, q, g->verdicts));
    }
}

static void post_evaluations(struct mail *m)
{
    for (uint32_t q = 0; q < m->s->c.n_populations; q++) {
        const struct evaluated_pop *p = evaluated_of(m, q);
        /* Acquire: records are filled in (M8). */
        uint64_t evals = atomic_load_explicit(&p->evals, memory_order_acquire);
        uint64_t evaluated = under_way(m, q);
        if (evaluated == evals)
            continue;
        if (m->s->c.ranks.rank == 0)
            post_gathering(m, q, evals, evaluated);
        else
            post_following(m, q, evals, evaluated);
    }
}

/* ---- the queue ---- */

static void run_errand(struct mail *m, struct worker *w, uint64_t errand)
{
    struct spread *sp = &m->s->spread;
    enum errand what = tsgd_errand_what(errand);
    uint32_t id = tsgd_errand_id(errand);
    uint64_t i = 0;
    if (what == ERRAND_MEAN || what == ERRAND_MEASURES || what == ERRAND_VERDICT)
        i = tsgd_errand_number(errand, tsgd_seq_phase(tsgd_seq_load(&evaluated_of(m, id)->folded)) /
                                           m->s->pop[id].c.k);
    switch (what) {
    case ERRAND_ROW:
        send_rows(m, w, id, tsgd_errand_number(errand, planned(m)));
        break;
    case ERRAND_GHOST:
        m->ghost[m->ghosts++] = errand;
        break;
    case ERRAND_FOLD:
        send_fold(m, errand);
        break;
    case ERRAND_MEAN:
        send_all(m, TAGS * id + MEAN_TAG, evaluated_of(m, id)->mean[i & 1],
                 m->s->arena.dim * sizeof(float), errand);
        break;
    case ERRAND_MEASURES:
        send_measures(m, id, i, errand);
        break;
    case ERRAND_VERDICT:
        send_all(m, TAGS * id + VERDICT_TAG, &evaluated_of(m, id)->record[i % RECORDS].verdict, 1,
                 errand);
        break;
    case ERRAND_GATE:
        sp->asked[GATE_TIME] = tsgd_spread_now(sp);
        sp->transport->ops->largest(sp->transport, sp->asked, sp->said, GATE_QUESTIONS, errand);
        break;
    case ERRAND_OWN:
    case ERRAND_FILE:
        break;
    }
}

/* ---- what is complete ---- */

/* A half-step is here: its last message has come (M3, M4). */
static void show(struct mail *m, uint32_t a, uint64_t t)
{
    struct state *s = m->s;
    const struct slot *slot = tsgd_plan_of(m->planner, t);
    tsgd_state_head(s, t, a)->came_ns = tsgd_spread_now(&s->spread);
    /* Relaxed: the word shows it. */
    atomic_store_explicit(&s->spread.places[a].uses[tsgd_state_place(s, t, a)], slot->uses[a],
                          memory_order_relaxed);
    if (slot->way[a] & WAY_STAYS)
        tsgd_seq_finish(&s->arena.seq[a], 2 * t + 1);
    else
        tsgd_seq_publish(&s->arena.seq[a], 2 * t + 1);
}

static void complete_row(struct mail *m, struct worker *w, enum errand what, uint32_t a,
                         uint64_t t)
{
    struct state *s = m->s;
    if (what == ERRAND_GHOST) {
        if (atomic_fetch_sub_explicit(&m->missing[a], 1, memory_order_acq_rel) != 1)
            return;
        atomic_store_explicit(&m->from[a], 0, memory_order_relaxed);
        uint32_t from = tsgd_plan_of(m->planner, t)->rank[a];   /* the slot may be reused after */
        uint64_t begin = traced_begin(w);
        show(m, a, t);
        traced_end(w, begin, &receives, a, t, from);
        return;
    }
    tsgd_place_gone(&s->spread, a, tsgd_state_place(s, t, a));
    if (what == ERRAND_OWN)             /* release, pairs with the acquire in receive_rows */
        atomic_store_explicit(&s->spread.places[a].own_leaves, 0, memory_order_release);
    tsgd_use_over(&s->spread, a, tsgd_state_place(s, t, a), 1,
                  &m->planner->slot[t % SLOTS].pending);
}

/* A row that was folded on rank 0, or sent there. */
static void complete_fold(struct mail *m, uint64_t errand)
{
    struct state *s = m->s;
    uint32_t id = tsgd_errand_id(errand);
    if (s->c.ranks.rank == 0) {
        struct gathered *g = &evaluated_of(m, id)->gathered;
        uint64_t n = errand >> 32 & 0xfffffff;          /* WINDOW divides what is left out */
        float *row = g->row + n % WINDOW * (TSGD_HEAD_FLOATS + s->arena.stride);
        ((struct tsgd_head *)row)->came_ns = tsgd_spread_now(&s->spread);
        atomic_store_explicit(&g->came[n % WINDOW], g->asks[n % WINDOW] + 1, memory_order_release);
        return;
    }
    struct evaluated_pop *p = evaluated_of(m, s->pop_of[id]);
    uint64_t i = tsgd_errand_number(errand, atomic_load_explicit(&p->evals, memory_order_relaxed));
    uint64_t t = tsgd_seq_phase(tsgd_seq_load(&s->arena.seq[id])) / 2;  /* it waits there (R3) */
    tsgd_place_gone(&s->spread, id, tsgd_state_place(s, t, id));
    atomic_store_explicit(&p->gathered.sent[id - s->pop[s->pop_of[id]].first], i + 1,
                          memory_order_release);
}

static void complete_mean(struct mail *m, uint32_t q, uint64_t label)
{
    struct evaluated_pop *p = evaluated_of(m, q);
    uint64_t i = tsgd_errand_number(label, atomic_load_explicit(&p->evals, memory_order_relaxed));
    /* Release, both, pairs with the acquire in fold_ready, and in tsgd_block_ready. */
    if (m->s->c.ranks.rank == 0)
        atomic_fetch_sub_explicit(&p->gathered.leaving[i & 1], 1, memory_order_release);
    else
        atomic_store_explicit(&p->gathered.mean_came[i & 1], i + 1, memory_order_release);
}

static void complete_measures(struct mail *m, struct worker *w, uint32_t q, uint64_t number)
{
    struct evaluated_pop *p = evaluated_of(m, q);
    uint64_t i = under_way(m, q);
    if (m->s->c.ranks.rank != 0) {
        tsgd_evaluation_conclude(m->evaluation, q, i);
        return;
    }
    uint32_t rank = (uint32_t)number;
    pack(m, q, i, rank, true, p->gathered.measures + p->gathered.begin[rank]);
    tsgd_measures_came(m->evaluation, w, q, i);
}

static void complete(struct mail *m, struct worker *w, uint64_t label)
{
    struct spread *sp = &m->s->spread;
    enum errand what = tsgd_errand_what(label);
    uint32_t id = tsgd_errand_id(label);
    bool first = m->s->c.ranks.rank == 0;
    switch (what) {
    case ERRAND_ROW:
    case ERRAND_OWN:
    case ERRAND_GHOST:
        complete_row(m, w, what, id, tsgd_errand_number(label, planned(m)));
        return;                         /* their uses are counted instead */
    case ERRAND_FOLD:
        complete_fold(m, label);
        break;
    case ERRAND_MEAN:
        complete_mean(m, id, label);
        break;
    case ERRAND_MEASURES:
        complete_measures(m, w, id, label >> 32 & 0xfffffff);
        break;
    case ERRAND_VERDICT:
        if (!first)
            tsgd_evaluation_conclude(m->evaluation, id, under_way(m, id));
        break;
    case ERRAND_GATE:
        sp->gate_came = tsgd_spread_now(sp);
        /* Release, pairs with tsgd_plan_next_ready's acquire. */
        atomic_fetch_add_explicit(&sp->gates, 1, memory_order_release);
        break;
    case ERRAND_FILE:
        tsgd_stream_done(&m->planner->checkpoint->stream, label);
        return;                         /* the training does not wait for files */
    }
    tsgd_spread_end(sp);
}

/* ---- the look ---- */

bool tsgd_mail_look(struct mail *m, struct worker *w)
{
    struct tsgd_transport *t = m->s->spread.transport;
    uint64_t label[MOST_AT_ONCE], errand;
    bool posted = false;
    /* Relaxed first: it is asked often. Acquire, pairs with the release below: one look comes after
     * the other, with all that belongs to whoever looks.                                        */
    if (atomic_load_explicit(&m->looking, memory_order_relaxed) ||
        atomic_exchange_explicit(&m->looking, true, memory_order_acquire))
        return false;
    for (; (errand = tsgd_spread_take(&m->s->spread)) != 0; posted = true)
        run_errand(m, w, errand);
    post_ghosts(m);
    post_evaluations(m);
    tsgd_stream_post(&m->planner->checkpoint->stream);
    size_t n = t->ops->look(t, label, MOST_AT_ONCE);
    atomic_store_explicit(&m->looking, false, memory_order_release);
    for (size_t i = 0; i < n; i++) {
        tsgd_jitter(w, false);
        complete(m, w, label[i]);
    }
    return posted || n > 0;
}

/* ---- before and after ---- */

void tsgd_mail_begin(struct mail *m)
{
    struct spread *sp = &m->s->spread;
    if (!m->s->is_spread)
        return;
    struct tsgd_clock_offset clock = tsgd_compare_clocks(sp->transport);
    sp->clock_offset = -clock.ahead;
    if (m->s->c.trace)
        tsgd_trace_set_clock(m->s->c.trace, clock.ahead, clock.error);
}

void tsgd_mail_end(struct mail *m)
{
    const struct state *s = m->s;
    struct tsgd_transport *t = s->spread.transport;
    for (uint32_t q = 0; q < s->c.n_populations && s->is_spread; q++) {
        uint64_t mine = atomic_load_explicit(&s->pop[q].diverged, memory_order_relaxed);
        t->ops->gather(t, &mine, sizeof mine, m->seen);         /* which nobody needs any more */
        for (uint32_t r = 0; r < s->c.ranks.ranks; r++)
            tsgd_pop_diverge_as(&m->s->pop[q], m->seen[r]);
    }
}
