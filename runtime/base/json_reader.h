/* SPDX-License-Identifier: MIT */
/* json_reader.h - the inside of the reader, for the files json_*.c alone. */
#ifndef TN_BASE_JSON_READER_H
#define TN_BASE_JSON_READER_H

#include "base/json_scan.h"
#include "base/json_tape.h"

enum { TN_JSON_AHEAD = 8, TN_JSON_MEMBERS_MAX = (1 << 24) - 1 };

/* A hash index over the keys of one large object. */
struct tn_json_index {
    uint32_t object, mask;
    uint32_t *slots; /* key nodes; 0: free */
    struct tn_json_index *next;
};

struct tn_json {
    struct tn_json_head head; /* first: json_tape.h relies on it */
    uint32_t used, room;      /* of the tape */
    struct tn_json_scan scan;
    uint32_t *tokens; /* [at, count) are still to be read */
    uint32_t at, count;
    struct tn_str *keys; /* decoded keys that had escapes */
    uint32_t nkeys, keys_room;
    struct tn_arena arena; /* for those, and for the path of a doubled key */
    uint64_t seed;
    struct tn_json_index *indexes;
    uint32_t *scratch; /* slots for the check of a small object */
    uint32_t scratch_room;
    struct tn_buf copy; /* text of an envelope */
    uint32_t picked_room;
    struct tn_json_memo *memo; /* keys of earlier rows; json_row.c */
    uint32_t memo_count;
    const struct tn_json_pick *memo_of;
    bool looked; /* for doubled keys in all objects */
    const char *duplicate;
};

/* Begins to read text from an offset on; nothing is parsed yet. */
TN_MUST_CHECK bool tn_json_begin(struct tn_json *json, struct tn_str text, struct tn_err *err);
void tn_json_seek(struct tn_json *json, size_t at);
/* Forgets the tape, then parses one value from the next token on. */
TN_MUST_CHECK bool tn_json_one(struct tn_json *json, struct tn_err *err);
/* ---- json_row.c ---- */

/* Reads the object that begins at `at` in one pass, without tokens, and forgets the tape before;
 * with a pick only the members that it names come onto the tape.  The offset behind it, or 0:
 * nothing was read, tn_json_one has to. */
size_t tn_json_row(struct tn_json *json, const struct tn_json_pick *pick, size_t at);
/* Where a row may begin: behind the next separator after `at` (separator 0: rows have none);
 * SIZE_MAX: look at the tokens. */
size_t tn_json_next_row(const struct tn_json *json, size_t at, char separator);
/* Functions of json_read.c that the other files call. */
void tn_json_forget(struct tn_json *json);
void tn_json_grow(struct tn_json *json, uint32_t nodes);
void tn_json_remember_key(struct tn_json *json, uint32_t key);
/* The end of the number that begins at `at`; 0: it is none, or too long. */
uint32_t tn_json_number_end(struct tn_json *json, uint32_t at, uint32_t *info, struct tn_err *err);

/* Sees to it that AHEAD tokens are there (behind the last real one stand copies of it); false: the
 * text is exhausted. */
bool tn_json_more(struct tn_json *json);
/* The byte of the next token, which stays; -1 at the end of the text. */
int tn_json_peek(struct tn_json *json);
/* "line 1, column 5: expected what, found 'x'"; at is an offset of the text, or its length. */
bool tn_json_expected(struct tn_json *json, size_t at, const char *what, struct tn_err *err);

/* Decodes the text between the quotes of a string that was parsed; out has room for n bytes. */
size_t tn_json_unescape(const char *s, size_t n, char *out);
/* Checks the escape that begins at s.  0: not valid; else its length (12 for a surrogate pair). */
size_t tn_json_escape_length(const char *s, size_t n);

/* A number's exact value: digits[0, n) without zeros at either end, times ten to the exponent.
 * n is 0 for zero. */
struct tn_json_number {
    bool negative;
    size_t n;
    int64_t exponent;
};
/* lexeme is a JSON number; digits has room for as many characters. */
void tn_json_number_read(struct tn_str lexeme, char *digits, struct tn_json_number *out);

#endif
