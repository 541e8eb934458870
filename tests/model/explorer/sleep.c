/* tests/model/explorer/sleep.c: engine/sleep.c and the end of a run in state.c and state.h. */
#include "explorer.h"

#include <unistd.h>

/* The futex is the explorer's. */
static long kernel(long call, const void *place, int what, uint64_t n, ...);
#define syscall kernel
#include "engine/seq.h"
#include "engine/sleep.c"
#undef syscall
#include "engine/state.c"

static long kernel(long call, const void *place, int what, uint64_t n, ...)
{
    (void)call;
    if (what == FUTEX_WAKE_PRIVATE)
        return explorer_futex_wake(place, (int)n);
    explorer_futex_wait(place, n);
    return 0;
}

static struct state s;
static struct tsgd_seq word[3];
static bool found[3];
static float row[2];

static void begin(void)
{
    atomic_init(&s.sleep.epoch, 0);
    atomic_init(&s.sleep.sleepers, 0);
    atomic_init(&s.sleep.waking, false);
    for (int i = 0; i < 3; i++) {
        atomic_init(&word[i].word, 0);
        found[i] = false;
    }
}

/* Workers that each publish what the task of all needs, and look once more before they sleep: the
 * last of them must find it.                                                                     */
static void publishes_and_looks(int n)
{
    int me = explorer_self();
    tsgd_seq_finish(&word[me], 1);
    tsgd_sleep_begin(&s.sleep);
    found[me] = true;
    for (int i = 0; i < n; i++)
        found[me] &= tsgd_seq_reached(&word[i], 1);
}

static void one_of_two(void) { publishes_and_looks(2); }
static void one_of_three(void) { publishes_and_looks(3); }
static bool somebody_found_it(void) { return found[0] || found[1] || found[2]; }

/* The last token retires and wakes everybody; a worker on its way to sleep must notice. */
static void begin_end(void)
{
    begin();
    atomic_init(&s.left, 1);
}

static void begin_end_of_two(void)
{
    begin();
    atomic_init(&s.left, 2);
}

static void done(void)
{
    explorer_write(&row[explorer_self()], "who sees the end does not see what was done");
    tsgd_state_done_one(&s);
}

static void goes_to_sleep(void)
{
    uint32_t epoch = tsgd_sleep_begin(&s.sleep);
    if (!tsgd_state_over(&s))
        tsgd_sleep(&s.sleep, epoch);
    tsgd_sleep_end(&s.sleep);
}

static void sees_the_end(void)
{
    if (!tsgd_state_over(&s))
        return;
    explorer_read(&row[0], "who sees the end does not see what was done");
    explorer_read(&row[1], "who sees the end does not see what was done");
}

/* A worker sleeps again after a wake-up for a second task that it has missed. */
static void wakes_another_and_ends(void)
{
    tsgd_wake_another(&s.sleep);
    tsgd_state_done_one(&s);
}

static void wakes_some_and_ends(void)
{
    s.sleep.at_once = WAKES_AT_ONCE;
    tsgd_wake_another(&s.sleep);
    tsgd_state_done_one(&s);
}

static void sleeps_until_the_end(void)
{
    for (int i = 0; i < 2; i++)
        goes_to_sleep();
}

const struct program programs_of_sleep[] = {
    {"two workers, the last look of the later one", begin, {one_of_two, one_of_two},
     somebody_found_it},
    {"three workers, the last look of the last one", begin,
     {one_of_three, one_of_three, one_of_three}, somebody_found_it},
    {"the end comes while a worker goes to sleep", begin_end, {done, goes_to_sleep}, NULL},
    {"the end comes after a wake-up", begin_end, {wakes_another_and_ends, sleeps_until_the_end},
     NULL},
    {"the end comes after some were woken", begin_end, {wakes_some_and_ends, sleeps_until_the_end},
     NULL},
    {"who sees the end sees everything", begin_end_of_two, {done, done, sees_the_end}, NULL},
    {0},
};
