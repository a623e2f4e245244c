/* SPDX-License-Identifier: MIT */
/* recode.h - turns a text of any encoding into UTF-8, from bytes as they arrive (iconv). A byte
 * order mark is taken off. Bytes that are no character of the encoding become TN_RECODE_BAD, which
 * is no UTF-8, so that the reader behind loses that record alone. Life: new; step any number of
 * times, at last with `last`; free. */
#ifndef TN_BASE_RECODE_H
#define TN_BASE_RECODE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct tn_recode;

#define TN_RECODE_BAD "\xFE\xFF"
enum { TN_RECODE_ROOM = 64 };

/* Is this the name of an encoding (as iconv knows it)? False: kind invalid. */
TN_MUST_CHECK bool tn_recode_known(struct tn_str name, struct tn_err *err);
enum tn_recode_how {
    TN_RECODE_told, /* a mark of another encoding is a fault */
    TN_RECODE_hint, /* a mark counts more than the name; an unknown name counts for nothing */
    TN_RECODE_asis  /* the reader behind decodes: look at the mark and hand the bytes over */
};
/* name: of a known encoding. Without one, or with UTF-8, the text may be UTF-16 or UTF-32 as well:
 * its mark says so, or the zero bytes of its first character. */
struct tn_recode *tn_recode_new(struct tn_str name, enum tn_recode_how how);
/* Appends the text to out as UTF-8; the name is a hint. */
void tn_recode_text(struct tn_str text, struct tn_str name, struct tn_buf *out);
/* Cuts the charset out of a Content-Type; empty: it has none. */
struct tn_str tn_recode_charset(struct tn_str content_type);
void tn_recode_free(struct tn_recode *r); /* NULL does nothing */
/* Cuts bytes off in and writes at most room (at least TN_RECODE_ROOM) bytes to out; *made is how
 * many. It is 0 only when in is empty: then it needs more, or, with last, the text has ended.
 * False, kind bad_answer: the mark is that of another encoding. */
TN_MUST_CHECK bool tn_recode_step(struct tn_recode *r, struct tn_str *in, bool last, char *out,
                                  size_t room, size_t *made, struct tn_err *err);
/* The code point of each byte, -1 for none. False: name is no encoding of one byte a character. */
TN_MUST_CHECK bool tn_recode_table(struct tn_str name, int table[256]);
/* Says what is wrong with a text that is no UTF-8. */
const char *tn_recode_why(struct tn_str text);

#endif
