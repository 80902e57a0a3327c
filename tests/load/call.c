/* call.c: one call from a browser to a phone, both ends. */
#include "tests/load/load.h"

#include <stdio.h>
#include <stdlib.h>

enum { LEAST_TIMEOUT_S = 10 };

struct call {
	struct call *next, *prev;
	struct load *load;
	struct user *user;
	unsigned number;
	struct page page;
	struct phone phone;
	struct sip_invite *at_page, *at_phone;
	bool has_phone, answered, ready, heard;
	bool established; /* counted */
	bool failed;	  /* counted */
	bool ending;	  /* somebody hung up, or it failed */
	bool sampled;
	unsigned media_open;
	uint64_t invited_ns, end_ns; /* when to hang up; 0: not yet known */
};

static double since_ms(uint64_t then_ns)
{
	return (double)(uv_hrtime() - then_ns) / 1e6;
}

static void count_failure(struct call *c, const char *why)
{
	if (c->established || c->failed)
		return;
	c->failed = true;
	c->load->result.failed++;
	result_reason(&c->load->result, why);
}

static void hang_up(struct call *c)
{
	struct sip_invite *first = c->number % 2 ? c->at_page : c->at_phone;

	c->ending = true;
	if (!c->established) /* CANCEL is the caller's */
		first = c->at_page;
	if (!first)
		first = c->at_page ? c->at_page : c->at_phone;
	if (first)
		sip_invite_hang_up(first, STR(""));
}

static void fail(struct call *c, const char *why)
{
	count_failure(c, why);
	if (!c->ending)
		hang_up(c);
}

static void check_established(struct call *c)
{
	bool media = !c->load->o.media || (c->ready && c->heard);

	if (c->established || c->failed || !c->answered || !media)
		return;
	c->established = true;
	c->load->result.established++;
	c->load->result.established_also += c->load->o.page_also &&
					    c->page.codec == c->load->o.page_also;
	if (c->load->o.hold > 0)
		c->end_ns = uv_hrtime() + (uint64_t)(c->load->o.hold * 1e9);
}

/* ---- the end ---- */

static void judge(struct call *c)
{
	struct result *r = &c->load->result;
	struct ear_verdict at_phone, at_page;

	if (!c->sampled)
		return;
	if (c->established && c->has_phone) {
		at_phone = ear_judge(c->phone.stream.ear);
		at_page = ear_judge(c->page.stream.ear);
		series_add(&r->match, at_phone.match);
		series_add(&r->match, at_page.match);
		series_add(&r->delay_to_phone_ms, at_phone.delay_ms);
		series_add(&r->delay_to_page_ms, at_page.delay_ms);
	}
	ear_free(c->phone.stream.ear);
	ear_free(c->page.stream.ear);
}

static void media_closed(void *arg)
{
	struct call *c = arg;

	if (--c->media_open > 0)
		return;
	judge(c);
	if (c->next)
		c->next->prev = c->prev;
	if (c->prev)
		c->prev->next = c->next;
	else
		c->load->calls = c->next;
	c->load->n_calls--;
	c->user->call = NULL;
	free(c);
}

static void check_over(struct call *c)
{
	if (c->at_page || c->at_phone)
		return;
	page_close(&c->page);
	if (c->has_phone)
		phone_close(&c->phone);
}

static void say_why(struct call *c, const struct sip_end *end)
{
	static const char *const kinds[] = {
		[SIP_END_REFUSED] = "refused",	[SIP_END_CANCELLED] = "cancelled",
		[SIP_END_BYE] = "BYE",		[SIP_END_HUNG_UP] = "hung up",
		[SIP_END_TIMEOUT] = "time-out", [SIP_END_BROKEN] = "broken",
	};
	char why[80];

	bool later = end->kind == SIP_END_REFUSED && end->msg &&
		     !str_empty(sip_msg_header_named(end->msg, STR("Retry-After")));

	snprintf(why, sizeof(why), "INVITE %s %u%s", kinds[end->kind], end->status,
		 later ? ", Retry-After" : "");
	count_failure(c, why);
}

static void page_ended(void *arg, const struct sip_end *end)
{
	struct call *c = arg;

	say_why(c, end);
	c->ending = true;
	sip_invite_free(c->at_page);
	c->at_page = NULL;
	check_over(c);
}

static void phone_ended(void *arg, const struct sip_end *end)
{
	struct call *c = arg;

	if (!c->at_page) /* else the answer to its INVITE tells the reason */
		say_why(c, end);
	c->ending = true;
	sip_invite_free(c->at_phone);
	c->at_phone = NULL;
	stream_stop(&c->phone.stream);
	check_over(c);
}

/* ---- the page's side ---- */

