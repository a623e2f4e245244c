/* SPDX-License-Identifier: MIT */
#include "base/xml.h"

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/recode.h"
#include "base/json.h"
#include "base/limits.h"

enum {
    DEPTH_MAX = TN_LIMIT_JSON_DEPTH - 4,
    PARTS_MAX = 32,
    SEPARATOR = '|',
    KIDS_HASHED = 8,
    PIECE = 16 * 1024
};

/* All elements of one name inside another: one value or a list. */
struct group {
    struct tn_str name;
    struct element *first, *last;
    struct group *next;
};

struct element {
    struct element *up, *next; /* next: the next element of the same name */
    struct group *groups, *last_group;
    struct group **table; /* groups by name, made when there are many */
    size_t group_count, table_size;
    struct tn_str *attributes; /* name, value, name, value ... */
    size_t attribute_count;
    struct tn_buf text;
    bool nil;
};

struct tn_xml {
    XML_Parser parser;
    struct tn_str parts[PARTS_MAX];
    size_t part_count;
    bool optional; /* the path may lead nowhere */
    bool anywhere; /* the path is one name, wanted at any depth */
    bool whole;    /* the root element is the row */
    bool doctype;  /* the document has one */
    struct tn_str root;
    tn_rows_fn each;
    void *arg;
    struct tn_arena fixed, arena; /* arena: for the current row */
    struct element *at;           /* NULL: outside of rows */
    size_t depth, matched;        /* matched: how many parts of the path lead to this element */
    size_t farthest;              /* the largest `matched` so far */
    size_t inside;                /* depth inside the row */
    size_t bytes, line;           /* of the row */
    struct tn_buf json;
    struct tn_err err;      /* why the reader stopped */
    struct tn_buf gathered; /* bytes that expat has not got yet */
    size_t given, stuck;    /* bytes that expat got; those among them of an unfinished token */
};

static void stop(struct tn_xml *x, enum tn_kind kind, const char *what)
{
    if (x->err.kind) return;
    tn_fail(&x->err, kind, "line %lu, column %lu: %s", XML_GetCurrentLineNumber(x->parser),
            XML_GetCurrentColumnNumber(x->parser) + 1, what);
    x->err.line = (int)XML_GetCurrentLineNumber(x->parser);
    XML_StopParser(x->parser, XML_FALSE);
}

static struct tn_str local_name(const char *name)
{
    const char *bar = strrchr(name, SEPARATOR);
    return tn_str(bar ? bar + 1 : name);
}

static bool spend(struct tn_xml *x, size_t n)
{
    x->bytes += n;
    if (x->bytes <= TN_LIMIT_RECORD) return true;
    stop(x, TN_E_too_large, "a row is larger than the limit");
    return false;
}

static struct tn_str keep(struct tn_xml *x, struct tn_str s)
{
    return (struct tn_str){tn_arena_strndup(&x->arena, s.p, s.n), s.n};
}

/* ---- groups ---- */

static size_t hash(struct tn_str s)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
    return (size_t)(h ^ (h >> 29));
}

static struct group **slot_of(struct element *e, struct tn_str name)
{
    size_t i = hash(name) & (e->table_size - 1);
    while (e->table[i] && !tn_str_eq(e->table[i]->name, name)) i = (i + 1) & (e->table_size - 1);
    return &e->table[i];
}

static void index_groups(struct tn_xml *x, struct element *e)
{
    e->table_size = e->table_size ? e->table_size * 2 : (size_t)KIDS_HASHED * 4;
    e->table = tn_arena_alloc(&x->arena, e->table_size * sizeof(struct group *));
    for (struct group *g = e->groups; g; g = g->next) *slot_of(e, g->name) = g;
}

static struct group *find_group(struct element *e, struct tn_str name)
{
    if (e->table) return *slot_of(e, name);
    for (struct group *g = e->groups; g; g = g->next)
        if (tn_str_eq(g->name, name)) return g;
    return NULL;
}

