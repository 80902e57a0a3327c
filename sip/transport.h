/* transport.h: what carries SIP messages.
 *
 * A transport is a const struct of functions and data; nothing else asks which
 * one it is. A flow is one connection, or one pair of UDP addresses, that
 * requests can be sent back on (RFC 5626). The transport makes a flow, hands
 * received messages to the endpoint, and frees it after sip_flow_closed(). */
#pragma once

#include "sip/msg.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct sip_endpoint;
struct sip_flow;
struct sip_tx;
struct sip_dialog;

struct sip_addr {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sa; /* family AF_UNSPEC: none */
};

enum { SIP_ADDR_TEXT = 64 }; /* "[v6]:port" and its NUL fit */

/* "192.0.2.1:5060" or "[2001:db8::1]:5060"; address literals only.
 * 0 or -EBADMSG. Without a port `default_port` is taken. */
int sip_addr_parse(struct str text, uint16_t default_port, struct sip_addr *addr);
struct str sip_addr_print(const struct sip_addr *addr, char mem[SIP_ADDR_TEXT]);
struct str sip_addr_print_host(const struct sip_addr *addr,
			       char mem[SIP_ADDR_TEXT]); /* no port, no brackets */
uint16_t sip_addr_port(const struct sip_addr *addr);
bool sip_addr_eq(const struct sip_addr *a, const struct sip_addr *b);
bool sip_addr_is_loopback(const struct sip_addr *addr); /* 127/8, ::1, mapped ones too */

struct sip_transport {
	const char *via;   /* "UDP" in Via: SIP/2.0/UDP */
	const char *param; /* "udp" in ;transport=udp; ws for both ws and wss */
	uint16_t port;	   /* when the URI names none */
	bool reliable;	   /* no retransmissions, linger 0 */
	bool secure;
	bool web; /* a browser's: reached only by its flow */
	enum sip_framing framing;

	/* Sends one message; copies it if it cannot go at once. 0, -EMSGSIZE,
	 * -ENOBUFS (a slow reader: the flow is being closed), -EPIPE. */
	int (*send)(struct sip_flow *flow, struct str message);

	/* Closes the connection; sip_flow_closed() follows from the loop, not
	 * from within this call. Harmless when repeated. */
	void (*close)(struct sip_flow *flow);
};

struct sip_flow {
	const struct sip_transport *transport;
	struct sip_endpoint *endpoint;
	uint64_t id; /* never used twice in a process's life; 0: none */
	struct sip_addr local, remote;
	char sent_by[SIP_ADDR_TEXT + 16]; /* our host:port for Via and Contact on this flow */
	void *user;			  /* the gateway's: its identity record; may be NULL */

	/* the endpoint's: zeroed by the transport, changed by nobody else */
	bool open;		      /* between sip_flow_opened() and sip_flow_closed() */
	struct sip_flow *next, *prev; /* its list */
	struct sip_flow *bucket;      /* its table by id */
	struct sip_tx *transactions;  /* on this flow */
	struct sip_dialog *dialogs;   /* on this flow: with either, somebody holds it */
};
