/* ice.h: the ICE side of one web leg (RFC 8445): one stream, one component.
 *
 * Promises: a datagram is handed up only when its sender proved, by a
 * connectivity check under our password, that it knows the session; whatever
 * else arrives is dropped here. A peer may come as late as it likes and with no
 * candidate at all. Every function and event belongs to the loop given to
 * ice_new(). GLib ends the process when memory runs out, so does this part. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum {
	ICE_MOST_LOCAL = 8,   /* local addresses, so also local candidates */
	ICE_MOST_REMOTE = 32, /* candidates of the peer, since the last restart */
	ICE_MOST_SENDERS = 8, /* sources that passed a check */
	ICE_MOST_UFRAG = 256, /* characters, RFC 8445 §5.3 */
	ICE_MOST_PWD = 256,
};

enum ice_type { ICE_HOST, ICE_SRFLX, ICE_PRFLX, ICE_RELAY };

struct ice_candidate {
	char foundation[33]; /* NUL-terminated, RFC 8839 §5.1 */
	unsigned component;  /* 1 */
	bool tcp;	     /* peers offer it; we skip it */
	uint32_t priority;
	char address[INET6_ADDRSTRLEN + 8]; /* an IPv4 or IPv6 address, never a name */
	uint16_t port;
	enum ice_type type;
};

struct ice_local {
	const char *ufrag; /* both live until the next ice_restart() */
	const char *pwd;
	struct ice_candidate candidates[ICE_MOST_LOCAL];
	size_t n;
};

/* Any of these may be NULL. None is called before ice_new() returned, and none
 * but on_closed after ice_close(). ice_close() may be called inside each. */
struct ice_events {
	/* The local candidates are there: next turn of the loop after ice_new(). */
	void (*on_gathered)(void *arg);

	/* A pair was selected: the first one, or another than before. */
	void (*on_connected)(void *arg);

	/* All checks failed, or the selected pair has not answered for most of a minute.
	 * Nothing is torn down: a pair there was is still used, and checks of the peer
	 * that come later connect. The verdict is the caller's; see ice_last_check_ms(). */
	void (*on_failed)(void *arg);

	/* One datagram (not STUN) of an accepted sender, aligned to 8 bytes. The bytes
	 * may be changed in place and are gone after the call. */
	void (*on_packet)(void *arg, uint8_t *bytes, size_t n);

	/* Everything is freed: the last word. */
	void (*on_closed)(void *arg);
};

struct ice_config {
	uv_loop_t *loop;
	const char *const *addresses; /* local addresses to use, in text */
	size_t n_addresses;	      /* 1 to ICE_MOST_LOCAL */
	uint16_t port_min, port_max;  /* 0, 0: any */
	bool controlling;	      /* we made the offer (RFC 8445 §6.1.1) */
	unsigned patience_ms;	      /* how long the peer's own checks are waited for before
	                               * its candidates are tried; 0: not at all */
	const char *advertise;	      /* told to the peer in place of each IPv4 (or, if it is
	                               * one, IPv6) address, for 1:1 NAT; NULL: as they are */
	const struct ice_events *events;
	void *arg;
};

struct ice;

/* Opens the sockets and makes credentials and host candidates. The config is
 * copied, `events` and `loop` are borrowed for life. -EINVAL for a bad address,
 * -EADDRINUSE when the port range is used up, -EMFILE without spare descriptors. Free with ice_close(). */
int ice_new(const struct ice_config *config, struct ice **out);

/* Stops at once and frees in later turns of the loop; on_closed tells when. The
 * pointer is not to be used any more. NULL is fine; on_closed does not come then. */
void ice_close(struct ice *ice);

/* What the peer has to be told. The candidates are a copy with `advertise`
 * applied; valid right after ice_new(). */
void ice_get_local(const struct ice *ice, struct ice_local *local);

/* The peer's credentials, text without a NUL inside. Once, before candidates;
 * later changes go through ice_restart(). The same credentials again are fine
 * and change nothing. -EBADMSG for a length or a character RFC 8839 §5.4 does
 * not allow, -EINVAL when there are others already. */
int ice_set_remote(struct ice *ice, const char *ufrag, const char *pwd);

/* One candidate of the peer, any time after ice_set_remote(). It is tried when
 * `patience_ms` has gone by without a pair. 0 when taken or already known; -ENOTSUP when skipped (TCP, another component, priority or port
 * that cannot be, a name instead of an address); -ENOBUFS beyond
 * ICE_MOST_REMOTE; -EINVAL before ice_set_remote(). None is an error of the call. */
int ice_add_remote(struct ice *ice, const struct ice_candidate *candidate);

/* Whether these credentials ask for an ICE restart: both differ from the ones in
 * force (RFC 8839 §4.4.1.1.1). */
bool ice_is_restart(const struct ice *ice, const char *ufrag, const char *pwd);

/* Begins anew, with new local credentials (read them with ice_get_local()) and
 * the peer's new ones, or NULL, NULL when they are not known yet. Ports stay. The
 * old pair carries media until a new one is selected. -EBADMSG as above. */
int ice_restart(struct ice *ice, const char *ufrag, const char *pwd);

/* One datagram to the peer on the selected pair. -ENOTCONN before there is one,
 * -EAGAIN when the socket is full (the datagram is dropped), -EMSGSIZE. */
int ice_send(struct ice *ice, const void *bytes, size_t n);

bool ice_connected(const struct ice *ice);

/* When the peer last proved by STUN that it is there, in ms of uv_now(); 0: never. */
uint64_t ice_last_check_ms(const struct ice *ice);

/* "127.0.0.1:4000 host -> 127.0.0.1:5000 prflx", for the trace; empty without a pair. */
void ice_print_pair(const struct ice *ice, char *text, size_t size);

/* Datagrams dropped, by reason. */
struct ice_drops {
	uint64_t stun;	   /* malformed or not authenticated */
	uint64_t stranger; /* not STUN and the sender is not accepted */
};
void ice_get_drops(const struct ice *ice, struct ice_drops *drops);
