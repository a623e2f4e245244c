/* SPDX-License-Identifier: MIT */
#include "base/field.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hint.h"
#include "base/id.h"
#include "base/pattern.h"
#include "base/time.h"

enum { FAULTS = 100, PATTERN_STEPS = 1000000, PARAMS_MAX = 1024 };

static const struct {
    const char *name, *expected;
} types[] = {
    [TN_FIELD_text] = {"text", "a text"},
    [TN_FIELD_int] = {"int", "a whole number"},
    [TN_FIELD_decimal] = {"decimal", "a number"},
    [TN_FIELD_bool] = {"bool", "true or false"},
    [TN_FIELD_time] = {"time", "a time such as 2026-01-31T08:00:00Z"},
    [TN_FIELD_date] = {"date", "a date such as 2026-01-31"},
    [TN_FIELD_uuid] = {"uuid", "a UUID"},
    [TN_FIELD_url] = {"url", "an address that begins with http:// or https://"},
    [TN_FIELD_secret] = {"secret", "a text"},
    [TN_FIELD_state] = {"state", "a text"},
    [TN_FIELD_list] = {"list", "a list"},
    [TN_FIELD_object] = {"object", "an object"},
    [TN_FIELD_any] = {"any", "a value"},
};
_Static_assert(sizeof types / sizeof *types == TN_FIELD_types, "a row for each type");

const char *tn_field_type_name(enum tn_field_type type)
{
    return types[type].name;
}

enum tn_field_type tn_field_type_of(struct tn_str name)
{
    int type = 0;
    while (type < TN_FIELD_types && !tn_str_is(name, types[type].name)) type++;
    return (enum tn_field_type)type;
}

const struct tn_field *tn_field_find(const struct tn_field *fields, size_t n, struct tn_str name)
{
    for (size_t i = 0; i < n; i++)
        if (tn_str_is(name, fields[i].name)) return &fields[i];
    return NULL;
}

/* ---- reporting ---- */

struct check {
    char path[128];
    unsigned flags;
    tn_field_fault_fn fn;
    void *arg;
    size_t faults;
    struct tn_arena arena;
};

/* Values that the sentence names, as members of a JSON object. */
struct params {
    struct tn_buf text;
    struct tn_jw w;
};
static void params_begin(struct params *p)
{
    tn_buf_init(&p->text, PARAMS_MAX);
    tn_jw_init(&p->w, &p->text);
    tn_jw_object(&p->w);
}

/* Reports one fault. p (may be NULL) is closed and freed. */
static void fault(struct check *c, enum tn_code code, struct params *p, const char *fmt, ...)
    TN_PRINTF(4, 5);
static void fault(struct check *c, enum tn_code code, struct params *p, const char *fmt, ...)
{
    struct tn_err err;
    va_list ap;
    if (p) tn_jw_end(&p->w);
    if (c->faults++ < FAULTS) {
        va_start(ap, fmt);
        tn_failv(&err, TN_E_invalid, fmt, ap);
        va_end(ap);
        tn_fail_field(&err, "%s", c->path);
        tn_fail_in(&err, "%s", c->path[0] ? c->path : "the body");
        tn_fail_code(&err, code, "%.*s", p && !p->text.failed ? (int)p->text.n : 0,
                     p && p->text.p ? p->text.p : "");
        c->fn(c->arg, &err);
    }
    if (p) tn_buf_clear(&p->text);
}

static void wrong_type(struct check *c, const struct tn_field *f, struct tn_jval v,
                       const char *expected)
{
    struct params p;
    const char *is = tn_json_type_name(tn_jtype(v));
    params_begin(&p);
    tn_jw_kz(&p.w, "expected", f ? types[f->type].name : "object");
    tn_jw_kz(&p.w, "is", is);
    fault(c, TN_CODE_type, &p, "it has to be %s, not %s", expected, is);
}

/* Appends the name to the path; returns the old length, to cut the path back to. */
static size_t enter(struct check *c, struct tn_str name)
{
    size_t n = strlen(c->path);
    snprintf(c->path + n, sizeof c->path - n, "%s%.*s", n ? "." : "", TN_FMT(name));
    return n;
}

static size_t enter_index(struct check *c, size_t index)
{
    size_t n = strlen(c->path);
    snprintf(c->path + n, sizeof c->path - n, "[%zu]", index);
    return n;
}

/* ---- values ---- */

static size_t characters(struct tn_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

static bool url(struct tn_str s)
{
    size_t n = tn_str_starts(s, "https://") ? 8 : tn_str_starts(s, "http://") ? 7 : 0;
    if (!n || s.n == n || strchr("/?#:@", s.p[n])) return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '\\') return false;
    /* The message would show a password that is part of the URL. */
    for (size_t i = n; i < s.n && !strchr("/?#", s.p[i]); i++)
        if (s.p[i] == '@') return false;
    return true;
}

