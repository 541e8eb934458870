#include "cli/signals.h"

#include <signal.h>
#include <stddef.h>

/* Set before the handler is, and outlive it. */
static void (*volatile on_stop)(void *);
static void (*volatile on_ask)(void *);
static void *volatile what_to_stop;

static void on_signal(int number)
{
    (void)number;
    on_stop(what_to_stop);
}

static void on_user_signal(int number)
{
    (void)number;
    if (on_ask)
        on_ask(what_to_stop);
}

void tsgd_signals_catch(void (*stop)(void *), void (*ask)(void *), void *what)
{
    struct sigaction user = {.sa_handler = on_user_signal, .sa_flags = SA_RESTART};
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = (int)(SA_RESTART | SA_RESETHAND)};
    on_stop = stop;
    on_ask = ask;
    what_to_stop = what;
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
    signal(SIGUSR1, SIG_DFL);
}
