/* call.c: the media of one measured call, browser and phone; whoever starts it does the SIP.
 *
 *   stdout  local ufrag U pwd P fingerprint F port N ssrc N phone N
 *   stdin   remote UFRAG PWD HASH FINGERPRINT ROLE PORT PT MAXRATE   ROLE: client or server,
 *           phone PORT                                               ours in DTLS
 *   stdout  connected, then at the end one line of JSON; files PREFIX.heard.wav,
 *           PREFIX.best.wav, PREFIX.said.wav (what is scored), PREFIX.opus
 *
 * quality_call --seed N --seconds N --warm N --loss PERCENT --burst PACKETS --delay MS
 *   --jitter MS --duplicate PERCENT --outage-at N --outage-for N --outage-every N (packets)
 *   --srtp all|cm --out PREFIX --way page|phone (who speaks over the bad network, and is scored
 *   at the other side) */
#include "tests/quality/listener.h"
#include "tests/quality/score.h"
#include "tests/quality/speech.h"
#include "tests/quality/talker.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_MS = 15000, TAIL_MS = 1500, LINE = 1024 };

struct call {
	uv_loop_t loop;
	uv_pipe_t commands;
	uv_timer_t tick;
	struct lane lane, phone_lane;
	struct talker talker;
	struct listener listener;
	char line[LINE], room[LINE];
	size_t n;
	struct sound narrow; /* what the phone says, when it does */
	bool said_connected, has_phone, over;
	uint64_t opened_ms, done_ms;
};

struct options {
	uint64_t seed;
	unsigned seconds, warm;
	struct network network;
	unsigned profiles;
	bool from_phone;
	const char *out;
};

static double number(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end)
		quality_fail("not a number");
	return value;
}

static struct options parse(int argc, char **argv)
{
	struct options o = {
		.seed = 1, .seconds = 20, .warm = 8, .out = "call", .profiles = DTLS_OFFER_ALL
	};

	for (int i = 1; i + 1 < argc; i += 2) {
		const char *name = argv[i], *value = argv[i + 1];

		if (strcmp(name, "--out") == 0)
			o.out = value;
		else if (strcmp(name, "--way") == 0)
			o.from_phone = strcmp(value, "phone") == 0;
		else if (strcmp(name, "--seed") == 0)
			o.seed = (uint64_t)number(value);
		else if (strcmp(name, "--seconds") == 0)
			o.seconds = (unsigned)number(value);
		else if (strcmp(name, "--warm") == 0)
			o.warm = (unsigned)number(value);
		else if (strcmp(name, "--srtp") == 0)
			o.profiles = strcmp(value, "cm") == 0 ? DTLS_OFFER_CM : DTLS_OFFER_ALL;
		else if (strcmp(name, "--loss") == 0)
			o.network.loss = number(value) / 100;
		else if (strcmp(name, "--burst") == 0)
			o.network.burst = number(value);
		else if (strcmp(name, "--delay") == 0)
			o.network.delay_ms = number(value);
		else if (strcmp(name, "--jitter") == 0)
			o.network.jitter_ms = number(value);
		else if (strcmp(name, "--duplicate") == 0)
			o.network.duplicate = number(value) / 100;
		else if (strcmp(name, "--outage-at") == 0)
			o.network.outage_at = (unsigned)number(value);
		else if (strcmp(name, "--outage-for") == 0)
			o.network.outage_for = (unsigned)number(value);
		else if (strcmp(name, "--outage-every") == 0)
			o.network.outage_every = (unsigned)number(value);
		else
			quality_fail("unknown option");
	}
	if (argc % 2 == 0)
		quality_fail("an option without value");
	o.network.seed = o.seed;
	return o;
}

static void on_remote(struct call *call, char *words)
{
	char ufrag[257], pwd[257], hash[16], text[DTLS_FINGERPRINT_TEXT], role[8];
	struct dtls_fingerprint fingerprint;
	unsigned port, pt, red_pt, rate, fec;

	if (sscanf(words, "%256s %256s %15s %191s %7s %u %u %u %u %u", ufrag, pwd, hash, text, role,
		   &port, &pt, &red_pt, &rate, &fec) != 10 ||
	    dtls_fingerprint_parse(str_of(hash), str_of(text), &fingerprint) != 0)
		quality_fail("remote: not understood");
	call->lane.gateway = lane_address((uint16_t)port);
	call->lane.has_gateway = true;
	talker_set_remote(&call->talker, ufrag, pwd, &fingerprint, strcmp(role, "client") == 0,
			  (uint8_t)pt, (uint8_t)red_pt, rate, fec);
}

