/* tests/model/ranks.h: what ranks.pml does in single steps. `now` is spin's state, whose arrays
 * have an element for each rank q, or for each rank and token a.
 *
 * Rows hold no numbers but a tag that says what stands in them: 0 while somebody, or the transport,
 * writes; else that of X(t) or H(t), as below. Who reads a row looks at its tag when it begins and
 * when it ends. A message has a number, which tells what it carries: its source must hold that
 * when it is delivered and when its send is complete.
 *
 * Read from the environment too: HOLDERS, a digit for the rank of each token's holder, round after
 * round; without it the holders are chosen freely.                                              */
#include "graph.h"

#define HERE(q, a) ((q) * K + (a))

/* Phases of a word, and tags of rows. */
static int X(int t) { return 2 * t; }
static int H(int t) { return 2 * t + 1; }
static int tag(int phase) { return phase + 1; }

/* ---- the plan ---- */

static int slot_of(int t) { return t % SLOTS; }

/* The rank of holder(t, a), as rank q knows it: a run ends where its last steps were. */
static int holder_at(int q, int t, int a)
{
    return now.holder[(t == now.end[q] || t == ROUNDS ? t - 1 : t) * K + a];
}

/* Local mixes of round t on rank q that read the half-step of token a (M1, M3). */
static int readers(int q, int t, int a)
{
    int n = 0;
    for (int c = 0; c < K; c++)
        if (holder_at(q, t + 1, c) == q && (c == a || (!mixing_rests(t) && reads(c, a, t))))
            n++;
    return n;
}

/* Whether half-step (a, t) goes to rank d, as rank q knows it: M1. */
static int goes_to(int q, int d, int t, int a)
{
    if (now.holder[t * K + a] == d)
        return 0;
    for (int c = 0; c < K; c++)
        if (holder_at(q, t + 1, c) == d && (c == a || (!mixing_rests(t) && reads(c, a, t))))
            return 1;
    return 0;
}

static int leaves(int q, int t, int a) { return holder_at(q, t + 1, a) != now.holder[t * K + a]; }

static int sends(int q, int t, int a)
{
    int n = PRIVATE && leaves(q, t, a);
    for (int d = 0; d < RANKS; d++)
        n += goes_to(q, d, t, a);
    return n;
}

/* The phase that token a shows on rank q before it shows H(t) there by a message. */
static int phase_before(int q, int t, int a)
{
    while (t-- > 0)
        if (now.holder[t * K + a] == q || goes_to(q, q, t, a))
            return H(t);
    return X(0);
}

/* ---- rows ---- */

static int place(int q, int a, int t) { return HERE(q, a) * 2 + (mixing_turns(t) & 1); }

/* Losses that stand in the head of a row after `steps` steps, `evals` evaluations ago. */
static int losses(int steps, int evals) { return steps - evals * EVAL_EVERY; }
static int evals_until(int t) { return EVAL_EVERY ? t / EVAL_EVERY : 0; }

static void look_at_row(int q, int a, int t, int phase, const char *what)
{
    if (now.row[place(q, a, t)] != tag(phase))
        wrong(what);
}

static void look_at_slot(int q, int t)
{
    if (now.slot[q * SLOTS + slot_of(t)] != t + 1)
        wrong("the plan of another round stands in the slot, or half of one");
}

static void use_ends(int q, int a, int t)
{
    if (now.uses[place(q, a, t)] == 0)
        wrong("a use ends that was not counted");
    now.uses[place(q, a, t)]--;
}

static void outstanding_ends(int q)
{
    if (now.over[q] || now.outstanding[q] == 0)
        wrong("a rank has ended, and a message of it had not");
    now.outstanding[q]--;
}

static void pending_ends(int q, int t)
{
    now.pending[q * SLOTS + slot_of(t)]--;
    outstanding_ends(q);
}

/* ---- messages ---- */

enum { ROW, OWN, EVALUATED, MEAN, PART, VERDICT };
enum { MEANS = 3 * RANKS };
enum { OWNS = ROUNDS * K * RANKS, EVALS0 = OWNS + ROUNDS * K, CONTROL = EVALS0 + EVALS * K };

/* States of the two ends. */
enum { QUEUED = 1, SENT, PLANNED = 1, POSTED, COMPLETE, DONE };

