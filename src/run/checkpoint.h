/* run/checkpoint.h: checkpoint files: what the engine has copied of x^t, and the settings that it
 * belongs to, as a safetensors file with a checksum (model/sealed.h). A new one replaces the one
 * before by a rename, once it is on the disk; so there is always a whole one.
 *
 *     CONV1.WEIGHT, ..             F32  x of all tokens under PyTorch's names, [tokens, shape]
 *     telesgd.ROW.CONV1.WEIGHT     F32  the other rows that travel with a token, in the same way
 *     telesgd.node.ROW.CONV1.WEIGHT  F32  the row that stays with a node, [nodes, shape]
 *     telesgd.loss                 F64  training losses since the last evaluation, [tokens]
 *     telesgd.diverged             I64  round << 32 | token + 1 of a divergence, or -1
 *     telesgd.NAME[.POPULATION]         what the plan cannot compute again: visits, holder, ..
 *     telesgd.search.NAME               of a search: what its earlier passes have found
 *
 * Unsigned integers are stored as signed ones of the same bits, which more tools can read.      */
#ifndef TSGD_RUN_CHECKPOINT_H
#define TSGD_RUN_CHECKPOINT_H

#include "engine/engine.h"
#include "model/sealed.h"
#include "run/setup.h"

/* In `telesgd.checkpoint` of the metadata. It counts up when older files can no longer be read. */
#define TSGD_CHECKPOINT_FORMAT "1"

/* The tensors of a checkpoint file. */
struct tsgd_contents {
    const struct tsgd_snapshot *x;
    const struct tsgd_setup *setup;
    struct tsgd_sealed_blocks tokens, nodes;    /* which of them are on this rank */
    struct tsgd_sealed_tensor *tensor;          /* [n]; the keeper's extra ones are the last */
    size_t n;
};

/* What the checkpoints of a job are made of, besides the snapshot. */
struct tsgd_keeper {
    const struct tsgd_setup *setup;
    const char *command;        /* "train" or "tune" */
    json_t *asked;              /* settings of the result as they were given */
    const struct tsgd_sealed_tensor *extra;     /* [n_extra] more to store */
    size_t n_extra;
    struct tsgd_contents contents;
    uint64_t pass;              /* of a search, from 1; a run has one */
    _Atomic bool ask;           /* asks for one soon; relaxed: it carries no data */
    tsgd_checkpoint_fn *tell;   /* NULL: nobody */
    void *user;
};

/* Of a setup that will checkpoint what these settings ask for. On error it may be released.
 * TSGD_ENOMEM. TSGD_EINVAL: a setting of the result cannot be stored, because it is not UTF-8.  */
enum tsgd_status tsgd_keeper_init(struct tsgd_keeper *out, const struct tsgd_setup *setup,
                                  const char *command, const struct tsgd_settings *asked,
                                  struct tsgd_error *err);
void tsgd_keeper_release(struct tsgd_keeper *k);

/* Whether --checkpoint, if it is given, can be written, on the rank that writes it. TSGD_EIO. */
enum tsgd_status tsgd_keeper_check(const struct tsgd_settings *s, struct tsgd_error *err);

/* Lists the contents of checkpoints that are copied into this snapshot, or read from there, which
 * it borrows; before the first of them. TSGD_ENOMEM.                                            */
enum tsgd_status tsgd_keeper_list(struct tsgd_keeper *k, const struct tsgd_snapshot *x,
                                  struct tsgd_error *err);

/* For tsgd_checkpoints.write; `keeper` is a struct tsgd_keeper. On rank 0 it writes the file; on
 * another one it tells rank 0 the rows that are here. TSGD_EIO, TSGD_ENOMEM: the checkpoint before
 * is still there.                                                                               */
enum tsgd_status tsgd_keeper_write(const struct tsgd_snapshot *x, void *keeper,
                                   struct tsgd_error *err);

#endif
