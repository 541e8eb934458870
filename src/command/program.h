/* command/program.h: all of the program but its main: of telesgd that is command/start.c, of
 * telesgd-mpi mpi/main.c.                                                                       */
#ifndef TSGD_COMMAND_PROGRAM_H
#define TSGD_COMMAND_PROGRAM_H

#include "cli/command.h"

/* Does what the arguments say, and returns what the process ought to (enum tsgd_exit). Once. */
int tsgd_program(int argc, char **argv, const struct tsgd_world *world);

#endif
