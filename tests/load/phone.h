/* phone.h: the media of a desk phone: RTP and RTCP on two sockets. */
#pragma once

#include "sdp/sdp.h"
#include "tests/load/stream.h"

struct phone {
	struct stream stream;
	uv_udp_t rtp, rtcp;
	uint16_t port, rtcp_port;
	struct sockaddr_in to, rtcp_to;
	unsigned open_handles;
	void (*on_first)(void *arg); /* the first packet heard */
	void (*on_closed)(void *arg);
	void *arg;
};

int phone_open(struct phone *phone, uv_loop_t *loop, uint32_t random);
struct str phone_answer(const struct phone *phone, const struct codec *codec, uint8_t pt, char *mem,
			size_t cap);
/* Where to send; from now on it may speak. */
int phone_offered(struct phone *phone, const struct sdp_media *offer);
void phone_close(struct phone *phone);
