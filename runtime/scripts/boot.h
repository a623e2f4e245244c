/* SPDX-License-Identifier: MIT */
/* boot.h - chooses the scripts that a worker begins with. The first worker of a start takes the
 * site folder; if that is broken, the scripts that served last go on, and the log says so. Any
 * other worker takes the scripts that serve now. */
#ifndef TN_SCRIPTS_BOOT_H
#define TN_SCRIPTS_BOOT_H

#include "scripts/activation.h"

struct tn_boot;

/* As tn_activation_start; first: nothing has served since the start.  The boot is gone with done.
 */
struct tn_boot *tn_boot_start(const struct tn_activation_options *o, const struct tn_wish *wish,
                              struct tn_edit *edit, bool first, tn_activation_fn done, void *arg);
/* As tn_activation_stop. */
void tn_boot_stop(struct tn_boot *b);

#endif
