/* Turns on a core that a worker shares (engine/turn.h): what it learns on one that is simulated. A
 * system's clock ticks every few milliseconds; then, and when one leaves, the core goes to the
 * other of two threads if that has had less of it. Who leaves though it has had less itself loses
 * some of the rest, as with Linux 6.18. The worker's clock counts two for each ns.              */
#include "engine/turn.h"

#include <criterion/criterion.h>

enum { US = 1000, MS = 1000 * US };

struct core {
    uint64_t now, tick;         /* ns */
    uint64_t mine, others;      /* CPU time of the worker and of the other thread */
    uint64_t lost;              /* what the worker gave up by leaving */
    bool shared;
    struct turn turn;
    uint64_t cuts, leaves;
    uint64_t random;
};

static uint64_t next_tick(const struct core *c) { return c->now / c->tick * c->tick + c->tick; }

static bool had_more(const struct core *c) { return c->mine + c->lost > c->others; }

/* The other one has the core, at least so long, until a tick finds that it has had its share. */
static void give_away(struct core *c, uint64_t least)
{
    uint64_t since = c->now;
    do {
        uint64_t at = next_tick(c);
        c->others += at - c->now;
        c->now = at;
    } while (had_more(c) || c->now - since < least);
}

/* The worker needs the core for so long. */
static void compute(struct core *c, uint64_t ns)
{
    while (ns > 0) {
        uint64_t at = next_tick(c), runs = at - c->now < ns ? at - c->now : ns;
        c->now += runs;
        c->mine += runs;
        ns -= runs;
        if (c->now == at && c->shared && had_more(c))
            give_away(c, 0);
    }
}

static struct tsgd_clocks clocks(const struct core *c)
{
    return (struct tsgd_clocks){.ticks = 2 * c->now, .ns = c->now, .cpu_ns = c->mine};
}

/* As a worker runs a task; stay: where all share their cores. */
static void task(struct core *c, uint64_t ns, bool stay)
{
    uint64_t begin = 2 * c->now, others = c->others;
    compute(c, ns);
    c->cuts += c->others > others;
    uint64_t end = 2 * c->now;
    if (!tsgd_turn_asks(&c->turn, begin, end))
        return;
    if (tsgd_turn_is_long(&c->turn, begin, end) || end >= c->turn.read_at) {
        struct tsgd_clocks now = clocks(c);
        tsgd_turn_read(&c->turn, begin, end, &now);
    }
    if (end < c->turn.leave_at)
        return;
    if (stay) {
        tsgd_turn_stay(&c->turn, end);
        return;
    }
    c->leaves++;
    uint64_t since = c->now;
    c->lost += had_more(c) ? 0 : MS;
    if (c->shared && had_more(c))
        give_away(c, MS);
    else
        c->now += US;
    struct tsgd_clocks now = clocks(c);
    tsgd_turn_left(&c->turn, 2 * since, &now);
}

static struct core core(uint64_t tick, bool shared)
{
    struct core c = {.now = 7 * MS, .tick = tick, .shared = shared};
    struct tsgd_clocks now = clocks(&c);
    tsgd_turn_init(&c.turn, &now);
    return c;
}

/* Steps, which take up to a tenth more or less, and mixes between them. */
static void work(struct core *c, uint64_t step, uint64_t ms, bool stay)
{
    for (uint64_t end = c->now + ms * MS; c->now < end;) {
        c->random = c->random * 6364136223846793005u + 1442695040888963407u;
        task(c, step * 9 / 10 + (c->random >> 33) % (step / 5), stay);
        task(c, 5 * US, stay);
    }
}

static double share(const struct core *c)
{
    return (double)c->mine / (double)(c->mine + c->others);
}

Test(turn, a_worker_that_shares_its_core_leaves_before_its_tasks_are_cut)
{
    const uint64_t ticks[] = {1 * MS, 3 * MS, 4 * MS, 10 * MS};
    const uint64_t steps[] = {2 * US, 50 * US, 210 * US};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 3; j++) {
            struct core c = core(ticks[i], true);
            work(&c, steps[j], 100, false);
            c.cuts = c.leaves = 0;
            work(&c, steps[j], 4000, false);
            cr_expect(10 * c.cuts < c.leaves, "tick %d, step %d: %d cuts, left %d times", i, j,
                      (int)c.cuts, (int)c.leaves);
            cr_expect(share(&c) > 0.42, "tick %d, step %d: it got %.3f of the core", i, j,
                      share(&c));
        }
}