static int row_message(int t, int a, int d) { return (t * K + a) * RANKS + d; }
static int own_message(int t, int a) { return OWNS + t * K + a; }
static int eval_message(int i, int b) { return EVALS0 + i * K + b; }
static int control_message(int kind, int i, int q)
{
    return CONTROL + (i * 3 + kind - MEAN) * RANKS + q;
}

static int kind_of(int m)
{
    return m < OWNS ? ROW : m < EVALS0 ? OWN : m < CONTROL ? EVALUATED :
           MEAN + (m - CONTROL) / RANKS % 3;
}

/* The round of a row's message; the evaluation of the others. */
static int round_of(int m)
{
    return m < OWNS ? m / RANKS / K : m < EVALS0 ? (m - OWNS) / K :
           m < CONTROL ? (m - EVALS0) / K : (m - CONTROL) / MEANS;
}

static int token_of(int m)
{
    return m < OWNS ? m / RANKS % K : m < EVALS0 ? (m - OWNS) % K :
           m < CONTROL ? (m - EVALS0) % K : 0;
}

/* The round of evaluation i, which must be open on rank q. */
static int evaluated_round(int i)
{
    int round = (i + 1) * EVAL_EVERY;
    for (int q = 0; q < RANKS; q++)
        round = now.end[q] < round ? now.end[q] : round;
    return round < ROUNDS ? round : ROUNDS;
}

static void look_at_record(int q, int i)
{
    if (now.record[q * RECORDS + i % RECORDS] != i + 1)
        wrong("the record of an evaluation is used for another one");
}

/* Where token b is when evaluation i is made of it. */
static int folded_from(int i, int b)
{
    int round = evaluated_round(i);
    for (int q = 0; q < RANKS; q++)
        if (now.end[q] == round)
            return holder_at(q, round, b);
    return holder_at(0, round, b);
}

static int source(int m)
{
    int kind = kind_of(m), q = (m - CONTROL) % RANKS;
    if (kind == ROW || kind == OWN)
        return now.holder[round_of(m) * K + token_of(m)];
    if (kind == EVALUATED)
        return folded_from(round_of(m), token_of(m));
    return kind == PART ? q : 0;
}

/* Of a message that is planned. */
static int destination(int m)
{
    int kind = kind_of(m), q = (m - CONTROL) % RANKS;
    if (kind == ROW)
        return m % RANKS;
    if (kind == OWN)
        return holder_at(now.holder[round_of(m) * K + token_of(m)], round_of(m) + 1, token_of(m));
    return kind == EVALUATED || kind == PART ? 0 : q;
}

/* Messages of one source, destination, channel and tag meet in the order in which they are posted:
 * the order of a post is its number there, from 1.                                              */
static int same_channel(int m, int n)
{
    return kind_of(m) == kind_of(n) && token_of(m) == token_of(n) &&
           (now.sent[n] || now.received[n]) && source(m) == source(n) &&
           destination(m) == destination(n);
}

static void post(uchar *order, const uchar *other, int m)
{
    int posted = 1;
    for (int n = 0; n < MESSAGES; n++)
        if (n != m && order[n] && same_channel(m, n))
            posted++;
    order[m] = posted;
    for (int n = 0; n < MESSAGES; n++)
        if (n != m && other[n] == posted && same_channel(m, n))
            wrong("a message meets the receive of another round");
}

/* The place of an evaluated row in rank 0's window. */
static int window_of(int i, int b)
{
    int n = 0;
    for (int c = 0; c < b; c++)
        n += folded_from(i, c) != 0;
    return n;
}

/* What the send's buffer must hold. */
static int source_holds(int m)
{
    int kind = kind_of(m), t = round_of(m), a = token_of(m), q = source(m);
    if (kind == ROW)
        return now.row[place(q, a, t)] == tag(H(t)) &&
               now.tally[place(q, a, t)] == losses(t + 1, evals_until(t));
    if (kind == OWN)
        return now.own[HERE(q, a)] == t + 2;
    if (kind == EVALUATED) {
        int round = evaluated_round(t);
        return now.row[place(q, a, round)] == tag(X(round)) &&
               now.tally[place(q, a, round)] == losses(round, t);
    }
    return kind == MEAN ? now.mean[q * 2 + (t & 1)] == t + 1 :
           kind == PART ? now.part[q * RANKS + q] == t + 1 : now.verdict[q] == t + 1;
}

