/* SPDX-License-Identifier: MIT */
#include "scripts/asked.h"

#include "scripts/shipped.h"

/* ---- files ---- */

/* Makes a set of the serving files, with the files of an older generation for the unit. */
static struct tn_fileset *rolled_back(const struct tn_terms *t, const struct tn_wish *wish,
                                      const struct tn_fileset *old, struct tn_rollbacks *out)
{
    struct tn_err unread;
    struct tn_fileset *site = tn_shipped_under_site(t->site, NULL, &unread);
    struct tn_fileset *all =
        tn_pins_roll_back(tn_units_files(tn_serving_units(t->serving)), site, wish->unit, old, out);
    tn_fileset_unref(site);
    return all;
}

struct tn_fileset *tn_asked_files(const struct tn_terms *t, const struct tn_wish *wish,
                                  const struct tn_edit *edit, const struct tn_pins *pins,
                                  const struct tn_fileset *old, struct tn_rollbacks *out,
                                  struct tn_err *err)
{
    if (wish->unit[0]) return rolled_back(t, wish, old, out);
    struct tn_fileset *site = tn_edit_site(edit, err);
    if (!site) return NULL;
    return tn_pins_apply(pins, tn_units_files(tn_serving_units(t->serving)), site, out);
}

/* ---- may the files serve? ---- */

enum { EXPECT_MIN = 8, HASH_LEN = 64 };

static bool is_hash_start(const char *text)
{
    size_t n = strspn(text, "0123456789abcdef");
    return n >= EXPECT_MIN && n <= HASH_LEN && !text[n];
}

bool tn_asked_expected(const struct tn_terms *t, const struct tn_wish *wish,
                       const struct tn_edit *edit, const struct tn_fileset *files,
                       struct tn_err *err)
{
    const char *expect = wish->expect;
    char hash[65];
    if (!expect[0]) return true;
    if (!is_hash_start(expect))
        return tn_fail(
            err, TN_E_invalid,
            "the expected hash has %d to 64 digits of 0-9 and a-f: all of it, or its first ones",
            EXPECT_MIN);
    tn_fileset_hash(files, hash);
    /* Another worker has already loaded the files that this edit wrote, so they serve. */
    if (tn_edit_written(edit) && strcmp(hash, tn_serving_hash(t->serving)) == 0) return true;
    return strncmp(hash, expect, strlen(expect)) == 0 ||
           tn_fail(err, TN_E_conflict,
                   "the site folder%s is not the one with the expected hash: its hash is %.12s now",
                   tn_edit_pending(edit) ? " with these files" : "", hash);
}

bool tn_asked_needs_preview(const struct tn_terms *t, const struct tn_wish *wish,
                            const struct tn_fileset *files, char hash[65])
{
    if (!t->require_preview || wish->unit[0]) return false;
    tn_fileset_hash(files, hash);
    return strcmp(hash, tn_serving_hash(t->serving)) != 0;
}

bool tn_asked_previewed(const struct tn_terms *t, const struct tn_wish *wish, const char *hash,
                        bool seen, struct tn_err *err)
{
    if (seen && (wish->expect[0] || !tn_serving_units(t->serving))) return true;
    return tn_fail(err, TN_E_conflict,
                   "this server takes changes of scripts only by the hash of a preview "
                   "(--require-preview): tenon preview, then tenon reload --expect %.12s%s",
                   hash, seen ? "" : ", which nobody has previewed yet");
}
