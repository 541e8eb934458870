#include "cli/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

bool tsgd_terminal_redraws(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb");
}

int tsgd_terminal_columns(void)
{
    struct winsize w;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0)
        return 79;
    return w.ws_col - 1;
}

void tsgd_terminal_draw(const char *line)
{
    fprintf(stderr, "\r%.*s\033[K", tsgd_terminal_columns(), line);
    fflush(stderr);
}

void tsgd_terminal_clear(void) { fputs("\r\033[K", stderr); }

enum { INTERVAL_NS = 200000000 };

void tsgd_terminal_wake_init(pthread_cond_t *wake)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(wake, &attr);
    pthread_condattr_destroy(&attr);
}

void tsgd_terminal_rest(pthread_cond_t *wake, pthread_mutex_t *lock)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += INTERVAL_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(wake, lock, &until);
}