/* The receive's buffer. */
static uchar *buffer_of(int m)
{
    int kind = kind_of(m), t = round_of(m), a = token_of(m), q = destination(m);
    return kind == ROW ? &now.row[place(q, a, t)] : kind == OWN ? &now.own[HERE(q, a)] :
           kind == EVALUATED ? &now.window[window_of(t, a) % WINDOW] :
           kind == MEAN ? &now.mean[q * 2 + (t & 1)] :
           kind == PART ? &now.part[(m - CONTROL) % RANKS] : &now.verdict[q];
}

static void deliver(int m)
{
    int kind = kind_of(m), t = round_of(m), a = token_of(m), q = destination(m);
    change(buffer_of(m), 0, kind == ROW ? tag(H(t)) : kind == OWN ? t + 2 :
           kind == EVALUATED ? t * K + a + 1 : t + 1,
           "a buffer was used before its receive was complete");
    if (kind == ROW)
        now.tally[place(q, a, t)] = losses(t + 1, evals_until(t));
}

/* ---- sends: queued by any worker, posted in that order by whoever holds the look lock ---- */

static void push(int m)
{
    int q = source(m);
    now.sent[m] = QUEUED;
    now.queue[q * QUEUE + now.queued[q]++] = m;
    if (now.queued[q] > QUEUE)
        wrong("the queue is full");
    if (kind_of(m) >= EVALUATED)
        now.outstanding[q]++;
}

static int is_next(int m)
{
    int q = source(m);
    return now.queue[q * QUEUE] == m || omit("M4order");
}

static void pop(int m)
{
    int q = source(m), i = 0;
    while (now.queue[q * QUEUE + i] != m)
        i++;
    memmove(&now.queue[q * QUEUE + i], &now.queue[q * QUEUE + i + 1], QUEUE - 1 - i);
    now.queue[q * QUEUE + QUEUE - 1] = 0;
    now.queued[q]--;
}

static int can_post_send(int m) { return now.sent[m] == QUEUED && is_next(m); }

static void post_send(int m)
{
    pop(m);
    now.sent[m] = SENT;
    if (now.over[source(m)])
        wrong("a rank has ended, and a message of it had not");
    post(now.sent_order, now.received_order, m);
}

/* A look tells that it is complete. With EAGER it may have been copied somewhere; else the receiver
 * has the data, or has posted where they go.                                                    */
static int can_complete(int m)
{
    return now.sent[m] == SENT && (EAGER || now.received[m] >= POSTED);
}

static void complete(int m)
{
    int kind = kind_of(m), t = round_of(m), a = token_of(m), q = source(m);
    if (!source_holds(m))
        wrong("a buffer was written before its send was complete");
    if (kind == ROW || kind == OWN)
        pending_ends(q, t);
    if (kind == ROW && !omit("M3send"))
        use_ends(q, a, t);
    if (kind == OWN)
        now.own_out[HERE(q, a)] = 0;
    if (kind == EVALUATED && omit("SUMS")) {        /* its record may be another's by now */
        look_at_record(q, t);
        now.tally[place(q, a, evaluated_round(t))] = 0;
    }
    if (kind == EVALUATED)
        now.passed[HERE(q, a)] = t + 1;
    now.sent[m] = DONE;
    if (kind >= EVALUATED)
        outstanding_ends(q);
}

/* ---- receives ---- */

static int evaluated_at(int q, int i) { return seq_reached(now.evaluated[q], i); }

/* Whether the receive may be posted: who looks holds the look lock. */
static int can_post_receive(int m)
{
    int kind = kind_of(m), t = round_of(m), a = token_of(m), q;
    if (now.received[m] != PLANNED)
        return 0;
    q = destination(m);
    if (kind == ROW || kind == OWN) {
        int shows = seq_phase(now.word[HERE(q, a)]) == phase_before(q, t, a) || omit("M4word");
        return shows && (kind == OWN ? !now.own_out[HERE(q, a)] || omit("M5") :
                         now.uses[place(q, a, t)] == 0 || omit("M3post"));
    }
    if (kind == EVALUATED)
        return omit("WINDOW") ||
               (seq_reached(now.folded[0], t * K) && window_of(t, a) < now.window_end);
    if (kind == MEAN)                       /* one after the other, each when its buffer is free */
        return (t == 0 || now.received[control_message(MEAN, t - 1, q)] >= POSTED) &&
               (evaluated_at(q, t - 1) || omit("MEAN"));
    return kind == PART ? evaluated_at(0, t) || omit("PART") : evaluated_at(q, t);
}

