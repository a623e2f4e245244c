/* SPDX-License-Identifier: MIT */
/* ops.c - runs operators on a value. */
#include "base/json_tape.h"
#include "mapping/applier.h"
#include "mapping/amount.h"
#include "mapping/coerce.h"

static struct tn_str copy(struct tn_apply *a, struct tn_str s)
{
    char *p = tn_arena_alloc(&a->arena, s.n + 1);
    memcpy(p, s.p, s.n);
    return (struct tn_str){p, s.n};
}

static void set_text(struct tn_value *v, struct tn_str s, bool clean)
{
    *v = (struct tn_value){.type = TN_JSON_string, .clean = clean, .s = s};
}

/* Sets v to a number. result may lie in space, the caller's buffer; then it is copied. */
static bool set_number(struct tn_apply *a, struct tn_value *v, struct tn_str result,
                       const char *space)
{
    if (result.p == space) result = copy(a, result);
    *v = (struct tn_value){.type = TN_JSON_number, .s = result};
    return true;
}

static const char *what(const struct tn_value *v)
{
    return tn_json_type_name(v->type);
}

/* Turns a text with escapes into its characters. */
static bool decode(struct tn_apply *a, struct tn_value *v)
{
    struct tn_jval at = v->at;
    struct tn_err err;
    struct tn_str text;
    if (!at.json) {
        if (!tn_json_parse(a->reader, v->s, &err)) return tn_apply_why(a, v, "%s", err.text);
        at = tn_json_root(a->reader);
    }
    if (!tn_jtext(at, &a->arena, &text)) return tn_apply_why(a, v, "the text cannot be decoded");
    set_text(v, text, false);
    return true;
}

bool tn_op_text(struct tn_apply *a, struct tn_value *v)
{
    switch (v->type) {
    case TN_JSON_string:
        if (!v->raw) return true;
        if (!v->clean) return decode(a, v);
        set_text(v, (struct tn_str){v->s.p + 1, v->s.n - 2}, true);
        return true;
    case TN_JSON_number:
    case TN_JSON_bool: set_text(v, v->s, true); return true;
    default: return tn_apply_why(a, v, "expected a text, a number or a boolean, got %s", what(v));
    }
}

/* ---- texts ---- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct tn_str trimmed(struct tn_str s)
{
    while (s.n && is_space(s.p[0])) s.p++, s.n--;
    while (s.n && is_space(s.p[s.n - 1])) s.n--;
    return s;
}

static void change_case(struct tn_apply *a, struct tn_value *v, char from, char to)
{
    char *p = tn_arena_alloc(&a->arena, v->s.n + 1);
    for (size_t i = 0; i < v->s.n; i++) {
        char c = v->s.p[i];
        p[i] = c >= from && c <= from + 25 ? (char)(c - from + to) : c;
    }
    v->s.p = p;
}

static bool begins_char(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

static int64_t char_count(struct tn_str s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += begins_char(s.p[i]);
    return n;
}

/* Returns the byte at which character number i (from 1) begins. */
static size_t char_at(struct tn_str s, int64_t i)
{
    size_t at = 0;
    for (; at < s.n; at++)
        if (begins_char(s.p[at]) && --i == 0) break;
    return at;
}

static struct tn_str substring(struct tn_str s, int64_t i, int64_t j)
{
    int64_t n = char_count(s);
    if (i < 0) i = n + i + 1 < 1 ? 1 : n + i + 1;
    if (i == 0) i = 1;
    if (j < 0) j = n + j + 1;
    if (j > n) j = n;
    if (i > j) return TN_STR("");
    size_t from = char_at(s, i), to = char_at(s, j + 1);
    return (struct tn_str){s.p + from, to - from};
}

/* Takes the text in a->side as the value; a fault if the text was too long. */
static bool take_side(struct tn_apply *a, struct tn_value *v, bool clean)
{
    if (a->side.failed) return tn_apply_why(a, v, "the result is too long");
    set_text(v, copy(a, tn_buf_str(&a->side)), clean);
    return true;
}

