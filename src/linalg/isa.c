#include "linalg/isa.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>

#if defined(__x86_64__)
static bool sse4(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
}

static bool avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi2");
}

static bool avx512(void)
{
    return avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#define ISAS(X) X(sse4) X(avx2) X(avx512)
#define EMULATED "portable"
extern const struct tsgd_kernels tsgd_kernels_portable;
#elif defined(__aarch64__)
static bool neon(void) { return true; }
#define ISAS(X) X(neon)
#else
static bool plain(void) { return true; }
#define ISAS(X) X(plain)
#endif

/* The Makefile compiles the kernels for the same names. */
#define DECLARE(name) extern const struct tsgd_kernels tsgd_kernels_##name;
ISAS(DECLARE)

static const struct {
    const struct tsgd_kernels *table;
    bool (*runs_here)(void);
} isas[] = {
#define ROW(name) {&tsgd_kernels_##name, name},
    ISAS(ROW)
};
enum { N = sizeof isas / sizeof *isas };

const struct tsgd_kernels *tsgd_isa_table(size_t i)
{
    for (size_t j = 0; j < N; j++)
        if (isas[j].runs_here() && i-- == 0)
            return isas[j].table;
    return NULL;
}

const char *tsgd_isa_name(size_t i)
{
    static const char *const names[] = {
#define NAME(name) #name,
        ISAS(NAME)
#if defined(EMULATED)
        EMULATED,
#endif
        NULL
    };
    return names[i];
}

enum tsgd_status tsgd_isa_find(const struct tsgd_kernels **out, const char *name,
                               struct tsgd_error *err)
{
    const struct tsgd_kernels *t, *best = NULL;
    const char *names[N + 1];
    size_t n = 0;
    for (size_t i = 0; (t = tsgd_isa_table(i)); i++) {
        names[n++] = t->isa;
        if (!name || !strcmp(name, t->isa))
            best = t;
    }
    assert(n > 0);              /* all else is compiled for the narrowest */
    for (size_t i = 0; i < N && name && !best; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): every row has a table */
        if (!strcmp(name, isas[i].table->isa))
            return tsgd_fail(err, TSGD_EINVAL, "--isa: this CPU cannot run '%s'; its widest is %s",
                             name, names[n - 1]);
#if defined(EMULATED)
    if (name && !strcmp(name, EMULATED))
        best = &tsgd_kernels_portable;
    names[n++] = EMULATED;
#endif
    if (!best)
        return tsgd_unknown_name("--isa", name, names, n, err);
    *out = best;
    return TSGD_OK;
}

const char *tsgd_isa_bits(const char *name)
{
    static const char common[] = "common";
    static const char *const elsewhere[] = {"portable", "avx2", "avx512", "neon"};
    for (size_t i = 0; i < N; i++)
        if (!strcmp(name, isas[i].table->isa))
            return isas[i].table->fused ? common : name;
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (!strcmp(name, elsewhere[i]))
            return common;
    return name;
}
