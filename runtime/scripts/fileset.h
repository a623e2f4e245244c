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

/* Makes a set of a table in the program. Its texts are borrowed and live as long as the program. */
struct tn_fileset *tn_fileset_embedded(const struct tn_embedded *table);
/* Reads the folders scripts, mappings and stdlib in folder (each may be missing): regular files
 * named
 * *.lua; names that begin with '.' are passed over.  Refused, with the path in err: symbolic links,
 * a file over TN_LIMIT_SCRIPT_FILE, more than TN_LIMIT_SCRIPT_FILES, text that is no UTF-8, a file
 * that changed while it was read (twice in a row). */
TN_MUST_CHECK struct tn_fileset *tn_fileset_read(const char *folder, struct tn_err *err);
/* Makes a set of all files of both; where both have a path, the file of `over` counts. over may be
 * NULL. */
struct tn_fileset *tn_fileset_over(const struct tn_fileset *under, const struct tn_fileset *over);
/* Makes a set of the files of f whose entry in wanted (one per file, in order) is true. */
struct tn_fileset *tn_fileset_pick(const struct tn_fileset *f, const bool *wanted);

/* The files whose path begins with prefix, under the rest of it; all but the one of this name or,
 * if it ends with '/', those below it; all of them with prefix before their path. */
struct tn_fileset *tn_fileset_below(const struct tn_fileset *f, const char *prefix);
struct tn_fileset *tn_fileset_without(const struct tn_fileset *f, const char *name);
struct tn_fileset *tn_fileset_moved(const struct tn_fileset *f, const char *prefix);
/* One file, by the rules of tn_fileset_read: the path is below scripts, mappings or stdlib. */
TN_MUST_CHECK struct tn_fileset *tn_fileset_one(const char *path, struct tn_str text,
                                                struct tn_err *err);

/* One file of Tenon's own, which no folder has. */
struct tn_fileset *tn_fileset_note(const char *path, struct tn_str text);

struct tn_fileset *tn_fileset_ref(struct tn_fileset *f);
void tn_fileset_unref(struct tn_fileset *f); /* NULL does nothing */

size_t tn_fileset_count(const struct tn_fileset *f);
const struct tn_file *tn_fileset_at(const struct tn_fileset *f, size_t i);
const struct tn_file *tn_fileset_find(const struct tn_fileset *f, struct tn_str path); /* or NULL */
/* SHA-256 in hex of one text. */
void tn_file_hash(struct tn_str text, char hex[65]);
/* SHA-256 in hex over the sorted list of paths and texts: the name of this content. */
void tn_fileset_hash(const struct tn_fileset *f, char hex[65]);

/* Writes the set as bytes for the store, and reads it back; unpack checks every length and path. */
void tn_fileset_pack(const struct tn_fileset *f, struct tn_buf *out);
TN_MUST_CHECK struct tn_fileset *tn_fileset_unpack(struct tn_str bytes, struct tn_err *err);

#endif
