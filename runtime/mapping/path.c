/* SPDX-License-Identifier: MIT */
/* path.c - the steps of a source path: how they are written, and where they lead. */
#include "base/alloc.h"
#include "mapping/compiled.h"

enum { INDEX_MAX = 100000 };

/* ---- how they are written ---- */

static const char *closing_quote(struct tn_str s, size_t at)
{
    return memchr(s.p + at + 1, s.p[at], s.n - at - 1);
}

/* The ] that ends the brackets with which s begins, outside of quotes. NULL: there is none. */
static const char *closing_bracket(struct tn_str s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == ']') return s.p + i;
        if (s.p[i] != '"' && s.p[i] != '\'') continue;
        const char *end = closing_quote(s, i);
        if (!end) return NULL;
        i = (size_t)(end - s.p);
    }
    return NULL;
}

/* ["odd.name"]: ends at the first "], so that the name may have quotes. */
static bool quoted_name(struct tn_str *s, struct tn_step *out, const char **why)
{
    for (size_t i = 2; i + 1 < s->n; i++) {
        if (s->p[i] != '"' || s->p[i + 1] != ']') continue;
        out->name = (struct tn_str){s->p + 2, i - 2};
        *s = (struct tn_str){s->p + i + 2, s->n - i - 2};
        return true;
    }
    return *why = "[\" without \"]", false;
}

static bool in_brackets(struct tn_str *s, struct tn_step *out, const char **why)
{
    const char *end = closing_bracket(*s);
    uint64_t index = 0;
    if (!end) return *why = "[ without ]", false;
    struct tn_str in = {s->p + 1, (size_t)(end - s->p) - 1};
    *s = (struct tn_str){end + 1, s->n - in.n - 2};
    out->any = tn_str_is(in, "*");
    if (out->any) return true;
    if (in.n && memchr(in.p, '=', in.n)) {
        out->selection = in;
        return true;
    }
    if (!tn_str_u64(in, &index) || index > INDEX_MAX)
        return *why = "[ ] takes a number from 0, *, a name in quotes, or a selection such as "
                      "[code=\"A1\"]",
               false;
    out->index = (uint32_t)index;
    return true;
}

bool tn_path_step(struct tn_str *s, bool first, struct tn_step *out, const char **why)
{
    *out = (struct tn_step){0};
    *why = NULL;
    if (s->p[0] == '[')
        return s->n > 1 && s->p[1] == '"' ? quoted_name(s, out, why) : in_brackets(s, out, why);
    if (!first && s->p[0] != '.') return *why = "] has to be followed by . or [", false;
    if (!first) {
        s->p++;
        s->n--;
    }
    size_t n = 0;
    while (n < s->n && s->p[n] != '.' && s->p[n] != '[') n++;
    if (!n) return *why = "a name is missing", false;
    out->name = (struct tn_str){s->p, n};
    s->p += n;
    s->n -= n;
    /* An attribute has no members, and a name such as @odata.etag is one name. */
    bool odd = memchr(out->name.p, '@', n) && s->n && s->p[0] == '.';
    if (odd)
        return *why = "a dot ends a name; a name with @ and a dot is written in brackets and "
                      "quotes: '[\"@odata.etag\"]' (or '[\"@a\"].b' for b in @a)",
               false;
    return true;
}

bool tn_path_condition(struct tn_str *s, struct tn_str *path, struct tn_str *value,
                       const char **why)
{
    const char *equals = memchr(s->p, '=', s->n);
    *why = "a selection is NAME=\"value\", with a comma before each further one";
    if (!equals) return false;
    *path = tn_str_trim((struct tn_str){s->p, (size_t)(equals - s->p)});
    struct tn_str rest =
        tn_str_trim((struct tn_str){equals + 1, (size_t)(s->p + s->n - equals) - 1});
    if (!path->n || !rest.n || (rest.p[0] != '"' && rest.p[0] != '\'')) return false;
    for (size_t i = 0; i < path->n; i++)
        if (strchr("[]\"',", path->p[i])) return false;
    const char *end = closing_quote(rest, 0);
    if (!end) return false;
    *value = (struct tn_str){rest.p + 1, (size_t)(end - rest.p) - 1};
    *s = tn_str_trim((struct tn_str){end + 1, rest.n - value->n - 2});
    if (!s->n) return true;
    if (s->p[0] != ',') return false;
    *s = tn_str_trim((struct tn_str){s->p + 1, s->n - 1});
    return s->n > 0;
}

/* ---- where they lead ---- */

struct tn_jval tn_path_text(struct tn_jval v)
{
    struct tn_jval text = v;
    if (!tn_jis(v, TN_JSON_object)) return v;
    for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);) {
        if (tn_str_is(it.key, "#text") && tn_jis(it.value, TN_JSON_string))
            text = it.value;
        else if (!it.key.n || it.key.p[0] != '@')
            return v;
    }
    return text;
}

static struct tn_jval get_any_case(struct tn_jval v, struct tn_str name)
{
    struct tn_jval found = {v.json, 0};
    if (!tn_jis(v, TN_JSON_object)) return found;
    for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);)
        if (tn_str_eq_nocase(it.key, name)) found = it.value;
    return found;
}

static struct tn_jval member(struct tn_jval v, struct tn_str name, bool any_case)
{
    if (tn_jis(v, TN_JSON_array) && tn_jcount(v) == 1) v = tn_jat(v, 0);
    if (tn_jis(v, TN_JSON_string) && tn_str_is(name, "#text")) return v;
    return any_case ? get_any_case(v, name) : tn_jget(v, name);
}

/* Has v this text? A list has the texts of its elements; a number and a boolean have the text with
 * which they were written. */
static bool has_text(struct tn_jval v, struct tn_str text, struct tn_arena *arena)
{
    struct tn_str own;
    v = tn_path_text(v);
    switch (tn_jtype(v)) {
    case TN_JSON_string: return tn_jtext(v, arena, &own) && tn_str_eq(own, text);
    case TN_JSON_number:
    case TN_JSON_bool: return tn_str_eq(tn_jraw(v), text);
    case TN_JSON_array:
        for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);)
            if (!tn_jis(it.value, TN_JSON_array) && has_text(it.value, text, arena)) return true;
        return false;
    default: return false;
    }
}

static bool holds(struct tn_jval v, const struct tn_where *where, struct tn_arena *arena)
{
    for (; where; where = where->next) {
        struct tn_str path = where->path, name;
        struct tn_jval at = v;
        while (path.n && tn_str_split(&path, '.', &name)) at = member(at, name, where->any_case);
        if (!has_text(at, where->value, arena)) return false;
    }
    return true;
}

static struct tn_jval selected(struct tn_jval v, const struct tn_where *where,
                               struct tn_arena *arena)
{
    if (!tn_jis(v, TN_JSON_array)) return holds(v, where, arena) ? v : (struct tn_jval){v.json, 0};
    for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);)
        if (holds(it.value, where, arena)) return it.value;
    return (struct tn_jval){v.json, 0};
}

struct tn_jval tn_path_in(struct tn_jval v, const struct tn_step *step, struct tn_arena *arena)
{
    if (step->name.p) return member(v, step->name, step->any_case);
    if (step->selection.p) return selected(v, step->where, arena);
    if (tn_jis(v, TN_JSON_array)) return tn_jat(v, step->index);
    bool one = !step->index && !tn_jis(v, TN_JSON_null);
    return one ? v : (struct tn_jval){v.json, 0};
}
