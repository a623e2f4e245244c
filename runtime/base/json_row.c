/* SPDX-License-Identifier: MIT */
/* json_row.c - reads one row of a page in one pass over the bytes, without tokens. Where a plan
 * wants only some members, a typical record costs little more than comparing its keys with those of
 * the record before and finding the ends of its texts. It still checks everything. At anything
 * faulty or unusual this reader gives up; json_read.c then reads the row and says what is wrong. */
#include "base/json_reader.h"
#include "base/limits.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

/* MARGIN: no row, member or block of text is begun this close to the end of the text, so the steps
 * in between read ahead without checking. */
enum { MARGIN = 64, MEMO_BYTES = 32, MEMO_MAX = 256, MEMO_AHEAD = 6 };

/* A key as an earlier row had it, with the quote behind it, so that one comparison without a loop
 * tests it. The rows of a page have their members in one order, so the next key is usually the next
 * entry. */
struct tn_json_memo {
    unsigned char key[MEMO_BYTES], any[MEMO_BYTES]; /* any: 0xFF at the bytes that do not count */
    uint32_t n;                                     /* bytes of the key */
    int32_t name;
    uint64_t unused; /* pads the struct to 80 bytes */
};

/* ---- single steps: each returns the next place in the text; NULL: give up ---- */

static const char *white(const char *p, const char *safe)
{
    for (; p < safe; p++)
        if (*p != ' ' && *p != '\t' && *p != '\n' && *p != '\r') return p;
    return NULL;
}

INLINE const char *skip_white(const char *p, const char *safe)
{
    return (unsigned char)*p > ' ' ? p : white(p, safe);
}

/* Returns the place behind c, which may have white space on both sides. */
INLINE const char *skip(const char *p, const char *safe, char c)
{
    if (*p != c && (!(p = white(p, safe)) || *p != c)) return NULL;
    return skip_white(p + 1, safe);
}

/* Returns the first byte that is a quote, a backslash, a control character or not ASCII. */
INLINE const char *find_odd(const char *p, const char *safe)
{
    for (; p < safe; p += 16) {
#if defined(__SSE2__)
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i odd = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)); /* signed: above 127 is less */
        odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
        odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
        int bits = _mm_movemask_epi8(odd);
        if (bits) return p + __builtin_ctz((unsigned)bits);
#else
        for (int i = 0; i < 16; i++) {
            unsigned char c = (unsigned char)p[i];
            if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') return p + i;
        }
#endif
    }
    return NULL;
}

/* Returns the length of an escape or of a character that is not ASCII; 0: the text may not contain
 * it. */
static size_t odd_length(const char *p, size_t left)
{
    if (*p == '\\') return tn_json_escape_length(p, left);
    return (unsigned char)*p < 0x20 ? 0 : tn_utf8_step(p, left);
}

/* Continues from a byte that find_odd found to the end of the text. */
static const char *odd_text(const struct tn_json *json, const char *p, const char *safe,
                            bool *escaped)
{
    const char *end = json->head.text + json->head.n;
    while (p && *p != '"') {
        size_t n = odd_length(p, (size_t)(end - p));
        if (!n) return NULL;
        *escaped |= *p == '\\';
        p = find_odd(p + n, safe);
    }
    return p;
}

/* Returns the closing quote of the text whose first byte is p. */
INLINE const char *text_end(const struct tn_json *json, const char *p, const char *safe,
                            bool *escaped)
{
    *escaped = false;
    p = find_odd(p, safe);
    return !p || *p == '"' ? p : odd_text(json, p, safe, escaped);
}

/* Returns one bit for each of the 16 bytes at p: is it a digit? */
INLINE uint32_t digit_bits(const char *p)
{
#if defined(__SSE2__)
    __m128i v = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8('0'));
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v));
#else
    uint32_t bits = 0;
    for (unsigned i = 0; i < 16; i++) bits |= (uint32_t)((unsigned char)(p[i] - '0') < 10) << i;
    return bits;
#endif
}

