/* private.h: the inside of struct ice, for the files of this folder. */
#pragma once

#include "ice/bridge.h"
#include "ice/ice.h"
#include "ice/peers.h"

#include <nice/agent.h>

enum {
	ICE_COMPONENT = 1,
	ICE_MOST_DATAGRAM = 4096,  /* longer ones are no RTP of a browser: dropped */
	ICE_DATAGRAMS_A_TURN = 64, /* then other sessions of the loop have a turn */
	ICE_ITERATIONS_A_TURN = 16,
	ICE_PACE_MS = 10,   /* between checks: the least wait for the path back (RFC 8445 §14.2) */
	ICE_IDLE_MS = 50,   /* nothing left to check for so long: libnice's tick ends */
	ICE_HELD_WAITS = 3, /* of patience_ms, at most, for a peer that has begun to check */
	ICE_SPARE_DESCRIPTORS = 12, /* beside a socket and its dup() for each address */
};

struct ice_route { /* where ice_send() sends, past libnice */
	int fd;	   /* ours; -1: use libnice */
	union ice_address to;
};

struct ice {
	uv_loop_t *loop;
	const struct ice_events *events;
	void *arg;
	union ice_address advertise;
	bool advertises;

	GMainContext *context;
	NiceAgent *agent;
	guint stream;
	struct bridge *bridge;
	int hosts[ICE_MOST_LOCAL]; /* libnice's descriptors of the host sockets */
	size_t n_hosts;

	char *local_ufrag, *local_pwd;
	char remote_ufrag[ICE_MOST_UFRAG + 1], remote_pwd[ICE_MOST_PWD + 1];
	struct ice_peers remotes; /* candidates told */
	GSList *held;		  /* of them, what libnice does not know; the last first */
	GSource *held_timer;
	unsigned patience_ms, held_waits;
	bool found_pair;	    /* since the last restart */
	struct ice_peers senders;   /* sources of verified checks */
	union ice_address selected; /* the pair's remote end */
	bool has_selected;
	struct ice_route route;

	bool gathered, reselected, failed; /* events not told yet */
	bool closing;
	int depth; /* functions of ours on the stack */

	uint64_t last_check_ms;
	struct ice_drops drops;
};

/* receive.c. Reads from a host socket (our dup() `fd`) what stands before the next
 * good check: calls on_packet or drops. True when libnice should read now. */
bool ice_read_socket(struct ice *ice, int fd, int most);

/* receive.c: libnice's callback, for what it read behind a check. */
void ice_on_nice_packet(NiceAgent *agent, guint stream, guint component, guint n, gchar *bytes,
			gpointer arg);

/* held.c. Takes the candidate; libnice gets it now, later or never. */
void ice_hold(struct ice *ice, NiceCandidate *candidate);
void ice_held_drop(struct ice *ice);

/* candidate.c. `advertise` is applied. */
void ice_candidate_from_nice(const struct ice *ice, const NiceCandidate *from,
			     struct ice_candidate *to);

/* candidate.c. To be freed with nice_candidate_free(). */
NiceCandidate *ice_candidate_to_nice(const struct ice *ice, const struct ice_candidate *from,
				     const union ice_address *address);
