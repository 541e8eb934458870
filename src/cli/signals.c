#include "cli/signals.h"

#include "base/clock.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define ONE_WISH_NS 500000000u      /* signals so soon after the first are the same wish */

/* Set before the handler is, and outlive it. */
static void (*volatile on_stop)(void *);
static void (*volatile on_ask)(void *);
static void *volatile what_to_stop;

static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
enum { ENDS = sizeof ends / sizeof *ends };

/* When a training was first asked to end by each of these; 0: not yet. The same signal may be
 * handled in two threads at once: one of them exchanges the 0, and the other finds its time and is
 * no second wish. Nothing else is read by what is found here, so relaxed.                       */
static _Atomic uint64_t asked_ns[ENDS];

static void on_signal(int number)
{
    uint64_t now = tsgd_now_ns(), first = 0;
    int i = 0;
    while (ends[i] != number)
        i++;
    if (atomic_compare_exchange_strong_explicit(&asked_ns[i], &first, now, memory_order_relaxed,
                                                memory_order_relaxed))
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

/* Not a SIGHUP that nohup(1) has ignored, or tsgd_signals_ignore. */
static bool is_caught(int number)
{
    struct sigaction now;
    return number != SIGHUP || (sigaction(number, NULL, &now) == 0 && now.sa_handler != SIG_IGN);
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
    for (int i = 0; i < ENDS; i++) {
        atomic_store_explicit(&asked_ns[i], 0, memory_order_relaxed);
        if (is_caught(ends[i]))
            sigaction(ends[i], &action, NULL);
    }
    sigaction(SIGUSR1, &user, NULL);
    signal(SIGPIPE, SIG_IGN);   /* a write that cannot be done is told in a sentence instead */
}

void tsgd_signals_ignore(void)
{
    for (int i = 0; i < ENDS; i++)
        signal(ends[i], SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
}

void tsgd_signals_release(void)
{
    for (int i = 0; i < ENDS; i++)
        if (is_caught(ends[i]))
            signal(ends[i], SIG_DFL);
    signal(SIGUSR1, SIG_IGN);
}
