/* Graphs for --topology file:PATH. The first byte of an input is the number of tokens less one, in
 * its six lower bits, and in the highest one whether the graph may fall into parts.             */
#include "fuzz/fuzz.h"
#include "topology/topology.h"

#include <math.h>
#include <stdio.h>

/* Non-negative, rows and columns sum to 1: in plain sums over the matrix. */
static void look_at(const struct tsgd_csr *w)
{
    double column[64] = {0};
    for (uint32_t a = 0; a < w->n; a++) {
        double row = 0;
        for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++) {
            MUST(w->col[i] < w->n && w->val[i] >= 0);
            row += (double)w->val[i];
            column[w->col[i]] += (double)w->val[i];
        }
        MUST(fabs(row - 1) <= 1e-5);
    }
    for (uint32_t b = 0; b < w->n; b++) {
        MUST(fabs(column[b] - 1) <= 1e-5);
        for (uint32_t i = w->tptr[b]; i < w->tptr[b + 1]; i++)
            MUST(w->tcol[i] < w->n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tsgd_mixing mixing = TSGD_MIXING_INIT;
    struct tsgd_error err;
    char topology[64];
    uint8_t how = fuzz_byte(&data, &size);
    uint32_t k = how % 64 + 1;
    snprintf(topology, sizeof topology, "file:%s", fuzz_file(0, data, size));
    enum tsgd_status st = how & 128 ? tsgd_topology_build_parts(&mixing, topology, k, 0, &err) :
                                      tsgd_topology_build(&mixing, topology, k, 0, &err);
    if (st == TSGD_OK) {
        MUST(mixing.period == 1 && mixing.w[0].n == k);
        look_at(&mixing.w[0]);
        tsgd_mixing_symmetric(&mixing);
    } else {
        fuzz_refused(st, &err);
        MUST(!mixing.w && !mixing.period);
    }
    tsgd_mixing_release(&mixing);
    return 0;
}
