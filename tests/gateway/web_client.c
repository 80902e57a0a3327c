#define _GNU_SOURCE /* memmem */
/* web_client.c: see web_client.h. */
#include "tests/gateway/web_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static SSL_CTX *tls_context(void)
{
	static SSL_CTX *ctx;

	if (!ctx)
		ctx = SSL_CTX_new(TLS_client_method());
	return ctx;
}

static void turn(struct web_client *client)
{
	uv_run(client->loop, UV_RUN_NOWAIT);
	poll(NULL, 0, 1);
	web_client_read(client);
}

static uint64_t deadline(void)
{
	return uv_hrtime() / 1000000 + WEB_CLIENT_WAIT_MS;
}

static bool before(uint64_t end)
{
	return uv_hrtime() / 1000000 < end;
}

bool web_client_open(struct web_client *client, uv_loop_t *loop, unsigned port, bool tls)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	memset(client, 0, sizeof(*client));
	client->loop = loop;
	client->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&to, sizeof(to)))
		return false;
	fcntl(client->fd, F_SETFL, O_NONBLOCK);
	return !tls || web_client_start_tls(client);
}

bool web_client_start_tls(struct web_client *client)
{
	uint64_t end = deadline();

	client->ssl = SSL_new(tls_context());
	SSL_set_fd(client->ssl, client->fd);
	while (before(end)) {
		int n = SSL_connect(client->ssl);

		if (n == 1)
			return true;
		n = SSL_get_error(client->ssl, n);
		if (n != SSL_ERROR_WANT_READ && n != SSL_ERROR_WANT_WRITE)
			return false;
		uv_run(client->loop, UV_RUN_NOWAIT);
	}
	return false;
}

void web_client_close(struct web_client *client)
{
	if (client->ssl)
		SSL_free(client->ssl);
	if (client->fd >= 0)
		close(client->fd);
	free(client->in);
	client->ssl = NULL;
	client->fd = -1;
	client->in = NULL;
	client->n = client->cap = 0;
}

void web_client_reset(struct web_client *client)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	web_client_close(client);
}