static void on_line(struct call *call, char *line)
{
	if (strncmp(line, "remote ", 7) == 0) {
		on_remote(call, line + 7);
	} else if (strncmp(line, "phone ", 6) == 0) {
		listener_talk(&call->listener, (uint16_t)number(line + 6));
		call->has_phone = true;
	} else {
		quality_fail("a command that is none");
	}
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct call *call = handle->data;

	(void)suggested;
	*buf = uv_buf_init(call->room, sizeof(call->room));
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct call *call = stream->data;

	if (n < 0)
		quality_fail("the one who gives commands is gone");
	for (ssize_t i = 0; i < n; i++) {
		if (call->n == sizeof(call->line) - 1)
			quality_fail("a command too long");
		call->line[call->n++] = buf->base[i];
		if (buf->base[i] == '\n') {
			call->line[call->n - 1] = 0;
			call->n = 0;
			on_line(call, call->line);
		}
	}
}

/* Before others while the call lasts, if we may: a busy machine must not look like a bad gateway. */
static void hurry(bool on)
{
	struct sched_param param = { .sched_priority = on ? 2 : 0 };

	sched_setscheduler(0, on ? SCHED_RR : SCHED_OTHER, &param);
}

static void on_tick(uv_timer_t *timer)
{
	struct call *call = timer->data;
	uint64_t now = uv_now(&call->loop);

	if (call->talker.failed || (!call->said_connected && now - call->opened_ms > CONNECT_MS))
		quality_fail("no connection");
	if (call->talker.connected && call->has_phone && !call->said_connected) {
		call->said_connected = true;
		puts("connected");
		fflush(stdout);
		hurry(true);
		talker_talk(&call->talker);
		if (call->narrow.n)
			listener_say(&call->listener, &call->narrow, &call->phone_lane);
	}
	if (call->talker.done && !call->done_ms)
		call->done_ms = now;
	call->over = call->done_ms && now - call->done_ms > TAIL_MS;
}

static void write_packets(const struct packets *packets, const char *file)
{
	FILE *to = fopen(file, "wb");

	if (!to) {
		perror(file);
		exit(2);
	}
	for (size_t i = 0; i < packets->n; i++) {
		const struct packet *p = &packets->packet[i];
		uint8_t head[3] = { (uint8_t)p->n, (uint8_t)(p->n >> 8), p->lost };

		fwrite(head, 1, sizeof(head), to);
		fwrite(p->bytes, 1, p->n, to);
	}
	if (fclose(to) != 0) {
		perror(file);
		exit(2);
	}
}

/* Without what was said to warm up. */
static struct sound scored_part(const struct sound *sound, unsigned warm)
{
	size_t skip = (size_t)warm * SCORE_RATE;
	struct sound part = { .rate = SCORE_RATE };

	if (sound->n > skip)
		sound_add(&part, sound->pcm + skip, sound->n - skip);
	else
		sound_add(&part, NULL, SCORE_RATE);
	return part;
}

static struct score judge(const struct sound *said, struct sound *heard, const struct options *o,
			  const char *what)
{
	char file[512];
	struct sound part = scored_part(heard, o->warm);
	struct score score = score_compare(said, &part);

	snprintf(file, sizeof(file), "%s.%s.wav", o->out, what);
	sound_write(&part, file);
	sound_free(&part);
	return score;
}

/* What can be made of the phone's packets: those that came as a browser would send them. */
static struct sound best_of_phone(const struct listener *l, const struct sound *said)
{
	struct sound line = sound_copy(said);

	packets_alaw(&line);
	struct sound wide = sound_resample(&line, SPEECH_RATE);
	struct packets packets = packets_new(&wide, 0);
	for (size_t i = 0; i < packets.n; i++)
		packets.packet[i].lost = i < l->n_said && l->lost[i];
	struct sound best = packets_decode(&packets, PACKETS_CONCEAL);
	packets_free(&packets);
	sound_free(&wide);
	sound_free(&line);
	return best;
}

/* The phone spoke; what did the browser hear? */
static void tell_of_phone(struct call *call, const struct options *o)
{
	struct listener *l = &call->listener;
	struct sound said = scored_part(&call->narrow, o->warm);
	struct earpiece_result page = earpiece_play(&call->talker.ear, l->begun_us);
	struct sound best = best_of_phone(l, &call->narrow);
	char file[512];

	snprintf(file, sizeof(file), "%s.said.wav", o->out);
	sound_write(&said, file);
	struct score got = judge(&said, &page.heard, o, "heard");
	struct score most = judge(&said, &best, o, "best");
	printf("{\"points\":%.1f,\"best\":%.1f,\"gap\":%.4f,\"jumps\":%u,\"gain_db\":%.2f,"
	       "\"best_gain_db\":%.2f,\"delay_ms\":%.1f,\"travel_ms\":%.0f,\"sent\":%zu,\"lost\":%"
	       "u,\"page_packets\":%zu,"
	       "\"page_lost\":%u,\"wrong_steps\":%u,\"clipped\":%u,\"at_start\":%u,"
	       "\"drift_ms\":%.1f,\"not_authentic\":%u,\"disturbed\":%u}\n",
	       got.points, most.points, got.gap, got.jumps, got.gain_db, most.gain_db, got.delay_ms,
	       got.travel_ms, l->n_said, call->phone_lane.lost, call->talker.ear.n, page.lost,
	       page.wrong_steps, page.clipped, page.at_start, page.drift_ms,
	       call->talker.not_authentic, call->talker.disturbed);
	sound_free(&said);
	sound_free(&best);
	sound_free(&page.heard);
}