Test(turn, it_learns_that_turns_have_become_longer_or_shorter)
{
    struct core c = core(4 * MS, true);
    work(&c, 210 * US, 1000, false);
    for (int i = 0; i < 2; i++) {
        c.tick = i == 0 ? 2 * MS : 10 * MS;
        work(&c, 210 * US, 2000, false);
        uint64_t mine = c.mine, others = c.others;
        c.cuts = c.leaves = 0;
        work(&c, 210 * US, 2000, false);
        double now = (double)(c.mine - mine) / (double)(c.mine - mine + c.others - others);
        cr_expect(5 * c.cuts < c.leaves, "%d cuts, left %d times", (int)c.cuts, (int)c.leaves);
        cr_expect(now > 0.45, "it got %.3f of the core", now);
    }
}

Test(turn, a_worker_with_a_core_of_its_own_never_leaves)
{
    struct core c = core(4 * MS, false);
    work(&c, 210 * US, 100, false);
    task(&c, 30 * MS, false);           /* long, but nobody else had the core */
    task(&c, 30 * MS, false);
    work(&c, 210 * US, 500, false);
    for (int i = 0; i < 20; i++) {      /* now and then the system takes 2 ms */
        c.now += 2 * MS;
        task(&c, 210 * US, false);
        uint64_t begin = 2 * c.now;
        compute(&c, 100 * US);
        c.now += 2 * MS;
        if (tsgd_turn_asks(&c.turn, begin, 2 * c.now)) {
            struct tsgd_clocks now = clocks(&c);
            tsgd_turn_read(&c.turn, begin, 2 * c.now, &now);
        }
        work(&c, 210 * US, 100, false);
    }
    cr_expect_eq(c.leaves, 0);
    cr_expect(!c.turn.shares);
}

Test(turn, it_stops_leaving_when_the_other_program_is_over)
{
    struct core c = core(4 * MS, true);
    work(&c, 210 * US, 1000, false);
    cr_expect(c.turn.shares && c.turn.leaves && c.leaves > 50);
    c.shared = false;
    work(&c, 210 * US, 20, false);
    cr_expect(!c.turn.shares && !c.turn.leaves);
    c.leaves = 0;
    work(&c, 210 * US, 500, false);
    cr_expect_eq(c.leaves, 0);
}

Test(turn, where_all_share_it_stays_and_finds_out_when_it_is_alone)
{
    struct core c = core(4 * MS, true);
    work(&c, 210 * US, 1000, true);
    cr_expect(c.turn.shares && !c.turn.leaves);
    cr_expect(c.cuts > 100, "%d cuts", (int)c.cuts);
    c.shared = false;
    work(&c, 210 * US, 100, true);
    cr_expect(!c.turn.shares);
}

/* The system takes some of each sleep's time for falling asleep and waking up. */
static void nap(struct core *c, uint64_t ns)
{
    c->now += ns;
    c->mine += 3 * US;
    struct tsgd_clocks now = clocks(c);
    tsgd_turn_slept(&c->turn, &now);
}

Test(turn, time_asleep_is_not_taken_by_others)
{
    struct core c = core(4 * MS, false);
    work(&c, 210 * US, 100, false);
    for (int i = 0; i < 2; i++) {
        nap(&c, 20 * MS);
        uint64_t begin = 2 * c.now;     /* a task that took long by itself */
        compute(&c, 3 * MS);
        struct tsgd_clocks now = clocks(&c);
        cr_expect(tsgd_turn_asks(&c.turn, begin, 2 * c.now));
        tsgd_turn_read(&c.turn, begin, 2 * c.now, &now);
        work(&c, 210 * US, 100, false);
    }
    cr_expect(!c.turn.shares && c.turn.length == 0);
}

