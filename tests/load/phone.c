/* phone.c: see phone.h. */
#include "tests/load/phone.h"

#include "sdp/writer.h"

#include <arpa/inet.h>
#include <errno.h>

static uint8_t buffer[2048] __attribute__((aligned(8)));

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle, (void)suggested;
	*buf = uv_buf_init((char *)buffer, sizeof(buffer));
}

static void on_rtp(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
		   unsigned flags)
{
	struct phone *p = udp->data;

	(void)buf, (void)flags;
	if (n <= 0 || !from)
		return;
	if (packet_kind(buffer, (size_t)n) != PACKET_RTP) {
		p->stream.strange++;
		return;
	}
	bool first = !p->stream.heard;
	stream_hear(&p->stream, buffer, (size_t)n);
	if (first && p->stream.heard)
		p->on_first(p->arg);
}

static void on_rtcp(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
		    unsigned flags)
{
	(void)udp, (void)n, (void)buf, (void)from, (void)flags;
}

static void send_to(uv_udp_t *udp, const struct sockaddr_in *to, const uint8_t *bytes, size_t n)
{
	uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)n);

	if (to->sin_port)
		uv_udp_try_send(udp, &buf, 1, (const struct sockaddr *)to);
}

static void send_packet(void *arg, uint8_t *packet, size_t n, size_t cap)
{
	struct phone *p = arg;

	(void)cap;
	send_to(&p->rtp, &p->to, packet, n);
}

static void send_report(void *arg)
{
	struct phone *p = arg;
	uint8_t packet[256];

	send_to(&p->rtcp, &p->rtcp_to, packet, stream_report(&p->stream, packet, sizeof(packet)));
}

static int listen_on_any(struct phone *p, uv_loop_t *loop, uv_udp_t *udp, uv_udp_recv_cb receive,
			 uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int n = sizeof(at);

	uv_udp_init(loop, udp);
	udp->data = p;
	p->open_handles++;
	int err = uv_udp_bind(udp, (struct sockaddr *)&at, 0);
	if (!err)
		err = uv_udp_getsockname(udp, (struct sockaddr *)&at, &n);
	*port = ntohs(at.sin_port);
	return err ? err : uv_udp_recv_start(udp, on_alloc, receive);
}

int phone_open(struct phone *p, uv_loop_t *loop, uint32_t random)
{
	stream_open(&p->stream, loop, random);
	p->stream.arg = p;
	p->stream.send = send_packet;
	p->stream.tick = send_report;
	p->open_handles = 1;
	int err = listen_on_any(p, loop, &p->rtp, on_rtp, &p->port);
	return err ? err : listen_on_any(p, loop, &p->rtcp, on_rtcp, &p->rtcp_port);
}

struct str phone_answer(const struct phone *p, const struct codec *codec, uint8_t pt, char *mem,
			size_t cap)
{
	struct writer w;
	struct str out = { NULL, 0 };

	writer_init(&w, mem, cap);
	writer_printf(&w,
		      "v=0\r\no=phone 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
		      "t=0 0\r\nm=audio %u RTP/AVP %u 101\r\na=rtpmap:%u %s/%u\r\n"
		      "a=rtpmap:101 telephone-event/8000\r\na=rtcp:%u\r\na=ptime:20\r\n",
		      p->port, pt, pt, codec->name, codec->rtp_clock, p->rtcp_port);
	writer_end(&w, &out);
	return out;
}

int phone_offered(struct phone *p, const struct sdp_media *offer)
{
	if (offer->port == 0 || offer->ip.family != 4)
		return -EBADMSG;
	p->to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(offer->port) };
	memcpy(&p->to.sin_addr, offer->ip.bytes, 4);
	p->rtcp_to = p->to;
	p->rtcp_to.sin_port = htons(offer->rtcp_port ? offer->rtcp_port
						     : (uint16_t)(offer->port + 1));
	return 0;
}

static void closed_one(struct phone *p)
{
	if (--p->open_handles == 0)
		p->on_closed(p->arg);
}

static void on_stream_closed(uv_handle_t *handle)
{
	struct stream *s = handle->data;

	closed_one(s->arg);
}

static void on_socket_closed(uv_handle_t *handle)
{
	closed_one(handle->data);
}

void phone_close(struct phone *p)
{
	uv_close((uv_handle_t *)&p->stream.timer, on_stream_closed);
	uv_close((uv_handle_t *)&p->rtp, on_socket_closed);
	uv_close((uv_handle_t *)&p->rtcp, on_socket_closed);
}
