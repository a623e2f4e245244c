/* SPDX-License-Identifier: MIT */
/* wish.h - a wish is a change of the serving scripts that somebody asked for. Life: the caller
 * fills it in; reload.c copies it; the copy is freed. */
#ifndef TN_SCRIPTS_WISH_H
#define TN_SCRIPTS_WISH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "model/actor.h"

struct tn_wish_file {
    const char *path;
    struct tn_str text; /* p NULL: remove the file */
};

/* Asks to serve the site folder as it is, or with files written and removed, or an older
 * generation of one unit. Members that are NULL, "" or zero ask for nothing. A change that is
 * refused leaves the site folder as it was. */
struct tn_wish {
    struct tn_actor by;
    const char *expect;            /* only if the set has this hash; otherwise kind conflict */
    const char *unit, *generation; /* first digits of one that served before */
    const struct tn_wish_file *files;
    size_t count;
    const char *based_on; /* hash that the one file's old text has to have; "*": any text */
    bool only_new;        /* the one file must exist neither in the site folder nor shipped */
    int shadow_minutes;   /* how long the replaced scripts go on as a shadow */
};

/* In the copy a member of the wish that is a missing text is "", not NULL. */
struct tn_wish *tn_wish_copy(const struct tn_wish *wish);
void tn_wish_free(struct tn_wish *copy); /* NULL does nothing */

#endif
