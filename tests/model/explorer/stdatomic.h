/* tests/model/explorer/stdatomic.h: stands before the system's header of this name, so that the
 * engine's own text, compiled with it, does its atomic operations in the explorer. An order stands
 * in the text where it always stood, and the explorer knows each place by its file and line.     */
#ifndef EXPLORER_STDATOMIC_H
#define EXPLORER_STDATOMIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define _Atomic         /* the explorer keeps the values; the memory itself only gives addresses */

enum explorer_order {
    memory_order_relaxed, memory_order_acquire, memory_order_release, memory_order_acq_rel,
    memory_order_seq_cst
};

/* A place in the text that names an order. */
struct explorer_site {
    const char *file, *function, *operation;
    int line;
    enum explorer_order order;
};

void explorer_init(const void *place, uint64_t value);
uint64_t explorer_load(const void *place, struct explorer_site site);
void explorer_store(const void *place, uint64_t value, struct explorer_site site);
bool explorer_exchange_if(const void *place, uint64_t *expected, uint64_t value,
                          struct explorer_site site);
uint64_t explorer_add(const void *place, uint64_t what, struct explorer_site site);
uint64_t explorer_swap(const void *place, uint64_t value, struct explorer_site site);
void explorer_fence(struct explorer_site site);

#define EXPLORER_SITE(operation, o)                                                                \
    ((struct explorer_site){__FILE__, __func__, operation, __LINE__, (o)})
#define atomic_init(p, v) explorer_init((p), (uint64_t)(v))
#define atomic_load_explicit(p, o) ((__typeof__(+*(p)))explorer_load((p), EXPLORER_SITE("load", o)))
#define atomic_store_explicit(p, v, o) \
    explorer_store((p), (uint64_t)(v), EXPLORER_SITE("store", o))
/* A failed exchange is relaxed in all of the engine. */
#define atomic_compare_exchange_strong_explicit(p, e, v, o, f) __extension__({                     \
        _Static_assert((f) == memory_order_relaxed, "a failed exchange is relaxed");               \
        uint64_t explorer_expected = (uint64_t)*(e);                                               \
        bool explorer_won = explorer_exchange_if((p), &explorer_expected, (uint64_t)(v),           \
                                                 EXPLORER_SITE("exchange", o));                    \
        *(e) = (__typeof__(*(e)))explorer_expected;                                                \
        explorer_won; })
#define atomic_compare_exchange_weak_explicit atomic_compare_exchange_strong_explicit
#define atomic_fetch_add_explicit(p, v, o)                                                         \
    ((__typeof__(+*(p)))explorer_add((p), (uint64_t)(v), EXPLORER_SITE("add", o)))
#define atomic_fetch_sub_explicit(p, v, o)                                                         \
    ((__typeof__(+*(p)))explorer_add((p), -(uint64_t)(v), EXPLORER_SITE("subtract", o)))
#define atomic_exchange_explicit(p, v, o)                                                          \
    ((__typeof__(+*(p)))explorer_swap((p), (uint64_t)(v), EXPLORER_SITE("swap", o)))
#define atomic_thread_fence(o) explorer_fence(EXPLORER_SITE("fence", o))

#endif
