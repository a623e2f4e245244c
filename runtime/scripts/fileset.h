/* SPDX-License-Identifier: MIT */
/* fileset.h - a set of script files: paths and texts, which never change once the set is made.
 * Paths are relative with forward slashes: "scripts/adapters/x.lua", "mappings/x/item.lua",
 * "stdlib/std/page.lua".  Sorted by path, no path twice.
 * Life: made by one of the calls below with one reference; shared by ref and unref. */
#ifndef TN_SCRIPTS_FILESET_H
#define TN_SCRIPTS_FILESET_H

#include "base/buf.h"
#include "base/embed.h"
#include "base/err.h"
#include "base/str.h"

struct tn_fileset;

struct tn_file {
    const char *path;
    struct tn_str text; /* a NUL follows */
};

/* Makes a set from a table that is compiled into the program. Borrows its texts, which live as
 * long as the program. */
struct tn_fileset *tn_fileset_embedded(const struct tn_embedded *table);
/* Reads the regular files named *.lua in the folders scripts, mappings and stdlib of folder
 * (each may be missing). Skips names that begin with '.'. Refuses, with the path in err:
 * symbolic links, a file over TN_LIMIT_SCRIPT_FILE, more than TN_LIMIT_SCRIPT_FILES files, text
 * that is not UTF-8, and a file that changes each time while it is read. */
TN_MUST_CHECK struct tn_fileset *tn_fileset_read(const char *folder, struct tn_err *err);
/* Makes a set of all files of both sets; where both have a path, it takes the file of `over`.
 * over may be NULL. */
struct tn_fileset *tn_fileset_over(const struct tn_fileset *under, const struct tn_fileset *over);
/* Makes a set of the files of f whose entry in wanted (one per file, in order) is true. */
struct tn_fileset *tn_fileset_pick(const struct tn_fileset *f, const bool *wanted);

/* Each makes a set. below: the files whose path begins with prefix, with that prefix cut off.
 * without: all files but the one of this name or, if the name ends with '/', those below it.
 * moved: all files, with prefix put before their paths. */
struct tn_fileset *tn_fileset_below(const struct tn_fileset *f, const char *prefix);
struct tn_fileset *tn_fileset_without(const struct tn_fileset *f, const char *name);
struct tn_fileset *tn_fileset_moved(const struct tn_fileset *f, const char *prefix);
/* Makes a set of one file, which has to keep the rules of tn_fileset_read: its path is below
 * scripts, mappings or stdlib. */
TN_MUST_CHECK struct tn_fileset *tn_fileset_one(const char *path, struct tn_str text,
                                                struct tn_err *err);

/* Makes a set of one file that Tenon itself writes and that stands in no folder. */
struct tn_fileset *tn_fileset_note(const char *path, struct tn_str text);

struct tn_fileset *tn_fileset_ref(struct tn_fileset *f);
void tn_fileset_unref(struct tn_fileset *f); /* NULL does nothing */

size_t tn_fileset_count(const struct tn_fileset *f);
const struct tn_file *tn_fileset_at(const struct tn_fileset *f, size_t i);
const struct tn_file *tn_fileset_find(const struct tn_fileset *f, struct tn_str path); /* or NULL */
/* Writes the SHA-256 of one text in hex. */
void tn_file_hash(struct tn_str text, char hex[65]);
/* Writes the SHA-256, in hex, over the sorted paths with their texts. This hash identifies the
 * set. */
void tn_fileset_hash(const struct tn_fileset *f, char hex[65]);

/* Writes the set as bytes for the store, and reads it back; unpack checks every length and path. */
void tn_fileset_pack(const struct tn_fileset *f, struct tn_buf *out);
TN_MUST_CHECK struct tn_fileset *tn_fileset_unpack(struct tn_str bytes, struct tn_err *err);

#endif
