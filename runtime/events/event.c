/* SPDX-License-Identifier: MIT */
#include "events/event.h"

static const unsigned char mark[] = {'t', 'e',  'n', 'o', 'n', '-', 0x80,
                                     0,   0x80, 'r', 'u', 'l', 'e'};

bool tn_event_matches(const char *pattern, struct tn_str type)
{
    const char *p = pattern, *after_star = NULL;
    size_t i = 0, back = 0;
    while (i < type.n) {
        if (*p == '*') {
            after_star = ++p;
            back = i;
        } else if (*p && *p == type.p[i]) {
            p++, i++;
        } else if (after_star) {
            p = after_star;
            i = ++back;
        } else {
            return false;
        }
    }
    while (*p == '*') p++;
    return !*p;
}

struct tn_id tn_event_cause(unsigned depth)
{
    struct tn_id id = {{0}};
    memcpy(id.b, mark, sizeof mark);
    id.b[15] = (unsigned char)(depth > 255 ? 255 : depth);
    return id;
}

unsigned tn_event_depth(const struct tn_id *origin)
{
    return memcmp(origin->b, mark, sizeof mark) == 0 ? origin->b[15] : 0;
}