static bool replace(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    struct tn_str s = v->s;
    tn_buf_reset(&a->side);
    while (s.n) {
        const char *hit = memmem(s.p, s.n, d->a.p, d->a.n);
        size_t n = hit ? (size_t)(hit - s.p) : s.n;
        tn_buf_add(&a->side, s.p, n);
        if (hit) {
            tn_buf_addstr(&a->side, d->b);
            n += d->a.n;
        }
        s.p += n;
        s.n -= n;
    }
    return take_side(a, v, false);
}

static bool pad(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    int64_t missing = d->i - char_count(v->s);
    if (missing <= 0) return true;
    tn_buf_reset(&a->side);
    if (d->mode) tn_buf_addstr(&a->side, v->s);
    for (int64_t i = 0; i < missing; i++) tn_buf_addc(&a->side, d->a.p[0]);
    if (!d->mode) tn_buf_addstr(&a->side, v->s);
    return take_side(a, v, false);
}

static bool split(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    struct tn_str s = v->s;
    bool more = s.n > 0;
    tn_buf_reset(&a->side);
    tn_buf_addc(&a->side, '[');
    while (more) {
        const char *hit = memmem(s.p, s.n, d->a.p, d->a.n);
        size_t n = hit ? (size_t)(hit - s.p) : s.n;
        if (a->side.n > 1) tn_buf_addc(&a->side, ',');
        tn_json_quote(&a->side, (struct tn_str){s.p, n});
        more = hit != NULL;
        if (!more) break;
        s.p += n + d->a.n;
        s.n -= n + d->a.n;
    }
    tn_buf_addc(&a->side, ']');
    if (!take_side(a, v, false)) return false;
    v->type = TN_JSON_array;
    return true;
}

static bool join(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    struct tn_jval list = v->at;
    struct tn_err err;
    bool some = false;
    if (v->type != TN_JSON_array) return tn_apply_why(a, v, "expected a list, got %s", what(v));
    if (!list.json) {
        if (!tn_json_parse(a->reader, v->s, &err)) return tn_apply_why(a, v, "%s", err.text);
        list = tn_json_root(a->reader);
    }
    tn_buf_reset(&a->side);
    for (struct tn_jiter it = tn_jiter(list); tn_jnext(&it);) {
        struct tn_value one = tn_apply_value(it.value.json, it.value.at);
        if (one.type == TN_JSON_null) continue;
        if (!tn_op_text(a, &one)) return false;
        if (some) tn_buf_addstr(&a->side, d->a);
        tn_buf_addstr(&a->side, one.s);
        some = true;
    }
    return take_side(a, v, false);
}

static bool text_op(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    if (!tn_op_text(a, v)) return false;
    switch (d->op) {
    case TN_OP_trim: v->s = trimmed(v->s); return true;
    case TN_OP_upper: change_case(a, v, 'a', 'A'); return true;
    case TN_OP_lower: change_case(a, v, 'A', 'a'); return true;
    case TN_OP_substring: v->s = substring(v->s, d->i, d->j); return true;
    case TN_OP_replace: return replace(a, d, v);
    case TN_OP_pad: return pad(a, d, v);
    case TN_OP_split: return split(a, d, v);
    case TN_OP_blank:
        if (tn_str_eq(trimmed(v->s), d->a)) *v = (struct tn_value){.type = TN_JSON_absent};
        return true;
    default: return true;
    }
}

/* ---- numbers ---- */

/* Gives the lexeme of a number, or of a text that is a number; it may lie in space. */
static bool lexeme_of(struct tn_apply *a, const struct tn_value *v, char space[TN_COERCE_MAX],
                      struct tn_str *out)
{
    struct tn_value text = *v;
    if (v->type == TN_JSON_number) {
        *out = v->s;
        return true;
    }
    if (v->type != TN_JSON_string) return tn_apply_why(a, v, "expected a number, got %s", what(v));
    if (!tn_op_text(a, &text)) return false;
    if (tn_coerce_number(text.s, space, out)) return true;
    return tn_apply_why(a, v, "expected a number, got a text that is not a number");
}

