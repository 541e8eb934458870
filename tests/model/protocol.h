/* tests/model/protocol.h: what protocol.pml does in single steps. Functions have the names and the
 * lines of src/engine: tsgd_mix_ready of tokens.c is mix_ready here, and so on. `now` is spin's
 * state. Every function is one indivisible step of the model; what the code does in several steps
 * that others may see in between, protocol.pml calls one after the other.
 *
 * Rows hold no numbers here but a tag that says what stands in them:
 *     0            somebody is writing it
 *     X(t)         x^t
 *     X(t) + h     after h of the LOCAL local steps of round t; h = LOCAL: the half-step
 * Whoever reads a row looks at its tag when it begins and when it ends. So a row that is read while
 * it is written, or that stands for another round, is an error, and so is a step or a mix that is
 * done twice or lost, because it does not find the tag it goes on from.                         */
#include "graph.h"

/* ---- rows ---- */

static int X(int t) { return t * (LOCAL + 1) + 1; }
static int HALF(int t) { return X(t) + LOCAL; }

/* state.h, tsgd_state_row: coordinates s of token a's row in round t. */
static uchar *state_row(int t, int a, int s)
{
    return &now.row[((mixing_turns(t) & (PLACES - 1)) * K + a) * PIECES + s];
}

/* Somebody reads the row: at the beginning of it, and at the end. */
static void look_at_row(int t, int a, int tag, const char *what)
{
    for (int s = 0; s < PIECES; s++)
        if (*state_row(t, a, s) != tag)
            wrong(what);
}

/* Since the evaluation before, every round has added one loss. */
static void look_at_tally(int a, int t)
{
    if (now.tally[a] != t - now.folded_round[a])
        wrong("a loss was lost");
}

static void change_row(int t, int a, int from, int to, const char *what)
{
    for (int s = 0; s < PIECES; s++)
        change(state_row(t, a, s), from, to, what);
}

/* ---- evaluation.c, for the planner and the tokens ---- */

static int evaluation_has_room(void)
{
    if (omit("RECORDS"))
        return 1;
    return seq_reached(now.evaluated, AWAITS ? now.evals :
                       now.evals < RECORDS ? 0 : now.evals - RECORDS + 1);
}

static int evaluation_open(int t, int stopped)
{
    int index = now.evals;
    now.record_round[index % RECORDS] = t;
    now.record_stopped[index % RECORDS] = stopped;
    now.record[index % RECORDS] = index + 1;
    now.left++;
    now.evals = index + 1;
    return index;
}

static int evaluation_has_passed(int b, int index)
{
    if (!omit("R3") && !seq_reached(now.folded, index * K + b + 1))
        return 0;
    return !AWAITS || omit("VERDICT") || seq_reached(now.evaluated, index + 1);
}

/* ---- planner.c ---- */

static int slot_of(int t) { return t % SLOTS; }

/* The plan of round t is read. */
static void look_at_slot(int t)
{
    if (now.slot[slot_of(t)] != t + 1)
        wrong("the plan of another round stands in the slot, or half of one");
}

static int plan_ready(int t)
{
    if (now.planned != 2 * t || !evaluation_has_room())
        return 0;
    if (t < SLOTS || omit("R5"))
        return 1;
    for (int a = 0; a < K; a++)                                             /* R5 */
        if (!seq_reached(now.word[a], 2 * (t - SLOTS) + (omit("R5mix") ? 1 : 2)))
            return 0;
    return 1;
}

#if COPIES
/* ---- checkpoint.c, for the planner ---- */

static int checkpoint_may_stop(void) { return !now.busy; }

/* Due in every round but the first and the last: opened in the first in which it may be. */
static int checkpoint_is_due(int t)
{
    if (t == 0)
        return 0;
    return !now.busy || omit("C3");
}

static void checkpoint_open(int t)
{
    now.opened++;
    now.shot_round = t;
    now.reported = now.evals;
    now.copies_left = K;
    now.busy = 1;
#if NODES
    memcpy(now.shot_visits, now.visits, NODES);
#endif
}

