#include "model/netspec.h"

#include "base/format.h"
#include "base/mem.h"
#include "base/memstream.h"
#include "base/text.h"

#include <string.h>

static const char residual[] = "residual", outputs[] = "classes";

/* ---- words ---- */

enum kind { WORD, COLON, OPEN, CLOSE, SEPARATOR, END };

struct token {
    enum kind kind;
    char text[64];              /* cut, so that an error can show it */
    size_t length;              /* of the whole */
    uint32_t line, column;
};

/* A residual that is open, and at the bottom the whole text. */
struct scope {
    char prefix[32];            /* of the names within: "block." */
    uint32_t number;            /* as in struct tsgd_netspec_place */
    uint32_t first;             /* its first layer */
    struct token begin;
    char name[32];
};

struct reader {
    struct tsgd_netspec spec;
    const char *at;
    uint32_t line, column;
    struct token token;         /* the one to be looked at */
    struct scope scope[TSGD_NETSPEC_DEPTH + 1];
    uint32_t depth, scopes;     /* scopes: how many have had names */
    uint32_t bare;              /* the layer, counted from 1, that does not say how many outputs it
                                 * has; 0: none */
    struct tsgd_error *err;
};

__attribute__((format(printf, 5, 6)))
static enum tsgd_status fail_at(struct tsgd_error *err, const char *where, uint32_t line,
                                uint32_t column, const char *format, ...)
{
    char text[800];
    va_list args;
    va_start(args, format);
    tsgd_format_list(text, sizeof text, format, args);
    va_end(args);
    return tsgd_fail(err, TSGD_EINVAL, "%.150s: line %u, column %u: %s", where, line, column, text);
}
#define FAIL(r, t, ...) fail_at((r)->err, (r)->spec.where, (t)->line, (t)->column, __VA_ARGS__)

static void advance(struct reader *r)
{
    bool end = *r->at++ == '\n';
    r->line += end;
    r->column = end ? 1 : r->column + 1;
}

static void next(struct reader *r)
{
    struct token *t = &r->token;
    while (*r->at && strchr(" \t\r", *r->at))
        advance(r);
    while (*r->at == '#' && *r->at)
        while (*r->at && *r->at != '\n')
            advance(r);
    *t = (struct token){.kind = WORD, .line = r->line, .column = r->column};
    const char *begin = r->at;
    switch (*begin) {
    case 0: t->kind = END; return;
    case ':': t->kind = COLON; break;
    case '{': t->kind = OPEN; break;
    case '}': t->kind = CLOSE; break;
    case ';':
    case '\n': t->kind = SEPARATOR; break;
    default: t->length = strcspn(begin, " \t\r\n:;{}#"); break;
    }
    if (t->kind != WORD)
        t->length = 1;
    while (r->at < begin + t->length)
        advance(r);
    snprintf(t->text, sizeof t->text, "%.*s", (int)(t->length < 60 ? t->length : 60), begin);
    for (char *c = t->text; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
}

/* What stands at a token, in words. */
static const char *found(const struct token *t)
{
    return t->kind == END ? "the end of the text" :
           t->kind == SEPARATOR && t->text[0] == ' ' ? "the end of the line" : t->text;
}

static bool is_word(const struct token *t, const char *word)
{
    return t->kind == WORD && t->length < sizeof t->text && !strcmp(t->text, word);
}

/* ---- layers, from words ---- */

static const struct tsgd_layer_ops *find_layer(const char *name)
{
    for (size_t i = 0; i < tsgd_n_layers; i++)
        if (tsgd_layers[i]->summary && !strcmp(tsgd_layers[i]->name, name))
            return tsgd_layers[i];
    return NULL;
}

static enum tsgd_status unknown_layer(const struct reader *r, const struct token *t)
{
    const char *names[64];
    char where[220];
    size_t n = 0;
    for (size_t i = 0; i < tsgd_n_layers && n < 62; i++)
        if (tsgd_layers[i]->summary)
            names[n++] = tsgd_layers[i]->name;
    names[n++] = residual;
    snprintf(where, sizeof where, "%.150s: line %u, column %u: layer", r->spec.where, t->line,
             t->column);
    return tsgd_unknown_name(where, t->text, names, n, r->err);
}

/* Letters, digits and _, in parts between points; the first one no digit. */
static bool is_name(const char *text)
{
    bool begins = true;
    for (const char *c = text; *c; c++) {
        bool digit = *c >= '0' && *c <= '9';
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
        if ((*c == '.' && begins) || (*c != '.' && !letter && !(digit && c != text)))
            return false;
        begins = *c == '.';
    }
    return !begins;
}

static enum tsgd_status add_layer(struct reader *r, const struct tsgd_layer *layer,
                                  const struct tsgd_netspec_place *place)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_netspec *s = &r->spec;
    if (r->bare && r->bare == s->n)
        return FAIL(r, &s->place[s->n - 1], "%s: how many outputs it has is missing, as in %s 128; "
                    "only the last layer may leave it out", s->layer[s->n - 1].ops->name,
                    s->layer[s->n - 1].ops->name);
    if (s->n == s->room) {
        uint32_t room = s->room ? 2 * s->room : 32;
        struct tsgd_netspec more = {.n = s->n, .room = room};
        TRY(TSGD_NEW(&more.layer, room, "layers", r->err));
        st = TSGD_NEW(&more.place, room, "layers", r->err);
        if (st != TSGD_OK) {
            free(more.layer);
            return st;
        }
        if (s->n) {
            memcpy(more.layer, s->layer, s->n * sizeof *s->layer);
            memcpy(more.place, s->place, s->n * sizeof *s->place);
        }
        free(s->layer);
        free(s->place);
        s->layer = more.layer;
        s->place = more.place;
        s->room = room;
    }
    if (s->n == TSGD_NETSPEC_LAYERS)
        TRY(fail_at(r->err, s->where, place->line, place->column, "a network has at most %d "
                    "layers", TSGD_NETSPEC_LAYERS));
    s->layer[s->n] = *layer;
    s->place[s->n++] = *place;
done:
    return st;
}