static void add_to(struct tn_xml *x, struct element *parent, struct tn_str name,
                   struct element *kid)
{
    struct group *g = find_group(parent, name);
    if (g) {
        g->last = g->last->next = kid;
        return;
    }
    g = tn_arena_alloc(&x->arena, sizeof *g);
    *g = (struct group){.name = keep(x, name), .first = kid, .last = kid};
    if (parent->last_group)
        parent->last_group->next = g;
    else
        parent->groups = g;
    parent->last_group = g;
    parent->group_count++;
    if (parent->group_count * 2 > parent->table_size && parent->group_count > KIDS_HASHED)
        index_groups(x, parent);
    else if (parent->table)
        *slot_of(parent, name) = g;
}

/* ---- a row as JSON ---- */

static bool is_blank(struct tn_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!memchr(" \t\r\n", s.p[i], 4)) return false;
    return true;
}

static void write_element(struct tn_xml *x, const struct element *e);

static void write_key(struct tn_xml *x, char first, struct tn_str name, bool *some)
{
    tn_buf_addc(&x->json, *some ? ',' : '{');
    *some = true;
    size_t at = x->json.n;
    tn_json_quote(&x->json, name);
    if (first) { /* element names need no escapes, so there is room for one byte behind the name */
        tn_buf_addc(&x->json, '"');
        if (x->json.failed) return;
        memmove(x->json.p + at + 2, x->json.p + at + 1, x->json.n - at - 2);
        x->json.p[at + 1] = first;
    }
    tn_buf_addc(&x->json, ':');
}

static void write_group(struct tn_xml *x, const struct group *g, bool *some)
{
    bool list = g->first != g->last;
    write_key(x, 0, g->name, some);
    if (list) tn_buf_addc(&x->json, '[');
    for (const struct element *kid = g->first; kid; kid = kid->next) {
        write_element(x, kid);
        if (kid->next) tn_buf_addc(&x->json, ',');
    }
    if (list) tn_buf_addc(&x->json, ']');
}

static void write_element(struct tn_xml *x, const struct element *e)
{
    struct tn_str text = tn_buf_str(&e->text);
    bool some = false;
    if (e->nil) {
        tn_buf_adds(&x->json, "null");
        return;
    }
    if (!e->attribute_count && !e->groups && e->up) {
        tn_json_quote(&x->json, text);
        return;
    }
    for (size_t i = 0; i < e->attribute_count; i++) {
        write_key(x, '@', e->attributes[2 * i], &some);
        tn_json_quote(&x->json, e->attributes[2 * i + 1]);
    }
    /* Without elements the text is there even if it is empty, so that such an element always reads
     * like one without attributes. */
    if (!is_blank(text) || (!e->groups && e->up)) {
        write_key(x, 0, TN_STR("#text"), &some);
        tn_json_quote(&x->json, text);
    }
    for (const struct group *g = e->groups; g; g = g->next) write_group(x, g, &some);
    tn_buf_adds(&x->json, some ? "}" : "{}");
}

static void give_row(struct tn_xml *x, const struct element *e)
{
    tn_buf_reset(&x->json);
    write_element(x, e);
    if (x->json.failed) {
        stop(x, TN_E_too_large, "a row is larger than the limit");
        return;
    }
    struct tn_str row = e->nil ? TN_STR("{}") : tn_buf_str(&x->json);
    if (!x->each(x->arg, row, NULL, x->line)) stop(x, TN_E_cancelled, "stopped");
}

/* ---- what expat calls ---- */

static bool is_row(struct tn_xml *x, struct tn_str name)
{
    if (x->whole) return x->depth == 1;
    if (!x->part_count) return x->depth == 2;
    if (x->anywhere) return tn_str_eq(name, x->parts[0]);
    if (x->matched + 1 == x->depth && x->matched < x->part_count &&
        tn_str_eq(name, x->parts[x->matched]))
        x->matched++;
    if (x->matched > x->farthest) x->farthest = x->matched;
    return x->matched == x->part_count && x->depth == x->part_count;
}

