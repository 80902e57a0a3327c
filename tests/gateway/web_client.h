/* web_client.h: a small HTTP and WebSocket client for tests, which sends whatever
 * octets it is told to, right or wrong. It runs the server's loop while it waits. */
#pragma once

#include "sdp/str.h"

#include <openssl/ssl.h>
#include <uv.h>

struct web_client {
	uv_loop_t *loop;
	int fd;	  /* -1: closed */
	SSL *ssl; /* NULL: plain */
	char *in; /* received and not taken yet */
	size_t n, cap;
	bool ended; /* the server has closed */
};

enum { WEB_CLIENT_WAIT_MS = 12000 };

/* Connects to 127.0.0.1 and, with tls, shakes hands (any certificate). */
bool web_client_open(struct web_client *client, uv_loop_t *loop, unsigned port, bool tls);
bool web_client_start_tls(struct web_client *client); /* on a plain connection */
void web_client_close(struct web_client *client);     /* harmless when repeated */
void web_client_reset(struct web_client *client);     /* RST instead of FIN */

bool web_client_send(struct web_client *client, struct str bytes);

/* Runs the loop until `text` has come (true), the server closed or time is up. */
bool web_client_wait(struct web_client *client, struct str text);
/* ... until the server has closed. */
bool web_client_wait_end(struct web_client *client);
/* ... until at least `n` octets are there. */
bool web_client_wait_bytes(struct web_client *client, size_t n);
/* Reads what is there now, if anything. */
void web_client_read(struct web_client *client);

/* Sends the request and gives the status of the response; 0: none came. The
 * response's headers are in client->in, its body (by Content-Length) too. */
unsigned web_client_request(struct web_client *client, struct str request);
/* The value of a response header. */
struct str web_client_header(const struct web_client *client, struct str name);
struct str web_client_body(const struct web_client *client);
void web_client_forget(struct web_client *client); /* what was received */

/* A good upgrade with `extra` header lines; the status of the response. */
unsigned web_client_upgrade(struct web_client *client, struct str extra);

/* One masked frame: `first` is FIN, RSV and opcode. */
bool web_client_frame(struct web_client *client, unsigned first, struct str payload);
enum { WEB_TEXT = 0x81, WEB_BINARY = 0x82, WEB_CLOSE = 0x88, WEB_PING = 0x89, WEB_PONG = 0x8a };

/* Waits for the next frame of the server and takes it: its first octet, or 0.
 * The payload is copied to `mem`. */
unsigned web_client_take(struct web_client *client, char *mem, size_t cap, struct str *payload);

/* Waits for a close frame, dropping others; its code, or 0. */
unsigned web_client_close_code(struct web_client *client);
