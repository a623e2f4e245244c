/* SPDX-License-Identifier: MIT */
/* rows.h - keeps rows of integrations in memory, encrypted as the store gave them, so that code
 * which cannot wait for the store finds an integration at once. A row is dropped when it changes.
 * Life: new; read; drop or forget whenever the store reports a change; free once no read is
 * under way. Worker process. */
#ifndef TN_SCRIPTS_ROWS_H
#define TN_SCRIPTS_ROWS_H

#include "access/integration.h"

struct tn_rows;
struct tn_rows_call;
struct tn_store;

/* Borrows both. */
struct tn_rows *tn_rows_new(struct tn_store *store, const struct tn_secrets *secrets);
void tn_rows_free(struct tn_rows *rows); /* NULL does nothing */

/* id: the id or the name of the integration. */
bool tn_rows_has(const struct tn_rows *rows, int64_t team, const char *id);
/* Fills out, which the caller initialised. Kind unavailable: the row is not in memory. */
TN_MUST_CHECK bool tn_rows_find(const struct tn_rows *rows, int64_t team, const char *id,
                                struct tn_integration *out, struct tn_err *err);

/* err NULL: within this call the row is in memory. Else kinds not_found, corrupt, and those of a
 * failed read. */
typedef void (*tn_rows_fn)(void *arg, const struct tn_err *err);
/* done is called once, in a later turn.  A row that changes while it is read is read again. */
struct tn_rows_call *tn_rows_read(struct tn_rows *rows, int64_t team, const char *id,
                                  tn_rows_fn done, void *arg);
/* Cancels: done will not be called. Must not be called after done. NULL does nothing. */
void tn_rows_stop(struct tn_rows_call *call);

/* drop: the integration with this id was changed or deleted. forget: any of them may have been. */
void tn_rows_drop(struct tn_rows *rows, const char *id);
void tn_rows_forget(struct tn_rows *rows);

#endif
