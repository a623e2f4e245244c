/* SPDX-License-Identifier: MIT */
/* tables.h - the system tables, declared like those of resources; tables.c lists them. */
#ifndef TN_STORE_TABLES_H
#define TN_STORE_TABLES_H

#include "store/store.h"

extern const struct tn_table tn_system_tables[];
extern const size_t tn_system_table_count;

#endif
