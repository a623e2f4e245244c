/* SPDX-License-Identifier: MIT */
#include "base/edi.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/charset.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/segments.h"

enum {
    ISA_SIZE = 106,
    UNA_SIZE = 9,
    NODES_MAX = 512,
    LEVELS_MAX = 16,
    PARTS_MAX = 99,
    ENVELOPE_MAX = 4096
};

/* A segment of the option groups. */
struct node {
    struct tn_str tag;
    struct node *kids, *next;
};

/* A value of the segment in hand. All numbers count from 1. */
struct part {
    unsigned element, repeat, component;
    size_t at, n; /* in `values` */
};

/* The names of the service segments of one syntax, and the elements that count and identify. */
struct syntax {
    const char *name;
    const char *open, *close;             /* of an interchange */
    const char *group_open, *group_close; /* of a group of messages */
    const char *begin, *end;              /* of a message */
    unsigned open_ref, group_ref, begin_ref;
};
static const struct syntax edifact = {"EDIFACT", "UNB", "UNZ", "UNG", "UNE", "UNH", "UNT", 5, 5, 1};
static const struct syntax x12 = {"X12", "ISA", "IEA", "GS", "GE", "ST", "SE", 13, 6, 2};

/* Counts what an envelope holds, and keeps the reference that its end has to repeat. */
struct envelope {
    bool on;
    size_t count;
    struct tn_buf text, ref; /* the segment itself */
};

struct tn_edi {
    const struct syntax *syntax;
    enum tn_encoding encoding;
    tn_rows_fn each;
    void *arg;
    struct tn_arena arena;
    struct node groups;
    struct tn_str rows;
    size_t node_count;
    char component, element, release, repeat, terminator; /* 0: there is none */
    bool learnt;       /* the separators of this interchange are known */
    bool una, latin;   /* latin: UNB says ISO 8859-1 */
    char una_repeat;   /* 0: UNA names none */
    struct tn_buf raw; /* the segment in hand */
    bool released, begun;
    size_t line, number; /* of the segment in hand */
    struct tn_buf decoded, values;
    struct part *parts;
    size_t part_count, part_room;
    struct envelope interchange, group;
    size_t groups_seen;
    bool in_message;
    size_t first_line, segments; /* of the message */
    struct tn_buf ref, message, json;
    struct tn_err bad; /* the first fault of the message */
    struct tn_segments tree;
    struct {
        struct tn_segment *segment;
        const struct node *node;
    } open[LEVELS_MAX];
    size_t level;
};

/* What a message shows of a text: at most 40 bytes, cut at the end of a character. */
static struct tn_str begin_of(struct tn_str s)
{
    size_t n = s.n < 40 ? s.n : 40;
    while (n && n < s.n && ((unsigned char)s.p[n] & 0xC0) == 0x80) n--;
    return (struct tn_str){s.n ? s.p : "", n};
}

/* ---- the option groups ---- */

static bool is_tag(struct tn_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'A' && s.p[i] <= 'Z') && !(i && s.p[i] >= '0' && s.p[i] <= '9'))
            return false;
    return s.n >= 2 && s.n <= 3;
}

static bool fail_groups(struct tn_err *err, struct tn_str rest)
{
    return tn_fail(err, TN_E_invalid,
                   "groups are tags with what stands below them in brackets, as in "
                   "\"NAD(RFF CTA(COM)) LIN(PIA QTY)\", not \"%.*s\"",
                   TN_FMT(begin_of(rest)));
}

/* Reads tags up to the end or the ) of their bracket. */
static bool read_nodes(struct tn_edi *e, struct node *of, struct tn_str *s, unsigned depth,
                       struct tn_err *err)
{
    struct node **last = &of->kids;
    for (;;) {
        while (s->n && memchr(" ,\t\r\n", s->p[0], 5)) *s = (struct tn_str){s->p + 1, s->n - 1};
        if (!s->n || s->p[0] == ')') return true;
        size_t n = 0;
        while (n < s->n && !memchr(" ,\t\r\n()", s->p[n], 7)) n++;
        struct tn_str tag = {s->p, n};
        if (!is_tag(tag) || depth == LEVELS_MAX || ++e->node_count > NODES_MAX)
            return fail_groups(err, *s);
        struct node *node = *last = tn_arena_alloc(&e->arena, sizeof *node);
        node->tag = (struct tn_str){tn_arena_strndup(&e->arena, tag.p, n), n};
        last = &node->next;
        *s = (struct tn_str){s->p + n, s->n - n};
        if (!s->n || s->p[0] != '(') continue;
        *s = (struct tn_str){s->p + 1, s->n - 1};
        if (!read_nodes(e, node, s, depth + 1, err)) return false;
        if (!s->n) return fail_groups(err, tag);
        *s = (struct tn_str){s->p + 1, s->n - 1};
    }
}