static const struct tape *tape_for(struct call *c, const struct sdp_media *answer)
{
	struct load *load = c->load;
	uint32_t rate = 0;

	if (c->page.codec != &codec_opus)
		return c->page.codec == load->o.page_also ? &load->also_tape : &load->page_tape;
	for (size_t i = 0; i < answer->n_codecs; i++)
		if (str_ieq(answer->codecs[i].name, STR("opus")))
			rate = sdp_fmtp_u32(answer->codecs[i].fmtp, STR("maxplaybackrate"), 8000,
					    48000, 48000);
	load->result.playback_rate = rate == 48000 ? 0 : rate;
	return &load->opus[rate <= 8000 ? 0 : rate <= 16000 ? 1 : 2];
}

static void on_answer(void *arg, const struct sip_msg *response)
{
	struct call *c = arg;
	struct sdp *sdp;

	if (str_empty(response->body) || sdp_parse(response->body, &sdp, NULL) != 0) {
		if (response->status >= 200)
			fail(c, "no SDP in the answer");
		return;
	}
	if (sdp->n_media < 1 || page_answer(&c->page, &sdp->media[0]) != 0)
		fail(c, "an SDP that cannot be used");
	else if (!c->page.stream.tape)
		c->page.stream.tape = tape_for(c, &sdp->media[0]);
	sdp_free(sdp);
}

static void on_answered(void *arg, const struct sip_msg *response)
{
	struct call *c = arg;

	c->answered = true;
	series_add(&c->load->result.invite_200_ms, since_ms(c->invited_ns));
	on_answer(c, response);
	check_established(c);
}

static const struct sip_invite_events page_invite = {
	.on_progress = on_answer,
	.on_answered = on_answered,
	.on_ended = page_ended,
};

static void on_page_ready(void *arg)
{
	struct call *c = arg;
	const struct tape *tape = c->page.stream.tape;

	snprintf(c->load->result.srtp, sizeof(c->load->result.srtp), "%s",
		 c->page.profile == DTLS_AEAD_AES_128_GCM ? "AEAD_AES_128_GCM"
							  : "AES_CM_128_HMAC_SHA1_80");
	c->ready = true;
	c->page.stream.tape = NULL;
	stream_start(&c->page.stream, tape, c->page.pt);
	check_established(c);
}

static void on_page_failed(void *arg, const char *why)
{
	fail(arg, why);
}

static const struct page_events page_events = {
	.on_ready = on_page_ready,
	.on_failed = on_page_failed,
	.on_closed = media_closed,
};

static int invite(struct call *c)
{
	struct load *load = c->load;
	char sdp[LOAD_SDP], uri[160], to[200], from[160];

	snprintf(uri, sizeof(uri), "sip:%s@%s", load->o.number, load->o.domain);
	snprintf(to, sizeof(to), "<%s>", uri);
	snprintf(from, sizeof(from), "<sip:%s@%s>", c->user->name, load->o.domain);
	c->invited_ns = uv_hrtime();
	return sip_invite_start(load->pages,
				&(struct sip_invite_config){
					.events = &page_invite,
					.arg = c,
					.contact = str_of(c->user->contact),
					.flow = &c->user->ws.flow,
					.uri = str_of(uri),
					.from = str_of(from),
					.to = str_of(to),
					.offer = page_offer(&c->page, sdp, sizeof(sdp)),
					.auth_user = str_of(c->user->name),
					.auth_password = str_of(load->o.password),
					.auth_realm = str_of(load->o.domain),
				},
				&c->at_page);
}

static void listen_in(struct call *c)
{
	struct load *load = c->load;

	if (load->samples_left == 0)
		return;
	load->samples_left--;
	c->sampled = true;
	c->phone.stream.ear = c->page.stream.far = ear_new(load->o.phone_codec);
	c->page.stream.ear = c->phone.stream.far = ear_new(load->o.page_codec);
}

void call_start(struct load *load, struct user *user)
{
	struct call *c = calloc(1, sizeof(*c));
	uint32_t random[3];

	if (!c)
		abort();
	c->load = load;
	c->user = user;
	c->number = load->result.attempted++;
	c->page = (struct page){
		.events = &page_events,
		.arg = c,
		.loop = &load->loop,
		.context = load->dtls,
		.fingerprint = &load->fingerprint,
		.codec = load->o.page_codec,
		.pt = load->o.page_codec == &codec_opus ? 111 : load->o.page_codec->static_pt,
		.also = load->o.page_also,
		.silent = !load->o.media,
	};
	user->call = c;
	c->next = load->calls;
	if (c->next)
		c->next->prev = c;
	load->calls = c;
	load->n_calls++;
	c->media_open = 1;
	for (size_t i = 0; i < 3; i++)
		random[i] = load_random(load);
	if (page_open(&c->page, random) != 0) {
		fprintf(stderr, "load: no sockets left\n");
		exit(1);
	}
	listen_in(c);
	if (invite(c) != 0) {
		count_failure(c, "INVITE could not be sent");
		check_over(c);
	}
}

