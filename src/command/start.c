/* The main of telesgd: one process. */
#include "command/program.h"

int main(int argc, char **argv)
{
    return tsgd_program(argc, argv, &(struct tsgd_world){.transport = NULL});
}