/* planner.c, copy: opens a checkpoint of x^t if one is due. */
static void plan_copy(int t)
{
    int goes_on = now.end >= t && !now.is_over;
    now.slot_copies[slot_of(t)] = goes_on && checkpoint_is_due(t);
    if (now.slot_copies[slot_of(t)])
        checkpoint_open(t);
    now.slot_opened[slot_of(t)] = now.opened;
}
#else
static int checkpoint_may_stop(void) { return 1; }
static void plan_copy(int t) { (void)t; }
#endif

/* Nobody may look at the slot meanwhile. */
static void plan_begin(int t) { now.slot[slot_of(t)] = 0; }

/* Before round t is planned: whether the run ends here, and whether x^t is evaluated. */
static void begin_population(int t, int stopped)
{
    int index = 0;
    if (now.end_round != NEVER)
        now.end = now.end_round;
    if (now.end < t)
        return;
    now.is_over = t == ROUNDS;
    if (now.is_over || stopped)
        now.end = t;
    int regular = now.is_over || (EVAL_EVERY && t % EVAL_EVERY == 0);
    if (regular || now.end == t)
        index = 1 + evaluation_open(t, !regular);
    now.slot_eval[slot_of(t)] = index;
}

/* Token a visits a node of its own in this round. */
static void plan_population(int t, int shift)
{
    int end = now.end == t;
    if (now.end < t)
        return;
    for (int a = 0; a < K; a++) {
        int i = slot_of(t) * K + a, node = (a + shift) % (NODES ? NODES : 1);
        now.slot_node[i] = end ? NOBODY : node;
#if NODES
        now.slot_after_token[i] = NOBODY;
        if (end)
            continue;
        now.slot_after_token[i] = now.last_token[node];
        now.slot_after_phase[i] = now.last_phase[node];
        now.slot_visit[i] = now.visits[node]++;
        now.last_token[node] = a;
        now.last_phase[node] = 2 * t + 1;
#endif
    }
}

/* planner.c, tsgd_plan_round. A user may have asked to stop. */
static void plan_round(int t, int shift, int stop_asked)
{
    begin_population(t, stop_asked && checkpoint_may_stop());
    plan_copy(t);
    plan_population(t, shift);
    change(&now.slot[slot_of(t)], 0, t + 1, "two workers plan at once");
}

/* ---- tokens.c: readiness ---- */

static int mix_ready(int a, int t)
{
    if (mixing_rests(t - 1))
        return 1;
    if (SLICED && !omit("L1"))
        return 0;
    for (int b = 0; b < K && !omit("R1"); b++)                              /* R1 */
        if (reads(a, b, t - 1) && !seq_reached(now.word[b], 2 * t - 1))
            return 0;
    int turns = mixing_turns(t - 1);
    if (turns < 1 || omit("R2"))
        return 1;
    int before = mixing_round(turns - 1);
    for (int c = 0; c < K; c++)                                             /* R2 */
        if (reads(c, a, before) && !seq_reached(now.word[c], 2 * before + 2))
            return 0;
    return 1;
}

/* eval, before and phase were loaded from the slot, perhaps when it held another round already. */
static int step_ready_with(int a, int eval, int before, int phase)
{
    if (eval && !evaluation_has_passed(a, eval - 1))                        /* R3 */
        return 0;
    if (!NODES || omit("R4"))
        return 1;
    return before == NOBODY || seq_reached(now.word[before], phase);        /* R4 */
}

static int step_ready(int a, int t)
{
    int i = slot_of(t) * K + a, before = NOBODY, phase = 0;
    if (!seq_reached(now.planned, t + 1))
        return 0;
#if NODES
    before = now.slot_after_token[i];
    phase = now.slot_after_phase[i];
#endif
    (void)i;
    return step_ready_with(a, now.slot_eval[slot_of(t)], before, phase);
}

/* ---- tokens.c: the tasks ---- */

/* Whether the token retires. */
static int step_retires(int a, int t)
{
    look_at_slot(t);
    return now.slot_node[slot_of(t) * K + a] == NOBODY || now.end_round == t;
}

