/* base/probe.h: static probes (USDT), for perf, bpftrace and SystemTap to attach to a program that
 * runs: provider telesgd. A probe costs a nop, or nothing where <sys/sdt.h> (systemtap-sdt-dev) is
 * missing when this is compiled.
 *     round           round                   its plan is made
 *     step__begin     token, round, node      node 2^32 - 2: the token sits the round out
 *     step__end       token, round, node
 *     mix__begin      token, round, worker
 *     mix__end        token, round, worker
 *     slice__begin    population, round, slice
 *     slice__end      population, round, slice
 *     claim           kind, token or population, phase    kind as in engine/tasks.c
 *     wait__begin     worker
 *     wait__end       worker, how often it has slept                                            */
#ifndef TSGD_BASE_PROBE_H
#define TSGD_BASE_PROBE_H

#if defined(__has_include)
#if __has_include(<sys/sdt.h>)
#define TSGD_HAS_PROBES
#endif
#endif

#ifdef TSGD_HAS_PROBES
#include <sys/sdt.h>
#define TSGD_PROBE1(name, a) DTRACE_PROBE1(telesgd, name, a)
#define TSGD_PROBE2(name, a, b) DTRACE_PROBE2(telesgd, name, a, b)
#define TSGD_PROBE3(name, a, b, c) DTRACE_PROBE3(telesgd, name, a, b, c)
#else
#define TSGD_PROBE1(name, a) ((void)(a))
#define TSGD_PROBE2(name, a, b) ((void)(a), (void)(b))
#define TSGD_PROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#endif