static void post_receive(int m)
{
    now.received[m] = POSTED;
    *buffer_of(m) = 0;
    post(now.received_order, now.sent_order, m);
}

/* Whether the round's mix of this token is here: its half-step is published free, else busy. */
static int stays(int q, int t, int a) { return holder_at(q, t + 1, a) == q; }

static void publish_half(int q, int t, int a, int is_here)
{
    if (is_here || omit("M4busy"))
        seq_finish(&now.word[HERE(q, a)], H(t));
    else
        seq_publish(&now.word[HERE(q, a)], H(t));
}

/* Whether what else comes with the half-step is here; whoever finds that publishes. */
static int is_last_of_half(int m)
{
    int t = round_of(m), a = token_of(m), q = destination(m);
    int other = kind_of(m) == OWN ? row_message(t, a, q) : own_message(t, a);
    return !PRIVATE || !stays(q, t, a) || now.received[other] >= COMPLETE;
}

static int can_receive(int m)
{
    return (now.received[m] == POSTED && now.sent[m] >= SENT) || now.received[m] == COMPLETE;
}

static void set_readers(int m)
{
    int t = round_of(m), a = token_of(m), q = destination(m);
    now.uses[place(q, a, t)] = readers(q, t, a);
    now.mixes_here[HERE(q, a)] = stays(q, t, a);
    if (omit("COUNT"))
        now.outstanding[q] += readers(q, t, a);
}

/* A look tells that it is complete. In two steps where a rule is left out that tells apart what is
 * set first.                                                                                    */
static void receive(int m)
{
    int kind = kind_of(m), t = round_of(m), a = token_of(m), q = destination(m);
    if (now.received[m] == POSTED) {
        if (now.sent[m] < DONE && !source_holds(m))
            wrong("a buffer was written before its send was complete");
        deliver(m);
        now.received[m] = COMPLETE;
        if ((kind == ROW || kind == OWN) && is_last_of_half(m)) {
            if (!omit("M3set"))
                set_readers(m);
            if (omit("M4busy") || omit("M3set")) {
                if (omit("M3set"))
                    publish_half(q, t, a, stays(q, t, a));
                return;
            }
            publish_half(q, t, a, stays(q, t, a));
        }
    } else if (omit("M3set")) {
        set_readers(m);
    } else {
        publish_half(q, t, a, stays(q, t, a));
    }
    now.received[m] = DONE;
    if (kind >= EVALUATED)
        outstanding_ends(q);
}

/* ---- evaluation ---- */

static int has_room(int q)
{
    int evals = now.evals[q];
    return evaluated_at(q, AWAITS ? evals : evals < RECORDS ? 0 : evals - RECORDS + 1);
}

static void plan_receive(int q, int m)
{
    now.received[m] = PLANNED;
    if (kind_of(m) >= EVALUATED)
        now.outstanding[q]++;
}

static int evaluation_open(int q, int t)
{
    int i = now.evals[q]++;
    now.record[q * RECORDS + i % RECORDS] = i + 1;
    now.left[q]++;
    for (int b = 0; b < K && q == 0; b++)
        if (folded_from(i, b) != 0)
            plan_receive(0, eval_message(i, b));
    for (int r = 1; r < RANKS && q == 0; r++)
        plan_receive(0, control_message(PART, i, r));
    if (q > 0)
        plan_receive(q, control_message(MEAN, i, q));
    if (q > 0 && AWAITS)
        plan_receive(q, control_message(VERDICT, i, q));
    return i + 1;
}

/* Rank 0 folds; the others send. They go through their tokens in order. */
static int fold_ready(int q, int i, int b)
{
    if (i >= now.evals[q])
        return 0;
    if (b == 0 && i >= 2 && !evaluated_at(q, i - 1))
        return 0;
    int from = folded_from(i, b);
    int shows = seq_reached(now.word[HERE(q, b)], X(evaluated_round(i)));
    if (from == q || (q == 0 && omit("ARRIVED")))
        return shows;
    return q > 0 || now.received[eval_message(i, b)] == DONE;
}

static void fold_begin(int q, int i, int b)
{
    int t = evaluated_round(i), from = folded_from(i, b);
    look_at_record(q, i);
    if (q == 0 && b == 0)
        now.mean[i & 1] = 0;
    if (q == 0 && from == 0)
        look_at_row(0, b, t, X(t), "a fold reads a row that is not x^t");
    if (q == 0 && from != 0 && now.window[window_of(i, b) % WINDOW] != i * K + b + 1)
        wrong("a fold reads what has yet to arrive");
}

