/* SPDX-License-Identifier: MIT */
/* tap.h - an observer of the pages of a source on their way to the run. */
#ifndef TN_SYNC_TAP_H
#define TN_SYNC_TAP_H

#include "sync/source.h"

struct tn_tap {
    /* Before the run gets the page; what is borrowed there is here too. */
    void (*look)(void *arg, const struct tn_source_page *page);
    void (*closed)(void *arg); /* the source was: called once */
};
/* Puts the tap between a source that was just opened and the caller that opened it. */
void tn_source_tap(struct tn_source *source, const struct tn_tap *tap, void *arg);

/* "oracle_fusion/item", when the mapping is "mappings/oracle_fusion/item.lua"; "" when it is none.
 */
void tn_source_mapping(const struct tn_source *source, char *name, size_t room);

#endif
