/* SPDX-License-Identifier: MIT */
/* asked.h - the whole set of files that a wish comes to, and whether it may be taken up. */
#ifndef TN_SCRIPTS_ASKED_H
#define TN_SCRIPTS_ASKED_H

#include "scripts/edit.h"
#include "scripts/pins.h"
#include "scripts/serving.h"
#include "scripts/wish.h"

/* What all changes of a worker go by. */
struct tn_terms {
    struct tn_store *store;
    const struct tn_serving *serving;
    const char *site;     /* folder; NULL: shipped scripts only */
    bool require_preview; /* no change without a preview of it */
};

/* The files of the site folder, of the edit over it, or of a unit rolled back.  Adds to out. */
TN_MUST_CHECK struct tn_fileset *tn_asked_files(const struct tn_terms *t,
                                                const struct tn_wish *wish,
                                                const struct tn_edit *edit,
                                                struct tn_rollbacks *out, struct tn_err *err);
/* site_give (the site folder over the shipped files) with the roll backs that hold.  Adds to out.
 */
TN_MUST_CHECK struct tn_fileset *tn_asked_pinned(const struct tn_terms *t,
                                                 struct tn_fileset *site_give,
                                                 struct tn_rollbacks *out, struct tn_err *err);
/* False: conflict, these are not what the wish expects. */
TN_MUST_CHECK bool tn_asked_expected(const struct tn_terms *t, const struct tn_wish *wish,
                                     const struct tn_edit *edit, const struct tn_fileset *files,
                                     struct tn_err *err);
/* Whether somebody has seen what these would do, where that is asked for.  Going back to what
 * served before is always possible. */
TN_MUST_CHECK bool tn_asked_previewed(const struct tn_terms *t, const struct tn_wish *wish,
                                      const struct tn_fileset *files, struct tn_err *err);

#endif
