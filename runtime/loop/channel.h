/* SPDX-License-Identifier: MIT */
/* channel.h - sends whole messages over a stream socket between processes of one machine. Frame:
 * u32 length of the payload, u32 type, u64 number, payload; in the CPU's little endian. Life: new
 * takes over the descriptor; messages arrive until the peer is gone; free closes it. */
#ifndef TN_LOOP_CHANNEL_H
#define TN_LOOP_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct tn_loop;
struct tn_channel;

struct tn_message {
    uint32_t type;
    uint64_t number;       /* chosen by the sender; an answer carries the number of its request */
    struct tn_str payload; /* borrowed for the call */
};

struct tn_channel_ops {
    /* Gets each message. May free the channel. */
    void (*message)(void *arg, const struct tn_message *m);
    /* The peer is gone or broke the framing; no message follows. May free the channel. */
    void (*closed)(void *arg);
    /* Optional: all messages that were waiting have been handed over, so the user can work in
     * batches. */
    void (*drained)(void *arg);
};

/* max: the largest payload that is accepted; a larger one closes the channel. */
struct tn_channel *tn_channel_new(struct tn_loop *loop, int fd, size_t max,
                                  const struct tn_channel_ops *ops, void *arg);
void tn_channel_free(struct tn_channel *c); /* NULL does nothing */
/* Copies the payload; sends when the socket takes it. After closed was called, it does nothing. */
void tn_channel_send(struct tn_channel *c, uint32_t type, uint64_t number, struct tn_str payload);
/* Bytes that were sent but not yet taken by the socket. */
size_t tn_channel_pending(const struct tn_channel *c);

#endif
