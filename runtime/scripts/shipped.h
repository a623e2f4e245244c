/* SPDX-License-Identifier: MIT */
/* shipped.h - the scripts that are compiled into the program. Files of the site folder replace
 * those of the same path. */
#ifndef TN_SCRIPTS_SHIPPED_H
#define TN_SCRIPTS_SHIPPED_H

#include "scripts/fileset.h"

/* Makes a set of the shipped files and, over them, own (NULL: none). */
struct tn_fileset *tn_shipped_under(const struct tn_fileset *own);
/* The same with the files of the site folder as own (site NULL: there is none). own (may be
 * NULL) gets the folder's files alone, or NULL. */
TN_MUST_CHECK struct tn_fileset *tn_shipped_under_site(const char *site, struct tn_fileset **own,
                                                       struct tn_err *err);

#endif
