/* SPDX-License-Identifier: MIT */
/* id.h - record ids: UUID version 7 as lower-case text, and random bytes. */
#ifndef TN_BASE_ID_H
#define TN_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { TN_ID_LEN = 36 };

struct tn_id {
    unsigned char b[16];
};

/* An id sorts after all earlier ids of this process, also when the clock is set back. */
struct tn_id tn_id_new(void);
void tn_id_text(const struct tn_id *id, char out[TN_ID_LEN + 1]);
bool tn_id_eq(const struct tn_id *a, const struct tn_id *b);
bool tn_id_parse(struct tn_str text, struct tn_id *out); /* any UUID, upper or lower case */
void tn_random(void *out, size_t n);                     /* from the kernel; never fails */

#endif
