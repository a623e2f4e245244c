/* SPDX-License-Identifier: MIT */
/* site.h - writes to the site folder. Paths are those of fileset.h, and the caller has checked
 * them. A file is replaced in one step, so that no reader ever sees half of it. No symbolic link
 * is followed. */
#ifndef TN_SCRIPTS_SITE_H
#define TN_SCRIPTS_SITE_H

#include "base/err.h"
#include "base/str.h"

/* Writes a file and makes missing folders. When it returns true the file is on the disk. The
 * umask decides the access modes. */
TN_MUST_CHECK bool tn_site_write(const char *site, const char *path, struct tn_str text,
                                 struct tn_err *err);
TN_MUST_CHECK bool tn_site_remove(const char *site, const char *path, struct tn_err *err);

#endif
