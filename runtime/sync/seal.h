/* SPDX-License-Identifier: MIT */
/* seal.h - encrypts the payload of a quarantined record at rest. */
#ifndef TN_SYNC_SEAL_H
#define TN_SYNC_SEAL_H

#include "base/buf.h"
#include "base/err.h"

/* Appends to out what is stored instead of payload.  False: err; the record is not stored. */
typedef bool (*tn_seal_fn)(void *arg, struct tn_str payload, struct tn_buf *out,
                           struct tn_err *err);

#endif
