/* tests/model/explorer/teams.c: engine/teams.c, a token whose step has two parts and two ranges. */
#include "explorer.h"
#include "quiet.h"

#include "linalg/vec.h"

/* Rows and gradients are only told of. */
static void reads_part(const float *part);
#define tsgd_weigh(kernels, sum, part, n, weight, more) reads_part(part)
#include "engine/visit.c"
#include "engine/teams.c"

static struct state s;
static struct planner planner;
static struct visits visits;
static struct teams m;
static struct team team;
static struct pop pop;
static struct tsgd_seq word;
static struct tsgd_tally tally;
static struct worker worker[3];
static uint32_t node;
static float row[2 * RANGE], grad[4 * RANGE];
static double loss[2];

static uint32_t batch_count(const struct tsgd_problem *p, uint32_t n, uint64_t b)
{
    (void)p, (void)n, (void)b;
    return 1;
}

static uint32_t part_count(const struct tsgd_problem *p, uint32_t n, uint64_t b, uint32_t part)
{
    (void)part;
    return batch_count(p, n, b);
}

static double part_gradient(const struct tsgd_problem *p, uint32_t n, uint64_t b, uint32_t part,
                            const float *x, float *out, void *scratch)
{
    (void)p, (void)n, (void)b, (void)part, (void)scratch;
    explorer_read(&team.visit, "a part is of another visit");
    explorer_read(x, "a part reads a row that is being written");
    explorer_read(x + RANGE, "a part reads a row that is being written");
    explorer_write(out, "two workers compute a part");
    return 0;
}

static void reads_part(const float *part)
{
    explorer_read(grad + (part - grad) / (2 * RANGE) * (2 * RANGE),
                  "an update reads a part that is being computed");
}

static void rule_step(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *g, size_t dim,
                      const struct tsgd_step *step)
{
    (void)r, (void)g, (void)dim, (void)step;
    explorer_read(&team.visit, "an update is of another visit");
    explorer_write(rows->exchanged[0], "a row is updated while it is in use");
}

static const struct tsgd_problem_ops ops = {
    .batch_count = batch_count, .part_count = part_count, .part_gradient = part_gradient,
};
static const struct tsgd_problem problem = {.ops = &ops, .dim = 2 * RANGE, .nodes = 1, .parts = 2};

static void begin(void)
{
    uint32_t *nodes = &node;
    pop = (struct pop){.c = {.k = 1}};
    s = (struct state){.pop = &pop, .tokens = 1, .exchanged = 1,
                       .c = {.problem = &problem, .rule = {.step = rule_step}}};
    s.pop_of = &node;
    s.arena = (struct tsgd_arena){.seq = &word, .row = row, .tally = &tally, .tokens = 1,
                                  .dim = 2 * RANGE, .stride = 2 * RANGE, .places = 1,
                                  .exchanged = 1};
    planner = (struct planner){.s = &s};
    planner.slot[0].node = nodes;
    visits = (struct visits){.s = &s, .planner = &planner};
    team = (struct team){.grad = grad, .loss = loss};
    m = (struct teams){.s = &s, .visits = &visits, .team = &team};
    atomic_init(&word.word, 0);
    atomic_init(&team.word, 2);
    atomic_init(&team.done, 0);
    atomic_init(&s.sleep.sleepers, 0);
    atomic_init(&s.sleep.waking, 0);
}

static void begins_visit(void)
{
    struct visit v = {.step = {.count = 1}, .rows = {.exchanged = {row}}};
    if (!tsgd_seq_claim(&word, 0))
        return;
    explorer_write(&team.visit, "a visit begins while the one before is under way");
    explorer_write(&row[0], "the row is in use");       /* the mix that has come before */
    explorer_write(&row[RANGE], "the row is in use");
    tsgd_team_begin(&m, &worker[0], 0, &v);
}

static void looks_for_a_part(void)
{
    uint64_t w;
    if (tsgd_part_ready(&m, 0, &w) && tsgd_part_claim(&m, 0, w))
        tsgd_part_run(&m, &worker[explorer_self()], 0, w);
}

static void neighbour(void)
{
    if (!tsgd_seq_reached(&word, 1))
        return;
    explorer_read(&row[0], "a neighbour reads half of a half-step");
    explorer_read(&row[RANGE], "a neighbour reads half of a half-step");
}

static void looks_and_reads(void)
{
    looks_for_a_part();
    neighbour();
}

const struct program programs_of_teams[] = {
    {"two workers share a step, one of them goes on to read", begin,
     {begins_visit, looks_and_reads}, NULL},
    {"two workers share a step, a neighbour reads", begin,
     {begins_visit, looks_for_a_part, neighbour}, NULL},
    {0},
};
