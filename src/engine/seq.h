/* engine/seq.h: how far one token, or one ordered job, has come: the hand-off protocol's one word.
 *
 * A token's phase only grows:
 *   2t     x_a^t stands in row[t & 1]: the token is between holders (the teleport)
 *   2t+1   its half-step x_a^{t+1/2} stands in row[t & 1]: neighbours may read it
 *   2t+2   it has mixed into row[(t+1) & 1], and reads nobody's round-t row any more
 * The word is 2 * phase + busy. A claim is one compare-and-swap from (phase, free) to (phase, busy),
 * so order, single writer and "nobody does it twice" follow from one word.
 *
 * S1  One writer: only the thread that claimed the word writes it, until it gives it back (or, by T2,
 *     passes it on).
 * S2  A task is claimed only when it is ready, so nothing waits inside a task. Readiness:
 *     R1  mix of round t-1: every b that a reads in W_{t-1} shows at least 2t-1: its half-step is there.
 *     R2  mix of round t-1: every c that read a in W_{t-2} shows at least 2t-2: it has left the row
 *         that this mix overwrites. (For one fixed symmetric W, R1 implies it; for a directed or a
 *         changing W it does not.)
 *     R3  step of round t: if x^t is evaluated, the fold has read this token's row; when the run may
 *         end by that evaluation, its verdict is known.
 *     R4  step of round t, momentum at the nodes: the node's previous visitor shows 2t'+1.
 *     R5  plan of round t: every token that runs round t-R shows 2(t-R)+2: nobody reads the slot. The
 *         step reads it up to 2(t-R)+1, and so does the mix that follows, up to 2(t-R)+2, which
 *         asks it whose links are cut; a token that shows 2(t-R)+2 has done both.
 *     R6  slice of round t, which takes the place of all mixes of a population: every token of the
 *         population shows 2t+1 and is free: all half-steps are there.
 * S3  No deadlock: everything that R1 to R6 ask for belongs to an earlier phase (R5: plan of round t
 *     counts as 2t, and R > 1; R6: a slice of round t counts as 2t+1, and only 2t+2 waits for it), so
 *     of the unfinished tasks one with the smallest phase is always ready or running.
 *
 * A step that workers share (engine/team.c), while its token is busy: stages of numbered tasks, behind a
 * word `stage << 32 | tasks handed out` of their own, and a count of those that are done.
 *     T1  A task is claimed by one compare-and-swap of the team's word, so nobody does it twice. It reads
 *         the visit, the token's rows and the stages before, all of which the word was released after.
 *     T2  What a task writes (its part's row, its range of the token's rows) nobody else touches until
 *         the stage is done. Each task ends by counting itself; the one that completes the count sees
 *         all of them, and is from then on the one writer of S1: it opens the next stage, or
 *         publishes 2t+1. The claim of the token so passes to it from the worker that began.
 *     T3  Nothing waits: who has opened a stage takes tasks of it until all are handed out, and each
 *         that was handed out is running. So a busy token is running, as S3 wants, and a wake-up for a
 *         stage is for speed alone. Stages are not reused, so a claim of an old one fails.
 *
 *   phase   row[t & 1]                        row[(t+1) & 1]
 *   2t      the claimer reads and writes      old readers may still be there
 *   2t+1    neighbours and the token read     the token's mix writes it, once R2 holds
 *
 * Gossip by slices: a row stays in one place, and x^t, its half-step and x^{t+1} follow each other
 * there. No token of the population is mixed alone, so none leaves 2t+1 before all have come to it and
 * the slices of round t are mixed; hence
 *     L1  While slices of round t are mixed, nobody else reads or writes these rows: a step or a fold
 *         of x^t came before 2t+1 (R3), those of x^{t+1} ask for 2t+2. R1 and R2 have no part.
 *     L2  Slices are coordinates: two of them share no float. Each is handed out once, by the
 *         compare-and-swap on next_slice, which also tells old looks from new ones.
 *     L3  The words belong to whoever finishes the last slice: it alone moves them, from (2t+1, free)
 *         to (2t+2, free), once slices_done has counted all; a claim asks for another phase. So S1.
 *     L4  A slice of round t+1 asks for 2t+3 of all, hence comes after every 2t+2, when slices_done is
 *         0 again and the plan slot of round t was read for the last time (R5).
 *
 * A readiness check is monotone: once true it stays true until the word itself changes, so a check
 * before the claim is enough. It has no side effects beyond a hint at who said no, and reads only
 * atomics or what never changes: a slow scanner may look at data of a later round, but then its
 * claim fails.                                                                                  */
#ifndef TSGD_ENGINE_SEQ_H
#define TSGD_ENGINE_SEQ_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* 128 bytes apart: processors fetch lines in pairs, and a neighbour's counter in the pair would
 * travel with every publication.                                                                */
struct tsgd_seq {
    alignas(128) _Atomic uint64_t word;
};

/* Phase of a token that has retired: it has reached everything. */
#define TSGD_SEQ_RETIRED (UINT64_MAX >> 2)

/* [A] acquire, pairs with [R]: what the phase promises has happened when this returns it. Without
 * it a new holder steps from stale weights, and a neighbour averages half of an old row.        */
static inline uint64_t tsgd_seq_load(const struct tsgd_seq *s)
{
    return atomic_load_explicit(&s->word, memory_order_acquire);
}

static inline bool tsgd_seq_busy(uint64_t word) { return word & 1; }
static inline uint64_t tsgd_seq_phase(uint64_t word) { return word >> 1; }

static inline bool tsgd_seq_reached(const struct tsgd_seq *s, uint64_t phase)
{
    return tsgd_seq_phase(tsgd_seq_load(s)) >= phase;
}

/* [C] acquire on success, pairs with [R] of whoever gave the word back: its writes to the token's
 * rows come before ours. Relaxed on failure: nothing was learnt. The word it writes continues the
 * release sequence of the last publication, so [A] still sees that one's writes through it.     */
static inline bool tsgd_seq_claim(struct tsgd_seq *s, uint64_t phase)
{
    uint64_t free = 2 * phase;
    return atomic_compare_exchange_strong_explicit(&s->word, &free, free + 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* [R] release, pairs with [A] and [C]: our row is written, and our reads of other rows are over,
 * before the phase that says so. Without it a neighbour reads a row before it is written (the
 * half-step), or we read a row that its owner has begun to overwrite (R2).
 * publish keeps the claim: the same worker goes on with the next task of the token.             */
static inline void tsgd_seq_publish(struct tsgd_seq *s, uint64_t phase)
{
    atomic_store_explicit(&s->word, 2 * phase + 1, memory_order_release);
}

/* [R] as publish, and gives the word back. */
static inline void tsgd_seq_finish(struct tsgd_seq *s, uint64_t phase)
{
    atomic_store_explicit(&s->word, 2 * phase, memory_order_release);
}

#endif
