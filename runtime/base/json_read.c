/* SPDX-License-Identifier: MIT */
/* json_read.c - second pass over JSON text: from tokens to the tape, checking the grammar. */
#include "base/json_reader.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/id.h"
#include "base/limits.h"

struct tn_json *tn_json_new(void)
{
    struct tn_json *json = TN_NEW(struct tn_json);
    json->scan.run = tn_json_scan_engine(NULL);
    json->tokens = tn_alloc((TN_JSON_WINDOW_ROOM + 2 * TN_JSON_AHEAD) * sizeof *json->tokens);
    json->room = 256;
    json->head.tape = tn_alloc(json->room * sizeof *json->head.tape);
    tn_random(&json->seed, sizeof json->seed);
    tn_arena_init(&json->arena);
    return json;
}

static void forget_indexes(struct tn_json *json)
{
    while (json->indexes) {
        struct tn_json_index *index = json->indexes;
        json->indexes = index->next;
        tn_free(index->slots);
        tn_free(index);
    }
}

void tn_json_free(struct tn_json *json)
{
    if (!json) return;
    forget_indexes(json);
    tn_arena_clear(&json->arena);
    tn_free(json->tokens);
    tn_free(json->head.tape);
    tn_free(json->keys);
    tn_free(json->scratch);
    tn_free(json->head.picked);
    tn_free(json->memo);
    tn_free(json);
}

bool tn_json_engine(struct tn_json *json, const char *name)
{
    tn_json_scan_fn run = tn_json_scan_engine(name);
    if (run) json->scan.run = run;
    return run != NULL;
}

/* Errors */

/* The column counts characters from 1, as an editor does. */
static void position(const struct tn_json *json, size_t at, size_t *line, size_t *column)
{
    const char *text = json->head.text;
    size_t from = 0;
    *line = 1;
    for (size_t i = 0; i < at; i++) {
        if (text[i] != '\n') continue;
        ++*line;
        from = i + 1;
    }
    *column = 1;
    for (size_t i = from; i < at; i++) *column += ((unsigned char)text[i] & 0xC0) != 0x80;
}

static void describe(const struct tn_json *json, size_t at, char *out, size_t room)
{
    const char *s = json->head.text + at;
    if (at >= json->head.n) {
        snprintf(out, room, "the end of the text");
        return;
    }
    size_t step = tn_utf8_step(s, json->head.n - at);
    if (step == 3 && memcmp(s, "\xEF\xBB\xBF", 3) == 0)
        snprintf(out, room, "a byte order mark");
    else if (!step || (unsigned char)*s < 0x20 || *s == 0x7F)
        snprintf(out, room, "byte 0x%02x", (unsigned char)*s);
    else
        snprintf(out, room, "'%.*s'", (int)step, s);
}

static bool fail_at(struct tn_json *json, size_t at, enum tn_kind kind, const char *what,
                    struct tn_err *err)
{
    size_t line, column;
    position(json, at, &line, &column);
    return tn_fail(err, kind, "line %zu, column %zu: %s", line, column, what);
}

/* Fails because the text ended where another token was expected. */
static bool fail_ended(struct tn_json *json, const char *what, struct tn_err *err)
{
    if (json->scan.bad != SIZE_MAX)
        return fail_at(json, json->scan.bad, TN_E_syntax, "the text is not UTF-8", err);
    if (json->scan.in_string) what = "'\"' to end the string";
    char text[160];
    snprintf(text, sizeof text, "expected %s, found the end of the text", what);
    return fail_at(json, json->head.n, TN_E_syntax, text, err);
}

bool tn_json_expected(struct tn_json *json, size_t at, const char *what, struct tn_err *err)
{
    char found[32], text[200];
    if (at >= json->head.n) return fail_ended(json, what, err);
    describe(json, at, found, sizeof found);
    snprintf(text, sizeof text, "expected %s, found %s", what, found);
    return fail_at(json, at, TN_E_syntax, text, err);
}

/* Tokens */

void tn_json_grow(struct tn_json *json, uint32_t nodes)
{
    if (json->room - json->used >= nodes) return;
    while (json->room - json->used < nodes) json->room *= 2;
    json->head.tape = tn_realloc(json->head.tape, json->room * sizeof *json->head.tape);
}

bool tn_json_more(struct tn_json *json)
{
    uint32_t left = json->count > json->at ? json->count - json->at : 0;
    if (left < TN_JSON_AHEAD && json->scan.at < json->scan.n) {
        memmove(json->tokens, json->tokens + json->at, left * sizeof *json->tokens);
        json->at = 0;
        while (left < TN_JSON_AHEAD && json->scan.at < json->scan.n)
            left += (uint32_t)tn_json_scan_window(&json->scan, json->tokens + left);
        json->count = left;
        uint32_t last = left ? json->tokens[left - 1] : 0;
        for (uint32_t i = 0; i < TN_JSON_AHEAD; i++) json->tokens[left + i] = last;
    }
    tn_json_grow(json, left + 2 * TN_JSON_AHEAD);
    return left > 0;
}

