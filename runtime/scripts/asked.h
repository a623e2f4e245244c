/* SPDX-License-Identifier: MIT */
/* asked.h - makes the whole set of files that a requested change (wish.h) results in, and decides
 * whether it may serve. */
#ifndef TN_SCRIPTS_ASKED_H
#define TN_SCRIPTS_ASKED_H

#include "scripts/edit.h"
#include "scripts/pins.h"
#include "scripts/serving.h"
#include "scripts/wish.h"

/* The terms of all changes of a worker. */
struct tn_terms {
    struct tn_store *store;
    const struct tn_serving *serving;
    const char *site;     /* folder; NULL: shipped scripts only */
    bool require_preview; /* no change without a preview of it */
};

/* Makes the set: the site folder, the edit over it, or a unit rolled back. Adds roll backs to out.
 */
TN_MUST_CHECK struct tn_fileset *tn_asked_files(const struct tn_terms *t,
                                                const struct tn_wish *wish,
                                                const struct tn_edit *edit,
                                                struct tn_rollbacks *out, struct tn_err *err);
/* Takes site_give (the site folder over the shipped files) and applies the roll backs that still
 * hold, which it adds to out.
 */
TN_MUST_CHECK struct tn_fileset *tn_asked_pinned(const struct tn_terms *t,
                                                 struct tn_fileset *site_give,
                                                 struct tn_rollbacks *out, struct tn_err *err);
/* Are these the files whose hash the wish names? False: kind conflict. */
TN_MUST_CHECK bool tn_asked_expected(const struct tn_terms *t, const struct tn_wish *wish,
                                     const struct tn_edit *edit, const struct tn_fileset *files,
                                     struct tn_err *err);
/* Were these files previewed, if the server requires it? Going back to files that served before is
 * always allowed. */
TN_MUST_CHECK bool tn_asked_previewed(const struct tn_terms *t, const struct tn_wish *wish,
                                      const struct tn_fileset *files, struct tn_err *err);

#endif