static void read_attributes(struct tn_xml *x, struct element *e, const char **atts)
{
    size_t n = 0;
    while (atts[2 * n]) n++;
    if (!n) return;
    e->attributes = tn_arena_alloc(&x->arena, 2 * n * sizeof *e->attributes);
    for (size_t i = 0; i < n; i++) {
        struct tn_str name = tn_str(atts[2 * i]), value = tn_str(atts[2 * i + 1]);
        if (tn_str_is(name, "http://www.w3.org/2001/XMLSchema-instance|nil")) {
            e->nil = tn_str_is(value, "true") || tn_str_is(value, "1");
            continue;
        }
        name = local_name(atts[2 * i]);
        if (!spend(x, name.n + value.n)) return;
        bool twice = false; /* a:x and b:x are one name; the last counts, as in JSON */
        for (size_t k = 0; k < e->attribute_count && !twice; k++)
            if ((twice = tn_str_eq(e->attributes[2 * k], name)))
                e->attributes[2 * k + 1] = keep(x, value);
        if (twice) continue;
        if (e->attribute_count == 256) {
            stop(x, TN_E_too_large, "an element has more than 256 attributes");
            return;
        }
        e->attributes[2 * e->attribute_count] = keep(x, name);
        e->attributes[2 * e->attribute_count++ + 1] = keep(x, value);
    }
}

static void check_attributes(struct tn_xml *x);

static void XMLCALL on_start(void *arg, const char *full, const char **atts)
{
    struct tn_xml *x = arg;
    struct tn_str name = local_name(full);
    if (x->err.kind) return; /* expat calls on for a moment after a stop */
    if (++x->depth > DEPTH_MAX) {
        stop(x, TN_E_too_large, "elements are nested too deep");
        return;
    }
    if (x->depth == 1)
        x->root = (struct tn_str){tn_arena_strndup(&x->fixed, name.p, name.n), name.n};
    if (x->doctype && atts[0]) check_attributes(x);
    if (!x->at && !is_row(x, name)) return;
    if (!x->at) {
        tn_arena_reset(&x->arena);
        x->bytes = 0;
        x->line = XML_GetCurrentLineNumber(x->parser);
    }
    struct element *e = tn_arena_alloc(&x->arena, sizeof *e);
    e->up = x->at;
    tn_buf_init(&e->text, TN_LIMIT_RECORD);
    if (!spend(x, name.n + sizeof *e)) return;
    read_attributes(x, e, atts);
    if (x->at) add_to(x, x->at, name, e);
    x->at = e;
    x->inside++;
}

static void clear_texts(struct element *e)
{
    tn_buf_clear(&e->text);
    for (struct group *g = e->groups; g; g = g->next)
        for (struct element *kid = g->first; kid; kid = kid->next) clear_texts(kid);
}

static void XMLCALL on_end(void *arg, const char *full)
{
    struct tn_xml *x = arg;
    struct element *e = x->at;
    (void)full;
    if (x->err.kind) return;
    x->depth--;
    if (x->matched > x->depth) x->matched = x->depth;
    if (!e) return;
    x->inside--;
    x->at = e->up;
    if (e->up) return;
    give_row(x, e);
    clear_texts(e);
}

static void XMLCALL on_text(void *arg, const char *s, int n)
{
    struct tn_xml *x = arg;
    if (x->at && !x->err.kind && spend(x, (size_t)n)) tn_buf_add(&x->at->text, s, (size_t)n);
}

/* ---- a DOCTYPE: it may name the document and a file that nobody reads, but declare nothing ----
 */

static void refuse_declaration(struct tn_xml *x, const char *what, const char *name)
{
    char text[160];
    snprintf(text, sizeof text, "the DOCTYPE declares the %s '%.60s': no declaration is accepted",
             what, name);
    stop(x, TN_E_syntax, text);
}

static void XMLCALL on_doctype(void *arg, const char *name, const char *system, const char *public,
                               int internal)
{
    struct tn_xml *x = arg;
    (void)system, (void)public, (void)internal;
    x->doctype = true;
    if (tn_str_eq_nocase(tn_str(name), TN_STR("html")))
        stop(x, TN_E_syntax, "this is an HTML page, no XML document");
}

static void XMLCALL on_entity(void *arg, const char *name, int parameter, const char *value, int n,
                              const char *base, const char *system, const char *public,
                              const char *notation)
{
    (void)parameter, (void)value, (void)n, (void)base, (void)system, (void)public, (void)notation;
    refuse_declaration(arg, "entity", name);
}

static void XMLCALL on_element(void *arg, const char *name, XML_Content *model)
{
    struct tn_xml *x = arg;
    refuse_declaration(x, "element", name);
    XML_FreeContentModel(x->parser, model);
}

