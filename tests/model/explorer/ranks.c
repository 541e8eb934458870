/* tests/model/explorer/ranks.c: what tokens that are spread over ranks add: engine/spread.c and
 * mail.c, and their part of planner.c, tokens.c and evaluation.c. The network is a transport that
 * does what it is told to in a look, and nothing else.                                          */
#include "explorer.h"
#include "quiet.h"

#include "engine/checkpoint.h"
#include "engine/evaluation.h"
#include "engine/tokens.h"

static void reads_plan(void);
#define tsgd_checkpoint_token(c, w, a, t) reads_plan()
#include "engine/spread.c"
#include "engine/mail.c"
#include "engine/planner.c"
#include "engine/rule.c"
#include "engine/tokens.c"

static struct state s;
static struct planner planner;
static struct evaluation e;
static struct evaluated_pop measured;
static struct checkpoint c;
static struct mail m;
static struct tokens k;
static struct pop pop;
static struct places places[1];
static struct tsgd_seq word;
static struct worker worker[4];
static uint64_t queue[2], sent[1], hash[WINDOW + 1], seen[2], ghost[1], before[1];
static uint32_t rank_of[WINDOW + 1], node[1], pop_of[1], uses[1], holder[1], from[1];
static uint8_t way[1], missing[1];
static bool sums[1];
static struct tsgd_csr csr;
static struct tsgd_mixing mixing = {.period = 1, .w = &csr};
static float row[2][32], own[16], ref[2], mean[2], window[WINDOW * 32];
static double sum[2];
static struct tsgd_measure part[2], measures[2];
static char thing[3], plan, end_of_run, told;

/* What the network does in a thread's look, and the label that this look then tells. */
static uint64_t label[MOST_THREADS];
static void (*does[MOST_THREADS])(void);

static size_t looks(struct tsgd_transport *t, uint64_t *out, size_t most)
{
    int me = explorer_self();
    (void)t, (void)most;
    if (does[me])
        does[me]();
    *out = label[me];
    return label[me] != 0;
}

static void posts_send(struct tsgd_transport *t, uint32_t to, enum tsgd_channel channel,
                       uint32_t tag, const void *data, size_t bytes, uint64_t of)
{
    (void)t, (void)to, (void)channel, (void)tag, (void)bytes, (void)of;
    explorer_read(data, "what is sent is being written");
}

static void posts_receive(struct tsgd_transport *t, uint32_t from, enum tsgd_channel channel,
                          uint32_t tag, void *data, size_t bytes, uint64_t of)
{
    (void)t, (void)from, (void)channel, (void)tag, (void)bytes, (void)of;
    explorer_write(data, "a receive is posted into a buffer in use");
}

static const struct tsgd_transport_ops ops = {.send = posts_send, .receive = posts_receive,
                                              .look = looks};
static struct tsgd_transport transport = {.ops = &ops, .ranks = 2};

static void evaluate(const struct tsgd_problem *p, uint32_t block, const float *x, void *scratch,
                     struct tsgd_measure *out)
{
    (void)p, (void)block, (void)scratch, (void)out;
    explorer_read(x, "a block measures a mean that has yet to come");
}

static const struct tsgd_problem_ops problem_ops = {.evaluate = evaluate};
static const struct tsgd_problem problem = {.ops = &problem_ops, .dim = 1, .eval_blocks = 2};

static void reads_plan(void) { explorer_read(&plan, "a plan is made anew while it is read"); }

