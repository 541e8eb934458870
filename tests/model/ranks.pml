/* tests/model/ranks.pml: the protocol between the ranks of one run (src/engine/spread.h, M1 to M8,
 * and mail.h), for spin. Its steps stand in ranks.h.
 *
 * A process `token` is a token as one rank sees it, and stands for any number of workers: its word
 * lets one of them at a time do something there. A process `message` is one message, both its ends.
 * What the network does, and what follows once a look has told that something is complete, may
 * happen at any time and in any order. Without EAGER a send is complete only when its receive is
 * posted (rendezvous), which is where deadlocks would show; with it, at any time.
 * Every place says what stands in it (ranks.h), so a row that is read, written or sent too early or
 * too late is an error, and so is a message that meets the receive of another round. All ranks must
 * end in the same round, with nothing under way; if nothing can happen and a rank has not ended,
 * that is an invalid end state: a deadlock.
 *
 *     RANKS, K tokens, ROUNDS, SLOTS, EVERY (--mix-every), RECORDS; EVAL_EVERY (0: no evaluations),
 *     AWAITS verdicts; GATE (0: no gates); STOP: a user may ask any rank at any time; PRIVATE: a
 *     row travels with each token; WINDOW of rank 0; SLOW: a worker may be slow between its looks
 *     at a word and at what stands beside it; FINE: posts and plans are steps of their own
 *
 * OMIT: the rule, or the part of one, that is left out, and then:
 *     R1, R3     as in seq.h
 *     M2         a step asks only for its own round's plan
 *     M3mix, M3post  a mix, or a receive that is posted, does not ask for 0 uses
 *     M3send     sends are no uses
 *     M3set      a half-step that has come is shown before its uses are set
 *     USES       uses of a half-step are set after its sends are queued
 *     M4queue    sends are queued after the half-step is shown
 *     M4order    sends are posted in another order than that of the queue
 *     M4word     a receive is posted whatever the token's word shows
 *     M4busy     all half-steps are shown free, and a flag beside the word says whether the mix is
 *                here: a slow worker reads the old word and the new flag
 *     M5         a private row is received while the one before is being sent
 *     M6         a plan does not ask whether its slot is still in use
 *     LATE       a slot is read once more after the sends of a step are queued
 *     M7, ALIKE  a plan does not wait for its gate; each rank goes by what itself was asked
 *     NEXT       a round is planned only where a token stands that waits for it
 *     LEFT, COUNT, OVER  a rank does not wait for its end to be planned; uses are counted when they
 *                begin, in place of when they are planned; `unfinished` is read before `left`
 *     ARRIVED    rank 0's fold goes by the words of tokens that are elsewhere
 *     WINDOW, MEAN, PART  a receive is posted into a buffer of the evaluation that is in use
 *     MEANSENT   an evaluation may end before its mean has been sent
 *     TALLY      a token's losses are cleared when its row is queued to be folded
 *     SUMS       .. or when it has been sent, in a round that its record tells
 *     VERDICT    a step does not wait for a verdict itself                                      */
#include "sizes.h"

byte holder[ROUNDS * K];                /* its rank */

/* The tokens, as each rank sees them. */
byte word[RANKS * K], row[RANKS * K * 2], tally[RANKS * K * 2], uses[RANKS * K * 2];
byte own[RANKS * K];
bool own_out[RANKS * K], mixes_here[RANKS * K];

/* The planner of each rank. */
byte planned[RANKS], slot[RANKS * SLOTS], pending[RANKS * SLOTS], slot_eval[RANKS * SLOTS];
byte end[RANKS] = 255, end_round[RANKS] = 255;
byte posted_gates[RANKS], gates[RANKS], gate_value[GATES];
bool stop[RANKS];

/* Messages. */
byte sent[MESSAGES], received[MESSAGES], sent_order[MESSAGES], received_order[MESSAGES];
byte queue[RANKS * QUEUE], queued[RANKS];

/* The evaluation. */
byte evals[RANKS], evaluated[RANKS], record[RANKS * RECORDS], passed[RANKS * K];
byte folded[RANKS], window[WINDOW], window_end;
byte mean[RANKS * 2], part[RANKS * RANKS], verdict[RANKS];
bool ends_here;

/* The end. */
byte left[RANKS], outstanding[RANKS];
bool over[RANKS];

c_code { \#include "ranks.h"
}

/* M4 left out: the worker that has stepped queues the sends when others may have gone on. */
proctype late(byte q, a, t)
{
    c_code { push_half(Plate->q, Plate->a, Plate->t); at_once(); }
}

#define w Ptoken
/* A token on a rank: whichever worker claims its tasks. A claim and the beginning of the task are
 * one step, and so are what nobody else may see apart.                                          */