/* It stays busy. Every token ends with x of one round. */
static void retire(int a, int t)
{
    look_at_row(t, a, X(t), "a token retires with a row of another round");
    if (now.end != t && now.end_round != t)
        wrong("a token ends in a round in which the run does not");
    seq_publish(&now.word[a], RETIRED);
}

#if NODES
static void change_node(int a, int t, int begins)
{
    int i = slot_of(t) * K + a, seen = now.slot_visit[i];
    change(&now.node_row[now.slot_node[i]], begins ? seen + 1 : 0, begins ? 0 : seen + 2,
           "the row of a node is used by two visits at once, or in the wrong order");
}
#else
static void change_node(int a, int t, int begins) { (void)a, (void)t, (void)begins; }
#endif

#if COPIES
/* ---- checkpoint.c, for those who step ---- */

static int slot_copies(int t) { return now.slot_copies[slot_of(t)]; }

static void checkpoint_token_begin(int a, int t)
{
    look_at_slot(t);
    look_at_row(t, a, X(t), "a copy is not of x^t");
    now.copy[a] = 0;
}

static void checkpoint_token_end(int a, int t)
{
    look_at_row(t, a, X(t), "a row was written while it was copied");
    look_at_tally(a, t);
    change(&now.copy[a], 0, X(t), "a copy was written by two workers at once");
}

static void checkpoint_token_count(void)
{
    now.copies_left--;
    if (now.copies_left == 0 || (omit("C2") && now.copies_left == K - 1))
        now.wake++;
}

#if NODES
/* copy_node, in steps: the mark is loaded and claimed, the row copied, the mark given back. */
enum { HAS_IT = 1, NOT_NOW, CLAIMED };

static int node_of(int a, int t) { return now.slot_node[slot_of(t) * K + a]; }

static int copy_node_look(int node, int opened, int visitor)
{
    if (visitor && omit("C4"))             /* visitors copy nothing */
        return HAS_IT;
    return now.mark[node] == 2 * opened ? HAS_IT : now.mark[node] & 1 ? NOT_NOW : CLAIMED;
}

static int copy_node_claim(int node, int mark)
{
    int won = now.mark[node] == mark;
    if (won)
        now.mark[node] = mark + 1;
    return won ? CLAIMED : NOT_NOW;
}

static void copy_node_begin(int node)
{
    now.node_copy[node] = now.node_row[node];
    if (now.node_row[node] == 0)
        wrong("a node's row is copied while a visit writes it");
}

static void copy_node_end(int node, int opened)
{
    if (now.node_copy[node] != now.node_row[node])
        wrong("a node's row was written while it was copied");
    now.mark[node] = 2 * opened;
}
#endif

/* ---- checkpoint.c, the writer ---- */

static int has_work(void) { return now.busy && (now.copies_left == 0 || omit("C2")); }

/* When writing begins, and when it ends: the copies are those of one x^t. */
static void look_at_copies(void)
{
    if (!seq_reached(now.evaluated, now.reported))
        wrong("a file is written before the reports that it follows");
    for (int a = 0; a < K; a++)
        if (now.copy[a] != X(now.shot_round))
            wrong("a file is written of copies that are not all of one x^t");
#if NODES
    for (int node = 0; node < NODES; node++)
        if (now.node_copy[node] != now.shot_visits[node] + 1)
            wrong("a file is written with a node's row of another round");
#endif
}
#else
static int slot_copies(int t) { (void)t; return 0; }
#endif

static void step_begin(int a, int t)
{
    look_at_slot(t);
    change_row(t, a, X(t), 0, "a step does not find x^t");
    change_node(a, t, 1);
}

static void step_end(int a, int t)
{
    look_at_slot(t);
    change_row(t, a, 0, HALF(t), "a row was written while a step wrote it");
    change_node(a, t, 0);
    now.tally[a]++;
}

static void visit_end(int a, int t) { seq_finish(&now.word[a], 2 * t + 1); }

static void look_at_neighbours(int a, int t)
{
    look_at_slot(t - 1);
    for (int b = 0; b < K; b++)
        if (reads(a, b, t - 1))
            look_at_row(t - 1, b, HALF(t - 1),
                        "a mix reads a row that is no half-step of its round");
}

