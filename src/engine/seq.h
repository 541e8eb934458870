/* engine/seq.h: how far one token, or one ordered job, has come: the hand-off protocol's one word.
 *
 *     word = 2 * phase + busy
 *
 * A token's phase only grows. In round t it goes through
 *     2t     x_a^t stands in row[m & 1]: the token is between holders (the teleport)
 *     2t+1   its half-step x_a^{t+1/2} stands in row[m & 1]: neighbours may read it
 *     2t+2   it has mixed into row[(m+1) & 1], and reads nobody's round-t row any more
 * m counts the rounds before t in which tokens mix: it is t, unless some rounds pass without gossip
 * (--mix-every). In such a round nobody reads the half-step, which becomes x_a^{t+1} where it
 * stands.
 *
 * A claim is one compare-and-swap from (phase, free) to (phase, busy), so order, single writer and
 * "nobody does it twice" follow from one word.
 *
 *   phase   row[m & 1]                        row[(m+1) & 1]
 *   2t      the claimer reads and writes      old readers may still be there
 *   2t+1    neighbours and the token read     the token's mix writes it, once R2 holds
 *
 * The rules of rows. Those of gossip by slices, R6 and L1 to L4, stand in engine/slices.h; those of
 * a step that workers share, T1 to T3, in engine/teams.h; those of tokens that are spread over
 * ranks, M1 to M9, of which some take the place of R2 and R5, in engine/spread.h.
 *
 * S1  One writer: only the thread that claimed the word writes it, until it gives it back (or, by
 *     T2, passes it on).
 * S2  A task is claimed only when it is ready, so nothing waits inside a task. Readiness:
 *     R1  mix of round t-1: every b that a reads in W_{t-1} shows at least 2t-1: its half-step is
 *         there.
 *     R2  mix of round t-1: every c that read a in W_s shows at least 2s+2, where s is the round in
 *         which tokens mixed before (t-2): it has left the row that this mix overwrites. (For one
 *         fixed symmetric W, R1 implies it; for a directed or a changing W it does not.)
 *         A mix of a round without gossip asks for neither.
 *     R3  step of round t: if x^t is evaluated, the fold has read this token's row; when the run
 *         may end by that evaluation, its verdict is known.
 *     R4  step of round t, momentum at the nodes: the node's previous visitor shows 2t'+1, t' the
 *         round of that visit.
 *     R5  plan of round t, R the number of plan slots: every token that runs round t-R shows
 *         2(t-R)+2: nobody reads the slot any more. The step reads it up to 2(t-R)+1, and so does
 *         the mix that follows, up to 2(t-R)+2, which asks it whose links are cut; a token that
 *         shows 2(t-R)+2 has done both.
 * S3  No deadlock: everything that R1 to R6 ask for belongs to an earlier phase (R5: plan of round
 *     t counts as 2t, and R > 1; R6: a slice of round t counts as 2t+1, and only 2t+2 waits for
 *     it), so of the unfinished tasks one with the smallest phase is always ready or running.
 *
 * A readiness check is monotone: once true it stays true until the word itself changes, so a check
 * before the claim is enough. It has no side effects beyond a hint at who said no, and reads only
 * atomics or what never changes: a slow scanner may look at data of a later round, but then its
 * claim fails.
 *
 * A run may begin at any round: then every word shows 2t of that round at first, and what the rules
 * ask of earlier rounds holds from the start.                                                   */
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