static void fold_end(int q, int i, int b)
{
    int t = evaluated_round(i), from = folded_from(i, b);
    if (q > 0) {
        if (from == q) {
            push(eval_message(i, b));
            if (omit("R3"))
                now.passed[HERE(q, b)] = i + 1;
            if (omit("TALLY"))
                now.tally[place(q, b, t)] = 0;
        }
    } else if (from == 0) {
        look_at_row(0, b, t, X(t), "a row was written while a fold read it");
        if (now.tally[place(0, b, t)] != losses(t, i))
            wrong("a loss was lost");
        now.passed[b] = i + 1;
    } else {
        change(&now.window[window_of(i, b) % WINDOW], i * K + b + 1, 0,
               "a buffer was written while a fold read it");
        now.window_end++;
    }
    look_at_record(q, i);
    seq_finish(&now.folded[q], i * K + b + 1);
    if (b + 1 < K)
        return;
    now.window_end = WINDOW;
    for (int r = 1; r < RANKS && q == 0; r++)
        push(control_message(MEAN, i, r));
    if (q == 0)
        now.mean[i & 1] = i + 1;
}

static int mean_is_there(int q, int i)
{
    if (i >= now.evals[q] || !evaluated_at(q, i))
        return 0;
    return seq_reached(now.folded[q], (i + 1) * K) &&
           (q == 0 || now.received[control_message(MEAN, i, q)] == DONE);
}

static void measure_begin(int q, int i)
{
    if (now.mean[q * 2 + (i & 1)] != i + 1)
        wrong("a block measures the mean of another evaluation");
}

static void measure_end(int q, int i)
{
    measure_begin(q, i);
    if (q > 0) {
        now.part[q * RANKS + q] = i + 1;
        push(control_message(PART, i, q));
    }
}

/* Rank 0 has all parts. */
static int parts_are_there(int q, int i)
{
    for (int r = 1; r < RANKS; r++)
        if (q == 0 && now.received[control_message(PART, i, r)] != DONE)
            return 0;
    return 1;
}

static void report(int q, int i, int ends_here)
{
    if (q > 0)
        return;
    for (int r = 1; r < RANKS; r++)
        if (now.part[r] != i + 1)
            wrong("a report lacks the part of a rank");
    now.verdict[0] = i + 1;
    now.ends_here = ends_here;
    for (int r = 1; r < RANKS && AWAITS; r++)
        push(control_message(VERDICT, i, r));
}

/* Whether evaluation i is over on this rank, so that its record and buffers may be used anew. */
static int can_end_evaluation(int q, int i)
{
    int over = 1;
    for (int r = 1; r < RANKS; r++) {
        if (q == 0 || r == q) {
            over &= q > 0 || omit("MEANSENT") || now.sent[control_message(MEAN, i, r)] == DONE;
            over &= q > 0 || !AWAITS || now.sent[control_message(VERDICT, i, r)] == DONE;
            over &= q == 0 || now.sent[control_message(PART, i, r)] == DONE;
            over &= q == 0 || !AWAITS || now.received[control_message(VERDICT, i, r)] == DONE;
        }
    }
    return over;
}

/* Tokens that end on rank q. */
static void count_here(int q, int t)
{
    for (int a = 0; a < K; a++)
        now.left[q] += holder_at(q, t, a) == q;
    if (!omit("LEFT"))
        now.left[q]--;
}

static void end_evaluation(int q, int i)
{
    if (AWAITS && now.ends_here && now.end[q] == NEVER) {
        now.end_round[q] = evaluated_round(i);
        count_here(q, now.end_round[q]);
    }
    now.left[q]--;
    seq_finish(&now.evaluated[q], i + 1);
}

/* ---- the planner ---- */

enum { EACH_GATE = GATE ? GATE : 1 };

static int is_gate(int t) { return GATE && t % EACH_GATE == 0; }

static int plan_ready(int q)
{
    int t = seq_phase(now.planned[q]), asked = 0;
    if (now.end[q] != NEVER || now.end_round[q] != NEVER || !has_room(q))
        return 0;
    if (t >= SLOTS && now.pending[q * SLOTS + slot_of(t)] != 0 && !omit("M6"))
        return 0;
    if (t > 0 && is_gate(t) && now.gates[q] < t / EACH_GATE && !omit("M7"))
        return 0;
    for (int a = 0; a < K; a++)
        asked |= (now.word[HERE(q, a)] & 3) == 0;   /* x of some round, free */
    return asked || !omit("NEXT");
}

