/* SPDX-License-Identifier: MIT */
/* decl.h - loads and checks the declarations of script files and turns them into the structs of
 * declared.h. Life: load; read; free. A declaration holds a reference to its isolate. */
#ifndef TN_SCRIPTS_DECL_H
#define TN_SCRIPTS_DECL_H

#include "scripts/declared.h"

/* Loads the file and checks its declaration. NULL: err names the file, the line of the key at
 * fault, what was expected there, and the word that was probably meant. */
TN_MUST_CHECK struct tn_decl *tn_decl_load(struct tn_isolate *iso, const char *path,
                                           enum tn_decl_kind kind, struct tn_err *err);
/* The same for a value that was loaded already (tn_isolate_load); ref stays the caller's. */
TN_MUST_CHECK struct tn_decl *tn_decl_read(struct tn_isolate *iso, const char *path, int ref,
                                           enum tn_decl_kind kind, struct tn_err *err);
void tn_decl_free(struct tn_decl *decl);               /* NULL does nothing */
const char *tn_decl_kind_name(enum tn_decl_kind kind); /* "adapter" */

#endif
