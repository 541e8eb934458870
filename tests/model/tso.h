/* tests/model/tso.h: memory as x86 has it (total store order), for sleep.pml. A store waits in its
 * worker's buffer, in order, until it goes to memory, at any time; a load sees the newest store of
 * its own worker to the place, else memory. A locked operation waits until the buffer is empty.  */
#include "sizes.h"

#include <stdlib.h>
#include <string.h>

/* Places in memory: the tokens' words, then these. */
enum { LEFT = K, EPOCH, SLEEPERS, WAKING };

static const char *omitted;

__attribute__((constructor)) static void read_environment(void) { omitted = getenv("OMIT"); }

static int omit(const char *rule) { return omitted && !strcmp(omitted, rule); }

static int load(int me, int place)
{
    for (int i = now.waits[me] - 1; i >= 0; i--)
        if (now.store_place[me * BUFFER + i] == place)
            return now.store_value[me * BUFFER + i];
    return now.memory[place];
}

/* Requires room in the buffer. */
static void store(int me, int place, int value)
{
    int i = me * BUFFER + now.waits[me]++;
    now.store_place[i] = place;
    now.store_value[i] = value;
}

/* The oldest store goes to memory. */
static void drain(int me)
{
    int i = me * BUFFER, last = i + --now.waits[me];
    now.memory[now.store_place[i]] = now.store_value[i];
    memmove(&now.store_place[i], &now.store_place[i + 1], BUFFER - 1);
    memmove(&now.store_value[i], &now.store_value[i + 1], BUFFER - 1);
    now.store_place[last] = now.store_value[last] = 0;
}

/* A c_expr may not call, so that spin can see that it changes nothing. */
#define LOCKED (now.waits[Pworker->me] == 0)
#define ROOM (now.waits[Pworker->me] < BUFFER)
#define OMIT_RMW (omit("RMW"))
#define OMIT_LOOK (omit("LOOK"))
#define OMIT_EPOCH (omit("EPOCH"))
#define OMIT_END (omit("END"))
#define OMIT_ANOTHER (omit("ANOTHER"))
