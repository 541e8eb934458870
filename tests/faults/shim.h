/* tests/faults/shim.h: what the tests and the program under test share: a page of memory in which
 * the shim, preloaded into the program, finds which call shall fail and tells what happened.
 * The page is inherited as a file; the environment variable SHIM_FILE has its number.           */
#ifndef TESTS_FAULTS_SHIM_H
#define TESTS_FAULTS_SHIM_H

#include <stdint.h>

#define SHIM_FILE "TSGD_SHIM_FILE"

enum { SHIM_CALLS = 48, SHIM_FRAMES = 12 };

struct shim {
    /* Set before the program starts: the first and the last allocation that fails, from 1 on; 0:
     * none. System calls whose numbers stand here stop the program for its tracer.              */
    uint64_t fail_memory, fail_memory_to;
    uint32_t call[SHIM_CALLS];
    uint32_t n_calls;
    /* What came of it. */
    uint64_t memory;                /* allocations so far */
    uint32_t failed;                /* 1: one has failed */
    uint32_t n_frames;
    uint64_t frame[SHIM_FRAMES];    /* who had asked for it, as offsets within the program */
};

#endif