/* ---- the phone's side ---- */

static const struct sip_invite_events phone_invite = { .on_ended = phone_ended };

static void on_phone_first(void *arg)
{
	struct call *c = arg;

	c->heard = true;
	series_add(&c->load->result.invite_rtp_ms, since_ms(c->invited_ns));
	check_established(c);
}

static struct call *find_call(struct load *load, const struct sip_msg *request)
{
	struct str prefix = str_of(load->o.prefix), user = request->from.uri.user;
	uint32_t index;

	if (!str_starts(user, prefix) ||
	    !str_to_u32(str_skip(user, prefix.n), load->o.first_user,
			load->o.first_user + load->o.users - 1, &index))
		return NULL;
	return load->users[index - load->o.first_user].call;
}

static int answer(struct call *c, struct sip_msg *request)
{
	const struct codec *codec = c->load->o.phone_codec;
	char mem[2048];
	struct sdp *sdp;
	int err = sdp_parse(request->body, &sdp, NULL);

	if (err)
		return err;
	err = sdp->n_media < 1 ? -1 : phone_offered(&c->phone, &sdp->media[0]);
	sdp_free(sdp);
	if (err)
		return err;
	err = sip_invite_answer(c->at_phone,
				phone_answer(&c->phone, codec, codec->static_pt, mem, sizeof(mem)));
	if (!err && c->load->o.media)
		stream_start(&c->phone.stream, &c->load->phone_tape, codec->static_pt);
	return err;
}

void call_arrived(struct load *load, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct call *c = find_call(load, request);
	char contact[SIP_ADDR_TEXT + 32], address[SIP_ADDR_TEXT];
	struct str at = sip_addr_print(&load->o.phone, address);

	if (!c || c->has_phone || c->ending) {
		sip_respond(tx, &(struct sip_answer){ .status = 486 });
		return;
	}
	snprintf(contact, sizeof(contact), "<sip:%s@%.*s>", load->o.number, STR_ARG(at));
	c->phone.on_first = on_phone_first;
	c->phone.on_closed = media_closed;
	c->phone.arg = c;
	if (phone_open(&c->phone, &load->loop, load_random(load)) != 0) {
		fprintf(stderr, "load: no sockets left\n");
		exit(1);
	}
	c->has_phone = true;
	c->media_open++;
	if (sip_invite_take(load->phones, tx,
			    &(struct sip_invite_config){
				    .events = &phone_invite, .arg = c, .contact = str_of(contact) },
			    &c->at_phone) != 0)
		abort();
	if (answer(c, request) != 0)
		sip_invite_refuse(c->at_phone, 488, STR(""));
}

/* ---- all of them ---- */

void calls_end(struct load *load, bool all)
{
	uint64_t now = uv_hrtime();

	for (struct call *c = load->calls, *next; c; c = next) {
		next = c->next;
		if (c->ending)
			continue;
		if (all || (c->end_ns && c->end_ns <= now))
			hang_up(c);
		else if (!c->established && now - c->invited_ns > LEAST_TIMEOUT_S * 1000000000ull)
			fail(c, !c->answered ? "no answer in 10 s"
				: !c->ready  ? "no DTLS in 10 s"
					     : "no RTP at the phone in 10 s");
	}
}

unsigned calls_established(const struct load *load)
{
	unsigned n = 0;

	for (const struct call *c = load->calls; c; c = c->next)
		n += c->established && !c->ending;
	return n;
}

void calls_watch(struct load *load, bool on)
{
	for (struct call *c = load->calls; c; c = c->next) {
		struct stream *streams[] = { &c->phone.stream, &c->page.stream };

		if (!c->established || c->page.codec != load->o.page_codec)
			continue;
		for (size_t i = 0; i < 2; i++) {
			streams[i]->clock = i ? c->page.codec->rtp_clock
					      : load->o.phone_codec->rtp_clock;
			streams[i]->watched = on;
			if (!on)
				stream_lateness(streams[i], i ? &load->result.late_to_page_ms
							      : &load->result.late_to_phone_ms);
		}
	}
}

void calls_count_media(struct load *load)
{
	struct result *r = &load->result;

	for (const struct call *c = load->calls; c; c = c->next) {
		if (!c->established)
			continue;
		r->to_phone_heard += c->phone.stream.heard;
		r->to_phone_lost += stream_lost(&c->phone.stream);
		r->to_page_heard += c->page.stream.heard;
		r->to_page_lost += stream_lost(&c->page.stream);
		if (!c->page.stream.heard)
			result_reason(r, "established, but nothing heard by the page");
	}
}
