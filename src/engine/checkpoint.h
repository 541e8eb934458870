/* engine/checkpoint.h: x^t copied while the tokens go on, for whoever writes it into a file. The
 * planner opens a checkpoint in the plan of round t, and copies there what it knows itself. The
 * rows are copied by whoever steps the tokens, and a thread of its own, the writer, takes the
 * copies to the file: no worker ever waits for a disk.
 *
 *     C1  The rows of token a are copied by whoever has claimed its step of round t, before it
 *         steps or retires. Until 2t+1 nobody else may write them (S1), so they are those of x^t.
 *         A token waits for the copy of its own rows and nothing else.
 *     C2  Each copy counts itself in `left`. The last one sees all of them and posts the writer,
 *         which so sees them too.
 *     C3  One at a time: the planner opens a checkpoint only when `busy` is false, which the writer
 *         says once it has done with the copies. One that is due before that is opened later.
 *     C4  A node's row is copied once a checkpoint, by whoever first claims its mark: the first
 *         visitor from round t on, before its step, or the writer, after C2, when all visits before
 *         round t are over. A visitor that finds the writer at it gives its token back and looks
 *         for other work, so nothing waits inside a task.
 *     C5  The file is written once every evaluation up to x^t has been reported, so that a log
 *         never lacks what a resumed run will not tell again.
 *
 * When tokens are spread over ranks (engine/spread.h), a checkpoint is opened on all of them, or on
 * none, at a gate (M7); what the gate says of checkpoints that are being written stands for C3.
 * Each rank copies what it has, and the writer of rank 0 writes all of it:
 *
 *     C6  The other ranks' writers send what they have copied in the order of the file
 *         (engine/stream.h), first of all which tokens have diverged. The writers look at the
 *         network themselves, because after the training nobody else does.
 *     C7  A token may have left this rank before round t without any copy to count. So before C4's
 *         copies the writer also awaits, of every token, the last phase that was planned to be
 *         shown on this rank before round t.
 *
 * A run that was asked to stop ends in a round in which a checkpoint can be opened; until then it
 * trains on. Nothing is written of a run that has diverged, or that a verdict ended in round t.
 *
 * Ownership: init takes, release gives back. Threads: each field says whose it is.              */
#ifndef TSGD_ENGINE_CHECKPOINT_H
#define TSGD_ENGINE_CHECKPOINT_H

#include "engine/evaluation.h"
#include "engine/snapshot.h"
#include "engine/stream.h"

#include <pthread.h>
#include <semaphore.h>

struct checkpoint {
    struct state *s;
    const struct evaluation *evaluation;
    const float *node_row;      /* the nodes' own rows, or NULL */
    struct tsgd_snapshot shot;  /* planner, copiers and writer, one after the other, by C1 to C4 */

    /* The planner's. */
    uint64_t opened;            /* checkpoints so far */
    size_t kept;                /* pieces copied into the one that is being opened */
    bool pending;               /* one is due */
    uint64_t *shown;            /* [tokens] C7; planner, then writer. NULL: not spread, or no rows
                                 * of nodes */

    /* Only when tokens are spread. */
    uint64_t *first;            /* [tokens] as struct tsgd_head's `diverged`; copiers, writer */
    uint64_t *come;             /* [ranks] bytes that come from each; the writer's */
    struct stream stream;

    uint64_t *reported;         /* [populations] evaluations that C5 waits for; planner, then
                                 * writer */
    _Atomic uint64_t *mark;     /* [nodes] C4: 2 * checkpoints that have the row + being copied */
    alignas(128) _Atomic uint32_t left;     /* tokens that have yet to be copied */
    alignas(128) _Atomic bool busy;         /* C3 */
    _Atomic bool asked;         /* by the clock; relaxed, as the caller's ask: they carry no data */
    _Atomic bool over;          /* the run has ended; release, pairs with the writer's acquire */

    /* The writer's; after the run the caller's. */
    uint64_t written;
    enum tsgd_status status;    /* of the last one */
    struct tsgd_error err;

    pthread_t thread;
    sem_t wake;
    bool made, started;         /* `wake` exists; the thread does */
    pid_t process;              /* whose thread it is: a forked child has none */
    struct tsgd_holding holding;
};

/* Borrows the others; takes nothing in a run without checkpoints that begins anew. With a holding
 * that counts, only what it would take. TSGD_ENOMEM.                                            */
enum tsgd_status tsgd_checkpoint_init(struct checkpoint *c, struct state *s,
                                      const struct evaluation *evaluation, struct tsgd_error *err);
void tsgd_checkpoint_release(struct checkpoint *c);

/* Takes room for the pieces that `memory` tells of, which belong to `owner`. TSGD_ENOMEM. */
enum tsgd_status tsgd_checkpoint_reserve(struct checkpoint *c,
                                         void (*memory)(void *owner, tsgd_memory_fn *each,
                                                        void *user),
                                         void *owner, struct tsgd_error *err);

/* Starts the writer, if the run writes checkpoints. TSGD_ENOMEM. */
enum tsgd_status tsgd_checkpoint_start(struct checkpoint *c, struct tsgd_error *err);

/* The training begins, and has ended: waits for the writer. */
void tsgd_checkpoint_begin(struct checkpoint *c);
void tsgd_checkpoint_end(struct checkpoint *c);

/* ---- for the planner ---- */

/* Whether a stop may be heeded now. */
bool tsgd_checkpoint_may_stop(const struct checkpoint *c);

/* Whether x^t is to be copied; ends: the run is being stopped there. */
bool tsgd_checkpoint_is_due(struct checkpoint *c, uint64_t t, bool ends);

/* The same when tokens are spread over ranks, at a gate (engine/spread.h, M7): all ranks answer
 * alike. asked: somebody asked for one. Whether one is being written is for the gate to say.    */
bool tsgd_checkpoint_is_due_at_gate(struct checkpoint *c, uint64_t t, bool ends, bool asked);

/* Whether somebody asks for one here. */
bool tsgd_checkpoint_is_asked(const struct checkpoint *c);

/* Opens one. Then the planner tells its pieces to tsgd_checkpoint_keep (user: the checkpoint), and
 * publishes its plan.                                                                           */
void tsgd_checkpoint_open(struct checkpoint *c, uint64_t t);
void tsgd_checkpoint_keep(void *checkpoint, const struct tsgd_piece *piece);

/* After that, when tokens are spread: where they are, and the last phase that each was planned to
 * show here before; both [tokens].                                                              */
void tsgd_checkpoint_place(struct checkpoint *c, const uint32_t *rank, const uint64_t *last);

/* ---- for whoever has claimed the step of token a in round t ---- */

/* C1 */
void tsgd_checkpoint_token(struct checkpoint *c, struct worker *w, uint32_t a, uint64_t t);

/* C4, of a token that visits `node` when so many checkpoints have been opened. False: the writer is
 * copying this node's row.                                                                      */
bool tsgd_checkpoint_node(struct checkpoint *c, uint32_t node, uint64_t opened);

#endif
