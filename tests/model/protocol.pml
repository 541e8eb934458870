/* tests/model/protocol.pml: the engine's hand-off protocol, for spin: workers that look for ready
 * tasks of tokens, plans, evaluations, slices and teams, claim them and run them, as
 * src/engine/loop.c and tasks.c do. Its steps stand in protocol.h, with the names and the lines of
 * the code.
 *
 * Between any two statements below, every other worker may do anything. A worker may take any ready
 * task, not only the first that the code would find. A readiness check is one step, since it is
 * monotone (engine/seq.h, S3); the claim is another, so a worker may be slow in between and lose.
 * With -DSLOW a step's check loads from the plan's slot one word after the other, and the slot may
 * be used anew in between.
 *
 * A worker that finds nothing blocks. If all block, and the run is not over, spin reports an
 * invalid end state: a deadlock. In the graph of states no way leads back, which `make model` has
 * spin look at too (-DNP), so every run ends after a bounded number of steps: every token
 * progresses. (But for C4, where a token may be given back and taken again while the writer copies
 * a node's row.)
 *
 *     K tokens, WORKERS, ROUNDS, EVERY (--mix-every), SLOTS and RECORDS of planner.h and
 *     evaluation.h, EVAL_EVERY (0: at the end alone), BLOCKS of an evaluation, AWAITS a verdict,
 *     STOP (a user's stop at any time), NODES with momentum (0: tokens keep theirs), which
 *     tokens visit in one of SHIFTS ways a round, COPIES (checkpoints), LOCAL steps of a visit,
 *     SLICED, TEAMS with PARTS, PIECES: slices, or ranges of an update
 *
 * OMIT: the rule of seq.h (S1, R1 to R6), slices.h (L1 to L4), teams.h (T1 to T3), checkpoint.h (C1
 * to C5) that is left out; R5mix asks only for 2(t-R)+1. Of evaluation.h: VERDICT, the second half
 * of R3; RECORDS, that there is room for a record; MEAN, that a fold waits for its buffers; BLOCKS,
 * that evaluations are measured one after the other; FILL, that rows are filled at the start. Every
 * place where one is left out says so in protocol.h, and how. T3, for one, becomes: whoever has
 * opened a stage waits for it in place of taking tasks of it.                                   */
#include "sizes.h"

/* The tokens. */
byte word[K] = 1;                       /* busy: their rows have yet to be filled */
byte row[PLACES * K * PIECES];
byte tally[K];
byte left = K;                          /* tokens not retired + evaluations not done */

/* The planner. slot: 1 + the round whose plan it holds, 0 while it is written. */
byte planned, slot[SLOTS], slot_eval[SLOTS], slot_node[SLOTS * K];
byte end = 255;                         /* the round that the run ends in, once that is known */
bool is_over;
#if NODES
byte slot_after_token[SLOTS * K], slot_after_phase[SLOTS * K], slot_visit[SLOTS * K];
byte last_token[NODES] = 255, last_phase[NODES], visits[NODES];
byte node_row[NODES] = 1;               /* 1 + visits that it has seen, 0 while it is written */
#endif

/* The evaluation. record, mean, part: 1 + the evaluation that it belongs to, 0 while written. */
byte evals, folded, evaluated, next_block, blocks_done;
byte record[RECORDS], record_round[RECORDS], record_stopped[RECORDS];
byte mean[2], summed[2], part[BLOCKS];
byte folded_round[K];                   /* of the last evaluation, for the tally */
byte end_round = 255;                   /* where a verdict ended the run */

#if COPIES
/* The checkpoint. copy, node_copy: what stands in the row that was copied, 0 while it is. */
byte slot_copies[SLOTS], slot_opened[SLOTS], opened, shot_round, reported, copies_left;
byte copy[K], wake = 1, workers_left = WORKERS;
bool busy, over;
#if NODES
byte mark[NODES], node_copy[NODES], shot_visits[NODES];
#endif
#endif

