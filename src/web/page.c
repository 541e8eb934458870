#include "web/page.h"

#include "base/embed.h"

#include <assert.h>
#include <string.h>

TSGD_EMBED(tsgd_web_page_html, "src/web/assets/page.html");
TSGD_EMBED(tsgd_web_page_css, "src/web/assets/page.css");
TSGD_EMBED(tsgd_web_base_js, "src/web/assets/base.js");
TSGD_EMBED(tsgd_web_curves_js, "src/web/assets/curves.js");
TSGD_EMBED(tsgd_web_tables_js, "src/web/assets/tables.js");
TSGD_EMBED(tsgd_web_tokens_js, "src/web/assets/tokens.js");
TSGD_EMBED(tsgd_web_graph_js, "src/web/assets/graph.js");
TSGD_EMBED(tsgd_web_split_js, "src/web/assets/split.js");
TSGD_EMBED(tsgd_web_start_js, "src/web/assets/start.js");
TSGD_EMBED(tsgd_web_uplot_css, "src/web/assets/uPlot.min.css");
TSGD_EMBED(tsgd_web_uplot_js, "src/web/assets/uPlot.iife.min.js");
TSGD_EMBED(tsgd_web_uplot_licence, "src/web/assets/uPlot.LICENSE");

#define PART(name, constant) {name, constant, TSGD_EMBEDDED_BYTES(constant)}

/* page.html has @@NAME@@ where a part goes. */
enum tsgd_status tsgd_webpage_write(FILE *out,
                                    enum tsgd_status (*put_data)(FILE *out, void *user,
                                                                 struct tsgd_error *err),
                                    void *user, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct { const char *name; const unsigned char *text; size_t bytes; } part[] = {
        PART("uPlot.min.css", tsgd_web_uplot_css), PART("uPlot.iife.min.js", tsgd_web_uplot_js),
        PART("uPlot.LICENSE", tsgd_web_uplot_licence),
        PART("page.css", tsgd_web_page_css), PART("base.js", tsgd_web_base_js),
        PART("curves.js", tsgd_web_curves_js), PART("tables.js", tsgd_web_tables_js),
        PART("tokens.js", tsgd_web_tokens_js), PART("graph.js", tsgd_web_graph_js),
        PART("split.js", tsgd_web_split_js), PART("start.js", tsgd_web_start_js),
    };
    const char *at = (const char *)tsgd_web_page_html, *mark;
    fputs(TSGD_WEBPAGE_HEADER, out);
    while ((mark = strstr(at, "@@"))) {
        const char *name = mark + 2, *end = strstr(name, "@@");
        assert(end);
        size_t n = (size_t)(end - name);
        fwrite(at, 1, (size_t)(mark - at), out);
        for (size_t i = 0; i < sizeof part / sizeof *part; i++)
            if (strlen(part[i].name) == n && !memcmp(part[i].name, name, n))
                fwrite(part[i].text, 1, part[i].bytes, out);
        if (n == 4 && !memcmp(name, "data", n))
            TRY(put_data(out, user, err));
        at = end + 2;
    }
    fputs(at, out);
done:
    return st;
}
