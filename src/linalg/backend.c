#include "linalg/backend.h"

#include "linalg/blocking.h"

enum tsgd_status tsgd_backend_init(struct tsgd_backend *out, const char *isa,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_backend b = {.direct = false};
    TRY(tsgd_isa_find(&b.kernels, isa, err));
    TRY(tsgd_blocking_find(&b.blocking, b.kernels, err));
    *out = b;
done:
    return st;
}

const char *tsgd_backend_name(const struct tsgd_backend *b)
{
    return b->blocking->name;
}

const char *tsgd_backend_told(const struct tsgd_backend *b)
{
    return b->blocking->told;
}