byte next_slice, slices_done;
#if TEAMS
byte team_word[K] = PIECES, team_done[K], team_grad[K * PARTS], visit_round[K], visit_index[K];
#endif

#define w Pworker       /* the variables of the worker that takes the step */

/* Kinds of tasks, as in protocol.h. */
#define MIX 1
#define STEP 2
#define PART 3
#define PLAN 4

c_code { \#include "protocol.h"
}


/* planner.c, tsgd_plan_round. */
inline run_plan()
{
    c_code { plan_begin(w->plan); };
#if NODES
    if
    :: shift = 0
    :: shift = 1
#if SHIFTS > 2
    :: shift = 2
#endif
#if SHIFTS > 3
    :: shift = 3
#endif
    fi;
#endif
#if STOP
    if
    :: stopped = 0
    :: stopped = 1
    fi;
#endif
    c_code { plan_round(w->plan, w->shift, w->stopped); };
    c_code { seq_finish(&now.planned, w->plan + 1); };
    shift = 0;
    stopped = 0
}

/* planner.c, tsgd_plan_try. */
inline plan_try()
{
    c_code { w->ok = plan_ready(w->plan); };
    if
    :: ok ->
        c_code { w->ok = seq_claim(&now.planned, w->plan); };
        if
        :: ok -> run_plan()
        :: else
        fi
    :: else
    fi
}

/* teams.c, from open_stage to where the worker has no task of it left. */
inline open_and_take()
{
    c_code { open_stage(w->id, 0); };
    c_code { open_stage(w->id, 1); w->phase = now.team_word[w->id]; };
    if
    :: c_expr { OMIT_T3 } ->            /* in place of taking tasks, the worker waits for others */
        c_expr { STAGE_OVER };
        goto look
    :: else -> goto take_next
    fi
}

/* checkpoint.c, tsgd_checkpoint_token. */
inline copy_token()
{
    c_code { checkpoint_token_begin(w->id, w->t); };
    c_code { checkpoint_token_end(w->id, w->t); };
    c_code { checkpoint_token_count(); }
}

/* checkpoint.c, copy_node, after the mark was loaded; ok says what it found, and what it does. */
#define HAS_IT 1
#define CLAIMED 3
#define COPY_NODE(who) \
    if \
    :: ok == CLAIMED -> \
        c_code { who->ok = copy_node_claim(who->node, who->seen); }; \
        if \
        :: ok == CLAIMED -> \
            c_code { copy_node_begin(who->node); }; \
            c_code { copy_node_end(who->node, who->opens); who->ok = HAS_IT; } \
        :: else \
        fi \
    :: else \
    fi

