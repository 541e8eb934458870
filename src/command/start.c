/* The main of telesgd: one process. */
#include "cli/signals.h"
#include "command/program.h"

int main(int argc, char **argv)
{
    tsgd_signals_begin();
    return tsgd_program(argc, argv, &(struct tsgd_world){.transport = NULL});
}
