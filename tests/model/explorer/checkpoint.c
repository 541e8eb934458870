/* tests/model/explorer/checkpoint.c: engine/checkpoint.c, two tokens and one node's row. */
#include "explorer.h"
#include "quiet.h"

#include "base/mem.h"

#include <sched.h>
#include <semaphore.h>
#include <string.h>

/* Rows and pieces are only told of; a semaphore orders, as POSIX says. */
static void copies(void *to, const void *from);
static int posts(void);
#define memcpy(to, from, n) copies(to, from)
#define sem_post(which) posts()
#define tsgd_map_clear(map, bytes) ((void)(map))
#include "engine/checkpoint.c"
#undef memcpy
#undef sem_post

static struct state s;
static struct evaluation e;
static struct evaluated_pop measured;
static struct checkpoint c;
static struct pop pop;
static struct tsgd_seq word;
static struct tsgd_tally tally[2];
static struct worker worker[3];
static float row[2][16], copy[2][16], node_row, node_copy;
static double loss[2];
static uint64_t reported[1], diverged[1], mark[1], visits, kept;
static struct tsgd_piece piece;
static char posted;

static void copies(void *to, const void *from)
{
    explorer_read(from, "a row is written while it is copied");
    explorer_write(to, "a copy is changed while it is in use");
}

static int posts(void)
{
    explorer_add(&posted, 1, (struct explorer_site){.order = memory_order_acq_rel});
    return 0;
}

static bool has_post(void)
{
    return explorer_load(&posted, (struct explorer_site){.order = memory_order_acquire});
}

static enum tsgd_status writes(const struct tsgd_snapshot *shot, void *user,
                               struct tsgd_error *err)
{
    (void)user, (void)err;
    for (uint32_t a = 0; a < shot->tokens; a++)
        explorer_read(copy[a], "a file is written of copies that are being made");
    explorer_read(&kept, "a file is written of copies that are being made");
    if (shot->node)
        explorer_read(&node_copy, "a file is written of copies that are being made");
    return TSGD_OK;
}

static void begin(void)
{
    pop = (struct pop){.c = {.k = 2}};
    s = (struct state){.pop = &pop, .tokens = 2, .exchanged = 1,
                       .c = {.checkpoints = {.write = writes, .every_rounds = 1}}};
    s.pop_of = (uint32_t[2]){0, 0};
    s.arena = (struct tsgd_arena){.row = row[0], .tally = tally, .tokens = 2, .dim = 1,
                                  .stride = 16, .places = 2, .exchanged = 1,
                                  .token_step = 16};
    measured = (struct evaluated_pop){.blocks = 1};
    e = (struct evaluation){.s = &s, .pop = &measured};
    piece = (struct tsgd_piece){.type = TSGD_PIECE_U64, .data = &kept, .count = 1};
    c = (struct checkpoint){.s = &s, .evaluation = &e, .reported = reported, .started = true,
                            .opened = 1};
    c.shot = (struct tsgd_snapshot){.tokens = 2, .populations = 1, .dim = 1, .stride = 16,
                                    .loss = loss, .diverged = diverged, .piece = &piece,
                                    .exchanged = {copy[0]}};
    atomic_init(&measured.evals, 0);
    atomic_init(&measured.evaluated.word, 0);
    atomic_init(&pop.diverged, NEVER);
    atomic_init(&pop.end_round, NEVER);
    atomic_init(&c.asked, false);
    atomic_init(&c.left, 2);
    atomic_init(&c.busy, true);
    atomic_init(&posted, 0);
    atomic_init(&word.word, 0);
}

/* C2: two workers copy, the writer is posted by the last. */
static void copies_own(void)
{
    int me = explorer_self();
    tsgd_checkpoint_token(&c, &worker[me], (uint32_t)me, 1);
}

static void writes_when_posted(void)
{
    if (has_post())
        write_out(&c);
}

/* C3: the writer has done with the copies before the planner opens the next checkpoint. */
static void begin_copied(void)
{
    begin();
    atomic_init(&c.left, 0);
}

static void writes_now(void) { write_out(&c); }

static void opens_next(void)
{
    static const struct tsgd_piece planned = {.type = TSGD_PIECE_U64, .data = &visits, .count = 1};
    if (!tsgd_checkpoint_may_stop(&c) || !tsgd_checkpoint_is_due(&c, 2, false))
        return;
    tsgd_checkpoint_open(&c, 2);
    tsgd_checkpoint_keep(&c, &planned);
    tsgd_checkpoint_token(&c, &worker[explorer_self()], 0, 2);
}

/* The same, of a planner that no user has asked to stop. */
static void opens_next_unasked(void)
{
    if (!tsgd_checkpoint_is_due(&c, 2, false))
        return;
    tsgd_checkpoint_open(&c, 2);
    tsgd_checkpoint_token(&c, &worker[explorer_self()], 0, 2);
}

/* C4: a node's row is copied by one, before anybody writes it. */
static void begin_nodes(void)
{
    begin_copied();
    c.node_row = &node_row;
    c.mark = mark;
    c.shot.nodes = 1;
    c.shot.node = &node_copy;
    atomic_init(&mark[0], 0);
}

static void visits_node(void)
{
    if (!tsgd_checkpoint_node(&c, 0, 1))
        return;
    explorer_write(&node_row, "a node's row is written while it is copied");
    tsgd_seq_finish(&word, 1);
}

static void visits_node_next(void)
{
    if (!tsgd_seq_reached(&word, 1) || !tsgd_checkpoint_node(&c, 0, 1))         /* R4 */
        return;
    explorer_write(&node_row, "a node's row is written while it is copied");
}

static void copies_node(void)
{
    if (copy_node(&c, 0, 1))
        explorer_read(&node_copy, "a file is written of a node's row that is being copied");
}

const struct program programs_of_checkpoint[] = {
    {"two workers copy, the writer writes", begin, {copies_own, copies_own, writes_when_posted},
     NULL},
    {"the writer ends, the planner opens the next one", begin_copied, {writes_now, opens_next},
     NULL},
    {"the same without a stop", begin_copied, {writes_now, opens_next_unasked}, NULL},
    {"visitors and the writer copy a node's row", begin_nodes,
     {visits_node, visits_node_next, copies_node}, NULL},
    {0},
};