static bool read_groups(struct tn_edi *e, struct tn_str s, struct tn_err *err)
{
    return read_nodes(e, &e->groups, &s, 1, err) && (!s.n || fail_groups(err, s));
}

static bool read_rows(struct tn_edi *e, struct tn_str tag, struct tn_err *err)
{
    e->rows = (struct tn_str){tn_arena_strndup(&e->arena, tag.n ? tag.p : "", tag.n), tag.n};
    if (!tag.n || is_tag(tag)) return true;
    return tn_fail(err, TN_E_invalid, "rows is the tag of a segment, such as LIN, not \"%.*s\"",
                   TN_FMT(begin_of(tag)));
}

/* ---- life ---- */

struct tn_edi *tn_edi_new(const struct tn_edi_options *o, tn_rows_fn each, void *arg,
                          struct tn_err *err)
{
    struct tn_edi *e = TN_NEW(struct tn_edi);
    struct tn_buf *small[] = {
        &e->interchange.text, &e->interchange.ref, &e->group.text, &e->group.ref, &e->ref, &e->raw,
        &e->message};
    e->syntax = o->x12 ? &x12 : &edifact;
    e->encoding = o->encoding;
    e->each = each;
    e->arg = arg;
    e->line = 1;
    tn_arena_init(&e->arena);
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        tn_buf_init(small[i], TN_LIMIT_RECORD);
    tn_buf_init(&e->decoded, 3 * (size_t)TN_LIMIT_RECORD);
    tn_buf_init(&e->values, 3 * (size_t)TN_LIMIT_RECORD);
    tn_buf_init(&e->json, 8 * (size_t)TN_LIMIT_RECORD);
    tn_segments_init(&e->tree);
    if (read_groups(e, o->groups, err) && read_rows(e, o->rows, err)) return e;
    tn_edi_free(e);
    return NULL;
}

void tn_edi_free(struct tn_edi *e)
{
    if (!e) return;
    struct tn_buf *all[] = {
        &e->interchange.text, &e->interchange.ref, &e->group.text, &e->group.ref, &e->ref, &e->raw,
        &e->message,          &e->decoded,         &e->values,     &e->json};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) tn_buf_clear(all[i]);
    tn_segments_clear(&e->tree);
    tn_arena_clear(&e->arena);
    tn_free(e->parts);
    tn_free(e);
}

struct tn_str tn_edi_raw(const struct tn_edi *e)
{
    return tn_buf_str(&e->message);
}

/* ---- a segment into its values ---- */

/* Fills err with the number and the tag of the segment in hand. Returns false. */
static bool fault(const struct tn_edi *e, struct tn_err *err, struct tn_str tag, const char *fmt,
                  ...) TN_PRINTF(4, 5);
static bool fault(const struct tn_edi *e, struct tn_err *err, struct tn_str tag, const char *fmt,
                  ...)
{
    va_list ap;
    va_start(ap, fmt);
    tn_failv(err, TN_E_syntax, fmt, ap);
    va_end(ap);
    if (tag.n) return tn_fail_in(err, "segment %zu (%.*s)", e->number, TN_FMT(tag));
    return tn_fail_in(err, "segment %zu", e->number);
}

static bool end_part(struct tn_edi *e, struct part *now, struct tn_err *err)
{
    now->n = e->values.n - now->at;
    if (now->component > PARTS_MAX || now->element > PARTS_MAX || now->repeat > PARTS_MAX)
        return fault(e, err, TN_STR(""), "more than %d elements, components or repetitions",
                     PARTS_MAX);
    if (e->part_count == e->part_room) {
        e->part_room = e->part_room ? 2 * e->part_room : 64;
        e->parts = tn_realloc(e->parts, e->part_room * sizeof *e->parts);
    }
    e->parts[e->part_count++] = *now;
    now->at = e->values.n;
    return true;
}