static bool in_range(struct tn_apply *a, const struct tn_do *d, const struct tn_value *v,
                     struct tn_str lexeme)
{
    if (d->a.p && tn_coerce_compare(lexeme, d->a) < 0)
        return tn_apply_why(a, v, "expected at least %.*s", TN_FMT(d->a));
    if (d->b.p && tn_coerce_compare(lexeme, d->b) > 0)
        return tn_apply_why(a, v, "expected at most %.*s", TN_FMT(d->b));
    return true;
}

static bool number(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    char space[TN_COERCE_MAX];
    struct tn_str lexeme = {0};
    if (!lexeme_of(a, v, space, &lexeme) || !in_range(a, d, v, lexeme)) return false;
    return v->type == TN_JSON_number || set_number(a, v, lexeme, space);
}

static bool integer(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    char space[TN_COERCE_MAX], digits[TN_COERCE_MAX];
    struct tn_str lexeme = {0}, whole;
    if (!lexeme_of(a, v, space, &lexeme) || !in_range(a, d, v, lexeme)) return false;
    if (!tn_coerce_integer(lexeme, digits, &whole))
        return tn_apply_why(a, v, "expected a whole number");
    return set_number(a, v, copy(a, whole), NULL);
}

static bool decimal(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    char space[TN_COERCE_MAX], digits[TN_COERCE_MAX];
    struct tn_str lexeme = {0};
    if (!lexeme_of(a, v, space, &lexeme)) return false;
    if (d->i >= 0) {
        struct tn_str rounded;
        if (!tn_coerce_decimal(lexeme, d->i, d->mode, digits, &rounded))
            return tn_apply_why(a, v, "cannot be written with %lld digits after the point%s",
                                (long long)d->i,
                                d->mode == TN_ROUND_none ? " without rounding" : "");
        set_number(a, v, rounded, digits);
    } else {
        set_number(a, v, lexeme, space);
    }
    if (d->j) set_text(v, v->s, true);
    return true;
}

/* Reads a number as printed. A JSON number has its point where it is, unless digits are implied. */
static bool amount(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    char space[TN_COERCE_MAX];
    struct tn_value text = *v;
    struct tn_str out;
    const struct tn_amount how = {.point = d->b.p[0],
                                  .group = d->b.n > 1 ? d->b.p[1] : '\0',
                                  .implied = (int)d->i,
                                  .currency = d->a};
    if (v->type == TN_JSON_number && !how.implied) return true;
    if (v->type != TN_JSON_number && v->type != TN_JSON_string)
        return tn_apply_why(a, v, "expected an amount, got %s", what(v));
    if (!tn_op_text(a, &text)) return false;
    if (!tn_amount_read(text.s, &how, space, &out))
        return tn_apply_why(a, v, "expected an amount with the point '%c'%s%s", how.point,
                            how.group ? ", groups of three digits" : " and no groups",
                            how.implied ? " and digits only, as the point is implied" : "");
    return set_number(a, v, out, space);
}

static bool unit(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    char space[TN_COERCE_MAX], result[TN_COERCE_MAX];
    struct tn_str lexeme = {0}, out;
    if (!lexeme_of(a, v, space, &lexeme)) return false;
    if (!tn_coerce_ratio(lexeme, d->a, d->b, d->i, d->mode, result, &out))
        return tn_apply_why(a, v, "it has no exact value in the other unit: give a scale");
    return set_number(a, v, out, result);
}

/* ---- booleans, times, look-ups ---- */

