/* SPDX-License-Identifier: MIT */
/* charset.h - Windows-1252, the encoding of files from older systems. */
#ifndef TN_BASE_CHARSET_H
#define TN_BASE_CHARSET_H

#include "base/buf.h"

/* Returns the code point of a byte; 0 for the five bytes that have no character. */
unsigned tn_cp1252(unsigned char byte);
/* Appends bytes as UTF-8. False: one of the bytes has no character. */
TN_MUST_CHECK bool tn_cp1252_text(struct tn_str bytes, struct tn_buf *out);

#endif