static void mix_begin(int a, int t)
{
    if (mixing_rests(t - 1))
        return;
    look_at_neighbours(a, t);
    for (int s = 0; s < PIECES; s++)
        *state_row(t, a, s) = 0;
}

static void mix_end(int a, int t)
{
    if (mixing_rests(t - 1)) {          /* the half-step becomes x^t where it stands */
        look_at_slot(t - 1);
        change_row(t, a, HALF(t - 1), X(t), "a token that rests does not find its half-step");
        return;
    }
    look_at_neighbours(a, t);
    change_row(t, a, 0, X(t), "a row was written while a mix wrote it");
}

/* ---- slices.c ---- */

static int slice_round_of(int slice) { return mixing_round(slice / PIECES); }

static int slice_ready(int slice)
{
    int stepped = 2 * slice_round_of(slice) + 1;
    for (int b = 0; b < K && !omit("R6"); b++)                              /* R6 */
        if (now.word[b] != 2 * stepped)
            return 0;
    return slice_round_of(slice) < ROUNDS;
}

static int slice_claim(int slice)
{
    int won = now.next_slice == slice || omit("L2");
    if (won)
        now.next_slice = slice + 1;
    return won;
}

static void slice_begin(int slice)
{
    int t = slice_round_of(slice) + 1;
    look_at_slot(t - 1);
    for (int a = 0; a < K; a++)
        change(state_row(t, a, slice % PIECES), HALF(t - 1), 0,
               "a slice does not find a half-step of its round");
}

static void slice_end(int slice)
{
    int t = slice_round_of(slice) + 1;
    look_at_slot(t - 1);
    for (int a = 0; a < K; a++)
        change(state_row(t, a, slice % PIECES), 0, X(t),
               "a row was written while a slice wrote it");
}

/* Whether this worker counts last, and so moves the words. */
static int slice_counts_last(void)
{
    int done = ++now.slices_done;
    if (omit("L3"))                     /* the first one moves them */
        return done == 1;
    if (done < PIECES)
        return 0;
    if (!omit("L4"))
        now.slices_done = 0;
    return 1;
}

/* slices.c, publish: token b may go on. */
static void slice_publish(int b, int t) { seq_finish(&now.word[b], 2 * t); }

/* ---- teams.c ---- */

static int stage_of(int word) { return word >> 4; }
static int task_of(int word) { return word & 15; }
static int is_gradients(int word) { return stage_of(word) & 1; }
static int tasks(int word) { return is_gradients(word) ? PARTS : PIECES; }

#if TEAMS
static int part_ready(int a) { return task_of(now.team_word[a]) < tasks(now.team_word[a]); }

static int part_claim(int a, int word)
{
    int won = now.team_word[a] == word || omit("T1");
    if (won)
        now.team_word[a] = word + 1;
    return won;
}

static void team_begin(int a, int t)
{
    now.visit_round[a] = t;
    now.visit_index[a] = 0;
}

/* The tag that the token's row has at this local step. */
static int team_tag(int a) { return X(now.visit_round[a]) + now.visit_index[a]; }

static void look_at_grads(int a, const char *what)
{
    for (int part = 0; part < PARTS; part++)
        if (now.team_grad[a * PARTS + part] != team_tag(a))
            wrong(what);
}

static void part_begin(int a, int word)
{
    int t = now.visit_round[a];
    if (is_gradients(word)) {
        look_at_row(t, a, team_tag(a), "a part reads a row of another local step");
        now.team_grad[a * PARTS + task_of(word)] = 0;
    } else {
        look_at_grads(a, "an update reads a gradient that is not there");
        change(state_row(t, a, task_of(word)), team_tag(a), 0, "an update does not find its row");
    }
}

static void part_end(int a, int word)
{
    int t = now.visit_round[a];
    if (is_gradients(word)) {
        look_at_row(t, a, team_tag(a), "a row was written while a part read it");
        change(&now.team_grad[a * PARTS + task_of(word)], 0, team_tag(a),
               "a part was computed by two workers at once");
    } else {
        look_at_grads(a, "a gradient was written while an update read it");
        change(state_row(t, a, task_of(word)), 0, team_tag(a) + 1,
               "a row was written while an update wrote it");
    }
}

