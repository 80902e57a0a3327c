/* libnice behind our check: authentic STUN of a peer that knows the passwords and sends what
 * it likes.
 *
 * The first octet: class, whose password, whose USERNAME, whether it answers one of the
 * agent's own checks. Then attributes: an octet of type (or two of any), one of length, and
 * that many. What our check lets pass goes to libnice's parser, and through a real socket to
 * a real agent, on which everything of ours stands. libnice itself is as Debian built it: the
 * sanitizer sees what it does with memory through libc only. */
#include "ice/stun.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/stun_seal.h"
#include "tests/ice/peer.h"

#include <errno.h>
#include <glib.h>
#include <stun/usages/ice.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 20, MOST = 1200, A_LIFE = 400 /* inputs of one agent */ };

static uv_loop_t loop;
static struct peer peer;
static int stranger = -1;
static unsigned inputs;
static uint8_t asked[12]; /* the agent's own transaction, last seen */

static const char theirs[] = "afar";
static const char their_pwd[] = "aPasswordOf22Characters";

/* ---- the message ---- */

static const uint16_t types[] = {
	0x0001, 0x0006, 0x0008, 0x0009, 0x000a, 0x0014, 0x0015, 0x0020, 0x0024,
	0x0025, 0x8022, 0x8023, 0x8028, 0x8029, 0x802a, 0x8054, 0x8070, 0xc057,
};

static size_t put(uint8_t *out, size_t at, uint16_t type, const void *value, size_t n)
{
	size_t padded = (n + 3) & ~(size_t)3;

	if (at + 4 + padded + 32 > MOST)
		return at;
	out[at] = (uint8_t)(type >> 8);
	out[at + 1] = (uint8_t)type;
	out[at + 2] = (uint8_t)(n >> 8);
	out[at + 3] = (uint8_t)n;
	memset(out + at + 4, 0, padded);
	memcpy(out + at + 4, value, n);
	return at + 4 + padded;
}

static void set_length(uint8_t *out, size_t n)
{
	out[2] = (uint8_t)((n - HEADER) >> 8);
	out[3] = (uint8_t)(n - HEADER);
}

static size_t sign(uint8_t *out, size_t at, const char *pwd)
{
	uint8_t tag[20];
	gsize n = sizeof(tag);

	set_length(out, at + 24);
	GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA1, (const guchar *)pwd, strlen(pwd));
	g_hmac_update(hmac, out, (gssize)at);
	g_hmac_get_digest(hmac, tag, &n);
	g_hmac_unref(hmac);
	return put(out, at, 0x0008, tag, sizeof(tag));
}

static size_t make(const uint8_t *bytes, size_t n, uint8_t out[MOST])
{
	static const uint8_t first[4][2] = { { 0, 1 }, { 0, 0x11 }, { 1, 1 }, { 1, 0x11 } };
	uint8_t how = bytes[0];
	bool ours = (how & 4) == 0; /* our password: a request */
	char username[600];
	size_t at = HEADER;

	memset(out, 0, MOST);
	memcpy(out, first[how & 3], 2);
	memcpy(out + 4, "\x21\x12\xa4\x42", 4);
	if (how & 8)
		memcpy(out + 8, asked, sizeof(asked));
	else
		memcpy(out + 8, &inputs, sizeof(inputs));
	snprintf(username, sizeof(username), "%s:%s", ours ? peer.local.ufrag : theirs,
		 ours ? theirs : peer.local.ufrag);
	if ((how & 0x10) == 0)
		at = put(out, at, 0x0006, username, strlen(username));
	for (size_t i = 1; i + 2 <= n;) {
		uint16_t type = types[bytes[i] % (sizeof(types) / sizeof(types[0]))];

		if (bytes[i] & 0x80) {
			type = (uint16_t)(bytes[i] << 8 | bytes[i + 1]);
			i++;
		}
		size_t length = i + 1 < n ? bytes[i + 1] : 0;
		i += 2;
		length = i < n ? (length < n - i ? length : n - i) : 0;
		if (length || i <= n)
			at = put(out, at, type, bytes + (i < n ? i : 0), length);
		i += length;
	}
	if ((how & 0x20) == 0)
		at = sign(out, at, ours ? peer.local.pwd : their_pwd);
	set_length(out, at + 8);
	stun_seal_fingerprint(out, at + 8);
	return at + 8;
}

/* ---- libnice's parser ---- */

