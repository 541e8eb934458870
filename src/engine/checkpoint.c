#include "engine/checkpoint.h"

#include "engine/threads.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- what it takes ---- */

static enum tsgd_status take_spread(struct checkpoint *c, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct state *s = c->s;
    TRY(TSGD_HOLD(&c->holding, &c->shot.at, s->tokens, "copies for checkpoints", err));
    TRY(TSGD_HOLD(&c->holding, &c->first, s->tokens, "copies for checkpoints", err));
    TRY(TSGD_HOLD(&c->holding, &c->come, s->c.ranks.ranks, "copies for checkpoints", err));
    if (s->c.rule.node)
        TRY(TSGD_HOLD(&c->holding, &c->shown, s->tokens, "copies for checkpoints", err));
    TRY(tsgd_stream_init(&c->stream, s->spread.transport, tsgd_errand(ERRAND_FILE, 0, 0),
                         &c->holding, err));
done:
    return st;
}

static enum tsgd_status take(struct checkpoint *c, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct state *s = c->s;
    struct tsgd_snapshot *shot = &c->shot;
    size_t row = tsgd_mul(s->arena.stride, sizeof(float));
    for (uint32_t i = 0; i < s->exchanged; i++)
        TRY(tsgd_hold_sparse(&c->holding, (void **)&shot->exchanged[i], tsgd_mul(s->tokens, row),
                             tsgd_mul(s->here, row), "copies for checkpoints", err));
    for (uint32_t i = 0; i < s->own; i++)
        TRY(tsgd_hold_sparse(&c->holding, (void **)&shot->own[i], tsgd_mul(s->tokens, row),
                             tsgd_mul(s->here, row), "copies for checkpoints", err));
    if (s->c.rule.node) {
        TRY(tsgd_hold_sparse(&c->holding, (void **)&shot->node, tsgd_mul(shot->nodes, row),
                             tsgd_mul(s->nodes_here, row), "copies for checkpoints", err));
        TRY(TSGD_HOLD(&c->holding, &c->mark, shot->nodes, "copies for checkpoints", err));
    }
    TRY(TSGD_HOLD(&c->holding, &shot->loss, s->tokens, "copies for checkpoints", err));
    TRY(TSGD_HOLD(&c->holding, &shot->diverged, shot->populations, "copies for checkpoints", err));
    TRY(TSGD_HOLD(&c->holding, &c->reported, shot->populations, "copies for checkpoints", err));
    if (s->is_spread)
        TRY(take_spread(c, err));
done:
    return st;
}

enum tsgd_status tsgd_checkpoint_init(struct checkpoint *c, struct state *s,
                                      const struct evaluation *evaluation, struct tsgd_error *err)
{
    c->s = s;
    c->evaluation = evaluation;
    if (!s->c.checkpoints.write && !s->c.resumes)
        return TSGD_OK;
    c->shot = (struct tsgd_snapshot){
        .tokens = s->tokens, .nodes = s->c.problem->nodes, .populations = s->c.n_populations,
        .dim = s->arena.dim, .stride = s->arena.stride, .rule = &s->c.rule,
        .ranks = s->c.ranks, .stream = &c->stream,
    };
    enum tsgd_status st = take(c, err);
    if (st != TSGD_OK || c->holding.counts)
        return st;
    sem_init(&c->wake, 0, 0);
    c->made = true;
    c->process = getpid();
    return TSGD_OK;
}

void tsgd_checkpoint_release(struct checkpoint *c)
{
    if (c->made && c->process == getpid()) {    /* a forked child has no writer */
        tsgd_checkpoint_end(c);
        sem_destroy(&c->wake);
    }
    tsgd_holding_release(&c->holding);
}

size_t tsgd_piece_bytes(const struct tsgd_piece *p)
{
    static const size_t size[] = {
        [TSGD_PIECE_U32] = 4, [TSGD_PIECE_U64] = 8, [TSGD_PIECE_F64] = 8,
    };
    return tsgd_mul(p->count, size[p->type]);
}

/* Room for the pieces, told of one by one: the first time they are counted. */
struct reserving {
    struct checkpoint *c;
    enum tsgd_status status;
    struct tsgd_error *err;
};

static void count(void *user, const struct tsgd_piece *piece)
{
    (void)piece;
    ((struct reserving *)user)->c->shot.pieces++;
}

static void reserve(void *user, const struct tsgd_piece *piece)
{
    struct reserving *r = user;
    struct checkpoint *c = r->c;
    struct tsgd_piece own = *piece;
    own.data = NULL;
    if (r->status == TSGD_OK)
        r->status = tsgd_hold(&c->holding, &own.data, tsgd_piece_bytes(piece), 1,
                              "copies for checkpoints", r->err);
    if (c->shot.piece)
        c->shot.piece[c->kept++] = own;
}

