/* SPDX-License-Identifier: MIT */
/* shipped.h - the scripts that travel inside the program, under those of the site folder. */
#ifndef TN_SCRIPTS_SHIPPED_H
#define TN_SCRIPTS_SHIPPED_H

#include "scripts/fileset.h"

/* The shipped files under own (NULL: none). */
struct tn_fileset *tn_shipped_under(const struct tn_fileset *own);
/* The same under the files of the site folder (NULL: there is none).  own (may be NULL) gets those
 * of the folder alone; NULL: none. */
TN_MUST_CHECK struct tn_fileset *tn_shipped_under_site(const char *site, struct tn_fileset **own,
                                                       struct tn_err *err);

#endif