static void tell(struct call *call, const struct options *o, const struct sound *speech)
{
	struct talker *t = &call->talker;
	struct sound narrow = sound_resample(speech, SCORE_RATE),
		     said = scored_part(&narrow, o->warm);
	struct listener_result phone = listener_play(&call->listener, t->begun_us);
	struct sound best = packets_decode(&t->sent, PACKETS_BEST);
	char file[512];
	unsigned bytes = 0;

	packets_alaw(&best);
	snprintf(file, sizeof(file), "%s.said.wav", o->out);
	sound_write(&said, file);
	snprintf(file, sizeof(file), "%s.opus", o->out);
	write_packets(&t->sent, file);
	for (size_t i = 0; i < t->sent.n; i++)
		bytes += t->sent.packet[i].n;
	struct score got = judge(&said, &phone.heard, o, "heard");
	struct score most = judge(&said, &best, o, "best");
	printf("{\"points\":%.1f,\"best\":%.1f,\"gap\":%.4f,\"jumps\":%u,\"gain_db\":%.1f,"
	       "\"delay_ms\":%.1f,\"travel_ms\":%.0f,\"sent\":%zu,\"lost\":%u,\"kbits\":%.1f,"
	       "\"rtcp\":%u,\"reports\":%u,\"reported_loss\":%.3f,\"phone_packets\":%zu,\"phone_"
	       "late\":%u,"
	       "\"phone_waits\":%u,\"phone_spread_ms\":%.0f,\"to_browser\":%u,\"not_authentic\":%u,"
	       "\"disturbed\":%u}"
	       "\n",
	       got.points, most.points, got.gap, got.jumps, got.gain_db, got.delay_ms,
	       got.travel_ms, t->sent.n, call->lane.lost,
	       (double)bytes * 8 / ((double)t->sent.n * PACKETS_MS), t->rtcp, t->reports,
	       t->loss < 0 ? 0 : t->loss, call->listener.n, phone.late, phone.waits,
	       phone.spread_ms, t->heard, t->not_authentic, t->disturbed);
	sound_free(&narrow);
	sound_free(&said);
	sound_free(&best);
	sound_free(&phone.heard);
}

int main(int argc, char **argv)
{
	static struct call call;
	struct options o = parse(argc, argv);
	struct sound speech = speech_new(o.seed, o.warm + o.seconds);
	char fingerprint[DTLS_FINGERPRINT_TEXT];

	if (uv_loop_init(&call.loop) != 0 || uv_pipe_init(&call.loop, &call.commands, 0) != 0 ||
	    uv_pipe_open(&call.commands, 0) != 0)
		quality_fail("no loop");
	call.commands.data = call.tick.data = &call;
	lane_open(&call.lane, &call.loop,
		  o.from_phone ? &(struct network){ .loss = 0 } : &o.network);
	lane_open(&call.phone_lane, &call.loop, &o.network);
	if (o.from_phone)
		call.narrow = sound_resample(&speech, SCORE_RATE);
	talker_open(&call.talker, &call.loop, &call.lane, &speech, o.profiles);
	listener_open(&call.listener, &call.loop);
	uv_timer_init(&call.loop, &call.tick);
	uv_timer_start(&call.tick, on_tick, 10, 10);
	uv_read_start((uv_stream_t *)&call.commands, on_room, on_bytes);
	call.opened_ms = uv_now(&call.loop);
	dtls_fingerprint_print(&call.talker.fingerprint, fingerprint);
	printf("local ufrag %s pwd %s fingerprint %s port %u ssrc %u phone %u\n",
	       call.talker.local.ufrag, call.talker.local.pwd, fingerprint, call.lane.port,
	       call.talker.ssrc, call.listener.port);
	fflush(stdout);
	while (!call.over)
		uv_run(&call.loop, UV_RUN_ONCE);
	hurry(false);
	if (o.from_phone)
		tell_of_phone(&call, &o);
	else
		tell(&call, &o, &speech);
	talker_close(&call.talker);
	lane_close(&call.lane);
	lane_close(&call.phone_lane);
	listener_close(&call.listener);
	uv_close((uv_handle_t *)&call.tick, NULL);
	uv_close((uv_handle_t *)&call.commands, NULL);
	uv_run(&call.loop, UV_RUN_DEFAULT);
	sound_free(&speech);
	sound_free(&call.narrow);
	return uv_loop_close(&call.loop) == 0 && call.talker.closed ? 0 : 1;
}