enum tsgd_status tsgd_checkpoint_reserve(struct checkpoint *c,
                                         void (*memory)(void *owner, tsgd_memory_fn *each,
                                                        void *user),
                                         void *owner, struct tsgd_error *err)
{
    struct reserving r = {c, TSGD_OK, err};
    if (!c->shot.rule)
        return TSGD_OK;
    memory(owner, count, &r);
    r.status = TSGD_HOLD(&c->holding, &c->shot.piece, c->shot.pieces, "copies for checkpoints",
                         err);
    if (r.status == TSGD_OK)
        memory(owner, reserve, &r);
    return r.status;
}

/* ---- for the planner ---- */

bool tsgd_checkpoint_may_stop(const struct checkpoint *c)
{
    /* Acquire, as in is_due, which asks the same after this has said yes. */
    return !c->started || !atomic_load_explicit(&c->busy, memory_order_acquire);
}

static bool asked(const struct checkpoint *c)
{
    const _Atomic bool *ask = c->s->c.checkpoints.ask;
    return atomic_load_explicit(&c->asked, memory_order_relaxed) ||
           (ask && atomic_load_explicit(ask, memory_order_relaxed));
}

bool tsgd_checkpoint_is_due(struct checkpoint *c, uint64_t t, bool ends)
{
    uint64_t every = c->s->c.checkpoints.every_rounds;
    if (!c->started || (t == c->s->first_round && !ends) || t == 0)
        return false;
    c->pending |= ends || (every && t % every == 0) || asked(c);
    /* Acquire, pairs with the writer's release of `busy`: it reads the copies no more (C3). Without
     * it the planner would change them while they are written.                                  */
    return c->pending && !atomic_load_explicit(&c->busy, memory_order_acquire);
}

bool tsgd_checkpoint_is_asked(const struct checkpoint *c) { return c->started && asked(c); }

bool tsgd_checkpoint_is_due_at_gate(struct checkpoint *c, uint64_t t, bool ends, bool asked)
{
    uint64_t every = c->s->c.checkpoints.every_rounds;
    if (!c->started)
        return false;
    c->pending |= ends || asked || (every && t / every > (t - GATE) / every);
    return c->pending;
}

void tsgd_checkpoint_open(struct checkpoint *c, uint64_t t)
{
    c->pending = false;
    c->kept = 0;
    c->opened++;
    c->shot.round = t;
    for (uint32_t q = 0; q < c->shot.populations; q++)
        c->reported[q] = c->evaluation->pop[q].opened;
    atomic_store_explicit(&c->asked, false, memory_order_relaxed);
    if (c->s->c.checkpoints.ask)
        atomic_store_explicit(c->s->c.checkpoints.ask, false, memory_order_relaxed);
    /* Relaxed, both: the plan that is published next carries them to the copiers, and their last
     * count to the writer.                                                                      */
    atomic_store_explicit(&c->left, c->s->tokens, memory_order_relaxed);
    atomic_store_explicit(&c->busy, true, memory_order_relaxed);
}

void tsgd_checkpoint_keep(void *checkpoint, const struct tsgd_piece *piece)
{
    struct checkpoint *c = checkpoint;
    memcpy(c->shot.piece[c->kept++].data, piece->data, tsgd_piece_bytes(piece));
}

void tsgd_checkpoint_place(struct checkpoint *c, const uint32_t *rank, const uint64_t *last)
{
    struct tsgd_snapshot *shot = &c->shot;
    uint32_t here = 0;
    memcpy(shot->at, rank, shot->tokens * sizeof *rank);
    if (c->shown)
        memcpy(c->shown, last, shot->tokens * sizeof *last);
    for (uint32_t a = 0; a < shot->tokens; a++)
        here += tsgd_snapshot_has_token(shot, a);
    atomic_store_explicit(&c->left, here, memory_order_relaxed);        /* as in open */
    if (here == 0)
        sem_post(&c->wake);
}

/* ---- for those who step ---- */

void tsgd_checkpoint_token(struct checkpoint *c, struct worker *w, uint32_t a, uint64_t t)
{
    const struct state *s = c->s;
    struct tsgd_snapshot *shot = &c->shot;
    size_t at = a * shot->stride, bytes = shot->dim * sizeof(float);
    tsgd_end_other(w);
    tsgd_begin(w, &tsgd_activity_copy, a, t, TSGD_TRACE_NONE);
    for (uint32_t i = 0; i < s->exchanged; i++)
        memcpy(shot->exchanged[i] + at, tsgd_state_row(s, t, i, a), bytes);
    for (uint32_t i = 0; i < s->own; i++)
        memcpy(shot->own[i] + at, tsgd_arena_own(&s->arena, i, a), bytes);
    shot->loss[a] = *tsgd_state_loss(s, t, a);
    if (c->first)
        c->first[a] = tsgd_state_head(s, t, a)->diverged;
    tsgd_end_other(w);
    tsgd_jitter(w, false);
    /* Acquire and release: the last one sees all copies, and shows them to the writer (C2). */
    if (atomic_fetch_sub_explicit(&c->left, 1, memory_order_acq_rel) == 1)
        sem_post(&c->wake);
}

