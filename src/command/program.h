/* command/program.h: all of the program but its main: of telesgd that is command/start.c, of
 * telesgd-mpi mpi/main.c.                                                                       */
#ifndef TSGD_COMMAND_PROGRAM_H
#define TSGD_COMMAND_PROGRAM_H

#include "cli/command.h"

/* Does what the arguments say, and returns what the process ought to (enum tsgd_exit). Once. */
int tsgd_program(int argc, char **argv, const struct tsgd_world *world);

/* Where a standard stream is closed, the next file that is opened would take its number, and what
 * is printed would land in it. /dev/null takes its place, opened the wrong way round, so that
 * reading and writing fail as they should. False: it cannot be opened. tsgd_program does so itself;
 * a main that opens anything before calls this first.                                           */
bool tsgd_fill_closed_streams(void);

#endif