static uint32_t *number_at(struct tsgd_layer *l, const struct tsgd_layer_arg *a)
{
    return (uint32_t *)((char *)l + a->at);
}

static bool *flag_at(struct tsgd_layer *l, const struct tsgd_layer_arg *a)
{
    return (bool *)((char *)l + a->at);
}

static bool has_place(const struct tsgd_layer_arg *a)
{
    return a->part == TSGD_PART_PLACE || a->part == TSGD_PART_OUTPUTS;
}

static const struct tsgd_layer_arg no_args[] = {TSGD_ARGS_END};

static const struct tsgd_layer_arg *args_of(const struct tsgd_layer_ops *ops)
{
    return ops->args ? ops->args : no_args;
}

static enum tsgd_status read_number(struct reader *r, struct tsgd_layer *l,
                                    const struct tsgd_layer_arg *a)
{
    uint64_t value = 0;
    const struct token *t = &r->token;
    bool number = t->kind == WORD && t->length < sizeof t->text && tsgd_parse_u64(t->text, &value);
    if (a->part == TSGD_PART_OUTPUTS && is_word(t, outputs))
        number = true;
    else if (!number || value < a->least || value > a->most)
        return FAIL(r, t, "%s: %s is '%s', want %u to %u%s", l->ops->name, a->name, found(t),
                    a->least, a->most, a->part == TSGD_PART_OUTPUTS ? ", or 'classes'" : "");
    *number_at(l, a) = (uint32_t)value;
    next(r);
    return TSGD_OK;
}

static enum tsgd_status unknown_word(const struct reader *r, const struct tsgd_layer_ops *ops)
{
    const char *names[16], *near;
    char usage[200];
    size_t n = 0;
    for (const struct tsgd_layer_arg *a = args_of(ops); a->part && n < 16; a++)
        if (!has_place(a))
            names[n++] = a->name;
    near = tsgd_nearest(r->token.text, names, n);
    tsgd_netspec_usage(ops, usage, sizeof usage);
    if (near)
        return FAIL(r, &r->token, "%s: unknown '%s'; did you mean '%s'?", ops->name,
                    r->token.text, near);
    return FAIL(r, &r->token, "%s: unknown '%s', want %s", ops->name, r->token.text, usage);
}

/* A number by its place. The last layer of a text may leave out how many outputs it has; that it is
 * the last is seen when there is another one.                                                    */
static enum tsgd_status read_place(struct reader *r, struct tsgd_layer *l,
                                   const struct tsgd_layer_arg *a, struct tsgd_netspec_place *place)
{
    uint64_t value;
    bool may_be_classes = a->part == TSGD_PART_OUTPUTS;
    bool bare = may_be_classes && r->token.kind != WORD;
    place->outputs |= bare || (may_be_classes && is_word(&r->token, outputs));
    if (bare)
        r->bare = r->spec.n + 1;
    else if (!a->optional || (r->token.kind == WORD && tsgd_parse_u64(r->token.text, &value)))
        return read_number(r, l, a);
    else
        *number_at(l, a) = a->standard;
    return TSGD_OK;
}

