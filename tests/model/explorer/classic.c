/* tests/model/explorer/classic.c: the explorer itself, tested with the litmus programs of the
 * literature, whose answers are known: which ends RC11 allows and which it forbids (Lahav and
 * others, PLDI 2017; Batty and others, POPL 2011). "seen" means that some execution ended so.    */
#include "explorer.h"

#include <stdio.h>

static uint64_t x, y, data;             /* their addresses count */
static uint64_t r[8];

#define LOAD(p, o) atomic_load_explicit(&p, memory_order_##o)
#define STORE(p, v, o) atomic_store_explicit(&p, v, memory_order_##o)
#define ADD(p, v, o) atomic_fetch_add_explicit(&p, v, memory_order_##o)
#define FENCE(o) atomic_thread_fence(memory_order_##o)

static void begin(void)
{
    atomic_init(&x, 0);
    atomic_init(&y, 0);
    for (int i = 0; i < 8; i++)
        r[i] = 0;
}

/* Message passing: the flag is seen, the message is not. */
static void mp_w(void) { STORE(x, 1, relaxed); STORE(y, 1, relaxed); }
static void mp_wr(void) { STORE(x, 1, relaxed); STORE(y, 1, release); }
static void mp_wf(void) { STORE(x, 1, relaxed); FENCE(release); STORE(y, 1, relaxed); }
static void mp_r(void) { r[0] = LOAD(y, relaxed); r[1] = LOAD(x, relaxed); }
static void mp_ra(void) { r[0] = LOAD(y, acquire); r[1] = LOAD(x, relaxed); }
static void mp_rf(void) { r[0] = LOAD(y, relaxed); FENCE(acquire); r[1] = LOAD(x, relaxed); }
static bool mp_end(void) { return !(r[0] == 1 && r[1] == 0); }

/* The same with data that is not atomic: a race. */
static void mpd_w(void) { explorer_write(&data, "race"); STORE(y, 1, release); }
static void mpd_wx(void) { explorer_write(&data, "race"); STORE(y, 1, relaxed); }
static void mpd_r(void) { if (LOAD(y, acquire)) explorer_read(&data, "race"); }
static void mpd_rx(void) { if (LOAD(y, relaxed)) explorer_read(&data, "race"); }

/* A reader that comes first, and a writer that must wait for it: read, then write. */
static void rw_r(void) { explorer_read(&data, "race"); STORE(y, 1, release); }
static void rw_rx(void) { explorer_read(&data, "race"); STORE(y, 1, relaxed); }
static void rw_w(void) { if (LOAD(y, acquire)) explorer_write(&data, "race"); }

/* Release sequences: a read-modify-write of another thread, even a relaxed one, continues them; a
 * plain store of another thread does not.                                                        */
static void rs_add(void) { if (LOAD(y, relaxed) == 1) ADD(y, 1, relaxed); }
static void rs_set(void) { if (LOAD(y, relaxed) == 1) STORE(y, 2, relaxed); }
static void rs_r(void) { if (LOAD(y, acquire) == 2) explorer_read(&data, "race"); }

/* Store buffering: nobody sees the other's store. */
static void sb_0(void) { STORE(x, 1, release); r[0] = LOAD(y, acquire); }
static void sb_1(void) { STORE(y, 1, release); r[1] = LOAD(x, acquire); }
static void sbf_0(void) { STORE(x, 1, relaxed); FENCE(seq_cst); r[0] = LOAD(y, relaxed); }
static void sbf_1(void) { STORE(y, 1, relaxed); FENCE(seq_cst); r[1] = LOAD(x, relaxed); }
static bool sb_end(void) { return !(r[0] == 0 && r[1] == 0); }

