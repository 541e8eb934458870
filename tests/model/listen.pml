/* tests/model/listen.pml: how workers sleep when messages may come (src/engine/loop.c, listen and
 * rest; spread.h, M9), for spin. ROUNDS messages come at any time; each is a task for whoever has
 * looked at the network since. The last task ends the run, and what ends it wakes nobody. Of those
 * who would sleep one listens; its nap is the wait for a message here. That it no longer listens
 * may wait in its store buffer.
 *
 * How a worker is woken for a task that another one publishes is told in sleep.pml.
 *
 * OMIT: LISTEN (who listens does not say when it stops), EPOCH (read after the last look, just
 * before sleeping), END (who sees the end wakes nobody), HANDON (who stops listening wakes nobody:
 * that is for speed, so nothing may fail)                                                        */
#include "sizes.h"

byte come, ready, done, epoch, sleepers;
bool listening, waking, stops[WORKERS], sleeps[WORKERS];

c_code { \#include "graph.h"
#define OMIT_LISTEN (omit("LISTEN"))
#define OMIT_EPOCH (omit("EPOCH"))
#define OMIT_END (omit("END"))
#define OMIT_HANDON (omit("HANDON"))
}

#define OVER (done == ROUNDS)

/* A locked operation: what waits in the worker's store buffer goes to memory first. */
#define DRAIN(me) if :: stops[me] -> stops[me] = 0; listening = 0 :: else fi

inline look() { atomic { ready = ready + come; come = 0 } }

inline take() { atomic { if :: ready > 0 -> ready--; got = 1; DRAIN(me) :: else -> got = 0 fi } }

/* woken: somebody was asleep. */
inline wake_one()
{
    atomic {
        epoch = (epoch + 1) % 16;
        woken = 1;
        if
        :: sleeps[0] -> sleeps[0] = 0
        :: sleeps[1] -> sleeps[1] = 0
#if WORKERS > 2
        :: sleeps[2] -> sleeps[2] = 0
#endif
        :: else -> woken = 0
        fi
    }
}

inline wake_another()
{
    if
    :: sleepers > 0 ->
        atomic { DRAIN(me); got_it = !waking; waking = 1 };
        if
        :: got_it ->
            wake_one();
            if
            :: !woken -> waking = 0
            :: else
            fi
        :: else
        fi
    :: else
    fi
}

proctype worker(byte me)
{
    bool got, got_it, woken;
    byte seen;
    do
    :: true ->
        got_it = 0; woken = 0; seen = 0;
        look();
        take();
        if
        :: !got && OVER -> break
        :: !got && !OVER ->
            atomic { DRAIN(me); got_it = !listening; listening = 1 };
            if
            :: got_it ->                                        /* listens */
                do
                :: OVER -> break
                :: !OVER && (come > 0 || ready > 0) ->
                    look();
                    take();
                    if
                    :: got -> break
                    :: else
                    fi
                od;
                if
                :: c_expr { OMIT_LISTEN } -> skip
                :: else -> stops[me] = 1
                fi;
                if
                :: c_expr { OMIT_HANDON } -> skip
                :: else -> wake_another()
                fi
            :: else ->                                          /* sleeps */
                seen = epoch;
                atomic { DRAIN(me); sleepers++ };
                take();
                if
                :: !got && !OVER ->
                    if
                    :: c_expr { OMIT_EPOCH } -> seen = epoch
                    :: else
                    fi;
                    atomic { if :: epoch == seen -> sleeps[me] = 1 :: else fi };
                    !sleeps[me]
                :: else
                fi;
                atomic { DRAIN(me); sleepers--; waking = 0 }
            fi
        :: else
        fi;
        if
        :: got -> atomic { DRAIN(me); done++ }
        :: else
        fi
    od;
    if
    :: c_expr { OMIT_END } -> skip
    :: else ->
        atomic {
            epoch = (epoch + 1) % 16;
            sleeps[0] = 0; sleeps[1] = 0;
#if WORKERS > 2
            sleeps[2] = 0
#endif
        }
    fi
}

/* What waits in a store buffer goes to memory at some time. */
proctype memory(byte me)
{
end_empty:
    do
    :: atomic { stops[me] -> stops[me] = 0; listening = 0 }
    od
}

proctype network()
{
    byte sent;
    do
    :: sent < ROUNDS -> atomic { come++; sent++ }
    :: else -> break
    od
}

init
{
    byte i;
    atomic {
        do
        :: i < WORKERS -> run worker(i); run memory(i); i++
        :: else -> break
        od;
        run network()
    }
}
