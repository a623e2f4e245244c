/* SPDX-License-Identifier: MIT */
/* script_body.h - reads the bodies of requests about scripts.
 * Life: read; use; clear. */
#ifndef TN_API_SCRIPT_BODY_H
#define TN_API_SCRIPT_BODY_H

#include "api/handler.h"
#include "scripts/wish.h"
#include "base/alloc.h"

enum {
    TN_ASK_generation = 1,
    TN_ASK_shadow = 2,
    TN_ASK_files = 4,
    TN_ASK_whole = 8,
};

struct tn_script_body {
    char generation[65];        /* "": not asked for */
    int shadow_minutes;         /* 0: not asked for */
    struct tn_wish_file *files; /* texts in arena; text.p NULL: left out */
    size_t count;
    bool whole;
    struct tn_arena arena;
};

/* may: the members that the body may have.  False: x is answered, and there is nothing to clear. */
TN_MUST_CHECK bool tn_script_body_read(struct tn_script_body *b, unsigned may, struct tn_api *api,
                                       struct tn_http_exchange *x);
void tn_script_body_clear(struct tn_script_body *b);

#endif
