/* SPDX-License-Identifier: MIT */
/* charset.h - Windows-1252, the encoding of files from older systems. */
#ifndef TN_BASE_CHARSET_H
#define TN_BASE_CHARSET_H

#include "base/buf.h"

/* The character of a byte; 0: there is none (five bytes mean nothing). */
unsigned tn_cp1252(unsigned char byte);
/* Appends bytes as UTF-8.  False: a byte has no meaning. */
TN_MUST_CHECK bool tn_cp1252_text(struct tn_str bytes, struct tn_buf *out);

#endif
