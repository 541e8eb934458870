#include "command/split_picture.h"

#include "base/mem.h"
#include "cli/human.h"

#include <math.h>
#include <string.h>

/* Up to so many nodes are all shown; of more, the first ones and some others. */
enum { MOST_NODES = 32, FIRST_NODES = 12 };

/* Columns: between two things, of a distance, of the longest note beside it. */
enum { GAP = 2, DISTANCE = 8, NOTE = 8, WIDEST_CELL = 4 };

/* A cell by how large the share is, from the least on; one without samples is blank. */
static const char *const blocks_of[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const letters_of[] = {".", ":", "-", "=", "+", "*", "#", "%", "@"};

struct picture {
    FILE *out;
    const struct tsgd_split_view *v;
    const char *const *level;
    int levels;
    int node, samples;          /* widths of these columns */
    int cell;                   /* columns of a cell; the last of several is blank */
    uint32_t group;             /* classes that a cell stands for */
    double full;                /* the share of the highest level */
};

/* A node with samples, to be sorted. */
struct placed {
    double distance;
    uint32_t node;
};

static const struct { double at; const char *note; } quantiles[] = {
    {0, "nearest"}, {0.1, "10 %"}, {0.25, "25 %"}, {0.5, "median"}, {0.75, "75 %"}, {0.9, "90 %"},
    {1, "farthest"},
};
enum { QUANTILES = sizeof quantiles / sizeof *quantiles };

/* Nodes in the order of the picture, and the notes beside them. */
struct chosen {
    uint32_t node[MOST_NODES];
    const char *note[MOST_NODES];
    size_t n, first;            /* so many of them are the first nodes */
    uint32_t placed;            /* nodes with samples, when not all are shown */
};

static int by_distance(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

static enum tsgd_status choose_nodes(struct chosen *out, const struct tsgd_split_view *v,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct placed *all = NULL;
    uint32_t n = 0, first = v->nodes <= MOST_NODES ? v->nodes : FIRST_NODES;
    *out = (struct chosen){.n = first, .first = first};
    for (uint32_t i = 0; i < first; i++)
        out->node[i] = i;
    if (first == v->nodes)
        return TSGD_OK;
    for (uint32_t i = 0; i < v->nodes; i++)
        out->placed += tsgd_split_view_samples(v, i) > 0;
    TRY(TSGD_NEW(&all, out->placed, "the nodes of the picture", err));
    for (uint32_t i = 0; i < v->nodes; i++)
        if (tsgd_split_view_samples(v, i) > 0)
            all[n++] = (struct placed){tsgd_split_view_distance(v, i), i};
    qsort(all, n, sizeof *all, by_distance);
    for (size_t q = 0; q < QUANTILES; q++) {
        out->node[out->n] = all[(uint32_t)(quantiles[q].at * (n - 1) + 0.5)].node;
        out->note[out->n++] = quantiles[q].note;
    }
done:
    free(all);
    return st;
}

/* The samples of a node in the classes of cell g. */
static uint32_t samples_in(const struct picture *p, const uint32_t *count, uint32_t g)
{
    uint32_t from = g * p->group, sum = 0;
    for (uint32_t c = from; c < p->v->classes && c < from + p->group; c++)
        sum += count[c];
    return sum;
}

static uint32_t cells(const struct picture *p) { return (p->v->classes - 1) / p->group + 1; }

static void find_scale(struct picture *p, const struct chosen *chosen)
{
    for (size_t i = 0; i < chosen->n; i++) {
        const uint32_t *count = tsgd_split_view_of(p->v, chosen->node[i]);
        uint32_t samples = tsgd_split_view_samples(p->v, chosen->node[i]);
        for (uint32_t g = 0; samples && g < cells(p); g++)
            p->full = fmax(p->full, (double)samples_in(p, count, g) / samples);
    }
    for (uint32_t g = 0; g < cells(p); g++)
        p->full = fmax(p->full, (double)samples_in(p, p->v->total, g) / p->v->samples);
}

static void fit(struct picture *p, const struct chosen *chosen, int columns)
{
    char text[TSGD_HUMAN];
    bool notes = chosen->n > chosen->first;
    int beside, room;
    p->node = (int)fmax(4, (double)strlen(tsgd_human_count(p->v->nodes - 1, text)));
    p->samples = (int)fmax(7, (double)strlen(tsgd_human_count(p->v->samples, text)));
    beside = p->node + p->samples + 3 * GAP + (notes ? 5 + GAP + NOTE : DISTANCE);
    room = columns > beside ? columns - beside : 1;
    p->group = (p->v->classes - 1) / (uint32_t)room + 1;
    p->cell = room / (int)cells(p) < WIDEST_CELL ? room / (int)cells(p) : WIDEST_CELL;
}

/* The first class of a cell over the cell, where it does not touch the one before. */
static void print_heading(const struct picture *p)
{
    int column = 0;
    fprintf(p->out, "%*s%*s%*s", p->node, "node", GAP + p->samples, "samples", GAP, "");
    for (uint32_t g = 0; g < cells(p); g++) {
        char text[16];
        int at = (int)g * p->cell;
        int length = snprintf(text, sizeof text, "%u", g * p->group);
        bool fits = at + length <= (int)cells(p) * p->cell;
        if (fits && (column == 0 || at > column))
            column += fprintf(p->out, "%*s%s", at - column, "", text);
    }
    fprintf(p->out, "%*sdistance\n", (int)cells(p) * p->cell - column + GAP, "");
}

/* Level l, counted from 1, is for shares of up to (l / levels)^2 of the scale: where one node has a
 * single class, those with ten alike still differ from those with traces.                       */
static double most_of_level(const struct picture *p, int l)
{
    return p->full * l * l / p->levels / p->levels;
}

static int level_of(const struct picture *p, double share)
{
    int l = 1;
    while (l < p->levels && share > most_of_level(p, l) + 1e-12)
        l++;
    return l;
}

/* Returns how many blank columns are still to come: no line ends in blanks. */
static int print_cells(const struct picture *p, const uint32_t *count, uint32_t samples)
{
    int blank = 0;
    for (uint32_t g = 0; g < cells(p); g++) {
        uint32_t found = samples_in(p, count, g);
        int ink = found == 0 ? 0 : p->cell == 1 ? 1 : p->cell - 1;
        if (ink) {
            fprintf(p->out, "%*s", blank, "");
            blank = 0;
        }
        for (int i = 0; i < ink; i++)
            fputs(p->level[level_of(p, (double)found / samples) - 1], p->out);
        blank += p->cell - ink;
    }
    return blank;
}

static void print_node(const struct picture *p, uint32_t node, const char *note)
{
    char name[TSGD_HUMAN], size[TSGD_HUMAN];
    uint32_t samples = tsgd_split_view_samples(p->v, node);
    fprintf(p->out, "%*s%*s%*s", p->node, tsgd_human_count(node, name), GAP + p->samples,
            tsgd_human_count(samples, size), GAP, "");
    int blank = print_cells(p, tsgd_split_view_of(p->v, node), samples) + GAP;
    if (samples)
        fprintf(p->out, "%*s%.3f", blank, "", tsgd_split_view_distance(p->v, node));
    else
        fprintf(p->out, "%*s-", blank, "");
    fprintf(p->out, "%s%s\n", note ? "  " : "", note ? note : "");
}

/* As many levels a line as fit. */
static void print_legend(const struct picture *p, int columns)
{
    static const char start[] = "up to, of a node's samples:";
    int column = fprintf(p->out, "%s", start);
    for (int l = 1; l <= p->levels; l++) {
        char text[32];
        double most = 100 * most_of_level(p, l);
        int width = snprintf(text, sizeof text, most < 9.95 ? " %.2g %%" : " %.0f %%", most) + 1;
        if (column + 2 + width > columns) {
            fprintf(p->out, "\n  ");
            column = 2;
        }
        column += 2 + width;
        fprintf(p->out, "  %s%s", p->level[l - 1], text);
    }
    if (p->group > 1)
        fprintf(p->out, "\na column is %u classes", p->group);
    fputc('\n', p->out);
}

enum tsgd_status tsgd_split_picture(FILE *out, const struct tsgd_split_view *v, int columns,
                                    bool blocks, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct chosen chosen;
    char text[TSGD_HUMAN];
    struct picture p = {
        .out = out, .v = v, .level = blocks ? blocks_of : letters_of,
        .levels = blocks ? sizeof blocks_of / sizeof *blocks_of :
                           sizeof letters_of / sizeof *letters_of,
    };
    TRY(choose_nodes(&chosen, v, err));
    fit(&p, &chosen, columns);
    find_scale(&p, &chosen);
    print_heading(&p);
    for (size_t i = 0; i < chosen.n; i++) {
        if (i == chosen.first)
            fprintf(out, "... %s not empty, by distance:\n",
                    tsgd_human_count(chosen.placed, text));
        print_node(&p, chosen.node[i], chosen.note[i]);
    }
    fprintf(out, "%*s%*s%*s", p.node, "all", GAP + p.samples, tsgd_human_count(v->samples, text),
            GAP, "");
    (void)print_cells(&p, v->total, v->samples);
    fputc('\n', out);
    print_legend(&p, columns);
done:
    return st;
}
