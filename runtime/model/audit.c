/* SPDX-License-Identifier: MIT */
#include "model/audit.h"

#include "store/commit.h"

bool tn_audit(struct tn_commit *commit, int64_t team, const struct tn_actor *actor,
              const char *action, const char *object, struct tn_str detail, struct tn_err *err)
{
    const struct tn_audit row = {.actor_kind = actor->kind,
                                 .actor_id = actor->id,
                                 .actor = actor->name,
                                 .request = actor->request,
                                 .address = actor->address,
                                 .action = action,
                                 .object = object,
                                 .detail = detail};
    return tn_commit_audit(commit, team, &row, err);
}