static const char *long_number(struct tn_json *json, const char *p, const char *safe,
                               uint32_t *info)
{
    struct tn_err err;
    uint32_t end = tn_json_number_end(json, (uint32_t)(p - json->head.text), info, &err);
    return end && json->head.text + end < safe ? json->head.text + end : NULL;
}

/* Returns the end of a number; the caller checks the byte behind it. */
INLINE const char *number_end(struct tn_json *json, const char *p, const char *safe, uint32_t *info)
{
    const char *first = p + (*p == '-');
    uint32_t bits = digit_bits(first), n = (uint32_t)__builtin_ctz(~bits), far;
    *info = TN_JSON_number | TN_JNODE_INTEGER;
    if (!n || (n > 1 && *first == '0')) return NULL;
    if (n < 16 && first[n] == '.') {
        uint32_t part = (uint32_t)__builtin_ctz(~(bits >> (n + 1)));
        if (!part) return NULL;
        *info = TN_JSON_number;
        n += 1 + part;
    }
    if (n < 16 && (first[n] | 32) != 'e') return first + n;
    p = long_number(json, p, safe, &far);
    *info = far;
    return p;
}

INLINE const char *word_end(const char *p, uint32_t *info)
{
    bool no = *p == 'f', nil = *p == 'n';
    *info = nil ? TN_JSON_null : no ? TN_JSON_bool : TN_JSON_bool | TN_JNODE_TRUE;
    return memcmp(p + no, nil ? "null" : no ? "alse" : "true", 4) == 0 ? p + 4 + no : NULL;
}

/* Returns the end of a text, number or word. */
INLINE const char *scalar_end(struct tn_json *json, const char *p, const char *safe, uint32_t *info)
{
    char c = *p;
    if (c == '"') {
        bool escaped;
        p = text_end(json, p + 1, safe, &escaped);
        *info = escaped ? TN_JSON_string | TN_JNODE_ESCAPED : TN_JSON_string;
        return p ? p + 1 : NULL;
    }
    if (c == '-' || (unsigned char)(c - '0') < 10) return number_end(json, p, safe, info);
    return c == 't' || c == 'f' || c == 'n' ? word_end(p, info) : NULL;
}

static bool opens(char c)
{
    return c == '{' || c == '[';
}

/* ---- containers ---- */

INLINE void add_node(struct tn_json *json, const char *start, const char *end, uint32_t info)
{
    const char *text = json->head.text;
    if (json->used == json->room) tn_json_grow(json, 1);
    struct tn_jnode *node = &json->head.tape[json->used++];
    *node = (struct tn_jnode){(uint32_t)(start - text), (uint32_t)(end - text), json->used, info};
}

static void add_key(struct tn_json *json, const char *start, const char *end, bool escaped)
{
    add_node(json, start, end, escaped ? TN_JSON_string | TN_JNODE_ESCAPED : TN_JSON_string);
    if (escaped) tn_json_remember_key(json, json->used - 1);
}

static void close_node(struct tn_json *json, uint32_t at, const char *end, uint32_t count)
{
    struct tn_jnode *node = &json->head.tape[at];
    node->end = (uint32_t)(end - json->head.text);
    node->next = json->used;
    node->info |= count << TN_JNODE_COUNT_SHIFT;
}

/* Reads a list or an object; with keep it adds nodes, else it only checks. A state machine as in
 * json_read.c. */
