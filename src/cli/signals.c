#include "cli/signals.h"

#include "base/clock.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#define ONE_WISH_NS 500000000u      /* signals so soon after the first are the same wish */

/* Set before the handler is, and outlive it. */
static void (*volatile on_stop)(void *);
static void (*volatile on_ask)(void *);
static void *volatile what_to_stop;
/* When a training was first asked to end by a SIGINT [0], by a SIGTERM [1]; 0: not yet. The same
 * signal may be handled in two threads at once: one of them exchanges the 0, and the other finds
 * its time and is no second wish. Nothing else is read by what is found here, so relaxed.       */
static _Atomic uint64_t asked_ns[2];

static void on_signal(int number)
{
    uint64_t now = tsgd_now_ns(), first = 0;
    if (atomic_compare_exchange_strong_explicit(&asked_ns[number == SIGTERM], &first, now,
                                                memory_order_relaxed, memory_order_relaxed))
        on_stop(what_to_stop);
    else if (now > first + ONE_WISH_NS) {   /* ends the program when the handler returns */
        signal(number, SIG_DFL);
        raise(number);
    }
}

static void on_user_signal(int number)
{
    (void)number;
    if (on_ask)
        on_ask(what_to_stop);
}

void tsgd_signals_begin(void)
{
    signal(SIGUSR1, SIG_IGN);
}

void tsgd_signals_catch(void (*stop)(void *), void (*ask)(void *), void *what)
{
    struct sigaction user = {.sa_handler = on_user_signal, .sa_flags = SA_RESTART};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    on_stop = stop;
    on_ask = ask;
    what_to_stop = what;
    for (int i = 0; i < 2; i++)
        atomic_store_explicit(&asked_ns[i], 0, memory_order_relaxed);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &user, NULL);
    signal(SIGPIPE, SIG_IGN);   /* a write that cannot be done is told in a sentence instead */
}

void tsgd_signals_ignore(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
}

void tsgd_signals_release(void)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGUSR1, SIG_IGN);
}
