/* ice_servers.h: what a page is told of TURN servers, and the token it asks with.
 *
 *   200 to REGISTER --Hookswitch-Token--> page --Bearer--> GET /api/v1/ice-servers
 *
 * The credentials are those that coturn's use-auth-secret checks: a user name that
 * begins with the time of its end, and an HMAC over it with a secret that the TURN
 * servers share with us. The token says which run of which gateway accepted which
 * name on which flow, and until when; its MAC is made with the same secret, so that
 * any gateway that has it can read what another one made.
 *
 * Pure: no clock, no flow. */
#pragma once

#include "sdp/str.h"

enum {
	ICE_MOST_NAME = 400,	/* octets; an identity that needs more gets no token */
	ICE_TOKEN_TEXT = 680,	/* room for a token and its NUL */
	ICE_JSON_BYTES = 32768, /* room for the answer, with as many URLs as a list has */
};

struct ice_servers {
	const char *const *urls; /* "turn:host", "turns:host:443?transport=tcp" (RFC 7065) */
	size_t n_urls;
	struct str secret;
	uint32_t ttl_s;
};

/* What a token says. */
struct ice_claim {
	uint64_t boot;	  /* the run of the gateway that made it */
	uint64_t flow;	  /* there */
	uint64_t until_s; /* unix time at which the registration ends */
	char name[ICE_MOST_NAME + 1];
};

/* "sip:alice@example.org" or "alice" as the name of a TURN user: without "sip:", and
 * what is not a letter, digit or one of -._~@+ escaped. 0, or -EMSGSIZE. */
int ice_name(struct str identity, char name[ICE_MOST_NAME + 1]);

/* 0, or -EIO when OpenSSL cannot. */
int ice_token_make(const struct ice_servers *servers, const struct ice_claim *claim,
		   char text[ICE_TOKEN_TEXT]);

/* True and *claim if it was made with our secret; whether it still holds is the
 * caller's to know. */
bool ice_token_read(const struct ice_servers *servers, struct str text, struct ice_claim *claim);

/* {"iceServers":[{"urls":[...],"username":"END:NAME","credential":"..."}],"ttl":SECONDS}
 * into mem. 0, -ENOBUFS or -EIO. */
int ice_servers_print(const struct ice_servers *servers, const char *name, uint64_t now_s,
		      char *mem, size_t cap, struct str *out);