/* Rank 1 of 2. One token, on rank 1; no evaluation is open. */
static void begin(void)
{
    pop = (struct pop){.c = {.k = 1, .mixing = &mixing}};
    s = (struct state){.pop = &pop, .tokens = 1, .exchanged = 1, .own = 1, .is_spread = true,
                       .pop_of = pop_of,
                       .c = {.problem = &problem, .n_populations = 1,
                             .ranks = {.rank = 1, .ranks = 2, .nodes = 2}}};
    s.spread = (struct spread){.ranks = s.c.ranks, .transport = &transport, .places = places,
                               .queue = queue, .mask = 1};
    s.arena = (struct tsgd_arena){.seq = &word, .row = row[0] + 16, .own = own, .tokens = 1,
                                  .dim = 1, .stride = 16, .places = 2, .exchanged = 1, .head = 16,
                                  .place_step = 32};
    measured = (struct evaluated_pop){.blocks = 2, .part = part, .hash = hash};
    measured.gathered.measures = measures;
    measured.gathered.sent = sent;
    measured.gathered.row = window;
    for (int i = 0; i < RECORDS; i++) {
        measured.record[i].rank = rank_of;
        atomic_init(&measured.record[i].round, 0);
    }
    for (int i = 0; i < 2; i++) {
        measured.ref[i] = &ref[i];
        measured.mean[i] = &mean[i];
        measured.sum[i] = &sum[i];
        atomic_init(&measured.gathered.mean_came[i], 0);
        atomic_init(&measured.gathered.leaving[i], 0);
        atomic_init(&queue[i], 0);
        atomic_init(&places[0].uses[i], 0);
        atomic_init(&places[0].gone_ns[i], 0);
    }
    e = (struct evaluation){.s = &s, .pop = &measured};
    c = (struct checkpoint){.s = &s};
    planner = (struct planner){.s = &s, .evaluation = &e, .checkpoint = &c};
    planner.slot[0] = (struct slot){.node = node, .sums = sums, .uses = uses, .way = way,
                                    .rank = holder, .copies = true};
    m = (struct mail){.s = &s, .planner = &planner, .evaluation = &e, .missing = missing,
                      .seen = seen, .from = from};
    k = (struct tokens){.s = &s, .planner = &planner};
    atomic_init(&rank_of[0], 1);
    atomic_init(&sent[0], 0);
    atomic_init(&from[0], 0);
    atomic_init(&word.word, 0);
    atomic_init(&measured.gathered.came[0], 0);
    for (int i = 0; i < MOST_THREADS; i++) {
        label[i] = 0;
        does[i] = NULL;
    }
    node[0] = NOBODY;
    uses[0] = 1;
    way[0] = WAY_STAYS;
    atomic_init(&measured.evals, 0);
    atomic_init(&measured.evaluated.word, 0);
    atomic_init(&measured.folded.word, 0);
    atomic_init(&measured.next_block, 0);
    atomic_init(&measured.blocks_done, 0);
    atomic_init(&measured.gathered.taken, 0);
    atomic_init(&measured.gathered.concluded, 0);
    atomic_init(&pop.diverged, NEVER);
    atomic_init(&pop.end_round, NEVER);
    atomic_init(&pop.ends, NEVER);
    atomic_init(&s.left, 0);
    atomic_init(&s.sleep.epoch, 0);
    atomic_init(&s.spread.tail, 0);
    atomic_init(&s.spread.unfinished, 1);
    atomic_init(&s.spread.gates, 0);
    atomic_init(&m.looking, false);
    atomic_init(&missing[0], 0);
    atomic_init(&places[0].own_leaves, 0);
    atomic_init(&planner.planned.word, 2 * SLOTS);
    atomic_init(&planner.slot[0].pending, 1);
    atomic_init(&c.stream.waiting, 0);
    atomic_init(&told, 0);
}

/* Nothing is traced. */
void tsgd_track_lose(struct tsgd_track *t, const struct tsgd_trace_event *event)
{
    (void)t, (void)event;
}

static void looks_once(void) { tsgd_mail_look(&m, &worker[explorer_self()]); }

/* ---- the queue ---- */

static int queued, taken;

static void begin_queue(void)
{
    begin();
    queued = taken = 0;
}

static void queues(int i)
{
    explorer_write(&thing[i], "what an errand is about is being written");
    tsgd_spread_queue(&s.spread, (uint64_t)i + 1);
    queued++;
}

/* Its second errand follows when the first has been taken, as those of a token do. */
static void queues_two(void)
{
    queues(0);
    if (explorer_load(&told, (struct explorer_site){.order = memory_order_acquire}))
        queues(2);
}

static void queues_one(void) { queues(1); }

static void takes(void)
{
    for (int i = 0; i < 3; i++) {
        uint64_t errand = tsgd_spread_take(&s.spread);
        if (!errand)
            return;
        taken++;
        explorer_read(&thing[errand - 1], "what an errand is about is being written");
        if (errand == 1)
            explorer_store(&told, 1, (struct explorer_site){.order = memory_order_release});
    }
}

static bool none_is_lost(void)
{
    return taken + (explorer_last(&queue[0]) != 0) + (explorer_last(&queue[1]) != 0) == queued;
}

/* ---- the look ---- */

static void network(void) { explorer_write(&thing[0], "two look at the network at once"); }

static void begin_looks(void)
{
    begin();
    does[0] = does[1] = network;
}

/* ---- uses: of a place, of a plan's slot, of the whole run ---- */

static void ends_its_use(void)
{
    explorer_read(row[0], "a place is written while it is read");
    explorer_read(&plan, "a plan is made anew while it is read");
    explorer_read(&end_of_run, "the run is over while somebody is at work");
    tsgd_use_over(&s.spread, 0, 0, 1, &planner.slot[0].pending);
}

static void writes_place(void)
{
    if (tsgd_place_is_free(&s.spread, 0, 0))
        explorer_write(row[0], "a place is written while it is read");
}

static void makes_plan(void)
{
    uint64_t t;
    if (tsgd_plan_next_ready(&planner, &t))
        explorer_write(&plan, "a plan is made anew while it is read");
}

