/* tests/model/explorer/slices.c: engine/slices.c, two tokens and two slices. */
#include "explorer.h"
#include "quiet.h"

#include "engine/planner.h"
#include "linalg/mix.h"

/* Rows are only told of: mixing reads and writes a slice of each. */
static void mixes(float *rows, size_t from);
#define tsgd_mix_all(kernels, w, absent, rows, stride, from, to, strip) mixes(rows, from)
#define tsgd_plan_try(planner, worker, t) ((void)0)
#include "engine/slices.c"

enum { WIDE = 16 };

static struct state s;
static struct planner planner;
static struct visits visits;
static struct slices l;
static struct sliced_pop sliced;
static struct pop pop;
static struct tsgd_csr csr;
static struct tsgd_mixing mixing = {.period = 1, .w = &csr};
static struct tsgd_seq word[2];
static float row[2][2 * WIDE];
static struct worker worker[3];

static void begin(void)
{
    pop = (struct pop){.c = {.k = 2, .mixing = &mixing}};
    sliced = (struct sliced_pop){.slices = 2, .slice_floats = WIDE};
    s = (struct state){.pop = &pop, .tokens = 2, .exchanged = 1, .sliced = true};
    s.arena = (struct tsgd_arena){.seq = word, .row = row[0], .tokens = 2, .dim = 2 * WIDE,
                                  .stride = 2 * WIDE, .places = 1, .exchanged = 1,
                                  .token_step = 2 * WIDE};
    l = (struct slices){.s = &s, .planner = &planner, .visits = &visits, .pop = &sliced};
    atomic_init(&word[0].word, 0);
    atomic_init(&word[1].word, 0);
    atomic_init(&sliced.next_slice, 0);
    atomic_init(&sliced.behind, 0);
    atomic_init(&sliced.slices_done, 0);
}

static void mixes(float *rows, size_t from)
{
    for (int a = 0; a < 2; a++)
        explorer_write(rows + a * 2 * WIDE + from, "a slice is mixed while its rows are in use");
}

static void steps(uint32_t a, uint64_t t)
{
    if (!tsgd_seq_claim(&word[a], 2 * t))
        return;
    for (int b = 0; b < 2; b++)
        explorer_write(&row[a][b * WIDE], "a step and a slice use a row at once");
    tsgd_seq_finish(&word[a], 2 * t + 1);
}

/* As in tasks.c. */
static void looks_for_a_slice(void)
{
    uint64_t slice = atomic_load_explicit(&sliced.next_slice, memory_order_relaxed);
    if (slice < sliced.slices && tsgd_slice_ready(&l, 0, slice) && tsgd_slice_claim(&l, 0, slice))
        tsgd_slice_run(&l, &worker[explorer_self()], 0, slice);
}

static void steps_and_mixes(void)
{
    steps((uint32_t)explorer_self(), 0);
    looks_for_a_slice();
    looks_for_a_slice();
}

static void mixes_and_steps(void)
{
    looks_for_a_slice();
    steps(0, 1);
}

static void begin_stepped(void)
{
    begin();
    atomic_init(&word[0].word, 2);
    atomic_init(&word[1].word, 2);
}

const struct program programs_of_slices[] = {
    {"two workers step, and mix two slices", begin, {steps_and_mixes, steps_and_mixes}, NULL},
    {"the next step comes after the last slice", begin_stepped,
     {mixes_and_steps, mixes_and_steps}, NULL},
    {0},
};