/* Part 0 is the tag. ISA has the other separators among its values, so only elements are split. */
static bool split(struct tn_edi *e, struct tn_str s, struct tn_err *err)
{
    bool plain = tn_str_starts(s, "ISA") && e->syntax == &x12;
    struct part now = {.element = 0, .repeat = 1, .component = 1};
    e->part_count = 0;
    tn_buf_reset(&e->values);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool element = c == e->element, component = !plain && c == e->component && c,
             repeat = !plain && c == e->repeat && c && now.element;
        if (c == e->release && c && i + 1 < s.n) {
            tn_buf_addc(&e->values, s.p[++i]);
        } else if (!element && !component && !repeat) {
            tn_buf_addc(&e->values, c);
        } else {
            if (!end_part(e, &now, err)) return false;
            if (element) now.element++;
            now.repeat = element ? 1 : repeat ? now.repeat + 1 : now.repeat;
            now.component = component ? now.component + 1 : 1;
        }
    }
    return end_part(e, &now, err);
}

static struct tn_str text_of(const struct tn_edi *e, const struct part *p)
{
    return (struct tn_str){e->values.p ? e->values.p + p->at : "", p->n};
}

/* The first component of an element of the segment in hand; empty if there is none. */
static struct tn_str element_of(const struct tn_edi *e, unsigned element, unsigned component)
{
    for (size_t i = 0; i < e->part_count; i++)
        if (e->parts[i].element == element && e->parts[i].component == component)
            return text_of(e, &e->parts[i]);
    return TN_STR("");
}

static bool decode(struct tn_edi *e, struct tn_str *s, struct tn_err *err)
{
    bool cp1252 = e->encoding == TN_ENCODING_cp1252, valid = tn_utf8_valid(s->p, s->n);
    if (valid && !cp1252) return true;
    tn_buf_reset(&e->decoded);
    if (cp1252 && !tn_cp1252_text(*s, &e->decoded))
        return fault(e, err, TN_STR(""), "a byte that Windows-1252 does not have");
    if (!cp1252 && !e->latin)
        return fault(e, err, TN_STR(""),
                     "the text is no UTF-8, and no UNB says UNOC: is it Windows-1252?");
    for (size_t i = 0; !cp1252 && i < s->n; i++) {
        unsigned char c = (unsigned char)s->p[i];
        if (c >= 0x80) tn_buf_addc(&e->decoded, (char)(0xC0 | c >> 6));
        tn_buf_addc(&e->decoded, (char)(c < 0x80 ? c : (0x80 | (c & 0x3F))));
    }
    *s = tn_buf_str(&e->decoded);
    return true;
}

/* ---- a segment into the message ---- */

static void put_text(struct tn_buf *out, struct tn_str s)
{
    if (s.n)
        tn_json_quote(out, s);
    else
        tn_buf_adds(out, "null");
}

/* Writes one component of an element: parts from to end belong to the element. */
static void put_component(struct tn_edi *e, size_t from, size_t end, unsigned component)
{
    char name[24];
    bool some = false, list = e->parts[end - 1].repeat > 1;
    for (size_t i = from; i < end; i++) some |= e->parts[i].component == component && e->parts[i].n;
    if (!some) return;
    int n = component == 1
                ? snprintf(name, sizeof name, "%02u", e->parts[from].element)
                : snprintf(name, sizeof name, "%02u-%u", e->parts[from].element, component);
    struct tn_buf *out = tn_segments_field(&e->tree, (struct tn_str){name, (size_t)n});
    if (list) tn_buf_addc(out, '[');
    for (size_t i = from; i < end;) {
        unsigned repeat = e->parts[i].repeat;
        struct tn_str s = TN_STR("");
        if (i > from) tn_buf_addc(out, ',');
        for (; i < end && e->parts[i].repeat == repeat; i++)
            if (e->parts[i].component == component) s = text_of(e, &e->parts[i]);
        put_text(out, s);
    }
    if (list) tn_buf_addc(out, ']');
}

