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
    const struct tn_serving *serving;
    const char *site;     /* folder; NULL: shipped scripts only */
    bool require_preview; /* no change without a preview of it */
};

/* The files of the site folder, or of the edit over it, with the roll backs that hold; or, where
 * the wish is a roll back, what serves with `old`, the files of that generation.  Adds to out. */
TN_MUST_CHECK struct tn_fileset *tn_asked_files(const struct tn_terms *t,
                                                const struct tn_wish *wish,
                                                const struct tn_edit *edit,
                                                const struct tn_pins *pins,
                                                const struct tn_fileset *old,
                                                struct tn_rollbacks *out, struct tn_err *err);
/* False: conflict, these are not what the wish expects. */
TN_MUST_CHECK bool tn_asked_expected(const struct tn_terms *t, const struct tn_wish *wish,
                                     const struct tn_edit *edit, const struct tn_fileset *files,
                                     struct tn_err *err);
/* True: somebody has to have seen what these would do, and the store is to be asked for hash
 * (previewed.h).  Going back to what served before is always possible. */
bool tn_asked_needs_preview(const struct tn_terms *t, const struct tn_wish *wish,
                            const struct tn_fileset *files, char hash[65]);
/* By its answer; false: conflict. */
TN_MUST_CHECK bool tn_asked_previewed(const struct tn_terms *t, const struct tn_wish *wish,
                                      const char *hash, bool seen, struct tn_err *err);

#endif
