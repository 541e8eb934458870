/* transport/transport.h: how the ranks of one run reach each other: processes, perhaps on several
 * machines, that train together. A run knows only this interface; what carries the messages stands
 * behind it: MPI (mpi/mpi.h, in a program of its own), or the memory of one process
 * (tests/sim/within.c).
 *
 * A message has a source, a destination, a channel and a tag. Of messages in which all four agree,
 * the first that was sent meets the first receive that was posted. Neither side waits in a call: a
 * send or a receive is posted, and some later look tells that it is complete, by its label. Buffers
 * belong to the transport from then until that look.
 *
 * Threads: any, one at a time: all that is posted and looked at is done by whoever holds the
 * caller's own lock (engine/mail.h), so MPI_THREAD_SERIALIZED is enough.
 * Errors: a transport that fails ends the process with a sentence; nobody could go on.          */
#ifndef TSGD_TRANSPORT_TRANSPORT_H
#define TSGD_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Messages of different channels never meet. */
enum tsgd_channel {
    TSGD_CHANNEL_ROWS,          /* half-steps and what travels with a token; tag: 2 * token + 1 if
                                 * private */
    TSGD_CHANNEL_EVALUATION,    /* rows to be folded; tag: token */
    TSGD_CHANNEL_CONTROL,       /* means, measures, verdicts; tag: a small number */
    TSGD_CHANNEL_FILES,         /* checkpoints, traces and what else one rank writes for all */
    TSGD_CHANNELS
};

struct tsgd_transport {
    const struct tsgd_transport_ops *ops;
    uint32_t rank, ranks;       /* this one, 0 <= rank < ranks; how many there are */
    uint32_t most_tag;          /* tags are 0 to this */
    bool rings;                 /* whatever comes from any rank ends a rest */
};

struct tsgd_transport_ops {
    /* Posts. bytes <= INT32_MAX. Of a send the data must stay as they are until it is complete. */
    void (*send)(struct tsgd_transport *t, uint32_t to, enum tsgd_channel channel, uint32_t tag,
                 const void *data, size_t bytes, uint64_t label);
    void (*receive)(struct tsgd_transport *t, uint32_t from, enum tsgd_channel channel,
                    uint32_t tag, void *data, size_t bytes, uint64_t label);
    /* Posts one of a sequence that all ranks go through in the same order: out[i] becomes the
     * largest in[i] of all ranks. One at a time.                                                */
    void (*largest)(struct tsgd_transport *t, const uint64_t *in, uint64_t *out, uint32_t n,
                    uint64_t label);
    /* Looks once, and waits for nothing: labels of what is complete now and was not told of before,
     * at most max of them; how many.                                                            */
    size_t (*look)(struct tsgd_transport *t, uint64_t *label, size_t max);
    /* Sleeps for so long; less when there may be something to look at since the last look, and more
     * where that would end it. Any thread, without the lock, one at a time.                     */
    void (*rest)(struct tsgd_transport *t, uint64_t ns);

    /* Before and after a training, when nobody else uses the transport and nothing is posted; these
     * return when all ranks have come to them. from: everybody gets that rank's bytes. gather: into
     * all[ranks][bytes] on every rank.                                                          */
    void (*broadcast)(struct tsgd_transport *t, void *data, size_t bytes, uint32_t from);
    void (*gather)(struct tsgd_transport *t, const void *mine, size_t bytes, void *all);
};

#endif
