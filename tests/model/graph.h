/* tests/model/graph.h: what the models read when the checker starts, who reads whom in which round,
 * and the words of seq.h.
 * Read from the environment: TOPOLOGY (ring, directed: a reads a + 1, exp, onepeer) and OMIT, the
 * rule that is left out.                                                                        */
#include "sizes.h"

#include <stdlib.h>
#include <string.h>

enum { NEVER = 255, NOBODY = 255, RETIRED = 100 };

static const char *omitted, *topology = "ring";

__attribute__((constructor)) static void read_environment(void)
{
    omitted = getenv("OMIT");
    topology = getenv("TOPOLOGY") ? getenv("TOPOLOGY") : topology;
}

static int omit(const char *rule) { return omitted && !strcmp(omitted, rule); }

/* ---- topology/topology.h ---- */

/* Whether a reads b in W_t. */
static int reads(int a, int b, int t)
{
    int bits = 0, turn = t / EVERY;
    while (1 << bits < K)
        bits++;
    if (a == b)
        return 1;
    if (topology[0] == 'r')
        return b == (a + 1) % K || a == (b + 1) % K;
    if (topology[0] == 'd')
        return b == (a + 1) % K;
    if (topology[0] == 'o')
        return b == (a + (1 << turn % bits)) % K;
    for (int j = 0; j < bits; j++)
        if (b == (a + (1 << j)) % K)
            return 1;
    return 0;
}

static int mixing_rests(int t) { return EVERY > 1 && (t + 1) % EVERY != 0; }
static int mixing_turns(int t) { return t / EVERY; }
static int mixing_round(int turns) { return (turns + 1) * EVERY - 1; }

extern void (*uerror)(char *);          /* of spin: the model is wrong */

static void wrong(const char *what) { uerror((char *)what); }

static void change(uchar *place, int from, int to, const char *what)
{
    if (*place != from)
        wrong(what);
    *place = to;
}

/* ---- seq.h ---- */

static int seq_busy(int word) { return word & 1; }
static int seq_phase(int word) { return word >> 1; }
static int seq_reached(int word, int phase) { return seq_phase(word) >= phase; }

static int seq_claim(uchar *word, int phase)
{
    /* Without S1 the word is looked at and then written, in place of one exchange. */
    int won = *word == 2 * phase || omit("S1");
    if (won)
        *word = 2 * phase + 1;
    return won;
}

static void seq_publish(uchar *word, int phase) { *word = 2 * phase + 1; }
static void seq_finish(uchar *word, int phase) { *word = 2 * phase; }
