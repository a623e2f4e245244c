/* SPDX-License-Identifier: MIT */
/* pattern.h - Lua's patterns, with a limit on the work that one match may do. Language and results
 * are those of the string library of Lua 5.4: classes, sets, * + - ?, captures, %b, %f, %1. The
 * caller handles an anchor at the front ("^"), as in Lua. */
#ifndef TN_BASE_PATTERN_H
#define TN_BASE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { TN_PATTERN_CAPTURES = 32 };
enum { TN_CAPTURE_open = -1, TN_CAPTURE_position = -2 }; /* instead of a length */

struct tn_pattern {
    struct tn_str subject, pattern;
    int level; /* number of captures, open ones included */
    struct {
        const char *at;
        ptrdiff_t n;
    } capture[TN_PATTERN_CAPTURES];
    char error[64]; /* why the match failed: a fault of the pattern, or "stopped"; "": no error */
    /* called every few thousand steps; false stops the match. NULL: no limit */
    bool (*more)(void *arg);
    void *arg;
    uint32_t steps;
    int depth;
};

/* Borrows both texts for as long as m is used. */
void tn_pattern_init(struct tn_pattern *m, struct tn_str subject, struct tn_str pattern);
/* Returns the end of the match that begins at `at`, inside the subject; NULL: no match, or error is
 * set. */
const char *tn_pattern_match(struct tn_pattern *m, const char *at);
/* Does pattern (a front "^" anchors) occur in subject? Also false after max_steps steps. */
bool tn_pattern_find(struct tn_str subject, struct tn_str pattern, uint32_t max_steps);
/* True: no byte of the pattern has a special meaning. */
bool tn_pattern_plain(struct tn_str pattern);

#endif
