/* SPDX-License-Identifier: MIT */
#include "scripts/shipped.h"

struct tn_fileset *tn_shipped_under(const struct tn_fileset *own)
{
    struct tn_fileset *shipped = tn_fileset_embedded(tn_shipped_scripts);
    struct tn_fileset *all = tn_fileset_over(shipped, own);
    tn_fileset_unref(shipped);
    return all;
}

struct tn_fileset *tn_shipped_under_site(const char *site, struct tn_fileset **own,
                                         struct tn_err *err)
{
    struct tn_fileset *files = site ? tn_fileset_read(site, err) : NULL;
    struct tn_fileset *all = site && !files ? NULL : tn_shipped_under(files);
    if (own)
        *own = files;
    else
        tn_fileset_unref(files);
    return all;
}