static void XMLCALL on_attlist(void *arg, const char *element, const char *name, const char *type,
                               const char *value, int required)
{
    (void)element, (void)type, (void)value, (void)required;
    refuse_declaration(arg, "attribute", name);
}

static void XMLCALL on_notation(void *arg, const char *name, const char *base, const char *system,
                                const char *public)
{
    (void)base, (void)system, (void)public;
    refuse_declaration(arg, "notation", name);
}

static void unknown_entity(struct tn_xml *x, struct tn_str name)
{
    char text[160];
    snprintf(text, sizeof text,
             "the entity '%.*s' is not known, since the DOCTYPE's file is not read",
             name.n < 60 ? (int)name.n : 60, name.p);
    stop(x, TN_E_syntax, text);
}

/* With a DOCTYPE that names a file expat passes over entities which that file may declare. */
static void XMLCALL on_skipped(void *arg, const char *name, int parameter)
{
    (void)parameter;
    unknown_entity(arg, tn_str(name));
}

static bool is_of_xml(struct tn_str name)
{
    static const char *const known[] = {"amp", "lt", "gt", "quot", "apos", NULL};
    for (const char *const *k = known; *k; k++)
        if (tn_str_is(name, *k)) return true;
    return name.n && name.p[0] == '#';
}

/* Expat tells nobody of an entity that it passes over in an attribute, so the bytes of the tag are
 * searched. In UTF-16 each second byte of an ASCII character is zero. */
static void check_attributes(struct tn_xml *x)
{
    int at, size, n = XML_GetCurrentByteCount(x->parser);
    const char *p = XML_GetInputContext(x->parser, &at, &size);
    char name[64];
    if (!p || n < 2 || at + n > size) return;
    p += at;
    int wide = !p[0] || !p[1] ? 2 : 1, low = !p[0];
    for (int i = low; i < n; i += wide) {
        size_t length = 0;
        if (p[i] != '&' || (wide == 2 && p[i + (low ? -1 : 1)])) continue;
        for (i += wide; i < n && p[i] != ';' && length < sizeof name; i += wide)
            name[length++] = p[i];
        if (!is_of_xml((struct tn_str){name, length}))
            unknown_entity(x, (struct tn_str){name, length});
    }
}

static int XMLCALL on_encoding(void *arg, const char *name, XML_Encoding *info)
{
    (void)arg;
    return tn_recode_table(tn_str(name), info->map) ? XML_STATUS_OK : XML_STATUS_ERROR;
}

/* ---- life ---- */

struct tn_xml *tn_xml_new(struct tn_str rows, tn_rows_fn each, void *arg)
{
    struct tn_xml *x = TN_NEW(struct tn_xml);
    struct tn_str one;
    x->each = each;
    x->arg = arg;
    tn_arena_init(&x->fixed);
    tn_arena_init(&x->arena);
    tn_buf_init(&x->gathered, TN_LIMIT_RECORD + PIECE);
    tn_buf_init(&x->json, 8 * (size_t)TN_LIMIT_RECORD);
    x->optional = tn_str_ends(rows, "?");
    rows.n -= x->optional;
    rows = (struct tn_str){tn_arena_strndup(&x->fixed, rows.n ? rows.p : "", rows.n), rows.n};
    while (rows.n && x->part_count < PARTS_MAX && tn_str_split(&rows, '.', &one))
        x->parts[x->part_count++] = one;
    x->whole = x->part_count == 1 && tn_str_is(x->parts[0], "*");
    x->anywhere = x->part_count == 1 && !x->whole;
    x->parser = XML_ParserCreateNS(NULL, SEPARATOR);
    if (!x->parser) abort();
    XML_SetUserData(x->parser, x);
    XML_SetElementHandler(x->parser, on_start, on_end);
    XML_SetCharacterDataHandler(x->parser, on_text);
    XML_SetStartDoctypeDeclHandler(x->parser, on_doctype);
    XML_SetEntityDeclHandler(x->parser, on_entity);
    XML_SetElementDeclHandler(x->parser, on_element);
    XML_SetAttlistDeclHandler(x->parser, on_attlist);
    XML_SetNotationDeclHandler(x->parser, on_notation);
    XML_SetSkippedEntityHandler(x->parser, on_skipped);
    XML_SetUnknownEncodingHandler(x->parser, on_encoding, NULL);
    return x;
}