INLINE const char *container_end(struct tn_json *json, const char *p, const char *safe,
                                 const bool keep)
{
    struct {
        uint32_t node, count;
        bool object;
    } open[TN_LIMIT_JSON_DEPTH];
    unsigned depth = 0;
    uint32_t count, info = 0;
    bool object, escaped;
    const char *start;

open:
    if (depth == TN_LIMIT_JSON_DEPTH - 1) return NULL; /* the row itself is one level */
    object = *p == '{';
    open[depth].node = json->used;
    open[depth++].object = object;
    if (keep) add_node(json, p, p, object ? TN_JSON_object : TN_JSON_array);
    count = 0;
    p = skip_white(p + 1, safe);
    if (!p) return NULL;
    if (*p == (object ? '}' : ']')) goto close;

item:
    if (p >= safe) return NULL;
    if (object) {
        if (*p != '"') return NULL;
        start = p;
        p = text_end(json, p + 1, safe, &escaped);
        if (!p) return NULL;
        if (keep) add_key(json, start, p + 1, escaped);
        p = skip(p + 1, safe, ':');
        if (!p) return NULL;
    }
    if (opens(*p)) {
        open[depth - 1].count = count;
        goto open;
    }
    start = p;
    p = scalar_end(json, p, safe, &info);
    if (!p) return NULL;
    if (keep) add_node(json, start, p, info);

behind:
    if (p >= safe) return NULL;
    count++;
    if (*p != ',' && !(p = skip_white(p, safe))) return NULL;
    if (*p == ',') {
        p = skip_white(p + 1, safe);
        if (!p) return NULL;
        goto item;
    }
    if (*p != (object ? '}' : ']') || count > TN_JSON_MEMBERS_MAX) return NULL;

close:
    p++;
    depth--;
    if (keep) close_node(json, open[depth].node, p, count);
    if (!depth) return p;
    count = open[depth - 1].count;
    object = open[depth - 1].object;
    goto behind;
}

static const char *skip_container(struct tn_json *json, const char *p, const char *safe)
{
    return container_end(json, p, safe, false);
}

static const char *keep_container(struct tn_json *json, const char *p, const char *safe)
{
    return container_end(json, p, safe, true);
}

/* ---- keys ---- */

INLINE bool remembered(const struct tn_json_memo *m, const char *key)
{
#if defined(__SSE2__)
    const __m128i *text = (const __m128i *)(const void *)key;
    const __m128i *own = (const __m128i *)(const void *)m->key;
    const __m128i *any = (const __m128i *)(const void *)m->any;
    __m128i a = _mm_cmpeq_epi8(_mm_loadu_si128(text), _mm_loadu_si128(own));
    __m128i b = _mm_cmpeq_epi8(_mm_loadu_si128(text + 1), _mm_loadu_si128(own + 1));
    a = _mm_or_si128(a, _mm_loadu_si128(any));
    b = _mm_or_si128(b, _mm_loadu_si128(any + 1));
    return _mm_movemask_epi8(_mm_and_si128(a, b)) == 0xFFFF;
#else
    return memcmp(m->key, key, m->n + 1) == 0;
#endif
}

/* Makes an entry that equals no key: it expects a NUL, which no key has. */
static void clear_entry(struct tn_json_memo *m)
{
    memset(m, 0, sizeof *m);
    memset(m->any + 1, 0xFF, MEMO_BYTES - 1);
}

/* Stores the key as entry i, and an empty entry behind the last one. A key that is too long or has
 * escapes is stored as an entry that equals no key. */
static void memorize(struct tn_json *json, uint32_t i, struct tn_str key, bool escaped,
                     int32_t name)
{
    struct tn_json_memo *m = &json->memo[i];
    clear_entry(m);
    if (json->memo_count == i) clear_entry(&json->memo[++json->memo_count]);
    if (escaped || key.n + 1 > MEMO_BYTES) return;
    m->n = (uint32_t)key.n;
    m->name = name;
    memcpy(m->key, key.p, key.n + 1);
    memset(m->any, 0, key.n + 1);
}

/* Finds the name of a key that differs from entry *at: this row lacks some members, or the key is
 * new. */
static int32_t find_name(struct tn_json *json, const struct tn_json_pick *pick, struct tn_str key,
                         bool escaped, uint32_t *at)
{
    for (uint32_t i = *at; i < json->memo_count && i < *at + MEMO_AHEAD; i++)
        if (remembered(&json->memo[i], key.p)) {
            *at = i + 1;
            return json->memo[i].name;
        }
    struct tn_str text = key;
    if (escaped) {
        char *decoded = tn_arena_alloc(&json->arena, key.n + 1);
        text = (struct tn_str){decoded, tn_json_unescape(key.p, key.n, decoded)};
    }
    int32_t name = tn_names_get(&pick->names, text);
    if (*at < MEMO_MAX) memorize(json, (*at)++, key, escaped, name);
    return name;
}