static bool give_password(StunAgent *agent, StunMessage *message, uint8_t *username, uint16_t n,
			  uint8_t **password, size_t *password_n, void *pwd)
{
	(void)agent, (void)message, (void)username, (void)n;
	*password = pwd;
	*password_n = strlen(pwd);
	return true;
}

static void look_through(const StunMessage *message)
{
	struct sockaddr_storage address;
	socklen_t size;
	uint64_t number;
	uint32_t word;
	char text[128];
	int code;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		uint16_t length;
		const void *value = stun_message_find(message, types[i], &length);

		MUST(!value || (const uint8_t *)value + length <=
				       message->buffer + stun_message_length(message));
		stun_message_find32(message, types[i], &word);
		stun_message_find64(message, types[i], &number);
		stun_message_find_string(message, types[i], text, sizeof(text));
		size = sizeof(address);
		stun_message_find_addr(message, types[i], &address, &size);
		size = sizeof(address);
		stun_message_find_xor_addr(message, types[i], &address, &size);
	}
	stun_message_find_error(message, &code);
}

static void parse(const uint8_t *bytes, size_t n, bool ours)
{
	uint8_t *copy = malloc(n), reply[MOST];
	StunAgent agent;
	StunMessage message, answer;
	struct sockaddr_storage from = { .ss_family = AF_INET };
	size_t reply_n = sizeof(reply);
	socklen_t size = sizeof(from);
	bool controlling = n & 4;

	if (!copy)
		return;
	memcpy(copy, bytes, n);
	stun_agent_init(&agent, STUN_ALL_KNOWN_ATTRIBUTES, STUN_COMPATIBILITY_RFC5389,
			STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
	if (stun_message_validate_buffer_length(copy, n, true) == (int)n) {
		void *pwd = (void *)(uintptr_t)(ours ? peer.local.pwd : their_pwd);
		StunValidationStatus status = stun_agent_validate(&agent, &message, copy, n,
								  give_password, pwd);

		if (status == STUN_VALIDATION_SUCCESS) {
			look_through(&message);
			if (stun_message_get_class(&message) == STUN_REQUEST)
				stun_usage_ice_conncheck_create_reply(
					&agent, &message, &answer, reply, &reply_n, &from,
					sizeof(struct sockaddr_in), &controlling, 7,
					STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
			else
				stun_usage_ice_conncheck_process(
					&message, &from, &size,
					STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
		}
	}
	free(copy);
}

/* ---- the agent ---- */

/* What it says: the transaction of its latest check can be answered. */
static void hear(void)
{
	uint8_t bytes[MOST];
	ssize_t n;

	while ((n = recv(stranger, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		if (n >= HEADER && bytes[0] == 0 && bytes[1] == 1)
			memcpy(asked, bytes + 8, sizeof(asked));
}

static void begin(void)
{
	struct sockaddr_in own;
	socklen_t size = sizeof(own);

	memset(&peer, 0, sizeof(peer));
	if (uv_loop_init(&loop) || peer_open(&peer, &loop, inputs / A_LIFE % 2))
		abort();
	run_until(&loop, &peer.gathered, 1, 1000);
	stranger = stranger_open(&peer);
	if (stranger < 0 || getsockname(stranger, (struct sockaddr *)&own, &size))
		abort();
	struct ice_candidate candidate = { .foundation = "1",
					   .component = 1,
					   .priority = 2130706431,
					   .address = "127.0.0.1",
					   .port = ntohs(own.sin_port),
					   .type = ICE_HOST };
	if (ice_set_remote(peer.ice, theirs, their_pwd) || ice_add_remote(peer.ice, &candidate))
		abort();
	run_for(&loop, 30);
	hear();
}

static void end(void)
{

	close(stranger);
	MUST(wind_up(&loop, &peer, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct ice_stun_message message;
	uint8_t out[MOST];

	if (n == 0 || n > 400)
		return 0;
	if (inputs % A_LIFE == 0) {
		if (inputs)
			end();
		begin();
	}
	inputs++;

	size_t length = make(bytes, n, out);
	if (ice_stun_parse(out, length, &message) == 0 && message.method == 1)
		parse(out, length, (bytes[0] & 4) == 0);
	if (send(stranger, out, length, MSG_DONTWAIT) < 0 && errno != EAGAIN)
		MUST(errno == ECONNREFUSED);
	for (int i = 0; i < 3; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	hear();
	return 0;
}
