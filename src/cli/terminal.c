#include "cli/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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
