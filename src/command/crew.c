#include "command/crew.h"

#include "base/cpu.h"
#include "base/hash.h"
#include "cli/command.h"
#include "run/agree.h"

#include <string.h>
#include <unistd.h>

/* What a rank has. Texts and numbers have a fixed size, so that telling them takes no memory. */
struct member {
    char host[64];
    uint64_t mask;              /* hash of the CPUs that it may use */
    uint32_t cpus, online;      /* how many those are; how many the machine has */
    uint64_t threads;           /* that were asked for; 0: none were */
};

static struct member look_at_this(const struct tsgd_settings *s)
{
    enum { MOST = 4096 };
    uint32_t cpu[MOST];
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    struct member m = {.threads = s->threads};
    if (gethostname(m.host, sizeof m.host - 1) != 0)
        strcpy(m.host, "?");
    m.cpus = tsgd_cpu_list(cpu, MOST);
    m.mask = tsgd_hash(cpu, (m.cpus < MOST ? m.cpus : MOST) * sizeof *cpu);
    m.online = online > 0 ? (uint32_t)online : 1;
    return m;
}

static struct member member(struct tsgd_transport *t, const struct member *this, uint32_t rank)
{
    struct member m = *this;
    t->ops->broadcast(t, &m, sizeof m, rank);
    return m;
}

/* What is wrong with where a rank may run; `there`: ranks on its machine; said: the threads were
 * asked for, and did not follow from the CPUs.                                                  */
static void warn_of(uint32_t rank, const struct member *m, uint64_t threads, bool said,
                    uint32_t there)
{
    char text[400];
    uint32_t share = m->online / there;
    bool few = m->cpus < m->online && (threads > m->cpus || (!said && m->cpus == 1 && share > 1));
    if (!few)
        return;
    snprintf(text, sizeof text, "rank %u on %s may use %u of %u CPUs, and trains with %llu "
             "thread%s; mpirun binds ranks to CPUs, and with --bind-to none it does not\n", rank,
             m->host, m->cpus, m->online, (unsigned long long)threads, threads == 1 ? "" : "s");
    tsgd_warn("", text);
}

enum tsgd_status tsgd_crew_share(struct tsgd_settings *s, struct tsgd_error *err)
{
    struct tsgd_transport *t = s->transport;
    if (!t)
        return TSGD_OK;
    enum tsgd_status st = TSGD_OK;
    const struct member this = look_at_this(s);
    uint32_t sharers = 0, there = 0;
    for (uint32_t r = 0; r < t->ranks; r++) {
        struct member m = member(t, &this, r);
        bool here = !strcmp(m.host, this.host);
        there += here;
        sharers += here && m.mask == this.mask;
    }
    bool said = s->threads > 0;
    if (!said) {
        uint32_t threads = this.cpus / sharers;
        st = TSGD_FILL_COUNT(s, threads, threads ? threads : 1, err);
    }
    if (t->rank == 0)
        warn_of(0, &this, s->threads, said, there);
    return tsgd_agree(t, st, err);
}
