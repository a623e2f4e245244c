/* SPDX-License-Identifier: MIT */
/* json.h - exact JSON (RFC 8259): a strict reader that works in place, and a writer. The reader
 * converts nothing until it is asked to: numbers keep their lexeme, strings their escapes, objects
 * their order. A value can be copied from input to output byte for byte.
 *
 * Reader: new; parse any number of texts, one at a time; free. A parse discards the one before. The
 * text is borrowed and must stay unchanged as long as values of it are used. */
#ifndef TN_BASE_JSON_H
#define TN_BASE_JSON_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum tn_json_type {
    TN_JSON_absent,
    TN_JSON_null,
    TN_JSON_bool,
    TN_JSON_number,
    TN_JSON_string,
    TN_JSON_array,
    TN_JSON_object
};

struct tn_json;
struct tn_json_pick; /* json_tape.h */

/* A value inside a parsed text: a small handle, passed by value. Questions to an absent value give
 * absent, false or nothing, so that look-ups can be chained. */
struct tn_jval {
    const struct tn_json *json;
    uint32_t at;
};

struct tn_json *tn_json_new(void);
void tn_json_free(struct tn_json *json); /* NULL does nothing */
/* The whole text has to be one value. False: kind syntax (text says line, column and what was
 * expected), or too_large (depth TN_LIMIT_JSON_DEPTH; a number of more than TN_LIMIT_NUMBER
 * characters, TN_LIMIT_DECIMAL significant digits or an exponent of ten digits; 2^24 members of one
 * object or array). UTF-8 is checked. Of a key that comes twice the last one counts. */
TN_MUST_CHECK bool tn_json_parse(struct tn_json *json, struct tn_str text, struct tn_err *err);
/* For tests and benches: scan with "portable", "avx2" or "avx512" from now on; false when this
 * machine does not have it. A new reader takes the fastest. All give the same results. */
bool tn_json_engine(struct tn_json *json, const char *name);
/* The path of the first key that came twice in its object in the last parse; NULL: none did. */
const char *tn_json_duplicate(const struct tn_json *json);

struct tn_jval tn_json_root(const struct tn_json *json); /* absent before a successful parse */
enum tn_json_type tn_jtype(struct tn_jval v);
static inline bool tn_jis(struct tn_jval v, enum tn_json_type type)
{
    return tn_jtype(v) == type;
}
const char *tn_json_type_name(enum tn_json_type type); /* "a number", "nothing" */

/* The text of the value exactly as it stands in the source, quotes and brackets included. */
struct tn_str tn_jraw(struct tn_jval v);
struct tn_jval tn_jget(struct tn_jval object, struct tn_str key); /* absent when there is no such
                                                                     member */
struct tn_jval tn_jget_z(struct tn_jval object, const char *key);
struct tn_jval tn_jat(struct tn_jval array, size_t index);
size_t tn_jcount(struct tn_jval v); /* members or elements */

/* for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);) ... it.key, it.value, it.index. Works on
 * arrays (key is absent) and objects; a key that comes twice appears once, with its last value. */
struct tn_jiter {
    struct tn_jval of, value;
    struct tn_str key; /* decoded; borrowed from the reader until the next parse */
    size_t index;
    uint32_t next;
};
struct tn_jiter tn_jiter(struct tn_jval v);
bool tn_jnext(struct tn_jiter *it);

/* Conversions: false (out untouched) when the value is of another type or does not fit exactly. */
bool tn_jbool(struct tn_jval v, bool *out);
bool tn_jint(struct tn_jval v, int64_t *out);   /* 7, -0, 7.0 and 7e2 are integers; 7.5 is not */
bool tn_jdouble(struct tn_jval v, double *out); /* nearest double; false if it would be infinite */
/* The decoded text of a string. Points into the source when the string has no escapes, else into
 * the arena. */
bool tn_jtext(struct tn_jval v, struct tn_arena *arena, struct tn_str *out);
/* The text of a member; `otherwise` where there is none, or it is no text. */
struct tn_str tn_jtext_or(struct tn_jval object, const char *key, struct tn_arena *arena,
                          const char *otherwise);

