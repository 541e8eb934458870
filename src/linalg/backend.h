/* linalg/backend.h: what a run computes with: the kernels of one instruction set, how it does
 * products that exceed the caches, and whether Winograd's algorithm may serve convolutions. Two
 * runs of one process may use different ones at the same time.
 * Ownership: a plain value that points to constants; copy it, there is nothing to release.
 * Threads: read-only after init.                                                                */
#ifndef TSGD_LINALG_BACKEND_H
#define TSGD_LINALG_BACKEND_H

#include "linalg/isa.h"

struct tsgd_backend {
    const struct tsgd_kernels *kernels;
    const struct tsgd_blocking *blocking;   /* of large products; linalg/blocking.h */
    bool direct;                /* every convolution tap by tap, none by Winograd's algorithm */
};

/* isa: as tsgd_isa_find takes it; direct becomes false, for the caller to change. Allocates
 * nothing, changes no state of the process. On error *out is untouched. TSGD_EINVAL: as
 * tsgd_isa_find, or the environment variable BLIS_ARCH_TYPE is set to something else than a kernel
 * set of linalg/blocking.h that this CPU can run.                                               */
enum tsgd_status tsgd_backend_init(struct tsgd_backend *out, const char *isa,
                                   struct tsgd_error *err);

/* What large products are done with: "own", or, where BLIS_ARCH_TYPE says so, a kernel set of BLIS
 * ("zen2", "penryn", ..). _told: the same for logs, which say too that the bits then are that set's
 * and not those of every processor.                                                             */
const char *tsgd_backend_name(const struct tsgd_backend *b);
const char *tsgd_backend_told(const struct tsgd_backend *b);

#endif