/* The words behind a layer's own: places in their order, then words and flags in any. */
static enum tsgd_status read_args(struct reader *r, struct tsgd_layer *l,
                                  struct tsgd_netspec_place *place)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_layer_arg *args = args_of(l->ops), *a = args;
    bool seen[16] = {false};
    for (; has_place(a); a++)
        TRY(read_place(r, l, a, place));
    for (const struct tsgd_layer_arg *other = a; other->part; other++)
        if (other->part == TSGD_PART_WORD)
            *number_at(l, other) = other->standard;
    while (r->token.kind == WORD) {
        const struct tsgd_layer_arg *which = a;
        while (which->part && !is_word(&r->token, which->name))
            which++;
        if (!which->part)
            TRY(unknown_word(r, l->ops));
        if (seen[which - args])
            TRY(FAIL(r, &r->token, "%s: '%s' stands there twice", l->ops->name, which->name));
        seen[which - args] = true;
        next(r);
        if (which->part == TSGD_PART_FLAG)
            *flag_at(l, which) = true;
        else
            TRY(read_number(r, l, which));
    }
done:
    return st;
}

/* Whether two layers would have tensors of one name, or one a name within the other's. */
static bool clash(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), least = n < m ? n : m;
    return !strncmp(a, b, least) && (n == m || (n < m ? b : a)[least] == '.');
}

/* The name behind that of the residuals around it. */
static enum tsgd_status join_names(const struct reader *r, const struct token *t, const char *name,
                                   const char *end, char out[32])
{
    const char *prefix = r->scope[r->depth].prefix;
    size_t before = strlen(prefix), length = strlen(name), after = strlen(end);
    if (before + length + after > 31)
        return FAIL(r, t, "the name '%s%s' has %zu characters, want at most %zu", prefix, name,
                    before + length, 31 - after);
    memcpy(out, prefix, before);
    memcpy(out + before, name, length);
    memcpy(out + before + length, end, after + 1);
    return TSGD_OK;
}

/* Its name, as written or made up, behind that of the residuals around it. */
static enum tsgd_status name_layer(struct reader *r, struct tsgd_layer *l,
                                   const struct tsgd_netspec_place *p, const struct token *t)
{
    enum tsgd_status st = TSGD_OK;
    const struct scope *in = &r->scope[r->depth];
    const struct tsgd_netspec *s = &r->spec;
    char own[32];
    uint32_t number = 1;
    if (!l->ops->prefix && *p->name)
        return FAIL(r, t, "'%s' has no tensors that could be called '%s'; leave the name out",
                    l->ops->name, p->name);
    if (!l->ops->prefix)
        return TSGD_OK;
    for (uint32_t i = 0; i < s->n; i++)
        number += s->place[i].scope == in->number && s->layer[i].ops->prefix &&
                  !strcmp(s->layer[i].ops->prefix, l->ops->prefix);
    snprintf(own, sizeof own, "%.16s%u", l->ops->prefix, number);
    TRY(join_names(r, t, *p->name ? p->name : own, "", l->name));
    for (uint32_t i = 0; i < s->n; i++)
        if (s->layer[i].ops->prefix && clash(s->layer[i].name, l->name))
            TRY(FAIL(r, t, "the name '%s' cannot go with '%s' of line %u, column %u; give one of "
                     "them another, as in 'name: %s'", l->name, s->layer[i].name,
                     s->place[i].line, s->place[i].column, l->ops->name));
done:
    return st;
}

static enum tsgd_status open_residual(struct reader *r, const struct token *t, const char *name)
{
    enum tsgd_status st = TSGD_OK;
    const struct scope *in = &r->scope[r->depth];
    struct scope *s = &r->scope[r->depth + 1];
    if (r->token.kind != OPEN)
        return FAIL(r, &r->token, "residual: found '%s', want '{', as in residual { conv 16 3 pad "
                    "1; groupnorm 8 }", found(&r->token));
    if (r->depth == TSGD_NETSPEC_DEPTH)
        return FAIL(r, t, "residuals stand within each other at most %d deep", TSGD_NETSPEC_DEPTH);
    *s = (struct scope){.number = in->number, .first = r->spec.n, .begin = *t};
    strcpy(s->name, name);
    strcpy(s->prefix, in->prefix);
    if (*name) {
        TRY(join_names(r, t, name, ".", s->prefix));
        s->number = ++r->scopes;
    }
    r->depth++;
    next(r);
done:
    return st;
}