int tn_json_peek(struct tn_json *json)
{
    return tn_json_more(json) ? (unsigned char)json->head.text[json->tokens[json->at]] : -1;
}

/* The margin keeps offsets and node numbers from wrapping around. */
static const size_t text_max = UINT32_MAX - 4096;

bool tn_json_begin(struct tn_json *json, struct tn_str text, struct tn_err *err)
{
    json->head.text = text.p ? text.p : "";
    json->head.n = text.n;
    json->used = 1;
    json->memo_count = 0;
    if (text.n > text_max) {
        json->head.n = 0;
        return tn_fail(err, TN_E_too_large, "a JSON text of %zu bytes; the most is %zu", text.n,
                       text_max);
    }
    tn_json_seek(json, 0);
    return true;
}

void tn_json_seek(struct tn_json *json, size_t at)
{
    tn_json_scan_begin(&json->scan, (struct tn_str){json->head.text, json->head.n}, at);
    json->at = json->count = 0;
}

/* Strings */

static int hex4(const char *s, size_t n)
{
    unsigned char b[2];
    return n >= 4 && tn_str_unhex((struct tn_str){s, 4}, b, 2) ? b[0] << 8 | b[1] : -1;
}

size_t tn_json_escape_length(const char *s, size_t n)
{
    if (n < 2 || !s[1]) return 0;
    if (s[1] != 'u') return strchr("\"\\/bfnrt", s[1]) ? 2 : 0;
    int high = hex4(s + 2, n - 2);
    if (high < 0 || (high & 0xFC00) == 0xDC00) return 0;
    if ((high & 0xFC00) != 0xD800) return 6;
    if (n < 12 || s[6] != '\\' || s[7] != 'u') return 0;
    int low = hex4(s + 8, n - 8);
    return low >= 0 && (low & 0xFC00) == 0xDC00 ? 12 : 0;
}

static size_t put_utf8(unsigned c, char *out)
{
    if (c < 0x80) return out[0] = (char)c, 1;
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(lead[n] | c);
    return n;
}

static size_t unescape_one(const char *s, size_t length, char *out, size_t *read)
{
    *read = tn_json_escape_length(s, length);
    switch (s[1]) {
    case 'b': return *out = '\b', 1;
    case 'f': return *out = '\f', 1;
    case 'n': return *out = '\n', 1;
    case 'r': return *out = '\r', 1;
    case 't': return *out = '\t', 1;
    case 'u': break;
    default: return *out = s[1], 1;
    }
    unsigned c = (unsigned)hex4(s + 2, 4);
    if (*read == 12) c = 0x10000 + ((c & 0x3FF) << 10 | ((unsigned)hex4(s + 8, 4) & 0x3FF));
    return put_utf8(c, out);
}

size_t tn_json_unescape(const char *s, size_t n, char *out)
{
    size_t used = 0;
    while (n) {
        const char *bs = memchr(s, '\\', n);
        size_t plain = bs ? (size_t)(bs - s) : n, read = 0;
        memcpy(out + used, s, plain);
        used += plain;
        s += plain;
        n -= plain;
        if (!bs) break;
        used += unescape_one(s, n, out + used, &read);
        s += read;
        n -= read;
    }
    return used;
}

/* Checks the rest of a string whose token i is no closing quote. Returns the offset of that quote;
 * UINT32_MAX: err was filled. */
static uint32_t odd_string(struct tn_json *json, uint32_t i, struct tn_err *err)
{
    const char *text = json->head.text;
    for (uint32_t skip_to = 0;;) {
        if (json->at > json->count) break;
        if (i >= skip_to) {
            if (text[i] == '"') return i;
            size_t length = text[i] == '\\' ? tn_json_escape_length(text + i, json->head.n - i) : 0;
            if (!length) {
                const char *what = "an escape such as \\n or \\u00e9";
                if (text[i] != '\\')
                    what = "an escape (\\n, \\t, \\u0000) for a control character";
                else if (i + 1 < json->head.n && text[i + 1] == 'u')
                    what = "\\u and four hex digits, surrogates in pairs";
                tn_json_expected(json, i, what, err);
                return UINT32_MAX;
            }
            skip_to = i + (uint32_t)length;
        }
        if (!tn_json_more(json)) break;
        i = json->tokens[json->at++];
    }
    fail_ended(json, "'\"' to end the string", err);
    return UINT32_MAX;
}

