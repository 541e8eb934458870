/* tests/model/explorer/seq.c: the pairs [A], [C] and [R] of engine/seq.h. */
#include "engine/seq.h"
#include "explorer.h"

static struct tsgd_seq a, b;
static float row, other_row;

static void begin(void)
{
    atomic_init(&a.word, 0);
    atomic_init(&b.word, 0);
}

/* A token goes from one holder to the next: [R], [C]. */
static void step_of_round(void)
{
    if (!tsgd_seq_claim(&a, 0))
        return;
    explorer_read(&row, "a new holder steps from a stale row");
    explorer_write(&row, "two holders step at once");
    tsgd_seq_finish(&a, 1);
}

static void next_task(void)
{
    if (!tsgd_seq_claim(&a, 1))
        return;
    explorer_read(&row, "a new holder steps from a stale row");
    explorer_write(&row, "two holders step at once");
    tsgd_seq_finish(&a, 2);
}

/* A neighbour reads the half-step (R1): [R], [A]; also while the next holder is busy, whose claim
 * continues the release sequence.                                                                */
static void neighbour(void)
{
    if (tsgd_seq_reached(&a, 1))
        explorer_read(&row, "a neighbour reads half of a half-step");
}

static void claims_only(void) { tsgd_seq_claim(&a, 1); }

/* The same worker goes on with the next task of the token: publish. */
static void step_and_go_on(void)
{
    if (!tsgd_seq_claim(&a, 0))
        return;
    explorer_write(&row, "two holders step at once");
    tsgd_seq_publish(&a, 1);
    explorer_write(&other_row, "a row is read before its phase says so");
    tsgd_seq_finish(&a, 2);
}

static void neighbour_of_both(void)
{
    neighbour();
    if (tsgd_seq_reached(&a, 2))
        explorer_read(&other_row, "a row is read before its phase says so");
}

/* R2: a reader leaves a row, its owner overwrites it. */
static void reads_and_leaves(void)
{
    if (!tsgd_seq_claim(&b, 0))
        return;
    explorer_read(&row, "a row is overwritten while it is read");
    tsgd_seq_publish(&b, 2);
    tsgd_seq_finish(&b, 3);
}

static void overwrites(void)
{
    if (tsgd_seq_reached(&b, 2))
        explorer_write(&row, "a row is overwritten while it is read");
}

/* A plan is made, read by a step and overwritten by the plan of a later round (R5). */
static struct tsgd_seq planned;
static char slot;

static void begin_plan(void)
{
    begin();
    atomic_init(&planned.word, 0);
}

static void plans(void)
{
    if (!tsgd_seq_claim(&planned, 0))
        return;
    explorer_write(&slot, "a plan is read while it is made");
    tsgd_seq_finish(&planned, 1);
}

static void plans_later(void)
{
    if (!tsgd_seq_reached(&a, 2) || !tsgd_seq_claim(&planned, 1))
        return;
    explorer_write(&slot, "a plan is overwritten while it is read");
    tsgd_seq_finish(&planned, 2);
}

static void steps_by_plan(void)
{
    if (!tsgd_seq_reached(&planned, 1) || !tsgd_seq_claim(&a, 0))
        return;
    explorer_read(&slot, "a plan is read while it is made");
    tsgd_seq_finish(&a, 2);
}

const struct program programs_of_seq[] = {
    {"a token passes from holder to holder", begin, {step_of_round, next_task, next_task}, NULL},
    {"a neighbour reads the half-step", begin, {step_of_round, neighbour, claims_only}, NULL},
    {"a worker publishes and goes on", begin, {step_and_go_on, neighbour_of_both}, NULL},
    {"a plan is made, read, and made anew", begin_plan, {plans, steps_by_plan, plans_later}, NULL},
    {"an old row is overwritten", begin, {reads_and_leaves, overwrites}, NULL},
    {0},
};
