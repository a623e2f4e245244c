/* SPDX-License-Identifier: MIT */
/* gunzip.h - unpacks gzip (RFC 1952) from bytes as they arrive (zlib). A text of several members is
 * the text of all of them; zero bytes behind the last one are padding. Life: new; step any number
 * of times; end once; free. */
#ifndef TN_BASE_GUNZIP_H
#define TN_BASE_GUNZIP_H

#include "base/err.h"
#include "base/str.h"

struct tn_gunzip;

/* Does a gzip member begin with these bytes, of which one is enough? No text begins so. */
bool tn_is_gzip(struct tn_str first);

struct tn_gunzip *tn_gunzip_new(void);    /* takes the zlib format (HTTP's "deflate") as well */
void tn_gunzip_free(struct tn_gunzip *g); /* NULL does nothing */
/* Cuts bytes off in and writes at most room bytes to out; *made is how many. It is 0 only when in
 * is empty: then it needs more. False, kind bad_answer: the bytes are not gzip, or are damaged. */
TN_MUST_CHECK bool tn_gunzip_step(struct tn_gunzip *g, struct tn_str *in, char *out, size_t room,
                                  size_t *made, struct tn_err *err);
/* False, kind bad_answer: a member is cut off, or there was none. */
TN_MUST_CHECK bool tn_gunzip_end(const struct tn_gunzip *g, struct tn_err *err);

#endif
