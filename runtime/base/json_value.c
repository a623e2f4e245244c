/* SPDX-License-Identifier: MIT */
/* json_value.c - answers questions about a parsed text: look-up, iteration, conversion, double
 * keys. */
#include "base/json_reader.h"
#include "base/limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct tn_jnode *node(struct tn_jval v)
{
    return &v.json->head.tape[v.at];
}

struct tn_jval tn_json_root(const struct tn_json *json)
{
    return (struct tn_jval){json, json->used > 1};
}

enum tn_json_type tn_jtype(struct tn_jval v)
{
    return v.at ? (enum tn_json_type)(node(v)->info & TN_JNODE_TYPE) : TN_JSON_absent;
}

const char *tn_json_type_name(enum tn_json_type type)
{
    static const char *const names[] = {"nothing",  "null",     "true or false", "a number",
                                        "a string", "an array", "an object"};
    return names[type];
}

struct tn_str tn_jraw(struct tn_jval v)
{
    return v.at ? tn_jnode_raw(v.json, v.at) : (struct tn_str){NULL, 0};
}

struct tn_str tn_jkey(const struct tn_json *json, uint32_t key)
{
    const struct tn_jnode *k = &json->head.tape[key];
    if (k->info & TN_JNODE_ESCAPED) return json->keys[k->next];
    return (struct tn_str){json->head.text + k->start + 1, k->end - k->start - 2};
}

/* Double keys. Only callers that iterate, count or look up pay for the search; looking up a key of
 * a small object needs no index. */

enum { SMALL = 48 };