proctype worker(byte me)
{
    byte kind, id, phase, t, plan, shift, stopped;
    byte ok;
#if COPIES && NODES
    byte node, seen, opens;
#endif
#if SLOW
    byte due, before, after;
#endif
    /* start.c, tsgd_start_fill: the rows of its home tokens. */
    id = me * K / WORKERS;
    do
    :: id < (me + 1) * K / WORKERS ->
        c_code { change_row(0, w->id, 0, X(0), "a row is filled twice"); };
        c_code { seq_finish(&now.word[w->id], 0); w->id++; }
    :: else -> break
    od;

look:
    c_code { forget(w); };
    if
    :: left == 0 -> goto ends
    :: atomic { c_expr { TOKEN_0 } -> c_code { found(w, 0); } }; goto claim
#if K > 1
    :: atomic { c_expr { TOKEN_1 } -> c_code { found(w, 1); } }; goto claim
#endif
#if K > 2
    :: atomic { c_expr { TOKEN_2 } -> c_code { found(w, 2); } }; goto claim
#endif
#if K > 3
    :: atomic { c_expr { TOKEN_3 } -> c_code { found(w, 3); } }; goto claim
#endif
    :: atomic { c_expr { FOLD_READY } -> c_code { w->phase = seq_phase(now.folded); } };
        c_code { w->ok = seq_claim(&now.folded, w->phase); };
        if
        :: ok -> goto fold_run
        :: else -> goto look
        fi
    :: atomic { c_expr { BLOCK_READY } -> c_code { w->phase = now.next_block; } };
        c_code { w->ok = block_claim(w->phase); };
        if
        :: ok -> goto block_run
        :: else -> goto look
        fi
#if SLICED
    :: atomic { c_expr { SLICE_READY } -> c_code { w->phase = now.next_slice; } };
        c_code { w->ok = slice_claim(w->phase); };
        if
        :: ok -> goto slice_run
        :: else -> goto look
        fi
#endif
#if SLOW
    :: atomic { c_expr { SLOW_0 } -> c_code { found(w, 0); w->kind = STEP; } }; goto slow_step
#if K > 1
    :: atomic { c_expr { SLOW_1 } -> c_code { found(w, 1); w->kind = STEP; } }; goto slow_step
#endif
#if K > 2
    :: atomic { c_expr { SLOW_2 } -> c_code { found(w, 2); w->kind = STEP; } }; goto slow_step
#endif
#endif
    fi;

#if SLOW
slow_step:                              /* tsgd_step_ready, word by word */
    c_code { w->due = now.slot_eval[slot_of(w->t)]; };
#if NODES
    c_code { w->before = now.slot_after_token[slot_of(w->t) * K + w->id]; };
    c_code { w->after = now.slot_after_phase[slot_of(w->t) * K + w->id]; };
#endif
    c_code { w->ok = step_ready_with(w->id, w->due, w->before, w->after); };
    c_code { forget_slot(w); };
    if
    :: ok -> goto claim
    :: else -> goto look
    fi;
#endif

claim:
    c_code { w->ok = claim(w); };
    if
    :: !ok -> goto look
    :: ok && kind == MIX -> goto mix_run
    :: ok && kind == STEP -> goto step_run
    :: ok && kind == PART -> goto part_run
    :: ok && kind == PLAN -> run_plan(); goto look
    fi;

mix_run:                                /* tokens.c, tsgd_mix_run */
    c_code { mix_begin(w->id, w->t); };
    c_code { mix_end(w->id, w->t); };
    plan_try();
    c_code { w->ok = step_ready(w->id, w->t); };
    if
    :: ok -> c_code { seq_publish(&now.word[w->id], 2 * w->t); }; goto step_run
    :: else -> c_code { seq_finish(&now.word[w->id], 2 * w->t); }; goto look
    fi;

step_run:                               /* tokens.c, tsgd_step_run */
#if COPIES && NODES
    c_code { w->node = node_of(w->id, w->t); w->opens = now.slot_opened[slot_of(w->t)]; };
    if
    :: opens && node != 255 ->
        c_code { w->seen = now.mark[w->node]; w->ok = copy_node_look(w->node, w->opens, 1); };
        COPY_NODE(Pworker);
        if
        :: ok == HAS_IT
        :: else -> c_code { seq_finish(&now.word[w->id], 2 * w->t); }; goto look    /* C4: later */
        fi
    :: else
    fi;
#endif
#if COPIES
    if
    :: c_expr { SLOT_COPIES && !OMIT_C1 } -> copy_token()
    :: else
    fi;
#endif
    c_code { w->ok = step_retires(w->id, w->t); };
    if
    :: ok -> c_code { retire(w->id, w->t); }; left--; goto look
    :: else
    fi;
#if TEAMS
    c_code { team_begin(w->id, w->t); };
    open_and_take();
#else
    c_code { step_begin(w->id, w->t); };
    c_code { step_end(w->id, w->t); };
#if COPIES
    if
    :: c_expr { SLOT_COPIES && OMIT_C1 } -> copy_token()
    :: else
    fi;
#endif
    c_code { visit_end(w->id, w->t); };
    goto look;
#endif

part_run:                               /* teams.c, tsgd_part_run */
#if TEAMS
    c_code { part_begin(w->id, w->phase); };
    c_code { part_end(w->id, w->phase); };
    c_code { w->ok = part_counts_last(w->id, w->phase); };
    if
    :: ok ->
        c_code { w->ok = go_on(w->id, w->phase); };
        if
        :: ok -> open_and_take()
        :: else -> c_code { visit_end(w->id, now.visit_round[w->id]); }; goto look
        fi
    :: else
    fi;
take_next:
    c_code { w->phase = now.team_word[w->id]; w->ok = part_ready(w->id); };
    if
    :: ok -> c_code { w->ok = part_claim(w->id, w->phase); }
    :: else -> goto look
    fi;
    if
    :: ok -> goto part_run
    :: else -> goto take_next
    fi;
#endif

slice_run:                              /* slices.c, tsgd_slice_run */
#if SLICED
    c_code { slice_begin(w->phase); };
    c_code { slice_end(w->phase); w->t = slice_round_of(w->phase) + 1; };
    c_code { w->ok = slice_counts_last(); };
    if
    :: ok -> plan = t
    :: else -> goto look
    fi;
    plan_try();
    do
    :: id < K -> c_code { slice_publish(w->id, w->t); w->id++; }
    :: else -> break
    od;
    if
    :: c_expr { RESETS_LATE } -> slices_done = 0; goto look    /* only after the words are moved */
    :: else -> goto look
    fi;
#endif

fold_run:                               /* evaluation.c, tsgd_fold_run */
    c_code { fold_begin(w->phase); };
    c_code { fold_end(w->phase); w->phase++; };
    c_code { w->ok = w->phase % K != 0 && fold_ready(w->phase); };
    if
    :: ok -> c_code { seq_publish(&now.folded, w->phase); }; goto fold_run
    :: else -> c_code { seq_finish(&now.folded, w->phase); }; goto look
    fi;

block_run:                              /* evaluation.c, tsgd_block_run */
    c_code { block_begin(w->phase); };
    c_code { block_end(w->phase); };
    c_code { w->ok = block_counts_last(); };
    if
    :: ok -> c_code { report(w->phase / BLOCKS); }
    :: else -> goto look
    fi;
#if AWAITS
    if
    :: skip
    :: c_code { end_here(w->phase / BLOCKS); }
    fi;
#endif
    c_code { seq_finish(&now.evaluated, w->phase / BLOCKS + 1); };
    left--;
    goto look;

ends:
    c_code { look_at_the_end(); };
#if COPIES
    /* engine.c, tsgd_engine_run: who has joined all workers waits for the writer. */
    atomic {
        workers_left--;
        if
        :: workers_left == 0 -> over = 1; wake = wake + 2
        :: else
        fi
    }
#endif
}

#if COPIES
proctype writer()
{
#if NODES
    byte node, seen, opens, ok;
#endif
    bool last;
    wake > 0 -> wake--;                 /* the training begins */
    do
    :: wake > 0 -> wake--;
        last = over;
        if
        :: c_expr { HAS_WORK } ->
#if NODES
            do
            :: node < NODES ->
                c_code { Pwriter->opens = now.opened; Pwriter->seen = now.mark[Pwriter->node];
                         Pwriter->ok = copy_node_look(Pwriter->node, Pwriter->opens, 0); };
                COPY_NODE(Pwriter);
                if
                :: ok == HAS_IT -> node++
                :: else
                fi
            :: else -> break
            od;
            node = 0;
#endif
            c_expr { REPORTED };        /* C5 */
            c_code { look_at_copies(); };
            c_code { look_at_copies(); };
            busy = 0
        :: else
        fi;
        if
        :: last -> break
        :: else
        fi
    od;
    assert(!busy)
}
#endif

init
{
    atomic {
        run worker(0);
#if WORKERS > 1
        run worker(1);
#endif
#if WORKERS > 2
        run worker(2);
#endif
#if COPIES
        run writer();
#endif
    }
}