static void sees_the_end(void)
{
    if (tsgd_state_over(&s))
        explorer_write(&end_of_run, "the run is over while somebody is at work");
}

static void begin_use(void)
{
    begin();
    atomic_init(&places[0].uses[0], 1);
    atomic_init(&s.spread.gates, SLOTS / GATE);
}

static void retires_here(void) { tsgd_step_run(&k, &worker[explorer_self()], 0, 0); }

static void begin_retires(void)
{
    begin_use();
    atomic_init(&s.left, 2);
}

static void ends_message(void)
{
    explorer_read(&end_of_run, "the run is over while somebody is at work");
    tsgd_spread_end(&s.spread);
}

/* ---- a half-step comes, in two messages ---- */

static void brings_row(void) { explorer_write(row[0], "a half-step is shown before it is here"); }
static void brings_own(void) { explorer_write(own, "a half-step is shown before it is here"); }

static void begin_comes(void)
{
    begin();
    label[0] = label[1] = tsgd_errand(ERRAND_GHOST, 0, 0);
    does[0] = brings_row;
    does[1] = brings_own;
    atomic_init(&missing[0], 2);
    atomic_init(&planner.planned.word, 2 * 2);
}

static void mixes_with_it(void)
{
    if (!tsgd_seq_reached(&word, 1))
        return;
    explorer_read(row[0], "a half-step is shown before it is here");
    explorer_read(own, "a half-step is shown before it is here");
}

/* M5: own rows have left, others are received where they stood. */
static void frees_own(void) { explorer_read(own, "a receive is posted into a buffer in use"); }

static void begin_own(void)
{
    begin();
    label[0] = tsgd_errand(ERRAND_OWN, 0, 0);
    does[0] = frees_own;
    m.ghost = ghost;
    m.ghosts = 1;
    ghost[0] = tsgd_errand(ERRAND_GHOST, 0, 0);
    planner.slot[0].before = before;
    way[0] = WAY_STAYS | WAY_MOVES | WAY_COMES;
    atomic_init(&places[0].own_leaves, 1);
    atomic_init(&places[0].uses[0], 0);
    atomic_init(&planner.planned.word, 2 * 2);
}

/* ---- a gate ---- */

static void decides(void) { explorer_write(s.spread.said, "a gate is read before it is decided"); }

static void begin_gate(void)
{
    begin();
    label[0] = tsgd_errand(ERRAND_GATE, 0, 0);
    does[0] = decides;
    atomic_init(&planner.planned.word, 2 * GATE);
}

static void plans_by_it(void)
{
    uint64_t t;
    if (tsgd_plan_next_ready(&planner, &t))
        explorer_read(s.spread.said, "a gate is read before it is decided");
}

/* ---- rank 0: rows come, are folded, and their buffers used again ---- */

/* So many tokens on rank 1 that the last one's row has to wait for a buffer. */
enum { TOKENS = WINDOW + 1 };

static void brings_window(void)
{
    explorer_write(window + 16, "a row is folded before it is here");
}

static void begin_gathers(void)
{
    begin();
    s.c.ranks.rank = s.spread.ranks.rank = 0;
    label[0] = tsgd_errand(ERRAND_FOLD, 0, 0);
    does[0] = brings_window;
    measured.gathered.posted = measured.gathered.at = WINDOW;
    measured.gathered.verdicts = 1;
    pop.c.k = TOKENS;
    atomic_init(&rank_of[1], 1);
    atomic_init(&rank_of[WINDOW], 1);
    atomic_init(&measured.gathered.came[1], 0);
    atomic_init(&measured.evals, 1);
}

static void folds_it(void)
{
    uint64_t w = tsgd_seq_load(&measured.folded), folded = tsgd_seq_phase(w);
    if (!tsgd_seq_busy(w) && tsgd_fold_ready(&e, 0, folded) &&
        tsgd_seq_claim(&measured.folded, folded))
        tsgd_fold_run(&e, &worker[explorer_self()], 0, folded);
}

static void begin_gathered(void)
{
    begin_gathers();
    label[0] = 0;
    does[0] = NULL;
    atomic_init(&measured.gathered.came[0], 1);
}

/* A receive into its buffer begins at the head, the fold reads behind it. */
static void folds_and_tells(void)
{
    explorer_read(window, "a receive is posted into a buffer in use");
    folds_it();
}

/* ---- the other ranks: rows are sent, means come, evaluations end ---- */

static void begin_sends(void)
{
    begin();
    label[0] = tsgd_errand(ERRAND_FOLD, 0, 0);
    does[0] = NULL;
    atomic_init(&measured.evals, 1);
    measured.gathered.means = 1;
}

static void sends_row(void) { explorer_read(row[0], "a token steps while its row is sent"); }