proctype token(byte q, a)
{
    byte t, seen;
    bool ok;
end_look:
    do
    :: over[q] -> break
    :: atomic { c_expr { STEP_READY } ->
           c_code { w->t = seq_phase(now.word[HERE(w->q, w->a)]) / 2;
                    w->ok = retires(w->q, w->t);
                    seq_claim(&now.word[HERE(w->q, w->a)], X(w->t));
                    if (w->ok) { retire(w->q, w->a, w->t); w->t = 0; at_once(); }
                    else step_begin(w->q, w->a, w->t); };
           if
           :: ok -> ok = 0
           :: else -> goto step
           fi }
    :: atomic { c_expr { MIX_READY } ->
           c_code { w->t = seq_phase(now.word[HERE(w->q, w->a)]) / 2;
                    seq_claim(&now.word[HERE(w->q, w->a)], H(w->t));
                    mix_begin(w->q, w->a, w->t); };
           goto mix }
#if SLOW
    :: atomic { c_expr { SEES_HALF } -> seen = word[q * K + a]; goto slow }
#endif
    od;
    goto end_over;

step:
    c_code { step_end(w->q, w->a, w->t);
             w->ok = stays(w->q, w->t, w->a);
             if (!SENDS_LATE) push_half(w->q, w->a, w->t); at_once(); };
    atomic {
        c_code { step_publish(w->q, w->a, w->t, w->ok); at_once(); };
        if
        :: c_expr { SENDS_LATE } -> run late(q, a, t)
        :: else
        fi;
        c_code { forget(w); };
        goto end_look
    };

mix:
    atomic {
        c_code { mix_end(w->q, w->a, w->t);
                 seq_finish(&now.word[HERE(w->q, w->a)], X(w->t + 1));
                 mix_is_over(w->q, w->a, w->t); forget(w); at_once(); };
        goto end_look
    };

#if SLOW
slow:                                   /* a worker that reads one word after the other */
    c_code { w->ok = !omit("M4busy") || now.mixes_here[HERE(w->q, w->a)]; };
    c_code { w->t = seq_phase(w->seen) / 2; w->ok = w->ok && mix_ready_at(w->q, w->a, w->t); };
    atomic {
        c_code { w->ok = w->ok && seq_claim(&now.word[HERE(w->q, w->a)], H(w->t));
                 if (w->ok) mix_begin(w->q, w->a, w->t); };
        if
        :: ok -> seen = 0; ok = 0; goto mix
        :: else -> c_code { forget(w); }; goto end_look
        fi
    };
#endif
end_over:
    skip
}

#undef w
#define w Pplanner
proctype planner(byte q)
{
end_look:
    do
    :: over[q] -> break
    :: atomic { c_expr { PLAN_READY } -> c_code { plan_round(w->q); at_once(); } }
    od
}

#undef w
#define w Pgate
proctype gate(byte q)
{
end_look:
    do
    :: over[q] -> break
    :: atomic { c_expr { GATE_DECIDED } ->
           c_code { now.gates[w->q]++; outstanding_ends(w->q); at_once(); } }
    od
}

/* Rank 0 folds, the others queue their rows. */
#undef w
#define w Pfold
proctype fold(byte q)
{
    byte i, b;
end_look:
    do
    :: over[q] -> break
    :: atomic { c_expr { FOLD_READY } -> c_code { fold_begin(w->q, w->i, w->b); } };
       c_code { fold_end(w->q, w->i, w->b);
                w->b++;
                if (w->b == K) { w->b = 0; w->i++; }
                at_once(); }
    od
}

/* What follows when the mean is there. */
#undef w
#define w Pmeasure
proctype measure(byte q)
{
    byte i;
end_look:
    do
    :: over[q] -> break
    :: atomic { c_expr { MEAN_IS_THERE } -> c_code { measure_begin(w->q, w->i); } };
       c_code { measure_end(w->q, w->i); at_once(); };
#if AWAITS
       if
       :: atomic { c_expr { PARTS_ARE_THERE } -> c_code { report(w->q, w->i, 1); at_once(); } }
       :: atomic { c_expr { PARTS_ARE_THERE } -> c_code { report(w->q, w->i, 0); at_once(); } }
       fi;
#else
       atomic { c_expr { PARTS_ARE_THERE } -> c_code { report(w->q, w->i, 0); at_once(); } };
#endif
       atomic { c_expr { EVALUATION_ENDS } ->
           c_code { end_evaluation(w->q, w->i); w->i++; at_once(); } }
    od
}

/* One message: its send on one rank, its receive on another. */
#undef w
#define w Pmessage
proctype message(byte m)
{
end_look:
    do
    :: atomic { c_expr { POST_SEND } -> c_code { post_send(w->m); at_once(); } }
    :: atomic { c_expr { COMPLETE_SEND } -> c_code { complete(w->m); at_once(); } }
    :: atomic { c_expr { POST_RECEIVE } -> c_code { post_receive(w->m); at_once(); } }
    :: atomic { c_expr { RECEIVE } -> c_code { receive(w->m); at_once(); } }
    od
}

proctype ends(byte q)
{
    if
    :: c_expr { READS_OUTSTANDING_FIRST } && outstanding[q] == 0 -> left[q] == 0
    :: left[q] == 0 && outstanding[q] == 0
    fi;
    c_code { look_at_the_end(Pends->q); }
}

#if STOP
proctype user()
{
end_asks:
    if
    :: stop[0] = 1
    :: stop[1] = 1
    fi
}
#endif

init
{
    byte i;
    bool may;
    atomic {
        if
        :: c_expr { HOLDERS_ARE_GIVEN } -> c_code { give_holders(); }
        :: else ->
            do
            :: i < ROUNDS * K ->
                if
                :: holder[i] = 0
                :: holder[i] = 1
#if RANKS > 2
                :: holder[i] = 2
#endif
                fi;
                i++
            :: else -> break
            od
        fi;
        c_code { begin(); };
        i = 0;
        do
        :: i < RANKS * K -> run token(i / K, i % K); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < RANKS ->
            run planner(i);
            run gate(i);
            run ends(i);
#if EVAL_EVERY
            run fold(i);
            run measure(i);
#endif
            i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < MESSAGES ->
            c_code { Pinit->may = may_be_sent(Pinit->i); };
            if
            :: may -> run message(i)
            :: else
            fi;
            i++
        :: else -> break
        od;
#if STOP
        run user();
#endif
        i = 0; may = 0;
        c_code { at_once(); }
    }
}
