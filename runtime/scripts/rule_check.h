/* SPDX-License-Identifier: MIT */
/* rule_check.h - checks that the events exist for which a rule waits. */
#ifndef TN_SCRIPTS_RULE_CHECK_H
#define TN_SCRIPTS_RULE_CHECK_H

#include "scripts/declared.h"

/* False: err says why, and key is the member of the declaration that is at fault. */
TN_MUST_CHECK bool tn_rule_check(const struct tn_rule *rule, const struct tn_entities *resources,
                                 const char **key, struct tn_err *err);

#endif