static void plan_round(int q)
{
    int t = seq_phase(now.planned[q]), before = q * SLOTS + slot_of(t + SLOTS - 1), pending = 0;
    for (int r = 0; r < RANKS && GATE; r++)
        if (seq_phase(now.planned[q]) >= seq_phase(now.planned[r]) + 2 * GATE)
            wrong("planners are 2 gates apart");
    int stops = omit("ALIKE") ? now.stop[q] :
                t > 0 && is_gate(t) && now.gate_value[t / EACH_GATE - 1];
    if (t == ROUNDS || (t > 0 && stops))
        now.end[q] = t;
    now.slot[q * SLOTS + slot_of(t)] = t + 1;
    now.pending[q * SLOTS + slot_of(t)] = NEVER;
    now.slot_eval[q * SLOTS + slot_of(t)] = 0;
    if (EVALS && (now.end[q] == t || (EVAL_EVERY && t > 0 && t % EVAL_EVERY == 0)))
        now.slot_eval[q * SLOTS + slot_of(t)] = evaluation_open(q, t);
    for (int a = 0; a < K && t > 0; a++) {          /* what happens here to its half-step */
        if (now.holder[(t - 1) * K + a] == q) {
            pending += readers(q, t - 1, a) + sends(q, t - 1, a);
        } else if (goes_to(q, q, t - 1, a)) {
            pending += readers(q, t - 1, a);
            plan_receive(q, row_message(t - 1, a, q));
            if (PRIVATE && stays(q, t - 1, a))
                plan_receive(q, own_message(t - 1, a));
        }
    }
    if (t > 0)
        now.pending[before] = pending;
    if (!omit("COUNT"))
        now.outstanding[q] += pending;
    if (now.end[q] == t) {
        count_here(q, t);
    } else if (is_gate(t)) {
        now.gate_value[t / EACH_GATE] |= now.stop[q];
        now.posted_gates[q]++;
        now.outstanding[q]++;
    }
    seq_finish(&now.planned[q], t + 1);
}

/* Gate g is decided once every rank has posted its all-reduce. */
static int gate_decided(int q)
{
    for (int r = 0; r < RANKS; r++)
        if (now.posted_gates[r] <= now.gates[q])
            return 0;
    return 1;
}

/* ---- the tokens ---- */

static int is_planned(int q, int rounds) { return seq_reached(now.planned[q], rounds); }

static int has_passed(int q, int a, int t)
{
    int eval = now.slot_eval[q * SLOTS + slot_of(t)];
    return !eval || (now.passed[HERE(q, a)] >= eval &&
                     (!AWAITS || omit("VERDICT") || evaluated_at(q, eval)));
}

static int retires(int q, int t) { return t == now.end[q] || t == now.end_round[q]; }

static int step_ready(int q, int a)
{
    int word = now.word[HERE(q, a)], t = seq_phase(word) / 2;
    if ((word & 3) || !is_planned(q, t + 1) || !has_passed(q, a, t))
        return 0;
    return retires(q, t) || is_planned(q, t + 2) || omit("M2");
}

/* Round t's, by what the word showed. */
static int mix_ready_at(int q, int a, int t)
{
    if (mixing_rests(t))
        return 1;
    for (int b = 0; b < K && !omit("R1"); b++)                              /* R1 */
        if (reads(a, b, t) && !seq_reached(now.word[HERE(q, b)], H(t)))
            return 0;
    return now.uses[place(q, a, t + 1)] == 0 || omit("M3mix");              /* M3 */
}

static int mix_ready(int q, int a)
{
    int word = now.word[HERE(q, a)];
    return (word & 3) == 2 && mix_ready_at(q, a, seq_phase(word) / 2) &&
           (!omit("M4busy") || now.mixes_here[HERE(q, a)]);
}

static void retire(int q, int a, int t)
{
    look_at_row(q, a, t, X(t), "a token retires with a row of another round");
    seq_publish(&now.word[HERE(q, a)], RETIRED);
    now.left[q]--;
}