/* Copies a node's row, unless this checkpoint has it; false: somebody is at it. */
static bool copy_node(struct checkpoint *c, uint32_t node, uint64_t opened)
{
    size_t at = node * c->shot.stride;
    /* Acquire, pairs with the release below: a writer that has the row reads it no more, and a
     * visitor that has it has ended its copy, before anybody writes the row.                    */
    uint64_t mark = atomic_load_explicit(&c->mark[node], memory_order_acquire);
    if (mark == 2 * opened)
        return true;
    if ((mark & 1) ||
        !atomic_compare_exchange_strong_explicit(&c->mark[node], &mark, mark + 1,
                                                 memory_order_acquire, memory_order_relaxed))
        return false;
    memcpy(c->shot.node + at, c->node_row + at, c->shot.dim * sizeof(float));
    atomic_store_explicit(&c->mark[node], 2 * opened, memory_order_release);
    return true;
}

bool tsgd_checkpoint_node(struct checkpoint *c, uint32_t node, uint64_t opened)
{
    if (!c->node_row || copy_node(c, node, opened))
        return true;
    sched_yield();                      /* the writer may have no CPU */
    return false;
}

/* ---- the writer ---- */

/* C4, for nodes that nobody has visited since. */
static void copy_nodes(struct checkpoint *c)
{
    for (uint32_t node = 0; c->node_row && node < c->shot.nodes; node++)
        while (tsgd_snapshot_has_node(&c->shot, node) && !copy_node(c, node, c->opened))
            sched_yield();              /* a visitor is at it, and ends without waiting */
}

/* C7 and C5. The tokens go on whatever the writer does; looking now and then is soon enough. */
static const struct timespec a_while = {.tv_nsec = 1000000};

static void await_visits(const struct checkpoint *c)
{
    for (uint32_t a = 0; c->shown && a < c->shot.tokens; a++)
        while (!tsgd_seq_reached(&c->s->arena.seq[a], c->shown[a]))
            nanosleep(&a_while, NULL);
}

static void await_reports(const struct checkpoint *c)
{
    for (uint32_t q = 0; q < c->shot.populations; q++)
        while (!tsgd_seq_reached(&c->evaluation->pop[q].evaluated, c->reported[q]))
            nanosleep(&a_while, NULL);
}

/* Whether the run went on from x^t; of populations that drop out alone, notes which had. */
static bool goes_on(struct checkpoint *c)
{
    const struct state *s = c->s;
    bool all = true;
    for (uint32_t q = 0; q < c->shot.populations; q++) {
        /* Relaxed, both: C2 and C5 have ordered what happened before x^t, and what happened later
         * is not looked at, but for a divergence, after which the file would be of no use.      */
        uint64_t key = s->is_spread ? c->shot.diverged[q] :
            atomic_load_explicit(&s->pop[q].diverged, memory_order_relaxed);
        uint64_t end = atomic_load_explicit(&s->pop[q].end_round, memory_order_relaxed);
        all &= end > c->shot.round && (s->c.independent || key == NEVER);
        c->shot.diverged[q] = key >> 32 < c->shot.round ? key : NEVER;
    }
    return all;
}

/* Requires C5. */
static void write_file(struct checkpoint *c)
{
    const struct tsgd_checkpoints *to = &c->s->c.checkpoints;
    c->shot.seconds = (double)tsgd_ns_since(c->s->start_ns) * 1e-9;
    if (goes_on(c)) {
        c->status = to->write(&c->shot, to->user, &c->err);
        c->written += c->status == TSGD_OK;
    }
}

/* ---- the writer, over ranks: C6 ---- */

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* What is known here of divergences: of steps here, and of tokens that are here. */
static void note_diverged(struct checkpoint *c)
{
    for (uint32_t q = 0; q < c->shot.populations; q++)  /* relaxed: as in goes_on */
        c->shot.diverged[q] = atomic_load_explicit(&c->s->pop[q].diverged, memory_order_relaxed);
    for (uint32_t a = 0; a < c->shot.tokens; a++) {
        uint64_t *of = &c->shot.diverged[c->s->pop_of[a]];
        if (tsgd_snapshot_has_token(&c->shot, a))
            *of = least(*of, c->first[a]);
    }
}