void tn_xml_utf8(struct tn_xml *x)
{
    if (XML_SetEncoding(x->parser, "UTF-8") != XML_STATUS_OK) abort();
}

void tn_xml_free(struct tn_xml *x)
{
    if (!x) return;
    struct element *top = x->at;
    while (top && top->up) top = top->up;
    if (top) clear_texts(top);
    XML_ParserFree(x->parser);
    tn_arena_clear(&x->fixed);
    tn_arena_clear(&x->arena);
    tn_buf_clear(&x->json);
    tn_buf_clear(&x->gathered);
    tn_free(x);
}

static bool parse(struct tn_xml *x, const char *bytes, size_t n, bool last, struct tn_err *err)
{
    if (XML_Parse(x->parser, bytes, (int)n, last) == XML_STATUS_OK) return true;
    if (!x->err.kind) {
        tn_fail(&x->err, TN_E_syntax, "line %lu, column %lu: %s",
                XML_GetCurrentLineNumber(x->parser), XML_GetCurrentColumnNumber(x->parser) + 1,
                XML_ErrorString(XML_GetErrorCode(x->parser)));
        x->err.line = (int)XML_GetCurrentLineNumber(x->parser);
    }
    *err = x->err;
    return false;
}

/* expat rereads an unfinished token from its start whenever it gets more bytes. So it gets at least
 * as many new bytes as that token already has, which keeps the total work linear. */
static size_t wanted(const struct tn_xml *x)
{
    return x->stuck > PIECE ? x->stuck : PIECE;
}

static bool give(struct tn_xml *x, const char *bytes, size_t n, struct tn_err *err)
{
    if (!parse(x, bytes, n, false, err)) return false;
    long at = XML_GetCurrentByteIndex(x->parser);
    x->stuck += n;
    x->given += n;
    /* Before the root element expat does not always know its position (at < 0): the old one then
     * stays. */
    if (at >= 0 && (size_t)at <= x->given) x->stuck = x->given - (size_t)at;
    if (x->stuck <= TN_LIMIT_RECORD) return true;
    stop(x, TN_E_too_large, "a tag or a comment is larger than the limit");
    *err = x->err;
    return false;
}

static bool give_gathered(struct tn_xml *x, struct tn_err *err)
{
    bool ok = !x->gathered.n || give(x, x->gathered.p, x->gathered.n, err);
    tn_buf_reset(&x->gathered);
    return ok;
}

bool tn_xml_feed(struct tn_xml *x, const char *bytes, size_t n, struct tn_err *err)
{
    while (n) {
        size_t part = wanted(x) - x->gathered.n;
        if (part > n) part = n;
        tn_buf_add(&x->gathered, bytes, part);
        if (x->gathered.n >= wanted(x) && !give_gathered(x, err)) return false;
        bytes += part;
        n -= part;
    }
    return true;
}

/* An empty list has no elements, but the element that holds the list must exist. A SOAP fault, or a
 * sign-in page that happens to be XML, does not mean "no records". */
static bool found_list(const struct tn_xml *x, struct tn_err *err)
{
    if (x->optional || x->part_count < 2 || x->farthest + 1 >= x->part_count) return true;
    tn_fail(err, TN_E_bad_answer, "there is no element '%.*s'%s%.*s that could hold '%.*s'",
            TN_FMT(x->parts[x->farthest]), x->farthest ? " in " : "",
            x->farthest ? (int)x->parts[x->farthest - 1].n : 0,
            x->farthest ? x->parts[x->farthest - 1].p : "", TN_FMT(x->parts[x->part_count - 1]));
    if (!x->farthest) tn_fail_in(err, "the root is '%.*s'", TN_FMT(x->root));
    return false;
}

bool tn_xml_end(struct tn_xml *x, struct tn_err *err)
{
    return give_gathered(x, err) && parse(x, "", 0, true, err) && found_list(x, err);
}

struct tn_str tn_xml_root(const struct tn_xml *x)
{
    return x->root;
}
