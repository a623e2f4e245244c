/* SPDX-License-Identifier: MIT */
/* asked.h - makes the whole set of files that results from a requested change (wish.h), and
 * decides whether that set may serve. */
#ifndef TN_SCRIPTS_ASKED_H
#define TN_SCRIPTS_ASKED_H

#include "scripts/edit.h"
#include "scripts/pins.h"
#include "scripts/serving.h"
#include "scripts/wish.h"

/* What holds for every change in this worker. */
struct tn_terms {
    const struct tn_serving *serving;
    const char *site;     /* path of the site folder; NULL: there are only the shipped scripts */
    bool require_preview; /* a change needs a preview first */
};

/* Makes the set. For a roll back: the serving files, with `old` (the files of the older
 * generation) in place of the unit's. For any other wish: the site folder, changed by the edit,
 * with the roll backs that are still in force. Adds roll backs to out. */
TN_MUST_CHECK struct tn_fileset *tn_asked_files(const struct tn_terms *t,
                                                const struct tn_wish *wish,
                                                const struct tn_edit *edit,
                                                const struct tn_pins *pins,
                                                const struct tn_fileset *old,
                                                struct tn_rollbacks *out, struct tn_err *err);
/* Do the files have the hash that the wish expects? False: kind conflict. */
TN_MUST_CHECK bool tn_asked_expected(const struct tn_terms *t, const struct tn_wish *wish,
                                     const struct tn_edit *edit, const struct tn_fileset *files,
                                     struct tn_err *err);
/* True: the server requires that these files were previewed, and the caller has to ask the store
 * whether hash was (previewed.h). Going back to files that served before never needs a preview. */
bool tn_asked_needs_preview(const struct tn_terms *t, const struct tn_wish *wish,
                            const struct tn_fileset *files, char hash[65]);
/* Decides by the store's answer, seen: whether the hash was previewed. False: kind conflict. */
TN_MUST_CHECK bool tn_asked_previewed(const struct tn_terms *t, const struct tn_wish *wish,
                                      const char *hash, bool seen, struct tn_err *err);

#endif
