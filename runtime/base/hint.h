/* SPDX-License-Identifier: MIT */
/* hint.h - suggests the name that somebody probably meant, at the end of a message about an unknown
 * name. */
#ifndef TN_BASE_HINT_H
#define TN_BASE_HINT_H

#include "base/str.h"

struct tn_hint {
    char text[72];
};

/* Returns "; did you mean 'x'?" for the entry x of names (NULL ends) with the smallest edit
 * distance to word; "" when none is near. A message appends the text with %s. */
struct tn_hint tn_did_you_mean(struct tn_str word, const char *const *names);

#endif