/* How much comes from each rank: what diverged, its tokens' rows and losses, its nodes' rows. */
static void count_bytes(struct checkpoint *c)
{
    const struct state *s = c->s;
    const struct tsgd_snapshot *shot = &c->shot;
    uint64_t row = shot->dim * sizeof(float);
    for (uint32_t r = 0; r < shot->ranks.ranks; r++)
        c->come[r] = shot->populations * sizeof *shot->diverged;
    for (uint32_t a = 0; a < shot->tokens; a++)
        c->come[shot->at[a]] += (s->exchanged + s->own) * row + sizeof *shot->loss;
    for (uint32_t node = 0; shot->node && node < shot->nodes; node++)
        c->come[tsgd_rank_of(&shot->ranks, node)] += row;
}

/* What is here has been written, or sent; the next checkpoint may be of other tokens. */
static void give_back(const struct checkpoint *c)
{
    const struct tsgd_snapshot *shot = &c->shot;
    size_t bytes = shot->tokens * shot->stride * sizeof(float);
    for (uint32_t i = 0; i < c->s->exchanged; i++)
        tsgd_map_clear(shot->exchanged[i], bytes);
    for (uint32_t i = 0; i < c->s->own; i++)
        tsgd_map_clear(shot->own[i], bytes);
}

/* When rank 0 writes nothing, or could not, it lets all that comes pass. */
static void write_spread(struct checkpoint *c)
{
    const struct tsgd_checkpoints *to = &c->s->c.checkpoints;
    struct tsgd_snapshot *shot = &c->shot;
    size_t bytes = shot->populations * sizeof *shot->diverged;
    count_bytes(c);
    tsgd_stream_begin(&c->stream, c->come);
    if (shot->ranks.rank > 0) {
        note_diverged(c);
        tsgd_stream_put(&c->stream, shot->diverged, bytes);
        c->status = to->write(shot, to->user, &c->err);
    } else {
        await_reports(c);
        note_diverged(c);
        for (uint32_t r = 1; r < shot->ranks.ranks; r++)
            for (uint32_t q = 0; q < shot->populations; q++) {
                uint64_t theirs;
                tsgd_stream_take_all(&c->stream, r, &theirs, sizeof theirs);
                shot->diverged[q] = least(shot->diverged[q], theirs);
            }
        write_file(c);
    }
    tsgd_stream_end(&c->stream);
    give_back(c);
}

static void write_out(struct checkpoint *c)
{
    await_visits(c);
    copy_nodes(c);
    if (c->s->is_spread) {
        write_spread(c);
    } else {
        await_reports(c);
        write_file(c);
    }
    /* Release, pairs with the planner's acquire (C3). */
    atomic_store_explicit(&c->busy, false, memory_order_release);
}

/* Waits for a post; false: until this time (tsgd_now_ns) there was none. */
static bool await_post(struct checkpoint *c, uint64_t until)
{
    struct timespec when = {.tv_sec = (time_t)(until / 1000000000),
                            .tv_nsec = (long)(until % 1000000000)};
    int bad;
    do
        bad = until == NEVER ? sem_wait(&c->wake) :
                               sem_clockwait(&c->wake, CLOCK_MONOTONIC, &when);
    while (bad && errno == EINTR);
    return !bad;
}

static void *run_writer(void *checkpoint)
{
    struct checkpoint *c = checkpoint;
    uint64_t every = c->s->c.checkpoints.every_ns, next = NEVER;
    bool over;
    await_post(c, NEVER);               /* the training begins, or will not */
    do {
        if (every)
            next = tsgd_now_ns() + every;
        while (!await_post(c, next)) {
            atomic_store_explicit(&c->asked, true, memory_order_relaxed);
            next = NEVER;               /* once; the next time counts from when it is written */
        }
        over = atomic_load_explicit(&c->over, memory_order_acquire);
        /* Acquire: the semaphore has ordered the copies; this only tells its posts apart. */
        if (atomic_load_explicit(&c->busy, memory_order_acquire) &&
            atomic_load_explicit(&c->left, memory_order_acquire) == 0)
            write_out(c);
    } while (!over);
    return NULL;
}

enum tsgd_status tsgd_checkpoint_start(struct checkpoint *c, struct tsgd_error *err)
{
    if (!c->s->c.checkpoints.write || c->started)
        return TSGD_OK;
    if (tsgd_thread_start(&c->thread, NULL, run_writer, c) != 0)
        return tsgd_fail(err, TSGD_ENOMEM, "--checkpoint: the thread that writes cannot be "
                         "started");
    c->started = true;
    return TSGD_OK;
}

void tsgd_checkpoint_begin(struct checkpoint *c)
{
    if (c->started)
        sem_post(&c->wake);
}

/* Two posts: one of them ends the wait for the beginning where there was none. */
void tsgd_checkpoint_end(struct checkpoint *c)
{
    if (!c->started)
        return;
    atomic_store_explicit(&c->over, true, memory_order_release);
    sem_post(&c->wake);
    sem_post(&c->wake);
    pthread_join(c->thread, NULL);
    c->started = false;
}
