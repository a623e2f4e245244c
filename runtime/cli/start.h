/* SPDX-License-Identifier: MIT */
/* start.h - the files of a start (tenon new): templates/new/ makes them in an isolate of their own,
 * and they are written where nothing is. */
#ifndef TN_CLI_START_H
#define TN_CLI_START_H

#include "base/json.h"
#include "scripts/units.h"

/* Runs templates/new/main.lua with request (JSON); *answer gets what it returns, as JSON. answer is
 * initialised. False: err is what it raised. */
TN_MUST_CHECK bool tn_start_make(struct tn_host *host, const struct tn_buf *request,
                                 struct tn_buf *answer, struct tn_err *err);

/* The files to be written: paths below a folder, and texts. */
struct tn_start_file {
    char *path, *text; /* allocated */
    bool keep;         /* a file that is there already is left as it is, and is no fault */
};
struct tn_start {
    struct tn_start_file *v;
    size_t n;
};
void tn_start_add(struct tn_start *s, const char *path, struct tn_str text, bool keep);
void tn_start_clear(struct tn_start *s);
/* Exchanges word for by in all texts. */
void tn_start_exchange(struct tn_start *s, const char *word, struct tn_str by);
/* Writes the files below folder, which is made when it is missing. Prints "wrote PATH" for each.
 * False: a file is there already (then nothing was written), or one cannot be written. */
TN_MUST_CHECK bool tn_start_write(const struct tn_start *s, const char *folder, struct tn_err *err);

#endif
