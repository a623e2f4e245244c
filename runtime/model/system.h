/* SPDX-License-Identifier: MIT */
/* system.h - the entities of the system itself, as data that lists, forms and documents can read.
 * Their fields are named as they are stored; `plural` is the table (store/tables.c). */
#ifndef TN_MODEL_SYSTEM_H
#define TN_MODEL_SYSTEM_H

#include "model/entity.h"

extern const struct tn_entities tn_system_entities;
extern const struct tn_entity tn_role_entity;

#endif
