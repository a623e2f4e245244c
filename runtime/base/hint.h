/* SPDX-License-Identifier: MIT */
/* hint.h - the name that somebody probably meant, as the end of a message about an unknown one. */
#ifndef TN_BASE_HINT_H
#define TN_BASE_HINT_H

#include "base/str.h"

struct tn_hint {
    char text[72];
};

/* "; did you mean 'x'?" for the entry x of names (NULL ends) that is nearest to word by edit
 * distance; "" when none is near.  A message appends the text with %s. */
struct tn_hint tn_did_you_mean(struct tn_str word, const char *const *names);

#endif