/* ... with a read-modify-write of one word, acquire and release, in place of the fences. */
static uint64_t z;
static void sbu_begin(void) { begin(); atomic_init(&z, 0); }
static void sbu_0(void) { STORE(x, 1, relaxed); ADD(z, 1, acq_rel); r[0] = LOAD(y, relaxed); }
static void sbu_1(void) { STORE(y, 1, relaxed); ADD(z, 1, acq_rel); r[1] = LOAD(x, relaxed); }
static void sbux_1(void) { STORE(y, 1, relaxed); ADD(z, 1, acquire); r[1] = LOAD(x, relaxed); }
static void sbux_0(void) { STORE(x, 1, relaxed); ADD(z, 1, acquire); r[0] = LOAD(y, relaxed); }

/* Load buffering: both see what comes later. RC11 forbids it. */
static void lb_0(void) { r[0] = LOAD(x, relaxed); STORE(y, 1, relaxed); }
static void lb_1(void) { r[1] = LOAD(y, relaxed); STORE(x, 1, relaxed); }
static bool lb_end(void) { return !(r[0] == 1 && r[1] == 1); }

/* Independent reads of independent writes: two readers see them in opposite order. */
static void iriw_x(void) { STORE(x, 1, release); }
static void iriw_y(void) { STORE(y, 1, release); }
static void iriw_0(void) { r[0] = LOAD(x, acquire); r[1] = LOAD(y, acquire); }
static void iriw_1(void) { r[2] = LOAD(y, acquire); r[3] = LOAD(x, acquire); }
static void iriwf_0(void) { r[0] = LOAD(x, relaxed); FENCE(seq_cst); r[1] = LOAD(y, relaxed); }
static void iriwf_1(void) { r[2] = LOAD(y, relaxed); FENCE(seq_cst); r[3] = LOAD(x, relaxed); }
static bool iriw_end(void) { return !(r[0] == 1 && r[1] == 0 && r[2] == 1 && r[3] == 0); }

/* Coherence: one word never goes back. */
static void corr_w(void) { STORE(x, 1, relaxed); STORE(x, 2, relaxed); }
static void corr_r(void) { r[0] = LOAD(x, relaxed); r[1] = LOAD(x, relaxed); }
static bool corr_end(void) { return r[0] <= r[1]; }
static void corr2_1(void) { STORE(x, 1, relaxed); }
static void corr2_2(void) { STORE(x, 2, relaxed); }
static void corr2_b(void) { r[2] = LOAD(x, relaxed); r[3] = LOAD(x, relaxed); }
static bool corr2_end(void) { return !(r[0] == 1 && r[1] == 2 && r[2] == 2 && r[3] == 1); }

/* 2+2W: both words end with the first store of a thread. */
static void ww_0(void) { STORE(x, 1, relaxed); STORE(y, 2, relaxed); }
static void ww_1(void) { STORE(y, 1, relaxed); STORE(x, 2, relaxed); }
static void wwr_0(void) { STORE(x, 1, release); STORE(y, 2, release); }
static void wwr_1(void) { STORE(y, 1, release); STORE(x, 2, release); }
static bool ww_end(void) { return !(explorer_last(&x) == 1 && explorer_last(&y) == 1); }

/* WRC: what one has seen, he shows to the next. */
static void wrc_0(void) { STORE(x, 1, relaxed); }
static void wrc_1(void) { r[0] = LOAD(x, relaxed); STORE(y, 1, release); }
static void wrc_2(void) { r[1] = LOAD(y, acquire); r[2] = LOAD(x, relaxed); }
static void wrcx_1(void) { r[0] = LOAD(x, relaxed); STORE(y, 1, relaxed); }
static bool wrc_end(void) { return !(r[0] == 1 && r[1] == 1 && r[2] == 0); }

/* Two read-modify-writes never read the same message. */
static void add_0(void) { r[0] = ADD(x, 1, relaxed); }
static void add_1(void) { r[1] = ADD(x, 1, relaxed); }
static bool add_end(void) { return r[0] != r[1] && explorer_last(&x) == 2; }