/* Rows: walks the elements of an array in a page one by one, each parsed alone into a reader's
 * small tape, so that a page of any size takes no more memory than its largest row.
 * Life: open; next until it is false; nothing to close.  Borrows json, which holds the row (it is
 * json's root), the text and the path.
 *
 * if (!tn_json_rows_open(&rows, json, page, tn_str("items"), &err)) ...
 * while (tn_json_rows_next(&rows, &err)) map(tn_json_root(json));
 * if (err.kind) ... the page is broken from rows.start on */
struct tn_json_rows {
    struct tn_json *json;
    size_t index;      /* of this row, from 0 */
    size_t start, end; /* this row in the text, also when it failed */
    struct tn_str path;
    const struct tn_json_pick *pick; /* set it after open: a row that is an object then keeps
                                        only the members that it names; the others are checked
                                        and dropped */
    unsigned state, levels;
    bool optional;
    bool tokens; /* a row was unusual: from then on json_read.c reads all rows */
};
/* path names the array: "items", "d.results" (members, from the root). With "" the text itself is
 * the array or, if it does not begin with '[', any number of values (NDJSON: one a line; an empty
 * text has none). False: kind syntax; or not_found when the member is missing (the text of err
 * lists the members that are there). Null in place of the array counts as an empty array, an object
 * as an array of it alone. A path that ends in "?" has no rows where a member of it is missing. A
 * byte order mark may stand before the text. */
TN_MUST_CHECK bool tn_json_rows_open(struct tn_json_rows *rows, struct tn_json *json,
                                     struct tn_str text, struct tn_str path, struct tn_err *err);
/* True: the next row is tn_json_root(json), and is valid until the next call. False: either the end
 * (err->kind is none; all of the text was checked), or the text is bad at this row. In NDJSON only
 * that row is lost: call again to go on with the next line. */
TN_MUST_CHECK bool tn_json_rows_next(struct tn_json_rows *rows, struct tn_err *err);
/* Writer: appends to a buffer, and writes the commas and colons itself. Misuse (a value without a
 * key in an object, unbalanced ends) asserts. */
struct tn_jw {
    struct tn_buf *out;
    unsigned depth;
    uint64_t full, object; /* one bit a level: it has a member; it is an object */
    bool keyed;
};
void tn_jw_init(struct tn_jw *w, struct tn_buf *out);
void tn_jw_object(struct tn_jw *w); /* { */
void tn_jw_array(struct tn_jw *w);  /* [ */
void tn_jw_end(struct tn_jw *w);    /* } or ] */
void tn_jw_key(struct tn_jw *w, struct tn_str key);
void tn_jw_str(struct tn_jw *w, struct tn_str text); /* escaped; must be UTF-8 */
void tn_jw_z(struct tn_jw *w, const char *text);     /* NULL writes null */
void tn_jw_int(struct tn_jw *w, int64_t v);
void tn_jw_double(struct tn_jw *w, double v); /* the shortest text that reads back as v */
void tn_jw_bool(struct tn_jw *w, bool v);
void tn_jw_null(struct tn_jw *w);
void tn_jw_raw(struct tn_jw *w, struct tn_str json); /* one value, already JSON */
/* Members of an object, already JSON, at least one and without the braces, into the open object. */
void tn_jw_members(struct tn_jw *w, struct tn_str members);
/* key and value in one call */
void tn_jw_kstr(struct tn_jw *w, const char *key, struct tn_str text);
void tn_jw_kz(struct tn_jw *w, const char *key, const char *text);
void tn_jw_kint(struct tn_jw *w, const char *key, int64_t v);
void tn_jw_kbool(struct tn_jw *w, const char *key, bool v);
void tn_jw_knull(struct tn_jw *w, const char *key);
void tn_jw_kraw(struct tn_jw *w, const char *key, struct tn_str json);
/* Appends text as a JSON string, quotes included. */
void tn_json_quote(struct tn_buf *out, struct tn_str text);
/* Appends the canonical form, which docs/decisions/canonical-json.md defines. */
void tn_json_canonical(struct tn_jval v, struct tn_buf *out);
/* Does the same for one number that a reader has accepted. */
void tn_json_canonical_number(struct tn_str lexeme, struct tn_buf *out);

#endif
