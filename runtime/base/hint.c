/* SPDX-License-Identifier: MIT */
#include "base/hint.h"

#include <stdio.h>

enum { NEAR_MAX = 48 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

/* Returns the edit distance (Levenshtein) of two names of at most NEAR_MAX bytes. */
static unsigned distance(struct tn_str a, struct tn_str b)
{
    unsigned row[NEAR_MAX + 1];
    for (size_t j = 0; j <= b.n; j++) row[j] = (unsigned)j;
    for (size_t i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.n; j++) {
            unsigned swap = diagonal + (lower(a.p[i - 1]) != lower(b.p[j - 1]));
            diagonal = row[j];
            unsigned step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = swap < step ? swap : step;
        }
    }
    return row[b.n];
}

static const char *nearest(struct tn_str s, const char *const *names)
{
    const char *best = NULL;
    unsigned least = (unsigned)(s.n / 3) + 1;
    if (s.n > NEAR_MAX) return NULL;
    for (; *names; names++) {
        struct tn_str name = tn_str(*names);
        if (name.n > NEAR_MAX) continue;
        unsigned d = distance(s, name);
        if (d <= least && (d < least || !best)) {
            least = d;
            best = *names;
        }
    }
    return best;
}

struct tn_hint tn_did_you_mean(struct tn_str word, const char *const *names)
{
    struct tn_hint hint = {""};
    const char *name = nearest(word, names);
    if (name) snprintf(hint.text, sizeof hint.text, "; did you mean '%s'?", name);
    return hint;
}
