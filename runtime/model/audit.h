/* SPDX-License-Identifier: MIT */
/* audit.h - rows of the audit log, written from the actor who does the thing.
 *
 * The log covers what is done to the system's own things (keys, roles, integrations, scripts,
 * quarantine, plans, backups), records that are deleted with their history, and what scripts note
 * by tx:audit.  Other writes of records are in the events (docs/decisions/records.md). */
#ifndef TN_MODEL_AUDIT_H
#define TN_MODEL_AUDIT_H

#include "model/actor.h"

struct tn_commit;

/* Adds a row to the commit of the act itself, so that neither is there without the other.  team:
 * who may read the row; TN_TEAM_SYSTEM for what concerns all teams.  action is entity and verb
 * ("key.revoke"), object the record's id, or its name where it has none, or "".  detail: JSON or
 * ""; no secrets.  It asks for no permission: the caller has asked for that of the act. */
TN_MUST_CHECK bool tn_audit(struct tn_commit *commit, int64_t team, const struct tn_actor *actor,
                            const char *action, const char *object, struct tn_str detail,
                            struct tn_err *err);

#endif
