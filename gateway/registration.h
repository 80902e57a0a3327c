/* registration.h: what a REGISTER asks for, read and judged (RFC 3261 §10.3,
 * steps 5 to 7). No state: it looks at the table and changes nothing. */
#pragma once

#include "gateway/auth.h"
#include "gateway/locations.h"
#include "sip/endpoint.h"

struct domains;

enum {
	REGISTRATION_MAX_URI = 512, /* octets of a contact's URI */
	REGISTRATION_MAX_INSTANCE = 256,
	REGISTRATION_MAX_AGENT = 128,
};

struct registration {
	char user[AUTH_MAX_USER + 1];
	bool remove_all; /* Contact: * */
	struct {
		struct location at; /* texts borrow from the request and from below */
		uint32_t expires_s; /* 0: remove */
	} contacts[SIP_MAX_CONTACTS];
	size_t n;
	char local[SIP_ADDR_TEXT], remote[SIP_ADDR_TEXT];
	uint64_t flow; /* id of the flow it came by */
	bool web;
};

struct registration_rules {
	const struct domains *domains;
	uint32_t min_expires_s, max_expires_s;
	size_t max_contacts; /* of one user */
};

/* Why it must be refused. */
struct registration_refusal {
	unsigned status; /* 0: it is fine */
	const char *reason;
};

/* Is the request for one of our users at all? 404 or 403 if not. Before anyone
 * is authenticated. */
struct registration_refusal registration_domain(const struct domains *domains,
						const struct sip_msg *request);

/* `user` is who was authenticated; `flow` the one it came by. */
struct registration_refusal registration_read(const struct registration_rules *rules,
					      struct locations *locations,
					      const struct sip_msg *request, struct str user,
					      const struct sip_flow *flow,
					      struct registration *out);