static void put_elements(struct tn_edi *e)
{
    for (size_t i = 0, end; i < e->part_count; i = end) {
        unsigned most = 1;
        for (end = i; end < e->part_count && e->parts[end].element == e->parts[i].element; end++)
            if (e->parts[end].component > most) most = e->parts[end].component;
        for (unsigned c = e->parts[i].element ? 1 : 2; c <= most; c++) put_component(e, i, end, c);
    }
}

static const struct node *named(const struct node *of, struct tn_str tag)
{
    for (const struct node *n = of->kids; n; n = n->next)
        if (tn_str_eq(n->tag, tag)) return n;
    return NULL;
}

/* Adds the segment in hand below the innermost open segment that names it. */
static bool add_segment(struct tn_edi *e, struct tn_str tag, struct tn_err *err)
{
    const struct node *node = NULL;
    struct tn_err why;
    while (e->level && !(node = named(e->open[e->level - 1].node, tag))) e->level--;
    if (!e->level) node = named(&e->groups, tag);
    struct tn_segment *s =
        tn_segments_add(&e->tree, e->level ? e->open[e->level - 1].segment : NULL, tag, &why);
    if (!s) return fault(e, err, tag, "%s", why.text);
    put_elements(e);
    if (!node || !node->kids) return true;
    e->open[e->level].segment = s;
    e->open[e->level++].node = node;
    return true;
}

static bool add_envelope(struct tn_edi *e, const struct envelope *of, struct tn_err *err)
{
    if (!of->on) return true;
    return split(e, tn_buf_str(&of->text), err) && add_segment(e, text_of(e, &e->parts[0]), err);
}

static void keep_bad(struct tn_edi *e, const struct tn_err *why)
{
    if (!e->bad.kind) e->bad = *why;
}

static bool give_bad(struct tn_edi *e, const struct tn_err *bad, struct tn_err *err)
{
    return e->each(e->arg, (struct tn_str){NULL, 0}, bad, e->first_line) ||
           tn_fail(err, TN_E_cancelled, "stopped");
}

/* Gives a fault that belongs to no message. */
static bool give_fault(struct tn_edi *e, const struct tn_err *why, struct tn_str raw,
                       struct tn_err *err)
{
    tn_buf_reset(&e->message);
    tn_buf_addstr(&e->message, raw);
    e->first_line = e->line;
    return give_bad(e, why, err);
}

static bool give_message(struct tn_edi *e, struct tn_err *err)
{
    struct tn_err why;
    e->in_message = false;
    if (!tn_buf_ok(&e->message, "the message", &why)) keep_bad(e, &why);
    if (!e->bad.kind &&
        !tn_segments_give(&e->tree, e->rows, &e->json, e->each, e->arg, e->first_line, &e->bad))
        return tn_fail(err, TN_E_cancelled, "stopped");
    return !e->bad.kind || give_bad(e, &e->bad, err);
}

static void begin_message(struct tn_edi *e, struct tn_str ref)
{
    struct tn_err why;
    struct tn_str raw = tn_buf_str(&e->raw);
    e->in_message = true;
    e->first_line = e->line;
    e->segments = 0;
    e->level = 0;
    tn_err_clear(&e->bad);
    tn_segments_reset(&e->tree);
    tn_buf_reset(&e->ref);
    tn_buf_addstr(&e->ref, ref);
    tn_buf_reset(&e->message);
    if (!add_envelope(e, &e->interchange, &why) || !add_envelope(e, &e->group, &why) ||
        !split(e, raw, &why))
        keep_bad(e, &why);
}

/* ---- what the segments mean ---- */

static bool open_envelope(struct tn_edi *e, struct envelope *of, unsigned ref, struct tn_err *err)
{
    if (e->raw.n > ENVELOPE_MAX)
        return fault(e, err, text_of(e, &e->parts[0]), "it is longer than %d bytes", ENVELOPE_MAX);
    of->on = true;
    of->count = 0;
    tn_buf_reset(&of->text);
    tn_buf_reset(&of->ref);
    tn_buf_addstr(&of->text, tn_buf_str(&e->raw));
    tn_buf_addstr(&of->ref, element_of(e, ref, 1));
    return true;
}

