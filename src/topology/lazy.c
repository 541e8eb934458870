#include "base/mem.h"
#include "topology/topology.h"

static enum tsgd_status build(struct tsgd_csr *out, const struct tsgd_csr *w,
                              struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_entry *entries = NULL;
    size_t used = 0;
    size_t most = (size_t)w->ptr[w->n] + w->n;
    TRY(tsgd_mem_check(tsgd_add(tsgd_csr_bytes(w->n, most), tsgd_mul(most, sizeof *entries)),
                       "--lazy", "use fewer tokens (--active) or a sparser topology", err));
    TRY(TSGD_NEW(&entries, most, "--lazy", err));
    for (uint32_t a = 0; a < w->n; a++) {
        entries[used++] = (struct tsgd_entry){a, a, 0.5f};
        for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
            entries[used++] = (struct tsgd_entry){a, w->col[i], w->val[i] / 2};
    }
    TRY(tsgd_csr_build(out, w->n, entries, used, err));
done:
    free(entries);
    return st;
}

enum tsgd_status tsgd_mixing_lazy(struct tsgd_mixing *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_mixing lazy = TSGD_MIXING_INIT;
    TRY(TSGD_NEW(&lazy.w, s->period, "--lazy", err));
    for (; lazy.period < s->period; lazy.period++)
        TRY(build(&lazy.w[lazy.period], &s->w[lazy.period], err));
    tsgd_mixing_release(s);
    *s = lazy;
    lazy = (struct tsgd_mixing)TSGD_MIXING_INIT;
done:
    tsgd_mixing_release(&lazy);
    return st;
}