void tn_json_remember_key(struct tn_json *json, uint32_t at)
{
    struct tn_jnode *key = &json->head.tape[at];
    size_t n = key->end - key->start - 2;
    char *p = tn_arena_alloc(&json->arena, n + 1);
    if (json->nkeys == json->keys_room) {
        json->keys_room = json->keys_room ? 2 * json->keys_room : 16;
        json->keys = tn_realloc(json->keys, json->keys_room * sizeof *json->keys);
    }
    size_t used = tn_json_unescape(json->head.text + key->start + 1, n, p);
    key->next = json->nkeys;
    json->keys[json->nkeys++] = (struct tn_str){p, used};
}

/* Numbers and words */

static bool digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static const bool ends_scalar[256] = {
    [' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true, [','] = true, [':'] = true,
    ['{'] = true, ['}'] = true,  ['['] = true,  [']'] = true,  ['"'] = true,
};

/* False: nobody could calculate with the number, or parse its canonical form, because it has too
 * many significant digits, or its exponent has ten digits once one digit stands before the
 * point. */
static bool number_ok(const char *s, size_t n)
{
    char digits[TN_LIMIT_NUMBER + 1];
    struct tn_json_number v;
    if (n > TN_LIMIT_NUMBER) return false;
    tn_json_number_read((struct tn_str){s, n}, digits, &v);
    return v.n <= TN_LIMIT_DECIMAL && llabs((int64_t)v.n + v.exponent - 1) <= TN_LIMIT_EXPONENT;
}

/* Reads the number at start, which ends before limit. Returns its end, or 0: err says why. */
static uint32_t number(struct tn_json *json, uint32_t start, uint32_t limit, uint32_t *info,
                       struct tn_err *err)
{
    const char *t = json->head.text;
    uint32_t i = start, exponent = 0;
    *info = TN_JSON_number | TN_JNODE_INTEGER;
    if (t[i] == '-') i++;
    if (i >= limit || !digit(t[i])) goto no_digit;
    if (t[i] == '0')
        i++;
    else
        while (i < limit && digit(t[i])) i++;
    if (i < limit && t[i] == '.') {
        *info = TN_JSON_number;
        if (++i >= limit || !digit(t[i])) goto no_digit;
        while (i < limit && digit(t[i])) i++;
    }
    if (i < limit && (t[i] | 32) == 'e') {
        *info = TN_JSON_number;
        exponent = ++i;
        if (i < limit && (t[i] == '+' || t[i] == '-')) i++;
        if (i >= limit || !digit(t[i])) goto no_digit;
        while (i < limit && digit(t[i])) i++;
    }
    if (i < limit && !ends_scalar[(unsigned char)t[i]]) {
        tn_json_expected(json, i, "the number to end, or '.' or 'e' in their place", err);
        return 0;
    }
    if ((i - start > TN_LIMIT_DECIMAL || (exponent && i - exponent > 8)) &&
        !number_ok(t + start, i - start))
        return fail_at(json, start, TN_E_too_large,
                       "a number is too long, or its exponent too large", err);
    return i;
no_digit:
    tn_json_expected(json, i, "a digit", err);
    return 0;
}

uint32_t tn_json_number_end(struct tn_json *json, uint32_t at, uint32_t *info, struct tn_err *err)
{
    return number(json, at, (uint32_t)json->head.n, info, err);
}

/* Reads true, false or null at start. Returns its end, or 0, as number does. */
static uint32_t word(struct tn_json *json, uint32_t start, uint32_t *info, struct tn_err *err)
{
    static const struct {
        const char *text;
        uint32_t n, info;
    } words[] = {{"true", 4, TN_JSON_bool | TN_JNODE_TRUE},
                 {"false", 5, TN_JSON_bool},
                 {"null", 4, TN_JSON_null}};
    const char *t = json->head.text + start;
    size_t left = json->head.n - start;
    int k = *t == 't' ? 0 : *t == 'f' ? 1 : 2;
    uint32_t n = words[k].n;
    *info = words[k].info;
    if (left >= n && memcmp(t, words[k].text, n) == 0 &&
        (left == n || ends_scalar[(unsigned char)t[n]]))
        return start + n;
    tn_json_expected(json, start, "a value", err);
    return 0;
}

/* Values */

void tn_json_forget(struct tn_json *json)
{
    json->used = 1;
    json->head.pick = NULL;
    json->looked = false;
    json->duplicate = NULL;
    if (json->indexes) forget_indexes(json);
    if (json->arena.head) tn_arena_reset(&json->arena);
    json->nkeys = 0;
}

/* An open container: its node, and how many members it has so far. */
struct level {
    uint32_t node, count;
};

/* A state machine: each label is a place in the grammar. Tokens are fetched ahead once a member,
 * not one by one: AHEAD is more than a member without containers has. */
#define MORE()                                                                                     \
    do {                                                                                           \
        if (json->count < json->at + TN_JSON_AHEAD) {                                              \
            json->used = used;                                                                     \
            if (!tn_json_more(json)) goto ended;                                                   \
            tape = json->head.tape;                                                                \
        }                                                                                          \
    } while (0)

bool tn_json_one(struct tn_json *json, struct tn_err *err)
{
    const char *const text = json->head.text;
    const uint32_t *const tokens = json->tokens;
    struct level open[TN_LIMIT_JSON_DEPTH];
    unsigned depth = 0;
    uint32_t i, end, info, used, count = 0, limit;
    bool object = false;
    const char *expected = "a value";
    struct tn_jnode *tape;

    tn_json_forget(json);
    used = json->used;
    tape = json->head.tape;
    MORE();

value:
    i = tokens[json->at++];
    switch (text[i]) {
    case '"':
        info = TN_JSON_string;
        end = tokens[json->at++];
        if (text[end] != '"') {
            json->used = used;
            if ((end = odd_string(json, end, err)) == UINT32_MAX) goto failed;
            info |= TN_JNODE_ESCAPED;
            (void)tn_json_more(json);
            tape = json->head.tape;
        }
        end++;
        break;
    case '{':
        object = true;
        info = TN_JSON_object;
        goto container;
    case '[':
        object = false;
        info = TN_JSON_array;
        goto container;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        limit = json->at < json->count ? tokens[json->at] : (uint32_t)json->head.n;
        if (!(end = number(json, i, limit, &info, err))) goto failed;
        break;
    case 't':
    case 'f':
    case 'n':
        if (!(end = word(json, i, &info, err))) goto failed;
        break;
    default: expected = "a value"; goto unexpected;
    }
    tape[used] = (struct tn_jnode){i, end, used + 1, info};
    used++;

behind:
    if (!depth) goto done;
    i = tokens[json->at++];
    if (text[i] == ',') {
        count++;
        MORE();
        if (!object) goto value;
        i = tokens[json->at++];
        expected = "a key in quotes";
        if (text[i] != '"') goto unexpected;
        goto key;
    }
    if (text[i] == (object ? '}' : ']')) {
        count++;
        goto close;
    }
    expected = object ? "',' or '}'" : "',' or ']'";
    goto unexpected;

container:
    if (depth == TN_LIMIT_JSON_DEPTH) {
        if (json->at > json->count) goto ended;
        fail_at(json, i, TN_E_too_large, "nested too deep", err);
        goto failed;
    }
    if (depth) open[depth - 1].count = count;
    open[depth++].node = used;
    tape[used++] = (struct tn_jnode){.start = i, .info = info};
    count = 0;
    MORE();
    if (!object) {
        if (text[tokens[json->at]] != ']') goto value;
        i = tokens[json->at++];
        goto close;
    }
    i = tokens[json->at++];
    if (text[i] == '}') goto close;
    expected = "a key in quotes or '}'";
    if (text[i] != '"') goto unexpected;

key:
    info = TN_JSON_string;
    end = tokens[json->at++];
    if (text[end] != '"') {
        json->used = used;
        if ((end = odd_string(json, end, err)) == UINT32_MAX) goto failed;
        info |= TN_JNODE_ESCAPED;
        (void)tn_json_more(json);
        tape = json->head.tape;
    }
    tape[used] = (struct tn_jnode){i, end + 1, used + 1, info};
    if (info & TN_JNODE_ESCAPED) tn_json_remember_key(json, used);
    used++;
    i = tokens[json->at++];
    expected = "':'";
    if (text[i] != ':') goto unexpected;
    goto value;

close:
    if (count > TN_JSON_MEMBERS_MAX) {
        fail_at(json, i, TN_E_too_large, "too many members", err);
        goto failed;
    }
    struct tn_jnode *closed = &tape[open[--depth].node];
    closed->end = i + 1;
    closed->next = used;
    closed->info |= count << TN_JNODE_COUNT_SHIFT;
    if (!depth) goto done;
    count = open[depth - 1].count;
    object = (tape[open[depth - 1].node].info & TN_JNODE_TYPE) == TN_JSON_object;
    MORE();
    goto behind;

done:
    if (json->at > json->count) goto ended;
    json->used = used;
    return true;
unexpected:
    if (json->at > json->count) goto ended;
    tn_json_expected(json, i, expected, err);
    goto failed;
ended:
    fail_ended(json, depth ? object ? "',' or '}'" : "',' or ']'" : "a value", err);
failed:
    json->used = 1;
    return false;
}
#undef MORE

bool tn_json_parse(struct tn_json *json, struct tn_str text, struct tn_err *err)
{
    if (!tn_json_begin(json, text, err) || !tn_json_one(json, err)) return false;
    if (!tn_json_more(json)) {
        if (json->scan.bad == SIZE_MAX) return true;
        json->used = 1;
        return fail_ended(json, "", err);
    }
    json->used = 1;
    return tn_json_expected(json, json->tokens[json->at], "the end of the text", err);
}