static bool same_ref(struct tn_str a, struct tn_str b)
{
    return tn_str_eq(tn_str_trim(a), tn_str_trim(b));
}

/* Does the end of an envelope or a message count and name it rightly? */
static bool check_end(struct tn_edi *e, struct tn_str tag, size_t count, const char *what,
                      struct tn_str ref, struct tn_err *why)
{
    uint64_t told;
    struct tn_str text = tn_str_trim(element_of(e, 1, 1)), own = element_of(e, 2, 1);
    if (!tn_str_u64(text, &told))
        return fault(e, why, tag, "it should count the %s, and has \"%.*s\"", what,
                     TN_FMT(begin_of(text)));
    if (told != count)
        return fault(e, why, tag, "it counts %llu %s, but %zu came", (unsigned long long)told, what,
                     count);
    if (same_ref(own, ref)) return true;
    return fault(e, why, tag, "its reference is \"%.*s\", but that of the beginning is \"%.*s\"",
                 TN_FMT(begin_of(own)), TN_FMT(begin_of(ref)));
}

/* A message whose end has not come. */
static bool end_missing(struct tn_edi *e, struct tn_str before, struct tn_err *err)
{
    struct tn_err why;
    if (!e->in_message) return true;
    fault(e, &why, before, "the message \"%.*s\" has no %s before it",
          TN_FMT(begin_of(tn_buf_str(&e->ref))), e->syntax->end);
    keep_bad(e, &why);
    return give_message(e, err);
}

static bool close_envelope(struct tn_edi *e, struct envelope *of, struct tn_str tag,
                           const char *what, struct tn_err *err)
{
    struct tn_err why;
    struct tn_str raw = tn_buf_str(&e->raw);
    if (!end_missing(e, tag, err)) return false;
    bool ok = of->on ? check_end(e, tag, of->count, what, tn_buf_str(&of->ref), &why)
                     : fault(e, &why, tag, "nothing that it could end has begun");
    of->on = false;
    return ok || give_fault(e, &why, raw, err);
}

static bool begin_interchange(struct tn_edi *e, struct tn_err *err)
{
    e->groups_seen = 0;
    e->group.on = false;
    if (e->syntax == &x12) return open_envelope(e, &e->interchange, e->syntax->open_ref, err);
    struct tn_str set = element_of(e, 1, 1), version = element_of(e, 1, 2);
    bool repeats = version.n && version.p[0] >= '4';
    e->repeat = !repeats ? 0 : e->una ? e->una_repeat : '*';
    e->latin = tn_str_is(set, "UNOC");
    if (set.n != 4 || !tn_str_starts(set, "UNO"))
        return fault(e, err, TN_STR("UNB"), "\"%.*s\" is no syntax such as UNOC",
                     TN_FMT(begin_of(set)));
    return open_envelope(e, &e->interchange, e->syntax->open_ref, err);
}

static bool end_message(struct tn_edi *e, struct tn_str tag, struct tn_err *err)
{
    struct tn_err why;
    if (!check_end(e, tag, e->segments, "segments", tn_buf_str(&e->ref), &why)) keep_bad(e, &why);
    e->interchange.count += !e->group.on;
    e->group.count += e->group.on;
    return give_message(e, err);
}

static bool in_message(struct tn_edi *e, struct tn_str tag, struct tn_err *err)
{
    struct tn_err why;
    e->segments++;
    tn_buf_addstr(&e->message, tn_buf_str(&e->raw));
    tn_buf_addc(&e->message, e->terminator);
    if (!e->bad.kind && !add_segment(e, tag, &why)) keep_bad(e, &why);
    return !tn_str_is(tag, e->syntax->end) || end_message(e, tag, err);
}

static bool outside(struct tn_edi *e, struct tn_str tag, struct tn_err *err)
{
    struct tn_err why;
    if (e->syntax == &x12 && e->interchange.on && tn_str_is(tag, "TA1")) {
        begin_message(e, TN_STR(""));
        return in_message(e, TN_STR("TA1"), err) && give_message(e, err);
    }
    fault(e, &why, tag, "it stands outside of a message");
    return give_fault(e, &why, tn_buf_str(&e->raw), err);
}