/* Whether this worker ends the stage. */
static int part_counts_last(int a, int word)
{
    int done = ++now.team_done[a];
    if (omit("T2"))                     /* whoever took the last task ends the stage */
        return task_of(word) + 1 == tasks(word);
    return done == tasks(word);
}

/* What stands in go_on before the next stage is opened; false: the visit is over. */
static int go_on(int a, int word)
{
    if (is_gradients(word)) {
        look_at_grads(a, "a stage ends without a gradient of it");
        return 1;
    }
    if (++now.visit_index[a] < LOCAL)
        return 1;
    now.tally[a]++;
    return 0;
}

static void open_stage(int a, int step)
{
    if (step == 0)
        now.team_done[a] = 0;
    else
        now.team_word[a] = (stage_of(now.team_word[a]) + 1) << 4;
}

/* Whether the stage after `word` is over. */
static int stage_over(int a, int stage)
{
    return stage_of(now.team_word[a]) != stage || !seq_busy(now.word[a]) ||
           seq_phase(now.word[a]) != 2 * now.visit_round[a];
}
#else
static int part_ready(int a) { (void)a; return 0; }
static int part_claim(int a, int word) { (void)a, (void)word; return 0; }
static void team_begin(int a, int t) { (void)a, (void)t; }
static void part_begin(int a, int word) { (void)a, (void)word; }
static void part_end(int a, int word) { (void)a, (void)word; }
static int part_counts_last(int a, int word) { (void)a, (void)word; return 0; }
static int go_on(int a, int word) { (void)a, (void)word; return 0; }
static void open_stage(int a, int step) { (void)a, (void)step; }
static int stage_over(int a, int stage) { (void)a, (void)stage; return 1; }
#endif

/* ---- evaluation.c: the tasks ---- */

static int fold_ready(int folded)
{
    int i = folded / K, b = folded % K;
    if (i >= now.evals)
        return 0;
    if (b == 0 && i >= 2 && !omit("MEAN") && !seq_reached(now.evaluated, i - 1))
        return 0;
    int round = now.record_round[i % RECORDS], word = now.word[b];
    if (round == 0 && seq_phase(word) == 0)
        return !seq_busy(word) || omit("FILL");
    return seq_phase(word) >= 2 * round;
}

static void look_at_record(int i)
{
    if (now.record[i % RECORDS] != i + 1)
        wrong("the record of an evaluation is used for another one");
}

static void fold_begin(int folded)
{
    int i = folded / K, b = folded % K, round = now.record_round[i % RECORDS];
    look_at_record(i);
    look_at_row(round, b, X(round), "a fold reads a row that is not x^t");
    if (b == 0) {
        now.mean[i & 1] = 0;
        now.summed[i & 1] = 0;
    }
}

static void fold_end(int folded)
{
    int i = folded / K, b = folded % K, round = now.record_round[i % RECORDS];
    look_at_record(i);
    look_at_row(round, b, X(round), "a row was written while a fold read it");
    change(&now.summed[i & 1], b, b + 1, "a row was left out of the sum, or added twice");
    look_at_tally(b, round);
    if (!now.record_stopped[i % RECORDS]) {
        now.tally[b] = 0;
        now.folded_round[b] = round;
    }
    if (b + 1 == K)
        now.mean[i & 1] = i + 1;
}

static int block_ready(int block)
{
    int i = block / BLOCKS;
    return seq_reached(now.folded, (i + 1) * K) &&
           (omit("BLOCKS") || seq_reached(now.evaluated, i));
}

static int block_claim(int block)
{
    int won = now.next_block == block;
    if (won)
        now.next_block = block + 1;
    return won;
}

static void look_at_mean(int block)
{
    if (now.mean[block / BLOCKS & 1] != block / BLOCKS + 1)
        wrong("a block measures the mean of another evaluation");
}

static void block_begin(int block)
{
    look_at_mean(block);
    now.part[block % BLOCKS] = 0;
}

static void block_end(int block)
{
    look_at_mean(block);
    change(&now.part[block % BLOCKS], 0, block / BLOCKS + 1, "a block was measured twice at once");
}

