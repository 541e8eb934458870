/* data/sieve.h: loading only some samples of a data set. Which ones, a `choose` says when the
 * counts and the labels of all are known. A source that can then lets the samples pass by one after
 * the other and stores those alone; what other sources load is cut down at once.
 * What normalisation needs to know of all training samples is counted on the way.
 * Ownership: whoever makes a sieve releases it. One thread.                                     */
#ifndef TSGD_DATA_SIEVE_H
#define TSGD_DATA_SIEVE_H

#include "data/kept.h"
#include "data/normalize.h"

struct tsgd_sieve {
    /* Makes and counts train and test, from a data set of which shape, format, classes, both counts
     * and the labels of training are known. Where the samples are still to come, which is so when
     * there is neither an array of them, it may also init the tally, for samples of bytes.      */
    enum tsgd_status (*choose)(struct tsgd_sieve *s, const struct tsgd_dataset *d,
                               struct tsgd_error *err);
    bool chosen;                /* it was called */
    struct tsgd_kept train, test;
    struct tsgd_tally tally;    /* of all training samples; parts 0: nobody asked for it */
};

/* Has it choose; without a sieve nothing is done. */
enum tsgd_status tsgd_sieve_choose(struct tsgd_sieve *s, const struct tsgd_dataset *d,
                                   struct tsgd_error *err);

/* Samples of bytes that come one after the other. */
struct tsgd_stream {
    void *from;
    /* Sample i, called for 0, 1, ..; to NULL: nobody needs it. */
    enum tsgd_status (*next)(void *from, uint32_t i, uint8_t *to, struct tsgd_error *err);
    const struct tsgd_kept *kept;   /* which of them are; NULL: all */
    struct tsgd_tally *tally;   /* counts all of them; NULL: it is not wanted */
    const char *what;           /* begins the sentence when memory lacks */
};

/* Stores in *s, a part of d, the samples that are kept. s has all the labels or targets, and keeps
 * those that go with them. TSGD_ENOMEM; or as the stream fails.                                 */
enum tsgd_status tsgd_sieve_bytes(const struct tsgd_dataset *d, struct tsgd_samples *s,
                                  const struct tsgd_stream *stream, struct tsgd_error *err);

/* What the sieve keeps of both parts, and its tally, for streams; NULL without. */
static inline const struct tsgd_kept *tsgd_sieve_train(const struct tsgd_sieve *s)
{
    return s ? &s->train : NULL;
}

static inline const struct tsgd_kept *tsgd_sieve_test(const struct tsgd_sieve *s)
{
    return s ? &s->test : NULL;
}

static inline struct tsgd_tally *tsgd_sieve_tally(struct tsgd_sieve *s)
{
    return s && s->tally.parts ? &s->tally : NULL;
}

void tsgd_sieve_release(struct tsgd_sieve *s);

#endif
