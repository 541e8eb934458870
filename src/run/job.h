/* run/job.h: populations that train side by side, in one engine: the unit of work of a run (one
 * job, of one population) and of a search (a job for each pass).
 * Ownership: whoever inits a job releases it, before the setup that it borrows.
 * Threads: the caller's alone, but workers call `judge` and read `stop`.                        */
#ifndef TSGD_RUN_JOB_H
#define TSGD_RUN_JOB_H

#include "run/resume.h"

/* A population to be: k tokens with step size lr. */
struct tsgd_member {
    uint64_t k;
    double lr;
};

/* Who is told of evaluations, and what that asks of the engine. */
struct tsgd_audience {
    enum tsgd_verdict (*judge)(uint32_t population, const struct tsgd_eval *eval, void *user);
    void (*stalled)(const char *text, void *user);      /* as config->on_stall */
    void *user;
    bool awaits_verdict;        /* judge may end a population (TSGD_END_HERE) */
    bool independent;           /* a population that diverges drops out alone */
    const _Atomic bool *stop;   /* ends the job early, also before it starts; or NULL */
    struct tsgd_keeper *keeper; /* of its checkpoints; NULL: there are none */
    struct tsgd_resume *resume; /* where it begins; NULL: anew. Needs a keeper */
};

struct tsgd_job {
    const struct tsgd_setup *setup;
    uint32_t n;                 /* populations */
    uint64_t tokens;            /* of all of them */
    struct tsgd_population *population;
    struct tsgd_rate *rate;     /* [n] the populations' own */
    struct tsgd_engine_config config;
    struct tsgd_engine *engine; /* NULL: not started */
    struct tsgd_keeper *keeper;
    struct tsgd_resume *resume;
};

/* Makes the populations, and sees that their engine would fit in memory. On error *out may be
 * released. TSGD_EINVAL: the topology or the method has none of a size. TSGD_ENOMEM, with the
 * remedy.                                                                                       */
enum tsgd_status tsgd_job_init(struct tsgd_job *out, struct tsgd_setup *setup,
                               const struct tsgd_member *member, uint32_t n,
                               const struct tsgd_audience *audience, struct tsgd_error *err);
void tsgd_job_release(struct tsgd_job *j);

/* Bytes that its engine takes, or would take. */
size_t tsgd_job_bytes(const struct tsgd_job *j);

/* Takes all that the engine needs, fills it from the checkpoint where there is one, and starts its
 * threads, which wait. TSGD_ENOMEM, TSGD_EINVAL; TSGD_EFORMAT, TSGD_EIO: the checkpoint.        */
enum tsgd_status tsgd_job_start(struct tsgd_job *j, struct tsgd_error *err);

/* Trains, in the calling thread and others. Requires start. Errors as tsgd_engine_run. */
enum tsgd_status tsgd_job_run(struct tsgd_job *j, struct tsgd_outcome *out, struct tsgd_error *err);

/* Gives back what the engine took; its results are gone. */
void tsgd_job_end(struct tsgd_job *j);

#endif