static bool among(const char *const *values, struct tn_str s)
{
    while (*values && !tn_str_is(s, *values)) values++;
    return *values != NULL;
}

static void not_among(struct check *c, const char *const *values, struct tn_str s)
{
    char all[300];
    size_t n = 0;
    struct tn_hint hint = tn_did_you_mean(s, values);
    struct params p;
    params_begin(&p);
    tn_jw_key(&p.w, TN_STR("values"));
    tn_jw_array(&p.w);
    for (const char *const *v = values; *v; v++) tn_jw_z(&p.w, *v);
    tn_jw_end(&p.w);
    all[0] = '\0';
    for (; *values && n < sizeof all; values++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", n ? ", " : "", *values);
    fault(c, TN_CODE_one_of, &p, "it has to be one of %s%s", all, hint.text);
}

static void bound(struct params *p, const char *name, const char *limit)
{
    params_begin(p);
    tn_jw_kraw(&p->w, name, tn_str(limit));
}

static void check_size(struct check *c, const struct tn_field *f, size_t n, const char *unit,
                       enum tn_code below, enum tn_code above)
{
    bool few = f->min && n < strtoull(f->min, NULL, 10);
    bool many = !few && f->max && n > strtoull(f->max, NULL, 10);
    struct params p;
    if (!few && !many) return;
    bound(&p, few ? "min" : "max", few ? f->min : f->max);
    tn_jw_kint(&p.w, "is", (int64_t)n);
    if (few)
        fault(c, below, &p, "it has %zu %s; the least is %s", n, unit, f->min);
    else
        fault(c, above, &p, "it has %zu %s; the most is %s", n, unit, f->max);
}

static bool form_fits(const struct tn_field *f, struct tn_str s)
{
    int64_t ms;
    struct tn_id id;
    switch (f->type) {
    case TN_FIELD_time: return s.n > 10 && tn_time_parse(s, &ms);
    case TN_FIELD_date: return s.n == 10 && tn_time_parse(s, &ms);
    case TN_FIELD_uuid: return tn_id_parse(s, &id);
    case TN_FIELD_url: return url(s);
    default: return true;
    }
}

static void check_text(struct check *c, const struct tn_field *f, struct tn_jval v)
{
    struct tn_str s;
    if (!tn_jtext(v, &c->arena, &s)) {
        wrong_type(c, f, v, types[f->type].expected);
        return;
    }
    struct params p;
    if (!form_fits(f, s)) {
        params_begin(&p);
        tn_jw_kz(&p.w, "expected", types[f->type].name);
        fault(c, TN_CODE_format, &p, "it has to be %s", types[f->type].expected);
    } else if (f->required && s.n == 0) {
        fault(c, TN_CODE_empty, NULL, "it may not be empty");
    } else if (f->values && !among(f->values, s)) {
        not_among(c, f->values, s);
    } else if (f->pattern && !tn_pattern_find(s, tn_str(f->pattern), PATTERN_STEPS)) {
        params_begin(&p);
        tn_jw_kz(&p.w, "pattern", f->pattern);
        fault(c, TN_CODE_pattern, &p, "it does not have the form %s", f->pattern);
    } else {
        check_size(c, f, characters(s), "characters", TN_CODE_too_short, TN_CODE_too_long);
    }
}

/* Compares a number with a bound: exactly if both are 64-bit integers, else as doubles. */
static int compare(struct tn_jval v, const char *bound)
{
    int64_t i;
    double d = 0;
    char *end;
    long long whole = strtoll(bound, &end, 10);
    if (tn_jint(v, &i) && !*end) return i < whole ? -1 : i > whole;
    if (!tn_jdouble(v, &d)) return tn_jraw(v).p[0] == '-' ? -1 : 1;
    double limit = strtod(bound, NULL);
    return d < limit ? -1 : d > limit;
}

static void check_number(struct check *c, const struct tn_field *f, struct tn_jval v)
{
    int64_t i;
    if (!tn_jis(v, TN_JSON_number)) {
        wrong_type(c, f, v, types[f->type].expected);
        return;
    }
    struct params p;
    if (f->type == TN_FIELD_int && !tn_jint(v, &i)) {
        params_begin(&p);
        tn_jw_kz(&p.w, "expected", types[f->type].name);
        fault(c, TN_CODE_format, &p, "it has to be a whole number of at most 64 bits");
    } else if (f->min && compare(v, f->min) < 0) {
        bound(&p, "min", f->min);
        fault(c, TN_CODE_too_small, &p, "it has to be %s or more", f->min);
    } else if (f->max && compare(v, f->max) > 0) {
        bound(&p, "max", f->max);
        fault(c, TN_CODE_too_big, &p, "it has to be %s or less", f->max);
    }
}

static void check_members(struct check *c, const struct tn_field *fields, size_t n,
                          struct tn_jval v);
static void check_value(struct check *c, const struct tn_field *f, struct tn_jval v);

static void check_list(struct check *c, const struct tn_field *f, struct tn_jval v)
{
    if (!tn_jis(v, TN_JSON_array)) {
        wrong_type(c, f, v, "a list");
        return;
    }
    check_size(c, f, tn_jcount(v), "elements", TN_CODE_too_few, TN_CODE_too_many);
    if (!f->n_fields) return;
    for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);) {
        size_t cut = enter_index(c, it.index);
        check_value(c, f->fields, it.value);
        c->path[cut] = '\0';
    }
}