static bool boolean(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    struct tn_value text = *v;
    bool yes = false;
    if (v->type == TN_JSON_bool) return true;
    if (!tn_op_text(a, &text)) return false;
    text.s = trimmed(text.s);
    int32_t row = tn_names_get(&d->rows, text.s);
    if (row != TN_NAMES_NONE) {
        *v = d->values[row];
        return true;
    }
    if (!tn_coerce_word(text.s, &yes))
        return tn_apply_why(a, v, "expected true or false, yes or no, 1 or 0%s",
                            d->rows.entries ? ", or a word that the field declares" : "");
    *v = (struct tn_value){.type = TN_JSON_bool, .canonical = true};
    v->s = yes ? TN_STR("true") : TN_STR("false");
    return true;
}

static bool moment(struct tn_apply *a, const struct tn_do *d, const struct tn_value *v,
                   struct tn_moment *out)
{
    struct tn_value text = *v;
    if (!tn_op_text(a, &text)) return false;
    if (tn_moment_read(text.s, d->a, out)) return true;
    if (!d->a.p)
        return tn_apply_why(a, v, "expected a %s such as %s", d->op == TN_OP_date ? "date" : "time",
                            d->op == TN_OP_date ? "2026-01-31" : "2026-01-31T08:09:10+02:00");
    return tn_apply_why(a, v, "expected a %s of the form \"%.*s\"",
                        d->op == TN_OP_date ? "date" : "time", TN_FMT(d->a));
}

static bool time_op(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    struct tn_moment m;
    char *out = tn_arena_alloc(&a->arena, TN_MOMENT_LEN + 1);
    if (v->type == TN_JSON_string && v->raw && v->clean && !d->a.p &&
        tn_moment_quick((struct tn_str){v->s.p + 1, v->s.n - 2}, out)) {
        set_text(v, (struct tn_str){out, TN_MOMENT_LEN}, true);
        return true;
    }
    if (!moment(a, d, v, &m)) return false;
    if (!tn_moment_utc(&m, d->zone, out)) {
        if (m.zoned || d->zone) return tn_apply_why(a, v, "the year is not in 0001 ... 9999");
        return tn_apply_why(a, v,
                            "the time has no zone: add zone = \"UTC\" or the zone of the source");
    }
    set_text(v, (struct tn_str){out, TN_MOMENT_LEN}, true);
    return true;
}

/* Writes a time or date of ours in the form of the other system. */
static bool moment_out(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    struct tn_value text = *v;
    struct tn_moment m;
    struct tn_str out;
    char space[TN_MOMENT_TEXT];
    bool numeric = tn_moment_numeric(d->a);
    if (!tn_op_text(a, &text)) return false;
    if (!tn_moment_read(text.s, (struct tn_str){0}, &m))
        return tn_apply_why(a, v, "expected a %s of ours, such as %s",
                            d->op == TN_OP_date_out ? "date" : "time",
                            d->op == TN_OP_date_out ? "2026-01-31" : "2026-01-31T08:09:10.123Z");
    if (d->op == TN_OP_date_out) {
        m.zoned = false;
        m.offset = 0;
    }
    if (!tn_moment_text(&m, d->a, d->zone, space, &out))
        return tn_apply_why(a, v, "it cannot be written as \"%.*s\"", TN_FMT(d->a));
    set_text(v, copy(a, out), false);
    if (numeric) *v = (struct tn_value){.type = TN_JSON_number, .s = v->s, .canonical = true};
    return true;
}

/* Finds the literals 1 ... n of a template in s (literal 0 was removed), each as early or as late
 * as possible. False: s does not contain them. */
static bool place_literals(const struct tn_do *d, struct tn_str s, bool late, size_t *at)
{
    size_t n = d->part_count, from = 0, to = s.n;
    struct tn_str last = d->parts[n - 1].literal;
    if (to < last.n || memcmp(s.p + to - last.n, last.p, last.n) != 0) return false;
    at[n - 1] = to -= last.n;
    for (size_t i = 1; i + 1 < n; i++) {
        size_t k = late ? n - 1 - i : i;
        struct tn_str lit = d->parts[k].literal;
        if (to - from < lit.n) return false;
        size_t p = late ? to - lit.n : from;
        while (memcmp(s.p + p, lit.p, lit.n) != 0) {
            if (late ? p == from : p + lit.n >= to) return false;
            late ? p-- : p++;
        }
        at[k] = p;
        if (late)
            to = p;
        else
            from = p + lit.n;
    }
    return true;
}