static enum tsgd_status close_residual(struct reader *r)
{
    const struct scope *s = &r->scope[r->depth];
    if (r->depth == 0)
        return FAIL(r, &r->token, "found '}', but no residual is open");
    if (r->spec.n == s->first)
        return FAIL(r, &r->token, "the residual has no layers, want at least one between { and }");
    struct tsgd_netspec_place place = {.line = s->begin.line, .column = s->begin.column,
                                       .scope = r->scope[r->depth - 1].number};
    strcpy(place.name, s->name);
    r->depth--;
    next(r);
    return add_layer(r, &(struct tsgd_layer){.ops = &tsgd_layer_add,
                                             .skip = r->spec.n - s->first}, &place);
}

/* A layer, or what opens or closes a residual: from the first of its words. */
static enum tsgd_status read_layer(struct reader *r)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_layer layer = {.ops = NULL};
    struct token t = r->token;
    struct tsgd_netspec_place place = {.line = t.line, .column = t.column,
                                       .scope = r->scope[r->depth].number};
    if (t.kind == CLOSE)
        return close_residual(r);
    if (t.kind != WORD)
        return FAIL(r, &t, "found '%s', want a layer, as in conv 16 3", found(&t));
    next(r);
    if (r->token.kind == COLON) {
        if (!is_name(t.text) || t.length >= sizeof place.name)
            return FAIL(r, &t, "'%s' is no name of at most %zu letters, digits, '_' and '.'",
                        t.text, sizeof place.name - 1);
        strcpy(place.name, t.text);
        next(r);
        t = r->token;
        if (t.kind != WORD)
            return FAIL(r, &t, "found '%s' behind the name '%s', want a layer", found(&t),
                        place.name);
        next(r);
    }
    if (is_word(&t, residual))
        return open_residual(r, &t, place.name);
    layer.ops = t.length < sizeof t.text ? find_layer(t.text) : NULL;
    if (!layer.ops)
        return unknown_layer(r, &t);
    TRY(read_args(r, &layer, &place));
    TRY(name_layer(r, &layer, &place, &t));
    TRY(add_layer(r, &layer, &place));
done:
    return st;
}

static enum tsgd_status read_all(struct reader *r)
{
    enum tsgd_status st = TSGD_OK;
    next(r);
    while (r->token.kind != END) {
        bool opened = false;
        if (r->token.kind != SEPARATOR) {
            uint32_t depth = r->depth;
            TRY(read_layer(r));
            opened = r->depth > depth;
        }
        if (!opened && r->token.kind != SEPARATOR && r->token.kind != CLOSE &&
            r->token.kind != END)
            TRY(FAIL(r, &r->token, "found '%s', want ';' or the end of the line before the next "
                     "layer", found(&r->token)));
        if (r->token.kind == SEPARATOR)
            next(r);
    }
    if (r->depth)
        TRY(FAIL(r, &r->scope[r->depth].begin, "the residual that begins here has no '}'"));
    if (r->spec.n == 0)
        TRY(FAIL(r, &r->token, "there is no layer, want at least one, as in dense"));
done:
    return st;
}

enum tsgd_status tsgd_netspec_parse(struct tsgd_netspec *out, const char *text, const char *where,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct reader *r = NULL;
    TRY(TSGD_NEW(&r, 1, "layers", err));
    *r = (struct reader){.at = text, .line = 1, .column = 1, .err = err};
    TRY(TSGD_NEW(&r->spec.where, strlen(where) + 1, "layers", err));
    strcpy(r->spec.where, where);
    if (strlen(text) > TSGD_NETSPEC_TEXT)
        TRY(tsgd_fail(err, TSGD_EINVAL, "%.150s: the layers take %zu characters, want at most %d",
                      where, strlen(text), TSGD_NETSPEC_TEXT));
    TRY(read_all(r));
    *out = r->spec;
    r->spec = (struct tsgd_netspec)TSGD_NETSPEC_INIT;
done:
    if (r)
        tsgd_netspec_release(&r->spec);
    free(r);
    return st;
}

void tsgd_netspec_release(struct tsgd_netspec *s)
{
    free(s->layer);
    free(s->place);
    free(s->where);
    *s = (struct tsgd_netspec)TSGD_NETSPEC_INIT;
}

/* ---- text, from layers ---- */

void tsgd_netspec_usage(const struct tsgd_layer_ops *ops, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%s", ops->name);
    for (const struct tsgd_layer_arg *a = args_of(ops); a->part && used < size; a++)
        used += (size_t)snprintf(text + used, size - used, has_place(a) && !a->optional ? " %s" :
                                 a->part == TSGD_PART_WORD ? " [%s N]" : " [%s]", a->name);
}

