/* frame.h: cuts a byte stream into SIP messages (RFC 3261 §18.3, RFC 5626 §3.5.1).
 *
 * A core: bytes and the time go in, messages come out through `on_message`. A
 * double CRLF between messages is a ping and answered through `on_ping`. */
#pragma once

#include "sip/msg.h"

struct sip_framer;

struct sip_framer_events {
	/* One whole message; `bytes` is borrowed for the call. */
	void (*on_message)(void *arg, struct str bytes);
	void (*on_ping)(void *arg); /* answer with one CRLF */
	/* Whole headers whose Content-Length is missing, repeated or unreadable:
	 * a 400 may be sent (the parser refuses them too) before the connection
	 * is closed. May be NULL. */
	void (*on_refused)(void *arg, struct str headers);
};

enum {
	SIP_FRAME_HEADER_MS = 10000,  /* from the first octet to the end of the headers */
	SIP_FRAME_MESSAGE_MS = 30000, /* ... to the end of the message */
};

int sip_framer_new(const struct sip_framer_events *events, void *arg, struct sip_framer **out);
void sip_framer_free(struct sip_framer *framer); /* allowed in its own callback */

/* 0, or what must close the connection: -EBADMSG (missing, repeated or
 * unreadable Content-Length, not SIP at all), -EMSGSIZE, -ENOMEM. After an
 * error nothing more is read. */
int sip_framer_put(struct sip_framer *framer, struct str bytes, uint64_t now_ms);

/* When the connection must be closed for slowness; UINT64_MAX: not waiting. */
uint64_t sip_framer_due(const struct sip_framer *framer);