static int block_counts_last(void)
{
    int last = ++now.blocks_done == BLOCKS;
    if (last)
        now.blocks_done = 0;
    return last;
}

static void report(int i)
{
    look_at_record(i);
    for (int b = 0; b < BLOCKS; b++)
        if (now.part[b] != i + 1)
            wrong("a report lacks a block");
}

/* A verdict: x of this round is the end; no token may have left it. */
static void end_here(int i)
{
    int round = now.record_round[i % RECORDS];
    now.end_round = round;
    for (int a = 0; a < K; a++)
        if (now.word[a] >> 1 != RETIRED && now.word[a] != 4 * round)
            wrong("a token has left x^t before the verdict on it");
}

/* ---- tasks.c: what token a is waiting for ---- */

enum { NOTHING, MIX, STEP, PART, PLAN };

static int ready_token(int a)
{
    int word = now.word[a], phase = seq_phase(word);
    if (seq_busy(word))
        return part_ready(a) ? PART : NOTHING;
    if (phase & 1)
        return mix_ready(a, (phase + 1) / 2) ? MIX : NOTHING;
    return plan_ready(phase / 2) ? PLAN : step_ready(a, phase / 2) ? STEP : NOTHING;
}

/* Between two tasks all variables are 0, so that states that do not differ are one. */
static void forget(P0 *worker)
{
    worker->kind = worker->id = worker->phase = worker->t = worker->plan = worker->ok = 0;
#if COPIES && NODES
    worker->node = worker->seen = worker->opens = 0;
#endif
}

#if SLOW
static void forget_slot(P0 *worker) { worker->due = worker->before = worker->after = 0; }
#endif

static void found(P0 *worker, int a)
{
    worker->kind = ready_token(a);
    worker->id = a;
#if TEAMS
    worker->phase = worker->kind == PART ? now.team_word[a] : seq_phase(now.word[a]);
#else
    worker->phase = seq_phase(now.word[a]);
#endif
    worker->t = worker->plan = (worker->phase + 1) / 2;     /* of a mix, a step, a plan */
}

static int claim(const P0 *worker)
{
    if (worker->kind == PART)
        return part_claim(worker->id, worker->phase);
    if (worker->kind == PLAN)
        return seq_claim(&now.planned, worker->plan);
    return seq_claim(&now.word[worker->id], worker->phase);
}

/* Nothing is left: every token has retired with x of the last round, every evaluation is done. */
static void look_at_the_end(void)
{
    for (int a = 0; a < K; a++)
        if (now.word[a] != 2 * RETIRED + 1)
            wrong("the run is over and a token has not retired");
    if (now.evaluated != 2 * now.evals)
        wrong("the run is over and an evaluation is not done");
}

/* A c_expr may not call, so that spin can see that it changes nothing. */
#define TOKEN_0 (ready_token(0) != NOTHING)
#define TOKEN_1 (K > 1 && ready_token(1 % K) != NOTHING)
#define TOKEN_2 (K > 2 && ready_token(2 % K) != NOTHING)
#define TOKEN_3 (K > 3 && ready_token(3 % K) != NOTHING)
#define FOLD_READY (!seq_busy(now.folded) && fold_ready(seq_phase(now.folded)))
#define BLOCK_READY (block_ready(now.next_block))
#define SLICE_READY (SLICED && slice_ready(now.next_slice))
#define SLOT_COPIES (slot_copies(Pworker->t))
#define HAS_WORK (has_work())
#define REPORTED (seq_reached(now.evaluated, now.reported) || omit("C5"))
#define OMIT_C1 (omit("C1"))
#define RESETS_LATE (omit("L3") || omit("L4"))
#define OMIT_T3 (omit("T3"))
#define STAGE_OVER (stage_over(Pworker->id, stage_of(Pworker->phase)))
#define SLOW_STEP(a) (!(now.word[a] & 3) && seq_reached(now.planned, now.word[a] / 4 + 1))
#define SLOW_0 SLOW_STEP(0)
#define SLOW_1 SLOW_STEP(1 % K)
#define SLOW_2 SLOW_STEP(2 % K)