static uint64_t load8(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t load4(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* The seed is random for each reader, so that nobody outside can make keys collide. The last eight
 * bytes overlap the ones before, which is faster than reading the rest one by one. */
static uint64_t hash_key(const struct tn_json *json, struct tn_str key)
{
    const uint64_t odd = 0x9E3779B97F4A7C15u;
    const char *end = key.p + key.n;
    uint64_t h = json->seed ^ key.n * odd;
    if (key.n >= 8) {
        for (; end - key.p > 8; key.p += 8) h = mix(h ^ load8(key.p), json->seed | 1);
        return mix(h ^ load8(end - 8), odd);
    }
    if (key.n >= 4) return mix(h ^ load4(key.p) ^ load4(end - 4) << 32, odd);
    for (; key.p < end; key.p++) h = h << 8 ^ h >> 56 ^ (unsigned char)*key.p;
    return mix(h, odd);
}

/* Returns the slot that holds the key, or the free slot where it belongs. */
static uint32_t *find_slot(const struct tn_json *json, uint32_t *slots, uint32_t mask,
                           struct tn_str key)
{
    uint32_t i = (uint32_t)hash_key(json, key) & mask;
    while (slots[i] && !tn_str_eq(tn_jkey(json, slots[i]), key)) i = (i + 1) & mask;
    return &slots[i];
}

static uint32_t slots_for(uint32_t count)
{
    uint32_t size = 16;
    while (size < 2 * count) size *= 2;
    return size;
}

/* Returns the reader behind a value. Callers cache results in it, which changes no answer. */
static struct tn_json *notebook(const struct tn_json *json)
{
    return (struct tn_json *)(uintptr_t)json;
}

static uint32_t *make_slots(struct tn_json *json, uint32_t object, uint32_t count, uint32_t size)
{
    if (count > SMALL) {
        struct tn_json_index *index = TN_NEW(struct tn_json_index);
        *index = (struct tn_json_index){object, size - 1, tn_alloc(size * sizeof *index->slots),
                                        json->indexes};
        json->indexes = index;
        return index->slots;
    }
    if (json->scratch_room < size) {
        json->scratch = tn_realloc(json->scratch, size * sizeof *json->scratch);
        json->scratch_room = size;
    }
    return memset(json->scratch, 0, size * sizeof *json->scratch);
}

/* Checks an object for double keys, once, and marks the stale ones. */
static void look_through(const struct tn_json *reader, uint32_t object)
{
    struct tn_json *json = notebook(reader);
    struct tn_jnode *tape = json->head.tape;
    uint32_t count = tape[object].info >> TN_JNODE_COUNT_SHIFT, size = slots_for(count);
    tape[object].info |= TN_JNODE_KEYS_SEEN;
    if (count < 2) return;
    uint32_t *slots = make_slots(json, object, count, size);
    for (uint32_t k = object + 1; k < tape[object].next; k = tape[k + 1].next) {
        uint32_t *slot = find_slot(json, slots, size - 1, tn_jkey(json, k));
        if (*slot) {
            tape[*slot].info |= TN_JNODE_STALE;
            tape[object].info |= TN_JNODE_DOUBLED;
        }
        *slot = k;
    }
}

static const struct tn_jnode *seen(const struct tn_json *json, uint32_t object)
{
    if (!(json->head.tape[object].info & TN_JNODE_KEYS_SEEN)) look_through(json, object);
    return json->head.tape;
}

static const struct tn_json_index *index_of(const struct tn_json *json, uint32_t object)
{
    seen(json, object);
    const struct tn_json_index *index = json->indexes;
    while (index && index->object != object) index = index->next;
    return index;
}

/* Writes the path of node `at`; finds it from the root, since containers know where they end. */
static void path_of(const struct tn_json *json, uint32_t at, struct tn_buf *out)
{
    const struct tn_jnode *tape = json->head.tape;
    uint32_t here = 1;
    while (here < at) {
        bool object = (tape[here].info & TN_JNODE_TYPE) == TN_JSON_object;
        uint32_t child = here + 1, index = 0;
        while (tape[child + object].next <= at) child = tape[child + object].next, index++;
        if (object) {
            struct tn_str key = tn_jkey(json, child);
            if (out->n) tn_buf_addc(out, '.');
            tn_buf_addstr(out, key);
            if (child == at) return;
        } else {
            tn_buf_addf(out, "[%u]", index);
        }
        here = child + object;
    }
}

static const char *find_duplicate(struct tn_json *json)
{
    const struct tn_jnode *tape = json->head.tape;
    for (uint32_t at = 1; at < json->used; at++) {
        bool object = (tape[at].info & TN_JNODE_TYPE) == TN_JSON_object;
        if (!object || !(seen(json, at)[at].info & TN_JNODE_DOUBLED)) continue;
        uint32_t k = at + 1;
        while (!(tape[k].info & TN_JNODE_STALE)) k = tape[k + 1].next;
        struct tn_buf path;
        tn_buf_init(&path, TN_LIMIT_RECORD);
        path_of(json, k, &path);
        char *copy = tn_arena_strndup(&json->arena, path.p ? path.p : "", path.n);
        tn_buf_clear(&path);
        return copy;
    }
    return NULL;
}

/* A row that was read with a pick lacks members on its tape, so its text is parsed again as a
 * whole. */
static const char *find_duplicate_in(struct tn_json *json, struct tn_str text)
{
    struct tn_json *whole = tn_json_new();
    struct tn_err err;
    const char *found = tn_json_parse(whole, text, &err) ? find_duplicate(whole) : NULL;
    if (found) found = tn_arena_strdup(&json->arena, found);
    tn_json_free(whole);
    return found;
}

const char *tn_json_duplicate(const struct tn_json *reader)
{
    struct tn_json *json = notebook(reader);
    if (!json->looked)
        json->duplicate = json->head.pick && json->used > 1
                              ? find_duplicate_in(json, tn_jnode_raw(json, 1))
                              : find_duplicate(json);
    json->looked = true;
    return json->duplicate;
}

/* Look-up */

static struct tn_jval absent(const struct tn_json *json)
{
    return (struct tn_jval){json, 0};
}

static bool key_is(const struct tn_json *json, const struct tn_jnode *k, struct tn_str key)
{
    if (k->info & TN_JNODE_ESCAPED) return tn_str_eq(json->keys[k->next], key);
    return k->end - k->start - 2 == key.n &&
           memcmp(json->head.text + k->start + 1, key.p, key.n) == 0;
}

struct tn_jval tn_jget(struct tn_jval object, struct tn_str key)
{
    const struct tn_json *json = object.json;
    if (!tn_jis(object, TN_JSON_object) || !key.p) return absent(json);
    const struct tn_jnode *tape = json->head.tape;
    uint32_t found = 0;
    if (tape[object.at].info >> TN_JNODE_COUNT_SHIFT > SMALL) {
        const struct tn_json_index *index = index_of(json, object.at);
        found = *find_slot(json, index->slots, index->mask, key);
    } else {
        for (uint32_t k = object.at + 1; k < tape[object.at].next; k = tape[k + 1].next)
            if (key_is(json, &tape[k], key)) found = k;
    }
    return found ? (struct tn_jval){json, found + 1} : absent(json);
}

struct tn_jval tn_jget_z(struct tn_jval object, const char *key)
{
    return tn_jget(object, tn_str(key));
}

struct tn_jval tn_jat(struct tn_jval array, size_t index)
{
    if (!tn_jis(array, TN_JSON_array) || index >= tn_jcount(array)) return absent(array.json);
    const struct tn_jnode *tape = array.json->head.tape;
    uint32_t at = array.at + 1;
    while (index--) at = tape[at].next;
    return (struct tn_jval){array.json, at};
}

size_t tn_jcount(struct tn_jval v)
{
    enum tn_json_type type = tn_jtype(v);
    if (type != TN_JSON_array && type != TN_JSON_object) return 0;
    const struct tn_jnode *tape = type == TN_JSON_object ? seen(v.json, v.at) : v.json->head.tape;
    size_t count = tape[v.at].info >> TN_JNODE_COUNT_SHIFT;
    if (type == TN_JSON_array || !(tape[v.at].info & TN_JNODE_DOUBLED)) return count;
    for (uint32_t k = v.at + 1; k < tape[v.at].next; k = tape[k + 1].next)
        count -= (tape[k].info & TN_JNODE_STALE) != 0;
    return count;
}

struct tn_jiter tn_jiter(struct tn_jval v)
{
    struct tn_jiter it = {.of = v, .value = absent(v.json), .index = SIZE_MAX};
    if (tn_jis(v, TN_JSON_object)) seen(v.json, v.at);
    if (tn_jis(v, TN_JSON_object) || tn_jis(v, TN_JSON_array)) it.next = v.at + 1;
    return it;
}

bool tn_jnext(struct tn_jiter *it)
{
    if (!it->next) return false;
    const struct tn_json *json = it->of.json;
    const struct tn_jnode *tape = json->head.tape, *of = &tape[it->of.at];
    bool object = (of->info & TN_JNODE_TYPE) == TN_JSON_object;
    if (object)
        while (it->next < of->next && tape[it->next].info & TN_JNODE_STALE)
            it->next = tape[it->next + 1].next;
    if (it->next >= of->next) return false;
    if (object) it->key = tn_jkey(json, it->next++);
    it->value = (struct tn_jval){json, it->next};
    it->next = tape[it->next].next;
    it->index++;
    return true;
}

/* Conversions */

bool tn_jbool(struct tn_jval v, bool *out)
{
    if (!tn_jis(v, TN_JSON_bool)) return false;
    *out = (node(v)->info & TN_JNODE_TRUE) != 0;
    return true;
}

static bool digits_to_int(struct tn_str digits, bool negative, int64_t *out)
{
    uint64_t u;
    if (!tn_str_u64(digits, &u) || u > (uint64_t)INT64_MAX + negative) return false;
    *out = negative ? (int64_t)(0 - u) : (int64_t)u;
    return true;
}

bool tn_jint(struct tn_jval v, int64_t *out)
{
    if (!tn_jis(v, TN_JSON_number)) return false;
    struct tn_str raw = tn_jnode_raw(v.json, v.at);
    bool negative = *raw.p == '-';
    if (node(v)->info & TN_JNODE_INTEGER)
        return digits_to_int((struct tn_str){raw.p + negative, raw.n - negative}, negative, out);
    char digits[TN_LIMIT_NUMBER + 1];
    struct tn_json_number number;
    tn_json_number_read(raw, digits, &number);
    if (!number.n) return *out = 0, true;
    if (number.exponent < 0 || number.n + (size_t)number.exponent > 19) return false;
    memset(digits + number.n, '0', (size_t)number.exponent);
    return digits_to_int((struct tn_str){digits, number.n + (size_t)number.exponent}, negative,
                         out);
}

bool tn_jdouble(struct tn_jval v, double *out)
{
    if (!tn_jis(v, TN_JSON_number)) return false;
    struct tn_str raw = tn_jnode_raw(v.json, v.at);
    bool negative = *raw.p == '-';
    uint64_t u;
    if (node(v)->info & TN_JNODE_INTEGER && raw.n <= 16 &&
        tn_str_u64((struct tn_str){raw.p + negative, raw.n - negative}, &u) && u < 1ull << 53) {
        *out = negative ? -(double)u : (double)u;
        return true;
    }
    char text[TN_LIMIT_NUMBER + 1];
    memcpy(text, raw.p, raw.n);
    text[raw.n] = '\0';
    double d = strtod(text, NULL);
    if (isinf(d)) return false;
    *out = d;
    return true;
}

bool tn_jtext(struct tn_jval v, struct tn_arena *arena, struct tn_str *out)
{
    if (!tn_jis(v, TN_JSON_string)) return false;
    struct tn_str raw = tn_jnode_raw(v.json, v.at);
    struct tn_str inner = {raw.p + 1, raw.n - 2};
    if (node(v)->info & TN_JNODE_ESCAPED) {
        char *p = tn_arena_alloc(arena, inner.n + 1);
        inner = (struct tn_str){p, tn_json_unescape(inner.p, inner.n, p)};
    }
    *out = inner;
    return true;
}

struct tn_str tn_jtext_or(struct tn_jval object, const char *key, struct tn_arena *arena,
                          const char *otherwise)
{
    struct tn_str text;
    return tn_jtext(tn_jget_z(object, key), arena, &text) && text.p ? text : tn_str(otherwise);
}