static void check_value(struct check *c, const struct tn_field *f, struct tn_jval v)
{
    if (tn_jis(v, TN_JSON_null)) {
        if (f->required && !f->null)
            fault(c, TN_CODE_null, NULL, "it is required and may not be null");
        return;
    }
    switch (f->type) {
    case TN_FIELD_int:
    case TN_FIELD_decimal: check_number(c, f, v); break;
    case TN_FIELD_bool:
        if (!tn_jis(v, TN_JSON_bool)) wrong_type(c, f, v, types[f->type].expected);
        break;
    case TN_FIELD_list: check_list(c, f, v); break;
    case TN_FIELD_object:
        if (!tn_jis(v, TN_JSON_object))
            wrong_type(c, f, v, types[f->type].expected);
        else if (f->n_fields)
            check_members(c, f->fields, f->n_fields, v);
        break;
    case TN_FIELD_any: break;
    default: check_text(c, f, v);
    }
}

/* ---- objects ---- */

static void unknown(struct check *c, const struct tn_field *fields, size_t n, struct tn_str name)
{
    const char *names[200] = {NULL};
    for (size_t i = 0; i < n && i < 199; i++) names[i] = fields[i].name;
    size_t cut = enter(c, name);
    struct params p;
    params_begin(&p);
    tn_jw_kstr(&p.w, "name", name);
    fault(c, TN_CODE_unknown, &p, "there is no such field%s", tn_did_you_mean(name, names).text);
    c->path[cut] = '\0';
}

static void check_members(struct check *c, const struct tn_field *fields, size_t n,
                          struct tn_jval v)
{
    for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);) {
        const struct tn_field *f = tn_field_find(fields, n, it.key);
        if (!f && !(c->flags & TN_FIELD_OPEN)) unknown(c, fields, n, it.key);
        if (!f) continue;
        size_t cut = enter(c, it.key);
        if (f->generated && c->flags & TN_FIELD_FROM_OUTSIDE)
            fault(c, TN_CODE_read_only, NULL, "it is set by the system");
        else
            check_value(c, f, it.value);
        c->path[cut] = '\0';
    }
    if (c->flags & TN_FIELD_PARTIAL) return;
    for (size_t i = 0; i < n; i++) {
        if (!fields[i].required || fields[i].default_json || fields[i].generated) continue;
        if (!tn_jis(tn_jget_z(v, fields[i].name), TN_JSON_absent)) continue;
        size_t cut = enter(c, tn_str(fields[i].name));
        fault(c, TN_CODE_required, NULL, "it is required");
        c->path[cut] = '\0';
    }
}

size_t tn_field_check_all(const struct tn_field *fields, size_t n, struct tn_jval object,
                          const char *path, unsigned flags, tn_field_fault_fn fn, void *arg)
{
    struct check c = {.flags = flags, .fn = fn, .arg = arg};
    snprintf(c.path, sizeof c.path, "%s", path);
    tn_arena_init(&c.arena);
    if (tn_jis(object, TN_JSON_object))
        check_members(&c, fields, n, object);
    else
        wrong_type(&c, NULL, object, "an object");
    tn_arena_clear(&c.arena);
    return c.faults;
}

static void first_fault(void *arg, const struct tn_err *fault)
{
    struct tn_err *err = arg;
    if (err->kind == TN_E_none) *err = *fault;
}

bool tn_field_check(const struct tn_field *fields, size_t n, struct tn_jval object,
                    const char *path, unsigned flags, struct tn_err *err)
{
    struct tn_err first;
    tn_err_clear(&first);
    if (tn_field_check_all(fields, n, object, path, flags, first_fault, &first) == 0) return true;
    *err = first;
    return false;
}

/* ---- writing ---- */

/* Writes a replacement for a value. False: nothing was written, so the caller writes the value
 * itself. */
typedef bool (*place_fn)(const struct tn_field *f, struct tn_jval v, const void *arg,
                         struct tn_jw *w);

static void write_members(const struct tn_field *fields, size_t n, struct tn_jval object,
                          place_fn place, const void *arg, bool fill, struct tn_jw *w);

