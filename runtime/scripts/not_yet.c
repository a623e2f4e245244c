/* SPDX-License-Identifier: MIT */
#include "scripts/not_yet.h"

#include <stddef.h>
#include <string.h>

/* clang-format off */
static const struct {
    const char *what, *word, *instead;
} rows[] = {
    {"tn.adapter",  "connect",       "leave it out"},
    {"tn.adapter",  "pull",          "give each operation a function 'run'"},
    {"tn.adapter",  "push",          "leave it out"},
    {"tn.adapter",  "modules",       "leave it out"},
    {"operation",   "schedule",      "leave it out: syncs start by call, webhook or rule"},
    {"direction",   "push",          "leave the operation out: records are pulled only"},
    {"tn.webhook",  "name",          "write tn.webhook { ... }"},
    {"tn.resource", "actions",       "leave it out"},
    {"tn.resource", "events",        "leave it out: the types are \"<name>.created\" and so on"},
    {"tn.surface",  "scope",         "leave it out"},
    {"tn.route",    "scope",         "leave it out"},
};
/* clang-format on */

const char *tn_not_yet(const char *what, const char *word)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].what, what) == 0 && strcmp(rows[i].word, word) == 0)
            return rows[i].instead;
    return NULL;
}