static bool understand(struct tn_edi *e, struct tn_str tag, struct tn_err *err)
{
    const struct syntax *s = e->syntax;
    if (tn_str_is(tag, s->open)) {
        if (!end_missing(e, tag, err)) return false;
        if (e->interchange.on)
            return fault(e, err, tag, "the interchange before it has no %s", s->close);
        return begin_interchange(e, err);
    }
    if (!e->interchange.on)
        return fault(e, err, tag, "an interchange begins with %s%s", s->open,
                     s == &edifact ? " or UNA" : "");
    if (tn_str_is(tag, s->close)) {
        bool grouped = e->groups_seen || s == &x12;
        if (grouped) e->interchange.count = e->groups_seen;
        e->learnt = false;
        return close_envelope(e, &e->interchange, tag, grouped ? "groups" : "messages", err);
    }
    if (tn_str_is(tag, s->group_open)) {
        e->groups_seen++;
        return end_missing(e, tag, err) && open_envelope(e, &e->group, s->group_ref, err);
    }
    if (tn_str_is(tag, s->group_close)) return close_envelope(e, &e->group, tag, "messages", err);
    if (tn_str_is(tag, s->begin)) {
        if (!end_missing(e, tag, err)) return false;
        begin_message(e, element_of(e, s->begin_ref, 1));
        return in_message(e, tag, err);
    }
    return e->in_message ? in_message(e, tag, err) : outside(e, tag, err);
}

/* A segment is whole. In a message only the message is lost with a bad segment. */
static bool end_segment(struct tn_edi *e, struct tn_err *err)
{
    struct tn_err why;
    struct tn_str s = tn_buf_str(&e->raw), tag = TN_STR("");
    char name[4] = "";
    e->number++;
    if (e->raw.failed) return fault(e, err, tag, "the segment is too long");
    bool ok = decode(e, &s, &why);
    if (ok && s.p != e->raw.p) {
        tn_buf_reset(&e->raw);
        tn_buf_addstr(&e->raw, s);
        s = tn_buf_str(&e->raw);
    }
    ok = ok && split(e, s, &why);
    if (ok) tag = text_of(e, &e->parts[0]);
    if (ok && !is_tag(tag))
        ok = fault(e, &why, TN_STR(""),
                   "\"%.*s\" is no tag: a separator before it is missing or not released",
                   TN_FMT(begin_of(tag)));
    if (!ok && e->in_message) {
        e->segments++;
        keep_bad(e, &why);
        tn_buf_addstr(&e->message, s);
        tn_buf_addc(&e->message, e->terminator);
        return true;
    }
    if (!ok) return *err = why, false;
    memcpy(name, tag.p, tag.n); /* what follows splits other segments */
    return understand(e, (struct tn_str){name, tag.n}, err);
}

/* ---- bytes ---- */

