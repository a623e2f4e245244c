/* SPDX-License-Identifier: MIT */
/* system.h - Tenon's own entities as data, from which lists, forms and documents are made. Their
 * fields have the names under which they are stored; `plural` is the table (store/tables.c). */
#ifndef TN_MODEL_SYSTEM_H
#define TN_MODEL_SYSTEM_H

#include "model/entity.h"

extern const struct tn_entities tn_system_entities;
extern const struct tn_entity tn_role_entity;

#endif