static void begin_sends_row(void)
{
    begin_sends();
    does[0] = sends_row;
}

static void steps_away(void)
{
    if (tsgd_evaluation_has_passed(&e, 0, 0, 0, NULL))
        explorer_write(row[0], "a token steps while its row is sent");
}

static void sends_mean(void) { explorer_read(&mean[0], "a mean is written while it is sent"); }

/* Rank 0 has sent the mean of evaluation 0, whose buffer evaluation 2 is next to fill. */
static void begin_leaves(void)
{
    begin_gathers();
    does[0] = sends_mean;
    label[0] = tsgd_errand(ERRAND_MEAN, 0, 0);
    measured.gathered.verdicts = 3;
    pop.c.k = 1;
    atomic_init(&rank_of[0], 0);
    atomic_init(&measured.evals, 3);
    atomic_init(&measured.evaluated.word, 2 * 2);
    atomic_init(&measured.folded.word, 2 * 2);
    atomic_init(&measured.gathered.leaving[0], 1);
}

static void fills_mean(void)
{
    if (tsgd_fold_ready(&e, 0, 2))
        explorer_write(&mean[0], "a mean is written while it is sent");
}

static void brings_mean(void)
{
    explorer_write(&mean[0], "a block measures a mean that has yet to come");
}

static void begin_measures(void)
{
    begin_sends();
    label[0] = tsgd_errand(ERRAND_MEAN, 0, 0);
    does[0] = brings_mean;
    atomic_init(&measured.folded.word, 2 * 1);
}

static void measures_block(void)
{
    uint64_t block = 1;                 /* this rank's */
    if (tsgd_block_ready(&e, 0, block))
        tsgd_block_run(&e, &worker[explorer_self()], 0, block);
}

static void sends_measures_off(void)
{
    explorer_read(&thing[0], "measures are written while they are sent");
}

static void brings_verdict(void)
{
    explorer_write(&thing[1], "an evaluation ends before its verdict is here");
}

static void begin_concludes(void)
{
    begin_sends();
    s.c.awaits_verdict = true;
    measured.gathered.verdicts = 1;
    label[0] = tsgd_errand(ERRAND_MEASURES, 0, 0);
    label[1] = tsgd_errand(ERRAND_VERDICT, 0, 0);
    does[0] = sends_measures_off;
    does[1] = brings_verdict;
    atomic_init(&s.left, 2);
    atomic_init(&s.spread.unfinished, 2);
}

static void goes_by_the_verdict(void)
{
    if (!tsgd_seq_reached(&measured.evaluated, 1))
        return;
    explorer_write(&thing[0], "measures are written while they are sent");
    explorer_read(&thing[1], "an evaluation ends before its verdict is here");
}

/* A record is filled in before the look posts receives for it. */
static void opens(void)
{
    explorer_write(&measured.record[0].verdict, "a receive is posted into a buffer in use");
    measured.opened = 1;
    tsgd_evaluation_publish(&e, 0, (const uint32_t[1]){1}, 0);
}

static void begin_opens(void)
{
    begin();
    s.c.awaits_verdict = true;
}

const struct program programs_of_ranks[] = {
    {"two queue errands, the look takes them", begin_queue, {queues_two, queues_one, takes},
     none_is_lost},
    {"two look", begin_looks, {looks_once, looks_once}, NULL},
    {"uses end, a place and a plan are written anew", begin_use,
     {ends_its_use, writes_place, makes_plan, sees_the_end}, NULL},
    {"a token retires, its plan is made anew", begin_retires, {retires_here, makes_plan}, NULL},
    {"a message ends, and with it the run", begin, {ends_message, sees_the_end}, NULL},
    {"a half-step comes in two messages, to two who look", begin_comes,
     {looks_once, looks_once, mixes_with_it}, NULL},
    {"own rows leave, others are received", begin_own, {looks_once, looks_once}, NULL},
    {"a gate is decided", begin_gate, {looks_once, plans_by_it}, NULL},
    {"a row comes and is folded", begin_gathers, {looks_once, folds_it}, NULL},
    {"a row is folded, and its buffer used again", begin_gathered, {folds_and_tells, looks_once},
     NULL},
    {"a mean has left, and the next but one is folded", begin_leaves, {looks_once, fills_mean},
     NULL},
    {"a row is sent to be folded, its token steps", begin_sends_row, {looks_once, steps_away},
     NULL},
    {"a mean comes and is measured", begin_measures, {looks_once, measures_block}, NULL},
    {"measures leave, a verdict comes, an evaluation ends", begin_concludes,
     {looks_once, looks_once, goes_by_the_verdict}, NULL},
    {"an evaluation is opened, the look posts for it", begin_opens, {opens, looks_once}, NULL},
    {0},
};
