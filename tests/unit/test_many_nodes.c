/* As many nodes as can be asked for: answered or refused at once, not after minutes of work and not
 * by the system, which ends a process that takes more memory than there is. What takes too long
 * runs into the suite's timeout.                                                                */
#include "base/mem.h"
#include "program.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(many_nodes, .init = enter_folder, .fini = leave_folder, .timeout = 120);

#define MANY " --nodes 4294967294 "

static const struct { const char *words, *sentence; size_t gib; } asked[] = {
    {"train --model quadratic --dim 200 --dry-run" MANY, "training: needs 32.0 GiB", 32},
    {"train --model quadratic --dim 200" MANY, "training: needs 32.0 GiB", 32},
    {"train --model quadratic --method dsgd --dry-run" MANY, "--topology: needs 128.0 GiB", 128},
    {"train --model quadratic --method gt" MANY, "--topology: needs 128.0 GiB", 128},
    {"train --model quadratic --active 4294967294" MANY, "--topology: needs 128.0 GiB", 128},
    {"train --model logistic --data digits --allow-empty" MANY, "--partition: needs ", 64},
    {"tune --model quadratic" MANY, "--topology: needs 64.0 GiB", 64},
    {"topology ring --active 4294967294", "--topology: needs 128.0 GiB", 128},
};

Test(many_nodes, are_refused_at_once_where_memory_does_not_suffice)
{
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        if (tsgd_mem_available() >> 30 >= asked[i].gib)
            continue;                   /* here it may well be right to do it */
        struct result r = run(asked[i].words);
        cr_expect(r.code == 2 && !*r.out, "%s: code %d, %s", asked[i].words, r.code, r.out);
        cr_expect(strstr(r.err, asked[i].sentence), "%s: %s", asked[i].words, r.err);
        cr_expect(strstr(r.err, "; use fewer "), "%s: %s", asked[i].words, r.err);
        cr_expect(strchr(r.err, '\n') == strrchr(r.err, '\n'), "one line: %s", r.err);
    }
}

/* That of so many numbers takes an hour. */
Test(many_nodes, a_dry_run_needs_no_optimum)
{
    struct result r = run("train --model quadratic --dim 20000 --nodes 100000000 --dry-run");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "# 8 tokens of 20,000 parameters"), "%s", r.out);
    cr_expect_eq(count_files(), 0);
}
