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
    const struct tn_serving *serving;
    const char *site;     /* folder; NULL: shipped scripts only */
    bool require_preview; /* no change without a preview of it */
};

/* Makes the set: the site folder, or the edit over it, with the roll backs that hold; or, where the
 * wish is a roll back, the serving files with `old`, the files of that generation. Adds roll backs
 * to out. */
TN_MUST_CHECK struct tn_fileset *tn_asked_files(const struct tn_terms *t,
                                                const struct tn_wish *wish,
                                                const struct tn_edit *edit,
                                                const struct tn_pins *pins,
                                                const struct tn_fileset *old,
                                                struct tn_rollbacks *out, struct tn_err *err);
/* Are these the files whose hash the wish names? False: kind conflict. */
TN_MUST_CHECK bool tn_asked_expected(const struct tn_terms *t, const struct tn_wish *wish,
                                     const struct tn_edit *edit, const struct tn_fileset *files,
                                     struct tn_err *err);
/* True: the server requires that these files were previewed, and the store is to be asked for hash
 * (previewed.h). Going back to files that served before is always allowed. */
bool tn_asked_needs_preview(const struct tn_terms *t, const struct tn_wish *wish,
                            const struct tn_fileset *files, char hash[65]);
/* Goes by the store's answer. False: kind conflict. */
TN_MUST_CHECK bool tn_asked_previewed(const struct tn_terms *t, const struct tn_wish *wish,
                                      const char *hash, bool seen, struct tn_err *err);

#endif
