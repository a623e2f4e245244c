/* SPDX-License-Identifier: MIT */
/* base64.h - bytes as base64 (RFC 4648): the standard and the URL alphabet. */
#ifndef TN_BASE_BASE64_H
#define TN_BASE_BASE64_H

#include "base/buf.h"

void tn_base64(struct tn_buf *out, const void *bytes, size_t n);    /* padded */
void tn_base64url(struct tn_buf *out, const void *bytes, size_t n); /* not padded */
/* Strict: refuses characters outside the alphabet and unused bits that are not zero; padding is
 * optional. False: out may hold a part of the bytes. */
bool tn_unbase64(struct tn_str text, struct tn_buf *out);
bool tn_unbase64url(struct tn_str text, struct tn_buf *out);

#endif