static void step_begin(int q, int a, int t)
{
    look_at_slot(q, t);
    if (now.holder[t * K + a] != q)
        wrong("a token is stepped where its holder is not");
    if (now.uses[place(q, a, t)] != 0)
        wrong("a step writes a place in use");
    change(&now.row[place(q, a, t)], tag(X(t)), 0, "a step does not find x^t");
    if (now.slot_eval[q * SLOTS + slot_of(t)] && !omit("SUMS"))
        now.tally[place(q, a, t)] = 0;      /* a new sum */
    if (PRIVATE)
        change(&now.own[HERE(q, a)], t + 1, 0, "a step does not find its private row");
}

static void set_uses(int q, int a, int t)
{
    now.uses[place(q, a, t)] = readers(q, t, a);
    for (int d = 0; d < RANKS && !omit("M3send"); d++)
        now.uses[place(q, a, t)] += goes_to(q, d, t, a);
    if (omit("COUNT"))
        now.outstanding[q] += readers(q, t, a) + sends(q, t, a);
    now.mixes_here[HERE(q, a)] = stays(q, t, a);
}

static void step_end(int q, int a, int t)
{
    look_at_slot(q, t);
    look_at_slot(q, t + 1);                 /* M2 */
    change(&now.row[place(q, a, t)], 0, tag(H(t)), "a row was written while a step wrote it");
    now.tally[place(q, a, t)]++;
    if (PRIVATE)
        change(&now.own[HERE(q, a)], 0, t + 2, "a private row was written while a step wrote it");
    if (PRIVATE && leaves(q, t, a))
        now.own_out[HERE(q, a)] = 1;
    if (!omit("USES"))
        set_uses(q, a, t);
}

/* Queues its sends: to each rank, and the private row to the new holder's. */
static void push_half(int q, int a, int t)
{
    for (int d = 0; d < RANKS; d++)
        if (goes_to(q, d, t, a))
            push(row_message(t, a, d));
    if (PRIVATE && leaves(q, t, a))
        push(own_message(t, a));
}

static void step_publish(int q, int a, int t, int is_here)
{
    if (omit("USES"))
        set_uses(q, a, t);
    if (omit("LATE"))
        look_at_slot(q, t);
    publish_half(q, t, a, is_here);
}

static void look_at_neighbours(int q, int a, int t)
{
    look_at_slot(q, t);
    for (int b = 0; b < K; b++)
        if (a == b || (!mixing_rests(t) && reads(a, b, t)))
            look_at_row(q, b, t, H(t), "a mix reads a row that is no half-step of its round");
}

static void mix_begin(int q, int a, int t)
{
    look_at_neighbours(q, a, t);
    if (!stays(q, t, a))
        wrong("a token is mixed where its next holder is not");
    if (!mixing_rests(t))
        now.row[place(q, a, t + 1)] = 0;
}

static void mix_end(int q, int a, int t)
{
    look_at_neighbours(q, a, t);
    int rests = mixing_rests(t);
    change(&now.row[place(q, a, t + 1)], rests ? tag(H(t)) : 0, tag(X(t + 1)),
           "a row was written while a mix wrote it");
    now.tally[place(q, a, t + 1)] = now.tally[place(q, a, t)];
    for (int b = 0; b < K && !rests; b++)
        if (b != a && reads(a, b, t)) {
            use_ends(q, b, t);
            pending_ends(q, t);
        }
}

/* Between two tasks all variables are 0, so that states that do not differ are one. */
static void forget(P1 *token) { token->t = token->seen = token->ok = 0; }

/* Its own use; whoever mixes looks at the slot no more. */
static void mix_is_over(int q, int a, int t)
{
    use_ends(q, a, t);
    pending_ends(q, t);
}

/* ---- what is done at once ---- */

/* Whether steps of others may come between what makes a post or a plan possible and itself. They
 * need not: what is posted later is complete later, which it may be in any case, and a slot that is
 * filled later leaves its readers in peace for longer.                                          */
static int posts_late(void) { return FINE || omit("M4order"); }
static int plans_late(void) { return FINE || STOP || GATE; }

static void at_once(void)
{
    int more = 1;
    while (more) {
        more = 0;
        for (int q = 0; q < RANKS && !plans_late(); q++)
            if (plan_ready(q)) {
                plan_round(q);
                more = 1;
            }
        for (int q = 0; q < RANKS && !posts_late(); q++)
            while (now.queued[q])
                post_send(now.queue[q * QUEUE]);
        for (int m = 0; m < MESSAGES && !FINE; m++)
            if (now.received[m] == PLANNED && can_post_receive(m)) {
                post_receive(m);
                more = 1;
            }
    }
}

