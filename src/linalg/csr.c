#include "linalg/csr.h"

#include "base/mem.h"

static int by_place(const void *a, const void *b)
{
    const struct tsgd_entry *x = a, *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return x->col < y->col ? -1 : x->col > y->col;
}

/* Adds equal places up, in the order in which sorting left them; the number of places left. */
static size_t merge(struct tsgd_entry *e, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept && e[kept - 1].row == e[i].row && e[kept - 1].col == e[i].col)
            e[kept - 1].val += e[i].val;
        else
            e[kept++] = e[i];
    }
    return kept;
}

static bool is_uniform(const struct tsgd_csr *m, size_t count)
{
    if (m->n < 2 || count != (size_t)m->n * m->n)
        return false;
    for (size_t i = 1; i < count; i++)
        if (m->val[i] != m->val[0])
            return false;
    return true;
}

/* Room for `count` entries; what was got stays in m if there is not enough. */
static enum tsgd_status allocate(struct tsgd_csr *m, uint32_t n, size_t count,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (count > UINT32_MAX)
        return tsgd_fail(err, TSGD_ENOMEM, "mixing matrix: %zu non-zeros are too many", count);
    m->n = n;
    TRY(TSGD_NEW(&m->ptr, (size_t)n + 1, "mixing matrix", err));
    TRY(TSGD_NEW(&m->tptr, (size_t)n + 1, "mixing matrix", err));
    TRY(TSGD_NEW(&m->col, count, "mixing matrix", err));
    TRY(TSGD_NEW(&m->tcol, count, "mixing matrix", err));
    TRY(TSGD_NEW(&m->val, count, "mixing matrix", err));
done:
    return st;
}

enum tsgd_status tsgd_csr_build(struct tsgd_csr *out, uint32_t n, struct tsgd_entry *entries,
                                size_t count, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_csr m = TSGD_CSR_INIT;
    if (count)
        qsort(entries, count, sizeof *entries, by_place);
    count = merge(entries, count);
    TRY(allocate(&m, n, count, err));
    for (size_t i = 0; i < count; i++) {
        m.ptr[entries[i].row + 1]++;
        m.tptr[entries[i].col + 1]++;
        m.col[i] = entries[i].col;
        m.val[i] = entries[i].val;
    }
    for (uint32_t a = 0; a < n; a++) {
        m.ptr[a + 1] += m.ptr[a];
        m.tptr[a + 1] += m.tptr[a];
    }
    for (size_t i = 0; i < count; i++)          /* rows ascend, so each column's list does too */
        m.tcol[m.tptr[entries[i].col]++] = entries[i].row;
    for (uint32_t a = n; a > 0; a--)
        m.tptr[a] = m.tptr[a - 1];
    m.tptr[0] = 0;
    m.uniform = is_uniform(&m, count);
    *out = m;
    m = (struct tsgd_csr)TSGD_CSR_INIT;
done:
    tsgd_csr_release(&m);
    return st;
}

enum tsgd_status tsgd_csr_constant(struct tsgd_csr *out, uint32_t n, float val,
                                   struct tsgd_error *err)
{
    struct tsgd_csr m = TSGD_CSR_INIT;
    enum tsgd_status st = allocate(&m, n, (size_t)n * n, err);
    if (st != TSGD_OK) {
        tsgd_csr_release(&m);
        return st;
    }
    for (uint32_t a = 0; a <= n; a++)
        m.ptr[a] = m.tptr[a] = a * n;
    for (uint32_t a = 0, i = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++, i++) {
            m.col[i] = m.tcol[i] = b;
            m.val[i] = val;
        }
    m.uniform = n > 1;
    *out = m;
    return TSGD_OK;
}

size_t tsgd_csr_bytes(uint32_t n, size_t entries)
{
    size_t each = 2 * sizeof(uint32_t) + sizeof(float);
    return tsgd_add(2 * sizeof(uint32_t) * ((size_t)n + 1), tsgd_mul(entries, each));
}

void tsgd_csr_release(struct tsgd_csr *m)
{
    free(m->ptr);
    free(m->col);
    free(m->tptr);
    free(m->tcol);
    free(m->val);
    *m = (struct tsgd_csr)TSGD_CSR_INIT;
}

double tsgd_csr_row_sum(const struct tsgd_csr *m, uint32_t row)
{
    double sum = 0;
    for (uint32_t i = m->ptr[row]; i < m->ptr[row + 1]; i++)
        sum += (double)m->val[i];
    return sum;
}

size_t tsgd_csr_off_diagonal(const struct tsgd_csr *m)
{
    size_t count = 0;
    for (uint32_t a = 0; a < m->n; a++)
        for (uint32_t i = m->ptr[a]; i < m->ptr[a + 1]; i++)
            count += m->col[i] != a;
    return count;
}
