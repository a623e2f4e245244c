/* SPDX-License-Identifier: MIT */
/* boot.h - chooses the scripts with which a worker begins. The first worker after a start takes
 * the site folder; if its scripts are broken, the scripts that served last go on serving, and
 * the log says so. Every other worker takes the scripts that serve now. */
#ifndef TN_SCRIPTS_BOOT_H
#define TN_SCRIPTS_BOOT_H

#include "scripts/activation.h"

struct tn_boot;

/* Works like tn_activation_start. first: no worker has served since the start. The boot is freed
 * with done. */
struct tn_boot *tn_boot_start(const struct tn_activation_options *o, const struct tn_wish *wish,
                              struct tn_edit *edit, bool first, tn_activation_fn done, void *arg);
/* Works like tn_activation_stop. */
void tn_boot_stop(struct tn_boot *b);

#endif