/* ---- a row ---- */

/* Reads the object at p and keeps the members that pick names; returns the place behind it. */
static const char *pick_members(struct tn_json *json, const struct tn_json_pick *pick,
                                const char *p, const char *safe)
{
    const struct tn_json_memo *const memo = json->memo;
    uint32_t at = 0, count = 0, kept = 0, info = 0;
    add_node(json, p, p, TN_JSON_object);
    p = skip_white(p + 1, safe);
    if (p && *p == '}') goto close;
    for (;;) {
        if (!p || p >= safe || *p != '"') return NULL;
        const char *start = p, *end = p + 1 + memo[at].n;
        int32_t name = memo[at].name;
        bool escaped = false;
        if (remembered(&memo[at], p + 1)) {
            at++;
        } else {
            end = text_end(json, p + 1, safe, &escaped);
            if (!end) return NULL;
            struct tn_str key = {p + 1, (size_t)(end - p) - 1};
            name = find_name(json, pick, key, escaped, &at);
        }
        bool keep = name != TN_NAMES_NONE;
        p = skip(end + 1, safe, ':');
        if (!p) return NULL;
        if (keep) {
            add_key(json, start, end + 1, escaped);
            json->head.picked[name] = json->used;
            kept++;
            start = p;
        }
        if (opens(*p)) {
            p = keep ? keep_container(json, p, safe) : skip_container(json, p, safe);
        } else {
            p = scalar_end(json, p, safe, &info);
            if (keep && p) add_node(json, start, p, info);
        }
        if (!p) return NULL;
        count++;
        if (*p != ',' && !(p = skip_white(p, safe))) return NULL;
        if (*p != ',') break;
        p = skip_white(p + 1, safe);
    }
    if (*p != '}' || count > TN_JSON_MEMBERS_MAX) return NULL;
close:
    close_node(json, 1, p + 1, kept);
    return p + 1;
}

/* Makes room for the values of a pick; another pick than the last one starts with an empty memory
 * of keys. */
static void make_room(struct tn_json *json, const struct tn_json_pick *pick)
{
    size_t size = pick->count * sizeof *json->head.picked;
    if (!json->memo) json->memo = tn_alloc((MEMO_MAX + 1) * sizeof *json->memo);
    if (json->memo_of != pick) json->memo_count = 0;
    if (!json->memo_count) clear_entry(&json->memo[0]);
    json->memo_of = pick;
    if (json->picked_room < pick->count) {
        json->head.picked = tn_realloc(json->head.picked, size);
        json->picked_room = pick->count;
    }
    if (size) memset(json->head.picked, 0, size);
}

size_t tn_json_row(struct tn_json *json, const struct tn_json_pick *pick, size_t at)
{
    const char *text = json->head.text, *safe = text + json->head.n - MARGIN, *end;
    if (json->head.n < MARGIN || at >= json->head.n - MARGIN || text[at] != '{') return 0;
    tn_json_forget(json);
    if (pick) {
        make_room(json, pick);
        end = pick_members(json, pick, text + at, safe);
    } else {
        end = keep_container(json, text + at, safe);
    }
    json->head.pick = pick;
    if (!end) json->used = 1;
    return end ? (size_t)(end - text) : 0;
}

size_t tn_json_next_row(const struct tn_json *json, size_t at, char separator)
{
    const char *text = json->head.text, *safe = text + json->head.n - MARGIN, *p = text + at;
    if (json->head.n < MARGIN || p >= safe) return SIZE_MAX;
    p = separator ? skip(p, safe, separator) : skip_white(p, safe);
    return p ? (size_t)(p - text) : SIZE_MAX;
}
