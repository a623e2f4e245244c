/* SPDX-License-Identifier: MIT */
/* entity_tag.h - versions of records as ETags, and the conditions that requests name with them. */
#ifndef TN_API_ENTITY_TAG_H
#define TN_API_ENTITY_TAG_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

enum { API_TAG_LEN = 24 };

/* "\"7\"" */
void api_tag(int64_t version, char out[API_TAG_LEN]);
/* Is it a list of tags, or "*"?  False: kind syntax. */
TN_MUST_CHECK bool api_tags_wellformed(struct tn_str tags, const char *header, struct tn_err *err);
/* Is the version among them?  weak: W/"7" stands for "7" (If-None-Match); else it is never equal.
 */
bool api_tags_have(struct tn_str tags, int64_t version, bool weak);

#endif