static bool is_space(char c)
{
    return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

static bool is_letter(char c)
{
    return ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9');
}

static bool check_separators(const struct tn_edi *e, struct tn_err *err)
{
    const char all[] = {e->element, e->terminator, e->component, e->release};
    for (size_t i = 0; i < sizeof all; i++) {
        if ((unsigned char)all[i] >= 0x80 || is_letter(all[i]))
            return tn_fail(err, TN_E_syntax,
                           "segment %zu: a separator is a letter, a digit or no ASCII character",
                           e->number + 1);
        for (size_t k = 0; k < i; k++)
            if (all[i] == all[k] && all[i])
                return tn_fail(err, TN_E_syntax,
                               "segment %zu: two separators are the same character", e->number + 1);
    }
    return true;
}

/* Learns the separators of X12 from the first segment, in which all stands at its place. */
static bool read_isa(struct tn_edi *e, struct tn_err *err)
{
    static const unsigned char at[] = {3,  6,  17, 20, 31, 34, 50,  53,
                                       69, 76, 81, 83, 89, 99, 101, 103};
    const char *p = e->raw.p;
    for (size_t i = 0; i < sizeof at; i++)
        if (memcmp(p, "ISA", 3) != 0 || p[at[i]] != p[3])
            return tn_fail(err, TN_E_syntax,
                           "segment %zu: X12 begins with ISA and its 16 elements of fixed length; "
                           "there is no separator at position %u",
                           e->number + 1, at[i] + 1u);
    e->element = p[3];
    e->component = is_letter(p[104]) || p[104] == ' ' ? 0 : p[104];
    e->terminator = p[105];
    bool repeats = memcmp(p + 84, "00402", 5) >= 0;
    e->repeat = repeats && !is_letter(p[82]) && p[82] != ' ' ? p[82] : 0;
    if (!check_separators(e, err)) return false;
    e->raw.n--;
    return true;
}

/* UNA is no segment: its six characters are the separators. */
static bool read_una(struct tn_edi *e, struct tn_err *err)
{
    const char *p = e->raw.p + 3;
    e->component = p[0];
    e->element = p[1];
    e->release = p[3] == ' ' ? 0 : p[3];
    e->una = true;
    e->una_repeat = p[4] == ' ' ? 0 : p[4];
    e->terminator = p[5];
    return check_separators(e, err);
}

static bool whole_segment(struct tn_edi *e, struct tn_err *err)
{
    bool ok = end_segment(e, err);
    tn_buf_reset(&e->raw);
    e->begun = e->released = false;
    return ok;
}

/* Looks at the first bytes of an interchange, until they tell the separators. */
static bool learn(struct tn_edi *e, struct tn_err *err)
{
    const char *p = e->raw.p;
    if (e->syntax == &x12) {
        e->learnt = e->raw.n == ISA_SIZE;
        return !e->learnt || (read_isa(e, err) && whole_segment(e, err));
    }
    if (e->raw.n < 3) return true;
    if (memcmp(p, "UNA", 3) == 0) {
        e->learnt = e->raw.n == UNA_SIZE;
        if (!e->learnt) return true;
        e->begun = false;
        bool ok = read_una(e, err);
        tn_buf_reset(&e->raw);
        return ok;
    }
    e->component = ':';
    e->element = '+';
    e->release = '?';
    e->terminator = '\'';
    e->una = false;
    e->learnt = memcmp(p, "UNB", 3) == 0;
    if (e->learnt) return true;
    return tn_fail(err, TN_E_syntax,
                   "segment %zu: an interchange begins with UNB or UNA, not with \"%.3s\"",
                   e->number + 1, tn_utf8_valid(p, 3) ? p : "???");
}

static bool take(struct tn_edi *e, char c, struct tn_err *err)
{
    if (!e->begun && (is_space(c) || (!e->number && !e->learnt && memchr("\xef\xbb\xbf", c, 3))))
        return true; /* a byte order mark may stand before all */
    e->begun = true;
    if (e->learnt && c == e->terminator && !e->released) return whole_segment(e, err);
    tn_buf_addc(&e->raw, c);
    e->released = e->learnt && !e->released && c == e->release && c;
    return e->learnt || learn(e, err);
}

/* Takes bytes that are neither a terminator nor a release. */
static size_t take_plain(struct tn_edi *e, const char *bytes, size_t n)
{
    size_t i = 0;
    if (!e->begun || !e->learnt || e->released) return 0;
    for (; i < n && bytes[i] != e->terminator && (bytes[i] != e->release || !e->release); i++)
        e->line += bytes[i] == '\n';
    tn_buf_add(&e->raw, bytes, i);
    return i;
}

bool tn_edi_feed(struct tn_edi *e, const char *bytes, size_t n, struct tn_err *err)
{
    for (size_t i = 0; i < n; i++) {
        i += take_plain(e, bytes + i, n - i);
        if (i == n) return true;
        if (!take(e, bytes[i], err)) return false;
        e->line += bytes[i] == '\n';
    }
    return true;
}

bool tn_edi_end(struct tn_edi *e, struct tn_err *err)
{
    bool ok = true;
    if (e->raw.n)
        ok = tn_fail(err, TN_E_syntax, "segment %zu: the text breaks off in it", e->number + 1);
    else if (e->interchange.on)
        ok = tn_fail(err, TN_E_syntax, "the text breaks off behind segment %zu: there is no %s",
                     e->number, e->syntax->close);
    else if (!e->number)
        ok = tn_fail(err, TN_E_syntax, "there is no interchange: the text is empty");
    struct tn_err why = *err;
    if (!e->in_message) return ok;
    keep_bad(e, &why);
    if (!give_message(e, err)) return false;
    return *err = why, false;
}
