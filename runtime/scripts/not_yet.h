/* SPDX-License-Identifier: MIT */
/* not_yet.h - the words of declarations that have no effect in this version: a file that says one
 * is refused.  Whoever gives a word its effect deletes its row in not_yet.c. */
#ifndef TN_SCRIPTS_NOT_YET_H
#define TN_SCRIPTS_NOT_YET_H

/* what: the kind of table, as it stands in not_yet.c ("tn.adapter", "operation").  NULL: the word
 * is none of them.  Else what to do in place of it, as the end of a sentence. */
const char *tn_not_yet(const char *what, const char *word);

#endif
