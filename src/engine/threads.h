/* engine/threads.h: the workers and their threads: what each has to itself, where it runs, how all
 * begin together and end. Worker 0 is the thread that calls the run.
 * Ownership: init takes, release ends the threads and gives back. Threads: the caller's alone, but
 * for tsgd_threads_await.                                                                       */
#ifndef TSGD_ENGINE_THREADS_H
#define TSGD_ENGINE_THREADS_H

#include "base/cpu.h"
#include "base/machine.h"
#include "engine/state.h"
#include "engine/worker.h"

#include <pthread.h>

/* Starts a thread of the engine's: a worker, or one that helps them. cpu: where it stays; NULL:
 * where the system likes. 0, or why not.                                                        */
int tsgd_thread_start(pthread_t *out, const struct tsgd_cpu *cpu, void *(*main)(void *arg),
                      void *arg);

struct threads {
    struct state *s;
    struct worker *worker;      /* [workers] */
    pthread_t *thread;          /* [workers], worker 0 has none of its own */
    struct tsgd_cpu *cpu;       /* [workers] where each stays; NULL: where the system likes */
    uint32_t started;           /* threads that exist */
    pthread_mutex_t gate;       /* threads wait here, and at `opened`, until the run begins */
    pthread_cond_t opened;
    bool made;                  /* gate and opened exist */
    bool open, abort;           /* abort: there will be no run */
    pid_t process;              /* whose threads they are: a forked child has none of them */
    struct tsgd_cpu_mask before;        /* the calling thread's CPUs, while it runs */
    struct tsgd_holding holding;
};

/* Borrows the state. strip: floats of a worker's strip. With a holding that counts, only what it
 * would take. TSGD_ENOMEM.                                                                      */
enum tsgd_status tsgd_threads_init(struct threads *t, struct state *s, struct tsgd_engine *e,
                                   size_t strip, struct tsgd_error *err);
void tsgd_threads_release(struct threads *t);

/* The track of the thread that writes checkpoints; NULL: it has none. */
struct tsgd_track *tsgd_threads_writer_track(const struct state *s);

/* Starts those that do not exist yet; each calls main(worker). TSGD_ENOMEM: one cannot be started.
 * TSGD_EINVAL: one cannot be kept on its CPU.                                                   */
enum tsgd_status tsgd_threads_start(struct threads *t, void *(*main)(void *worker),
                                    struct tsgd_error *err);

/* Puts the calling thread where worker 0 belongs, lets all go, calls main as worker 0, and joins
 * the others. TSGD_EINVAL, TSGD_ENOMEM: it cannot be kept on its CPU; nothing ran.              */
enum tsgd_status tsgd_threads_run(struct threads *t, void *(*main)(void *worker),
                                  struct tsgd_error *err);

/* Called by a worker: waits until the run begins; false: there will be none. */
bool tsgd_threads_await(struct threads *t);

#endif
