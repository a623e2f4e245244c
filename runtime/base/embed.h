/* SPDX-License-Identifier: MIT */
/* embed.h - files that are compiled into the program (cmake/embed.cmake makes the tables). */
#ifndef TN_BASE_EMBED_H
#define TN_BASE_EMBED_H

#include <stddef.h>

struct tn_embedded {
    const char *path; /* "scripts/adapters/oracle_fusion.lua"; NULL ends the table */
    const char *text; /* a NUL follows */
    size_t n;
};

/* Each is sorted by path. */
extern const struct tn_embedded tn_shipped_scripts[]; /* scripts that load */
extern const struct tn_embedded tn_shipped_pages[];   /* docs/, and the stubs in stdlib/meta/ */
extern const struct tn_embedded tn_templates[];       /* what tenon new writes with */

#endif