/* ---- the beginning and the end ---- */

static int holders_are_given(void) { return getenv("HOLDERS") && *getenv("HOLDERS"); }

static void give_holders(void)
{
    const char *digits = getenv("HOLDERS");
    for (int i = 0; i < ROUNDS * K; i++)
        now.holder[i] = digits[i] - '0';
}

/* Whether there may be such a message, in a run that ends now or later. */
static int may_be_sent(int m)
{
    int kind = kind_of(m), t = round_of(m), a = token_of(m), q = (m - CONTROL) % RANKS, may = 0;
    if (kind == MEAN || kind == PART || kind == VERDICT)
        return q > 0 && (kind != VERDICT || AWAITS);
    if (kind == EVALUATED)
        return STOP || folded_from(t, a) != 0;
    for (int end = t + 1; end <= t + 2; end++) {
        if (end <= ROUNDS && (end == t + 2 || t + 1 == ROUNDS || STOP)) {
            now.end[0] = end;
            may |= kind == ROW ? goes_to(0, m % RANKS, t, a) : PRIVATE && leaves(0, t, a);
        }
    }
    now.end[0] = NEVER;
    return may;
}

static void begin(void)
{
    for (int q = 0; q < RANKS; q++)
        for (int a = 0; a < K; a++) {
            int here = now.holder[a] == q;
            now.word[HERE(q, a)] = here ? 0 : 1;
            if (here)
                now.row[place(q, a, 0)] = tag(X(0));
            if (here && PRIVATE)
                now.own[HERE(q, a)] = 1;
        }
    for (int q = 0; q < RANKS; q++)
        now.left[q] = omit("LEFT") ? 0 : 1;
    now.window_end = WINDOW;
}

static void look_at_the_end(int q)
{
    int t = now.end_round[q] != NEVER ? now.end_round[q] : now.end[q];
    if (now.queued[q])
        wrong("a rank has ended, and a message of it had not");
    for (int m = 0; m < MESSAGES; m++) {
        if (now.sent[m] && now.sent[m] != DONE && source(m) == q)
            wrong("a rank has ended, and a message of it had not");
        if (now.received[m] && now.received[m] != DONE && destination(m) == q)
            wrong("a rank has ended, and a message to it had not");
    }
    if (now.gates[q] != now.posted_gates[q])
        wrong("a rank has ended, and a gate of it had not");
    if (t == NEVER || now.evaluated[q] != 2 * now.evals[q])
        wrong("a rank ends in the middle of the run");
    for (int r = 0; r < RANKS; r++)
        if (now.over[r] && (now.end[r] != now.end[q] || now.end_round[r] != now.end_round[q]))
            wrong("two ranks end in different rounds");
    for (int a = 0; a < K; a++)
        if (holder_at(q, t, a) == q && now.word[HERE(q, a)] != 2 * RETIRED + 1)
            wrong("a rank has ended, and a token of it had not");
    now.over[q] = 1;
}

/* A c_expr may not call, so that spin can see that it changes nothing. */
#define STEP_READY (step_ready(Ptoken->q, Ptoken->a))
#define MIX_READY (mix_ready(Ptoken->q, Ptoken->a))
#define SEES_HALF ((now.word[HERE(Ptoken->q, Ptoken->a)] & 3) == 2)
#define PLAN_READY (plans_late() && plan_ready(Pplanner->q))
#define GATE_DECIDED (now.gates[Pgate->q] < now.posted_gates[Pgate->q] && gate_decided(Pgate->q))
#define FOLD_READY (fold_ready(Pfold->q, Pfold->i, Pfold->b))
#define MEAN_IS_THERE (mean_is_there(Pmeasure->q, Pmeasure->i))
#define PARTS_ARE_THERE (parts_are_there(Pmeasure->q, Pmeasure->i))
#define EVALUATION_ENDS (can_end_evaluation(Pmeasure->q, Pmeasure->i))
#define POST_SEND (posts_late() && can_post_send(Pmessage->m))
#define COMPLETE_SEND (can_complete(Pmessage->m))
#define POST_RECEIVE (FINE && can_post_receive(Pmessage->m))
#define RECEIVE (can_receive(Pmessage->m))
#define SENDS_LATE (omit("M4queue"))
#define READS_OUTSTANDING_FIRST (omit("OVER"))
#define HOLDERS_ARE_GIVEN (holders_are_given())
