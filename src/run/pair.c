#include "run/pair.h"

#include "base/machine.h"

#include <string.h>

enum tsgd_status tsgd_pair_choose(struct tsgd_pair *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_machine m = TSGD_MACHINE_INIT;
    uint32_t other = 1;
    TRY(tsgd_machine_init(&m, "/sys", err));
    if (m.n < 2)
        TRY(tsgd_fail(err, TSGD_EINVAL, "a hand-off needs two CPUs, and this process may use one"));
    while (other + 1 < m.n && m.cpu[other].core == m.cpu[0].core)
        other++;
    out->cpu[0] = m.cpu[0].os;
    out->cpu[1] = m.cpu[other].os;
done:
    tsgd_machine_release(&m);
    return st;
}

enum tsgd_status tsgd_pair_start(struct tsgd_pair *p, void *(*other)(void *), void *arg,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    int why = 0;
    if (!tsgd_cpu_mask_take(&p->before))
        return tsgd_fail(err, TSGD_ENOMEM, "no memory for the CPUs of a thread");
    if ((why = tsgd_cpu_pin(NULL, p->cpu[0])) != 0)
        TRY(tsgd_fail(err, TSGD_EINVAL, "cannot keep a thread on CPU %u: %s", p->cpu[0],
                      strerror(why)));
    if ((why = pthread_create(&p->thread, NULL, other, arg)) != 0)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "cannot start a thread: %s", strerror(why)));
done:
    if (st != TSGD_OK)
        tsgd_cpu_mask_restore(&p->before);
    return st;
}

enum tsgd_status tsgd_pair_end(struct tsgd_pair *p, const int *pinned, struct tsgd_error *err)
{
    pthread_join(p->thread, NULL);
    tsgd_cpu_mask_restore(&p->before);
    if (*pinned)
        return tsgd_fail(err, TSGD_EINVAL, "cannot keep a thread on CPU %u: %s", p->cpu[1],
                         strerror(*pinned));
    return TSGD_OK;
}