/* Whatever came before the other program began: it is found out within some turns. */
static void expect_found(struct core *c, uint64_t step, const char *after)
{
    c->shared = true;
    c->others = c->mine + c->lost;      /* what was before entitles nobody to more */
    c->cuts = 0;
    work(c, step, 300, false);
    cr_expect(c->turn.shares, "%s: not after %d cuts", after, (int)c->cuts);
    c->cuts = c->leaves = 0;
    work(c, step, 2000, false);
    if (step > MS)
        return;                         /* a turn has no room for two of them and a rest */
    cr_expect(5 * c->cuts < c->leaves, "%s: %d cuts, left %d times", after, (int)c->cuts,
              (int)c->leaves);
}

Test(turn, it_finds_out_whatever_came_before)
{
    struct core c = core(4 * MS, true);
    task(&c, 3 * MS, false);            /* its first step, of rows that are in no cache */
    expect_found(&c, 200 * US, "a cold step");

    for (uint64_t step = 200 * US; step <= 500 * US; step += 300 * US) {
        c = core(4 * MS, false);
        work(&c, step, 100, false);
        task(&c, 30 * MS, false);
        expect_found(&c, step, "a part of an evaluation");
    }

    c = core(4 * MS, false);
    for (int i = 0; i < 2000; i++) {
        task(&c, 200 * US, false);
        nap(&c, 100 * US);
    }
    expect_found(&c, 200 * US, "sleeps");

    c = core(4 * MS, false);
    work(&c, 200 * US, 40000, false);
    c.mine += 2 * MS;                   /* the clock of CPU time is fast by 50 millionths */
    expect_found(&c, 200 * US, "clocks that differ");

    c = core(4 * MS, false);
    work(&c, 1500 * US, 100, false);
    expect_found(&c, 1500 * US, "steps of 1.5 ms");
}

Test(turn, a_long_task_after_small_losses_is_no_cut)
{
    struct core c = core(4 * MS, false);
    for (int i = 0; i < 1000; i++) {
        work(&c, 210 * US, 10, false);
        c.now += 100 * US;              /* interrupts take 1 % */
    }
    for (int i = 0; i < 2; i++)
        task(&c, 30 * MS, false);
    cr_expect(!c.turn.shares && c.turn.length == 0);
}

Test(turn, one_that_sleeps_often_finds_out_that_it_is_alone)
{
    struct core c = core(4 * MS, true);
    work(&c, 210 * US, 1000, false);
    cr_expect(c.turn.shares && c.turn.leaves);
    c.shared = false;
    for (int i = 0; i < 100; i++) {
        task(&c, 210 * US, false);
        nap(&c, 1 * MS);
    }
    cr_expect(!c.turn.shares && !c.turn.leaves);
}

Test(turn, it_is_patient_for_a_millisecond_while_it_leaves_its_core)
{
    struct core c = core(4 * MS, true);
    work(&c, 210 * US, 1000, false);
    cr_expect(tsgd_turn_is_patient(&c.turn, 2 * c.now, 2 * (c.now + 900 * US)));
    cr_expect(!tsgd_turn_is_patient(&c.turn, 2 * c.now, 2 * (c.now + 1100 * US)));
    c = core(4 * MS, false);
    work(&c, 210 * US, 1000, false);
    cr_expect(!tsgd_turn_is_patient(&c.turn, 2 * c.now, 2 * c.now + 1));
}

/* So that a round needs no call of the system. */
Test(turn, tasks_of_all_lengths_are_not_asked_about_while_it_is_alone)
{
    static const uint64_t lengths[] = {2 * US, 210 * US, 5 * MS, 50 * MS};
    for (int i = 0; i < 4; i++) {
        struct core c = core(4 * MS, false);
        work(&c, lengths[i], 2000, false);
        int asked = 0, tasks = 0;
        for (uint64_t end = c.now + 4000ull * MS; c.now < end; tasks++) {
            uint64_t begin = 2 * c.now;
            compute(&c, tasks % 2 ? lengths[i] : 5 * US);
            if (!tsgd_turn_asks(&c.turn, begin, 2 * c.now))
                continue;
            struct tsgd_clocks now = clocks(&c);
            tsgd_turn_read(&c.turn, begin, 2 * c.now, &now);
            asked++;
        }
        cr_expect(asked <= 21, "length %d: %d of %d", i, asked, tasks);
    }
}
