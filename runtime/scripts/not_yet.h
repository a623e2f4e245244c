/* SPDX-License-Identifier: MIT */
/* not_yet.h - the words of declarations that have no effect in this version. A file that uses
 * one is refused. A change that gives a word its effect deletes the word's row in not_yet.c. */
#ifndef TN_SCRIPTS_NOT_YET_H
#define TN_SCRIPTS_NOT_YET_H

/* what: the kind of table, as not_yet.c has it ("tn.adapter", "operation"). Returns what the
 * author can do instead, as the end of a sentence. NULL: not_yet.c does not list the word. */
const char *tn_not_yet(const char *what, const char *word);

#endif