bool web_client_send(struct web_client *client, struct str bytes)
{
	uint64_t end = deadline();

	while (bytes.n > 0 && before(end)) {
		ssize_t n = client->ssl ? SSL_write(client->ssl, bytes.p, (int)bytes.n)
					: send(client->fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (n > 0)
			bytes = str_skip(bytes, (size_t)n);
		else if (!client->ssl && errno != EAGAIN)
			return false;
		else
			turn(client);
	}
	return bytes.n == 0;
}

void web_client_read(struct web_client *client)
{
	while (client->fd >= 0 && !client->ended) {
		if (client->n + 16384 > client->cap) {
			client->cap = client->cap ? 2 * client->cap : 32768;
			client->in = realloc(client->in, client->cap);
			if (!client->in)
				abort();
		}
		ssize_t n = client->ssl ? SSL_read(client->ssl, client->in + client->n, 16384)
					: recv(client->fd, client->in + client->n, 16384, 0);

		if (n > 0) {
			client->n += (size_t)n;
			continue;
		}
		if (client->ssl) {
			int why = SSL_get_error(client->ssl, (int)n);

			client->ended = why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE;
		} else {
			client->ended = n == 0 || (errno != EAGAIN && errno != EINTR);
		}
		return;
	}
}

bool web_client_wait(struct web_client *client, struct str text)
{
	uint64_t end = deadline();

	while (before(end)) {
		if (client->n && memmem(client->in, client->n, text.p, text.n))
			return true;
		if (client->ended)
			return false;
		turn(client);
	}
	return false;
}

bool web_client_wait_end(struct web_client *client)
{
	uint64_t end = deadline();

	while (!client->ended && before(end))
		turn(client);
	return client->ended;
}

bool web_client_wait_bytes(struct web_client *client, size_t n)
{
	uint64_t end = deadline();

	while (client->n < n && !client->ended && before(end))
		turn(client);
	return client->n >= n;
}

struct str web_client_header(const struct web_client *client, struct str name)
{
	struct str rest = { client->in, client->n };

	while (!str_empty(rest)) {
		struct str line = str_cut(&rest, '\n');

		if (line.n <= 1)
			break;
		if (str_istarts(line, name) && line.n > name.n && line.p[name.n] == ':')
			return str_trim((struct str){ line.p + name.n + 1, line.n - name.n - 2 });
	}
	return (struct str){ NULL, 0 };
}

struct str web_client_body(const struct web_client *client)
{
	const char *end = memmem(client->in, client->n, "\r\n\r\n", 4);

	return end ? (struct str){ end + 4, client->n - (size_t)(end + 4 - client->in) }
		   : (struct str){ NULL, 0 };
}

void web_client_forget(struct web_client *client)
{
	client->n = 0;
}

unsigned web_client_request(struct web_client *client, struct str request)
{
	uint32_t status = 0, length = 0;

	web_client_forget(client);
	if (!web_client_send(client, request) || !web_client_wait(client, STR("\r\n\r\n")))
		return 0;
	str_to_u32(str_head(str_skip((struct str){ client->in, client->n }, 9), 3), 100, 999,
		   &status);
	if (!str_starts(request, STR("HEAD ")) && status >= 200 && status != 304 &&
	    str_to_u32(web_client_header(client, STR("content-length")), 0, UINT32_MAX, &length))
		web_client_wait_bytes(client, client->n - web_client_body(client).n + length);
	return status;
}

unsigned web_client_upgrade(struct web_client *client, struct str extra)
{
	char text[2048];
	int n = snprintf(text, sizeof(text),
			 "GET /any/path HTTP/1.1\r\n"
			 "Host: gateway.example:8443\r\n"
			 "Upgrade: websocket\r\n"
			 "Connection: keep-alive, Upgrade\r\n"
			 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			 "Sec-WebSocket-Version: 13\r\n"
			 "%.*s\r\n",
			 STR_ARG(extra));
	unsigned status = web_client_request(client, (struct str){ text, (size_t)n });

	if (status == 101) { /* frames may follow at once */
		struct str rest = web_client_body(client);

		memmove(client->in, rest.p, rest.n);
		client->n = rest.n;
	}
	return status;
}

bool web_client_frame(struct web_client *client, unsigned first, struct str payload)
{
	static const unsigned char mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	unsigned char *mem = malloc(payload.n + 14);
	size_t n = 0;

	mem[n++] = (unsigned char)first;
	if (payload.n < 126) {
		mem[n++] = (unsigned char)(0x80 | payload.n);
	} else if (payload.n < 65536) {
		mem[n++] = 0x80 | 126;
		mem[n++] = (unsigned char)(payload.n >> 8);
		mem[n++] = (unsigned char)payload.n;
	} else {
		mem[n++] = 0x80 | 127;
		for (int i = 7; i >= 0; i--)
			mem[n++] = (unsigned char)((uint64_t)payload.n >> (8 * i));
	}
	memcpy(mem + n, mask, 4);
	n += 4;
	for (size_t i = 0; i < payload.n; i++)
		mem[n++] = (unsigned char)payload.p[i] ^ mask[i & 3];

	bool sent = web_client_send(client, (struct str){ (char *)mem, n });

	free(mem);
	return sent;
}

unsigned web_client_take(struct web_client *client, char *mem, size_t cap, struct str *payload)
{
	const unsigned char *in;
	size_t head = 2, n;
	unsigned first;

	*payload = (struct str){ mem, 0 };
	if (!web_client_wait_bytes(client, 2))
		return 0;
	in = (const unsigned char *)client->in;
	n = in[1];
	if (n == 126) {
		head = 4;
		if (!web_client_wait_bytes(client, head))
			return 0;
		in = (const unsigned char *)client->in;
		n = (size_t)in[2] << 8 | in[3];
	} else if (n == 127) {
		head = 10;
		if (!web_client_wait_bytes(client, head))
			return 0;
		in = (const unsigned char *)client->in;
		n = 0;
		for (int i = 2; i < 10; i++)
			n = n << 8 | in[i];
	}
	if (n > cap || !web_client_wait_bytes(client, head + n))
		return 0;
	first = (unsigned char)client->in[0];
	memcpy(mem, client->in + head, n);
	*payload = (struct str){ mem, n };
	memmove(client->in, client->in + head + n, client->n - head - n);
	client->n -= head + n;
	return first;
}

unsigned web_client_close_code(struct web_client *client)
{
	static char mem[70000];
	struct str payload;
	unsigned first;

	while ((first = web_client_take(client, mem, sizeof(mem), &payload)))
		if (first == WEB_CLOSE)
			return payload.n >= 2 ? (unsigned)(unsigned char)mem[0] << 8 |
							(unsigned char)mem[1]
					      : 1005;
	return 0;
}