static const struct {
    struct program p;
    bool seen;
} program[] = {
    {{"MP, relaxed", begin, {mp_w, mp_r}, mp_end}, true},
    {{"MP, release, acquire", begin, {mp_wr, mp_ra}, mp_end}, false},
    {{"MP, release, relaxed", begin, {mp_wr, mp_r}, mp_end}, true},
    {{"MP, relaxed, acquire", begin, {mp_w, mp_ra}, mp_end}, true},
    {{"MP, fences", begin, {mp_wf, mp_rf}, mp_end}, false},
    {{"MP, release fence, relaxed", begin, {mp_wf, mp_r}, mp_end}, true},
    {{"MP of data, release, acquire", begin, {mpd_w, mpd_r}, NULL}, false},
    {{"MP of data, relaxed, acquire", begin, {mpd_wx, mpd_r}, NULL}, true},
    {{"MP of data, release, relaxed", begin, {mpd_w, mpd_rx}, NULL}, true},
    {{"read before write, release, acquire", begin, {rw_r, rw_w}, NULL}, false},
    {{"read before write, relaxed, acquire", begin, {rw_rx, rw_w}, NULL}, true},
    {{"release sequence through an update", begin, {mpd_w, rs_add, rs_r}, NULL}, false},
    {{"release sequence ended by a store", begin, {mpd_w, rs_set, rs_r}, NULL}, true},
    {{"SB, release, acquire", begin, {sb_0, sb_1}, sb_end}, true},
    {{"SB, seq_cst fences", begin, {sbf_0, sbf_1}, sb_end}, false},
    {{"SB, one fence", begin, {sbf_0, sb_1}, sb_end}, true},
    {{"SB, updates of one word", sbu_begin, {sbu_0, sbu_1}, sb_end}, false},
    {{"SB, updates that only acquire", sbu_begin, {sbux_0, sbux_1}, sb_end}, true},
    {{"LB, relaxed", begin, {lb_0, lb_1}, lb_end}, false},
    {{"IRIW, release, acquire", begin, {iriw_x, iriw_y, iriw_0, iriw_1}, iriw_end}, true},
    {{"IRIW, seq_cst fences", begin, {iriw_x, iriw_y, iriwf_0, iriwf_1}, iriw_end}, false},
    {{"CoRR", begin, {corr_w, corr_r}, corr_end}, false},
    {{"CoRR, two readers", begin, {corr2_1, corr2_2, corr_r, corr2_b}, corr2_end}, false},
    {{"2+2W, relaxed", begin, {ww_0, ww_1}, ww_end}, true},
    {{"2+2W, release", begin, {wwr_0, wwr_1}, ww_end}, true},
    {{"WRC, release, acquire", begin, {wrc_0, wrc_1, wrc_2}, wrc_end}, false},
    {{"WRC, relaxed", begin, {wrc_0, wrcx_1, wrc_2}, wrc_end}, true},
    {{"atomicity of updates", begin, {add_0, add_1}, add_end}, false},
};

int classic(void)
{
    int bad = 0, n = sizeof program / sizeof *program;
    uint64_t executions = 0;
    for (int i = 0; i < n; i++) {
        struct result got = explorer_run(&program[i].p);
        bool right = (got.wrong != NULL) == program[i].seen;
        if (!program[i].p.thread[3]) {  /* small enough for all orders of steps: the same answer */
            explorer_reduces = false;
            right &= (explorer_run(&program[i].p).wrong != NULL) == program[i].seen;
            explorer_reduces = true;
        }
        bad += !right;
        executions += got.executions;
        printf("%-5s %-38s %-8s %8llu executions\n", right ? "ok" : "WRONG", program[i].p.name,
               got.wrong ? "seen" : "not seen", (unsigned long long)got.executions);
    }
    printf("explorer: %d classic programs, %llu executions, %d wrong\n\n", n,
           (unsigned long long)executions, bad);
    return bad;
}