/* Takes value number d->i out of a text that a template made. A text that the template could have
 * made in two ways is a fault. */
static bool unpick(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    size_t early[20], late[20], n = d->part_count, i = (size_t)d->i;
    struct tn_value whole = *v;
    if (!tn_op_text(a, v)) return false;
    struct tn_str s = v->s, head = d->parts[0].literal;
    if (s.n < head.n || memcmp(s.p, head.p, head.n) != 0)
        return tn_apply_why(a, &whole, "expected a text that begins with \"%.*s\"", TN_FMT(head));
    s.p += head.n;
    s.n -= head.n;
    if (!place_literals(d, s, false, early) || !place_literals(d, s, true, late))
        return tn_apply_why(a, &whole, "the template cannot have made this text");
    for (size_t k = 1; k < n; k++)
        if (early[k] != late[k])
            return tn_apply_why(a, &whole,
                                "the template can have made this text in more than one way");
    size_t from = i ? early[i] + d->parts[i].literal.n : 0;
    set_text(v, (struct tn_str){s.p + from, early[i + 1] - from}, v->clean);
    return true;
}

static bool date_op(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    struct tn_moment m;
    if (!moment(a, d, v, &m)) return false;
    char *out = tn_arena_alloc(&a->arena, TN_MOMENT_LEN + 1);
    m.zoned = true;
    m.offset = 0;
    if (!tn_moment_utc(&m, NULL, out)) return tn_apply_why(a, v, "the date cannot be written");
    set_text(v, (struct tn_str){out, 10}, true);
    return true;
}

static int32_t find_row(const struct tn_do *d, const struct tn_value *v, struct tn_str key)
{
    char digits[TN_COERCE_MAX];
    struct tn_str whole;
    int32_t row = tn_names_get(&d->rows, key);
    if (row != TN_NAMES_NONE || v->type != TN_JSON_number) return row;
    return tn_coerce_integer(key, digits, &whole) ? tn_names_get(&d->rows, whole) : TN_NAMES_NONE;
}

static bool lookup(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    struct tn_value text = *v;
    if (!tn_op_text(a, &text)) return false;
    int32_t row = find_row(d, v, text.s);
    if (row != TN_NAMES_NONE) {
        *v = d->values[row];
        return true;
    }
    if (d->has_other) {
        *v = d->other;
        return true;
    }
    tn_apply_why(a, v, "the look-up has no such value");
    if (d->miss == TN_FAULT_reject) return false;
    tn_apply_warn(a);
    *v = (struct tn_value){.type = TN_JSON_absent};
    return true;
}

struct tn_value tn_op_none(const struct tn_do *d)
{
    return d->other;
}

bool tn_op_run(struct tn_apply *a, const struct tn_do *d, struct tn_value *v)
{
    switch (d->op) {
    case TN_OP_text:
    case TN_OP_trim:
    case TN_OP_upper:
    case TN_OP_lower:
    case TN_OP_substring:
    case TN_OP_replace:
    case TN_OP_pad:
    case TN_OP_split:
    case TN_OP_blank: return text_op(a, d, v);
    case TN_OP_join: return join(a, d, v);
    case TN_OP_number: return number(a, d, v);
    case TN_OP_integer: return integer(a, d, v);
    case TN_OP_decimal: return decimal(a, d, v);
    case TN_OP_boolean: return boolean(a, d, v);
    case TN_OP_time: return time_op(a, d, v);
    case TN_OP_date: return date_op(a, d, v);
    case TN_OP_lookup: return lookup(a, d, v);
    case TN_OP_unit: return unit(a, d, v);
    case TN_OP_amount: return amount(a, d, v);
    case TN_OP_time_out:
    case TN_OP_date_out: return moment_out(a, d, v);
    case TN_OP_unpick: return unpick(a, d, v);
    }
    return false;
}
