/* tests/model/sleep.pml: how workers sleep and are woken (src/engine/sleep.c, loop.c), for spin, on
 * the memory of tso.h, in which a publication may wait in a store buffer while its worker looks at
 * everything and goes to sleep. The tasks are those of K tokens that all read each other: a step is
 * always ready, a mix when every token shows 2t+1.
 *
 * A worker goes to sleep after one empty look, as with --patience 1. All asleep, and the run not
 * over, is an invalid end state: somebody sleeps for ever.
 *
 * OMIT: RMW (the read-modify-write on `sleepers` becomes a load and a store), LOOK (the last look),
 * EPOCH (the epoch is read after the last look, just before sleeping), END (the end wakes nobody),
 * ANOTHER (nobody is woken for a second task: that is for speed, so nothing may fail)           */
#include "sizes.h"

byte memory[K + 4];
byte store_place[WORKERS * BUFFER], store_value[WORKERS * BUFFER], waits[WORKERS];
bool sleeps[WORKERS];

c_code { \#include "tso.h"
}
#define w Pworker

/* A locked operation. */
#define LOCK c_expr { LOCKED }

/* tasks.c, tsgd_task_find: kind = 1 + the phase that token a shows and that can be claimed; 0:
 * none. Each load is a step of its own.                                                         */
inline find()
{
    kind = 0;
    a = 0;
    do
    :: a < K && !kind ->
        c_code { w->seen = load(w->me, w->a); };
        if
        :: (seen & 1) || seen > 4 * ROUNDS -> skip
        :: !(seen & 1) && (seen & 2) ->     /* free, odd: a mix, R1 */
            b = 0;
            do
            :: b < K ->
                c_code { w->other = load(w->me, w->b); };
                if
                :: other >= seen -> b++     /* its phase is at least this one, busy or not */
                :: else -> break
                fi
            :: else -> kind = 1 + seen / 2; break
            od
        :: else -> kind = 1 + seen / 2      /* free, even: a step, or the end */
        fi;
        a = (kind -> a : a + 1)
    :: else -> break
    od;
    seen = 0; other = 0; b = 0
}

/* sleep.c, wake: n = 1, or everybody; woken: how many were asleep. */
inline wake(everybody)
{
    LOCK -> c_code { now.memory[EPOCH] = (now.memory[EPOCH] + 1) % 16; };
    atomic {
        woken = 0;
        if
        :: sleeps[0] -> sleeps[0] = 0; woken++
#if WORKERS > 1
        :: sleeps[1] -> sleeps[1] = 0; woken++
#endif
#if WORKERS > 2
        :: sleeps[2] -> sleeps[2] = 0; woken++
#endif
        :: else
        fi;
        if
        :: everybody -> woken = 1; sleeps[0] = 0;
#if WORKERS > 1
            sleeps[1] = 0;
#endif
#if WORKERS > 2
            sleeps[2] = 0
#endif
        :: else
        fi
    }
}

/* loop.c, take: got, and then perhaps somebody is woken for a second task. */
inline take()
{
    do
    :: true ->
        find();
        if
        :: !kind -> got = 0; break
        :: else
        fi;
        LOCK -> c_code { w->got = now.memory[w->a] == 2 * (w->kind - 1);
                         if (w->got) now.memory[w->a] = 2 * (w->kind - 1) + 1; };    /* [C] */
        if
        :: got -> break
        :: else
        fi
    od;
    if
    :: got && !c_expr { OMIT_ANOTHER } ->
        task = a; phase = kind - 1;
        c_code { w->ok = load(w->me, SLEEPERS) != 0; };
        if
        :: ok -> c_code { w->ok = load(w->me, WAKING) == 0; }
        :: else
        fi;
        if
        :: ok -> find(); ok = kind != 0
        :: else
        fi;
        if
        :: ok ->                            /* tsgd_wake_another */
            LOCK -> c_code { w->ok = now.memory[WAKING] == 0; now.memory[WAKING] = 1; };
            if
            :: ok ->
                wake(0);
                if
                :: woken == 0 -> c_expr { ROOM }; c_code { store(w->me, WAKING, 0); }
                :: else
                fi
            :: else
            fi
        :: else
        fi
    :: got && c_expr { OMIT_ANOTHER } -> task = a; phase = kind - 1
    :: else
    fi;
    a = 0; kind = 0; ok = 0; woken = 0
}

/* loop.c, sleep_or_take. */
inline sleep_or_take()
{
    c_code { w->epoch = load(w->me, EPOCH); };
    if
    :: c_expr { OMIT_RMW } ->
        c_code { w->ok = load(w->me, SLEEPERS); };
        c_expr { ROOM } -> c_code { store(w->me, SLEEPERS, w->ok + 1); w->ok = 0; }
    :: else -> LOCK -> c_code { now.memory[SLEEPERS]++; }
    fi;
    if
    :: c_expr { OMIT_LOOK } -> got = 0
    :: else -> take()
    fi;
    if
    :: !got ->
        c_code { w->ok = load(w->me, LEFT) == 0; };
        if
        :: c_expr { OMIT_EPOCH } -> c_code { w->epoch = load(w->me, EPOCH); }
        :: else
        fi;
        if
        :: !ok ->                           /* futex: compares and sleeps in one step */
            if
            :: atomic { c_expr { now.memory[EPOCH] == w->epoch } -> sleeps[me] = 1 }; !sleeps[me]
            :: c_expr { now.memory[EPOCH] != w->epoch }
            fi
        :: else
        fi;
        ok = 0
    :: else
    fi;
    epoch = 0;
    LOCK -> c_code { now.memory[SLEEPERS] -= now.memory[SLEEPERS] > 0; };
    c_expr { ROOM } -> c_code { store(w->me, WAKING, 0); }
}

proctype worker(byte me)
{
    byte a, b, kind, seen, other, task, phase, epoch, ok, woken;
    bool got;
    do
    :: true ->
        take();
        if
        :: !got ->
            c_code { w->ok = load(w->me, LEFT) == 0; };
            if
            :: ok -> break
            :: else -> sleep_or_take()
            fi
        :: else
        fi;
        if
        :: got && phase == 2 * ROUNDS ->    /* tokens.c, retire */
            c_expr { ROOM } -> c_code { store(w->me, w->task, 255); };
            LOCK -> c_code { w->ok = --now.memory[LEFT] == 0; };
            if
            :: ok && !c_expr { OMIT_END } -> wake(1)
            :: else
            fi
        :: got && phase != 2 * ROUNDS ->    /* [R] tsgd_seq_finish: a plain store */
            c_expr { ROOM } -> c_code { store(w->me, w->task, 2 * (w->phase + 1)); }
        :: else
        fi;
        got = 0; ok = 0; woken = 0; task = 0; phase = 0
    od
}

/* Stores go to memory, each worker's in order, at any time. */
proctype buffers()
{
end:
    do
    :: waits[0] > 0 -> c_code { drain(0); }
#if WORKERS > 1
    :: waits[1] > 0 -> c_code { drain(1); }
#endif
#if WORKERS > 2
    :: waits[2] > 0 -> c_code { drain(2); }
#endif
    od
}

init
{
    atomic {
        memory[K] = K;
        run worker(0);
#if WORKERS > 1
        run worker(1);
#endif
#if WORKERS > 2
        run worker(2);
#endif
        run buffers()
    }
}