static void write_value(const struct tn_field *f, struct tn_jval v, place_fn place, const void *arg,
                        bool fill, struct tn_jw *w)
{
    if (f && place && place(f, v, arg, w)) return;
    if (f && f->type == TN_FIELD_object && f->n_fields && tn_jis(v, TN_JSON_object)) {
        write_members(f->fields, f->n_fields, v, place, arg, fill, w);
    } else if (f && f->type == TN_FIELD_list && f->n_fields && tn_jis(v, TN_JSON_array)) {
        tn_jw_array(w);
        for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);)
            write_value(f->fields, it.value, place, arg, fill, w);
        tn_jw_end(w);
    } else {
        tn_jw_raw(w, tn_jraw(v));
    }
}

static void write_members(const struct tn_field *fields, size_t n, struct tn_jval object,
                          place_fn place, const void *arg, bool fill, struct tn_jw *w)
{
    tn_jw_object(w);
    for (struct tn_jiter it = tn_jiter(object); tn_jnext(&it);) {
        tn_jw_key(w, it.key);
        write_value(tn_field_find(fields, n, it.key), it.value, place, arg, fill, w);
    }
    for (size_t i = 0; fill && i < n; i++) {
        if (!fields[i].default_json) continue;
        if (!tn_jis(tn_jget_z(object, fields[i].name), TN_JSON_absent)) continue;
        tn_jw_kraw(w, fields[i].name, tn_str(fields[i].default_json));
    }
    tn_jw_end(w);
}

void tn_field_fill(const struct tn_field *fields, size_t n, struct tn_jval object, struct tn_jw *w)
{
    write_members(fields, n, object, NULL, NULL, true, w);
}

void tn_field_fill_value(const struct tn_field *f, struct tn_jval value, struct tn_jw *w)
{
    write_value(f, value, NULL, NULL, true, w);
}

static bool masked(const struct tn_field *f, struct tn_jval v, const void *mask, struct tn_jw *w)
{
    if (f->type != TN_FIELD_secret || tn_jis(v, TN_JSON_null)) return false;
    tn_jw_z(w, mask);
    return true;
}

void tn_field_mask(const struct tn_field *fields, size_t n, struct tn_jval object, const char *mask,
                   struct tn_jw *w)
{
    write_members(fields, n, object, masked, mask, false, w);
}

/* ---- states ---- */

bool tn_field_may_move(const struct tn_field *field, struct tn_str from, struct tn_str to)
{
    if (tn_str_eq(from, to) || !field->moves) return true;
    for (const struct tn_transition *m = field->moves; m->from; m++)
        if (tn_str_is(from, m->from)) return among(m->to, to);
    return false;
}

static bool may_begin(const struct tn_field *f, struct tn_str state)
{
    return !f->moves || tn_str_is(state, f->initial) || (f->first && among(f->first, state));
}

static void wrong_start(const struct tn_field *f, struct tn_str is, struct tn_err *err)
{
    tn_fail(err, TN_E_invalid, "%s: a new record begins as '%s', not as '%.*s'", f->name,
            f->initial, TN_FMT(is));
    tn_fail_field(err, "%s", f->name);
    tn_fail_code(err, TN_CODE_start, "{\"first\":\"%s\"}", f->initial);
}

static void wrong_move(const struct tn_field *f, struct tn_str from, struct tn_str to,
                       struct tn_err *err)
{
    tn_fail(err, TN_E_state, "%s: it may not go from '%.*s' to '%.*s'", f->name, TN_FMT(from),
            TN_FMT(to));
    tn_fail_field(err, "%s", f->name);
    tn_fail_code(err, TN_CODE_move, "{\"from\":\"%.*s\",\"to\":\"%.*s\"}", TN_FMT(from),
                 TN_FMT(to));
}

size_t tn_field_check_moves(const struct tn_field *fields, size_t n, struct tn_jval before,
                            struct tn_jval after, tn_field_fault_fn fn, void *arg)
{
    struct tn_arena arena;
    struct tn_err err;
    size_t faults = 0;
    tn_arena_init(&arena);
    for (size_t i = 0; i < n; i++) {
        const struct tn_field *f = &fields[i];
        struct tn_str from, to;
        /* An undeclared state is reported by tn_field_check. */
        if (f->type != TN_FIELD_state || !tn_jtext(tn_jget_z(after, f->name), &arena, &to) ||
            !among(f->values, to))
            continue;
        bool known = tn_jtext(tn_jget_z(before, f->name), &arena, &from);
        if (known && !tn_field_may_move(f, from, to))
            wrong_move(f, from, to, &err);
        else if (!known && !may_begin(f, to))
            wrong_start(f, to, &err);
        else
            continue;
        faults++;
        fn(arg, &err);
    }
    tn_arena_clear(&arena);
    return faults;
}
