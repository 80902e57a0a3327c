/* far.h: the far ends of media sessions, over real sockets of 127.0.0.1 and on the
 * test's loop: a browser (ICE, DTLS and SRTP of our own libraries), a desk phone, and
 * the wire between browser and gateway, which looks at every datagram. */
#pragma once

#include "dtls/dtls.h"
#include "dtls/srtp.h"
#include "gateway/workers.h"
#include "ice/ice.h"
#include "tests/gateway/voice.h"

enum { FAR_INTERVAL_MS = 20 }; /* between packets, as in life: the gateway plays by the clock */

/* ---- the wire ---- */

enum { WIRE_PASS, WIRE_DROP, WIRE_LATE };

struct wire_counts {
	unsigned stun, dtls, rtp, rtcp, other; /* by the first octet, from the gateway */
};

struct wire {
	uv_udp_t udp;
	uint16_t port;
	struct sockaddr_in gateway, browser;
	bool has_gateway;
	bool cut;	    /* nothing passes, either way */
	bool holds_dtls;    /* of the browser, so that no keys come about */
	bool holds_answers; /* of the browser to checks, so that no pair is selected */
	struct wire_counts counts;
	unsigned hellos;    /* DTLS of the browser that passed */
	unsigned strangers; /* datagrams of neither */
	/* Decides about each SRTP packet; NULL: all pass. WIRE_LATE: it comes behind
	 * the next one. */
	int (*judge)(void *arg, bool from_gateway);
	void *arg;
	struct {
		size_t n;
		uint8_t bytes[2048];
	} late[2]; /* to the browser, to the gateway */
	uint8_t buffer[2048];
	unsigned judged, dropped, delayed;
};

void wire_open(struct wire *wire, uv_loop_t *loop);
void wire_close(struct wire *wire);

/* ---- the browser ---- */

struct browser {
	uv_loop_t *loop;
	struct wire *wire;
	struct ice *ice;
	struct ice_local local;
	struct dtls_context *context;
	struct dtls_certificate *certificate;
	struct sdp_fingerprint fingerprint; /* as it tells */
	struct dtls *dtls;
	struct dtls_srtp *srtp;
	uv_timer_t timer, talk;
	uint64_t talk_ms, talked; /* since when, and packets */
	struct voice voice;
	bool dtls_client;
	int gathered, connected, failed, closed;
	unsigned not_authentic; /* packets of the gateway */
	unsigned rtcp;		/* packets heard */
	unsigned early;		/* packets sent before DTLS was over here */
};

/* Behind its wire: the gateway sees the wire's address only. */
void browser_open(struct browser *browser, uv_loop_t *loop, struct wire *wire, bool controlling,
		  const struct codec *codec, uint8_t pt, double hz);
/* A browser that knows only these SRTP profiles (DTLS_OFFER_*); before the next. */
void browser_only(struct browser *browser, unsigned profiles);
void browser_set_remote(struct browser *browser, const char *ufrag, const char *pwd,
			const struct dtls_fingerprint *fingerprint, bool dtls_client,
			uint16_t gateway_port);
/* Restarts ICE: browser_describe() gives its new credentials, and it checks again with
 * the gateway's new ones. */
void browser_restart_ice(struct browser *browser);
void browser_restarted(struct browser *browser, const char *ufrag, const char *pwd);
void browser_talk(struct browser *browser, bool on);
void browser_close(struct browser *browser); /* the loop must run until `closed` */

/* What its description says; with no candidate when `candidates` is false. */
void browser_describe(const struct browser *browser, bool candidates, struct session_remote *out);

/* ---- the phone ---- */

struct phone {
	uv_udp_t rtp, rtcp;
	uint16_t port, rtcp_port;
	struct sockaddr_in to, rtcp_to;
	uv_timer_t talk;
	uint64_t talk_ms, talked; /* since when, and packets */
	struct voice voice;
	unsigned rtcp_heard, byes;
	unsigned not_rtp;
	int (*judge)(void *arg); /* of what it sends; NULL: all pass */
	void *arg;
	size_t n_late;
	uint8_t late[RTP_MAX_PACKET + RTP_TAIL];
	uint8_t buffer[2048];
	int open_handles;
};

void phone_open(struct phone *phone, uv_loop_t *loop, const struct codec *codec, uint8_t pt,
		double hz);
void phone_set_remote(struct phone *phone, uint16_t port, uint16_t rtcp_port);
void phone_talk(struct phone *phone, bool on);
void phone_close(struct phone *phone); /* the loop must run until open_handles is 0 */
void phone_describe(const struct phone *phone, struct session_remote *out);

/* Fills in the media of a session whose peer speaks that codec. */
void far_media(const struct voice *voice, struct session_remote *out);
