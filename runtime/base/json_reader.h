/* SPDX-License-Identifier: MIT */
/* json_reader.h - the internals of the reader, for the files json_*.c only. */
#ifndef TN_BASE_JSON_READER_H
#define TN_BASE_JSON_READER_H

#include "base/json_scan.h"
#include "base/json_tape.h"

enum { TN_JSON_AHEAD = 8, TN_JSON_MEMBERS_MAX = (1 << 24) - 1 };

/* A hash index over the keys of one large object. */
struct tn_json_index {
    uint32_t object, mask;
    uint32_t *slots; /* key nodes; 0: the slot is free */
    struct tn_json_index *next;
};

struct tn_json {
    struct tn_json_head head; /* must come first: json_tape.h casts to it */
    uint32_t used, room;      /* nodes of the tape */
    struct tn_json_scan scan;
    uint32_t *tokens; /* [at, count) have not been read yet */
    uint32_t at, count;
    struct tn_str *keys; /* decoded texts of keys that have escapes */
    uint32_t nkeys, keys_room;
    struct tn_arena arena; /* for those keys, and for the path of a key that comes twice */
    uint64_t seed;
    struct tn_json_index *indexes;
    uint32_t *scratch; /* slots for checking a small object for double keys */
    uint32_t scratch_room;
    uint32_t picked_room;
    struct tn_json_memo *memo; /* the keys of earlier rows (json_row.c) */
    uint32_t memo_count;
    const struct tn_json_pick *memo_of;
    bool looked; /* all objects were checked for double keys */
    const char *duplicate;
};

/* Sets the text and the offset to read from; parses nothing yet. */
TN_MUST_CHECK bool tn_json_begin(struct tn_json *json, struct tn_str text, struct tn_err *err);
void tn_json_seek(struct tn_json *json, size_t at);
/* Clears the tape, then parses one value from the next token on. */
TN_MUST_CHECK bool tn_json_one(struct tn_json *json, struct tn_err *err);
/* ---- json_row.c ---- */

/* Clears the tape and reads the object that begins at `at` in one pass, without tokens. With a
 * pick, only the members that it names come onto the tape. Returns the offset behind the object; 0:
 * it read nothing, and tn_json_one has to read the row. */
size_t tn_json_row(struct tn_json *json, const struct tn_json_pick *pick, size_t at);
/* Returns where the next row may begin: behind the next separator after `at` (separator 0: rows
 * have none). SIZE_MAX: only the tokens can tell. */
size_t tn_json_next_row(const struct tn_json *json, size_t at, char separator);
/* Functions of json_read.c that the other files call. */
void tn_json_forget(struct tn_json *json);
void tn_json_grow(struct tn_json *json, uint32_t nodes);
void tn_json_remember_key(struct tn_json *json, uint32_t key);
/* Returns the end of the number that begins at `at`; 0: it is no number, or too long. */
uint32_t tn_json_number_end(struct tn_json *json, uint32_t at, uint32_t *info, struct tn_err *err);

/* Scans on until AHEAD tokens are there (copies follow the last real one); false: the text has no
 * more tokens. */
bool tn_json_more(struct tn_json *json);
/* Returns the byte of the next token without taking it; -1 at the end of the text. */
int tn_json_peek(struct tn_json *json);
/* Fails with "line 1, column 5: expected <what>, found 'x'"; at is an offset in the text, or its
 * length. */
bool tn_json_expected(struct tn_json *json, size_t at, const char *what, struct tn_err *err);

/* Decodes the text between the quotes of a string that was parsed; out has room for n bytes. */
size_t tn_json_unescape(const char *s, size_t n, char *out);
/* Checks the escape that begins at s. Returns its length (12 for a surrogate pair), or 0: it is not
 * valid. */
size_t tn_json_escape_length(const char *s, size_t n);

/* The exact value of a number: digits[0, n), without leading or trailing zeros, times ten to the
 * exponent. For zero n is 0. */
struct tn_json_number {
    bool negative;
    size_t n;
    int64_t exponent;
};
/* lexeme is a JSON number; digits has room for lexeme.n characters. */
void tn_json_number_read(struct tn_str lexeme, char *digits, struct tn_json_number *out);

#endif