void tsgd_netspec_print_layer(const struct tsgd_netspec *s, uint32_t i, FILE *f)
{
    struct tsgd_layer l = s->layer[i];
    fprintf(f, "%s", l.ops->name);
    for (const struct tsgd_layer_arg *a = args_of(l.ops); a->part; a++) {
        uint32_t value = a->part == TSGD_PART_FLAG ? *flag_at(&l, a) : *number_at(&l, a);
        bool classes = a->part == TSGD_PART_OUTPUTS && s->place[i].outputs;
        if (a->optional && value == a->standard)
            continue;
        if (!has_place(a))
            fprintf(f, " %s", a->name);
        if (classes)
            fprintf(f, " %s", outputs);
        else if (a->part != TSGD_PART_FLAG)
            fprintf(f, " %u", value);
    }
}

static void print_name(FILE *f, const struct tsgd_netspec_place *p)
{
    if (*p->name)
        fprintf(f, "%s: ", p->name);
}

/* The residuals that begin with layer i, the widest first. */
static void print_begins(FILE *f, const struct tsgd_netspec *s, uint32_t i)
{
    for (uint32_t j = s->n; j-- > i + 1;)
        if (tsgd_netspec_ends(s, j) && tsgd_netspec_begin(s, j) == i) {
            print_name(f, &s->place[j]);
            fprintf(f, "%s { ", residual);
        }
}

enum tsgd_status tsgd_netspec_text(const struct tsgd_netspec *s, char **out, struct tsgd_error *err)
{
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    for (uint32_t i = 0; f && i < s->n; i++) {
        if (tsgd_netspec_ends(s, i)) {
            fprintf(f, " }");
            continue;
        }
        fprintf(f, "%s", i ? "; " : "");
        print_begins(f, s, i);
        print_name(f, &s->place[i]);
        tsgd_netspec_print_layer(s, i, f);
    }
    if (!tsgd_memstream_close(f, &text))
        return tsgd_fail(err, TSGD_ENOMEM, "no memory for the text of a network");
    *out = text;
    return TSGD_OK;
}

/* ---- shapes ---- */

/* Says where in the text the sentence in *err belongs. */
static enum tsgd_status locate(const struct tsgd_netspec *s, uint32_t i, struct tsgd_error *err)
{
    char text[800];
    if (!err)
        return TSGD_EINVAL;
    snprintf(text, sizeof text, "%.799s", err->text);
    return fail_at(err, s->where, s->place[i].line, s->place[i].column, "%s", text);
}

/* No activation has more numbers, so that sizes can be multiplied. */
enum { MOST_FLOATS = 1 << 30 };

enum tsgd_status tsgd_netspec_shape(struct tsgd_netspec *s, struct tsgd_shape in, uint32_t classes,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t params = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        struct tsgd_layer *l = &s->layer[i];
        for (const struct tsgd_layer_arg *a = args_of(l->ops); a->part; a++)
            if (a->part == TSGD_PART_OUTPUTS && s->place[i].outputs)
                *number_at(l, a) = classes;
        l->in = i ? s->layer[i - 1].out : in;
        if (l->skip)
            l->from = s->layer[tsgd_netspec_begin(s, i)].in;
        l->params = l->keep = l->n_tensors = 0;
        st = l->ops->shape(l, err);
        if (st != TSGD_OK)
            return st == TSGD_EINVAL ? locate(s, i, err) : st;
        if (tsgd_shape_size(l->out) > MOST_FLOATS)
            return fail_at(err, s->where, s->place[i].line, s->place[i].column, "%s: gives %zu "
                           "numbers for each sample, want at most %d", l->ops->name,
                           tsgd_shape_size(l->out), MOST_FLOATS);
        params += l->params;
    }
    const struct tsgd_netspec_place *last = &s->place[s->n - 1];
    size_t got = tsgd_shape_size(s->layer[s->n - 1].out);
    if (got != classes)
        return fail_at(err, s->where, last->line, last->column, "the last layer gives %zu numbers "
                       "for each sample, want %u, one for each class or target; end with dense",
                       got, classes);
    if (params == 0)
        return fail_at(err, s->where, s->place[0].line, s->place[0].column, "no layer has "
                       "parameters, so there is nothing to train; want a dense or another one");
    return TSGD_OK;
}

enum tsgd_status tsgd_netspec_build(struct tsgd_netspec *s, struct tsgd_net *out,
                                    struct tsgd_shape in, uint32_t classes,
                                    const struct tsgd_backend *on, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_netspec_shape(s, in, classes, err));
    TRY(tsgd_net_init(out, s->layer, s->n, in, classes, err));
    out->on = *on;
done:
    return st;
}
