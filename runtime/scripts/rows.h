/* SPDX-License-Identifier: MIT */
/* rows.h - rows of integrations at hand: as the store gave them, sealed, until they change, so that
 * who needs an integration within a turn has it.
 * Life: new; read, and drop or forget whenever the store says so; free once no read is under way.
 * Worker process. */
#ifndef TN_SCRIPTS_ROWS_H
#define TN_SCRIPTS_ROWS_H

#include "access/integration.h"

struct tn_rows;
struct tn_rows_call;
struct tn_store;

/* Borrows both. */
struct tn_rows *tn_rows_new(struct tn_store *store, const struct tn_secrets *secrets);
void tn_rows_free(struct tn_rows *rows); /* NULL does nothing */

/* By its id or name. */
bool tn_rows_has(const struct tn_rows *rows, int64_t team, const char *id);
/* Fills out, which was initialised.  Kind unavailable: it is not at hand. */
TN_MUST_CHECK bool tn_rows_find(const struct tn_rows *rows, int64_t team, const char *id,
                                struct tn_integration *out, struct tn_err *err);

/* err NULL: it is at hand within this call.  Else not_found, corrupt, or the store cannot be read.
 */
typedef void (*tn_rows_fn)(void *arg, const struct tn_err *err);
/* done is called once, in a later turn.  A row that changes while it is read is read again. */
struct tn_rows_call *tn_rows_read(struct tn_rows *rows, int64_t team, const char *id,
                                  tn_rows_fn done, void *arg);
/* done is not called; not once it was.  NULL does nothing. */
void tn_rows_stop(struct tn_rows_call *call);

/* This one was changed or deleted; any may have been. */
void tn_rows_drop(struct tn_rows *rows, const char *id);
void tn_rows_forget(struct tn_rows *rows);

#endif
