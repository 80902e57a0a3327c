/* load.c: many calls against a SIP-over-WebSocket gateway, see README.md. One loop does
 * everything: browsers and phones. */
#include "tests/load/load.h"

#include "tests/quality/speech.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { TICK_MS = 5, END_MS = 40000 };

uint32_t load_random(struct load *load)
{
	load->random = load->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(load->random >> 32);
}

_Noreturn void load_die(const char *what)
{
	fprintf(stderr, "load: %s\n", what);
	exit(2);
}

/* ---- the loop ---- */

static uint64_t loop_now(void *arg)
{
	return uv_now(arg);
}

static void on_sip_timer(uv_timer_t *timer)
{
	struct load *load = timer->data;

	sip_endpoint_run(load->pages, uv_now(&load->loop));
	sip_endpoint_run(load->phones, uv_now(&load->loop));
}

static void on_before_waiting(uv_prepare_t *prepare)
{
	struct load *load = prepare->data;
	uint64_t pages = sip_endpoint_due(load->pages), phones = sip_endpoint_due(load->phones);
	uint64_t due = pages < phones ? pages : phones, now = uv_now(&load->loop);

	if (due == UINT64_MAX)
		uv_timer_stop(&load->sip_timer);
	else
		uv_timer_start(&load->sip_timer, on_sip_timer, due > now ? due - now : 0, 0);
}

static void on_tick(uv_timer_t *timer)
{
	struct load *load = timer->data;

	calls_end(load, false);
}

/* Turns the loop while the condition does not hold, for `ms` at most. */
#define RUN_UNTIL(load, condition, ms)                                                             \
	do {                                                                                       \
		uint64_t end_ = uv_hrtime() + (uint64_t)(ms)*1000000;                              \
		while (!(condition) && uv_hrtime() < end_)                                         \
			uv_run(&(load)->loop, UV_RUN_ONCE);                                        \
	} while (0)

static void on_page_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	(void)arg;
	sip_respond(tx,
		    &(struct sip_answer){ .status = request->method == SIP_OPTIONS ? 200 : 405 });
}

static void on_phone_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	if (request->method == SIP_INVITE)
		call_arrived(arg, tx, request);
	else
		on_page_request(arg, tx, request);
}

static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	(void)arg, (void)flow;
}

static const struct sip_endpoint_events page_events = { .on_request = on_page_request,
							.on_flow_closed = on_flow_closed };
static const struct sip_endpoint_events phone_events = { .on_request = on_phone_request,
							 .on_flow_closed = on_flow_closed };

static struct sip_endpoint *endpoint(struct load *load, const struct sip_endpoint_events *events)
{
	struct sip_endpoint *out;

	if (sip_endpoint_new(&(struct sip_endpoint_config){ .events = events,
							    .arg = load,
							    .product = "load",
							    .now_ms = uv_now(&load->loop),
							    .max_transactions = 500000 },
			     &out) != 0)
		load_die("out of memory");
	sip_endpoint_timers(out)->clock = loop_now;
	sip_endpoint_timers(out)->clock_arg = &load->loop;
	return out;
}

static void make_tapes(struct load *load)
{
	static const unsigned rates[LOAD_OPUS_TAPES] = { 8000, 16000, 0 };
	struct sound speech = speech_new(load->o.seed, load->o.speech_seconds);

	for (size_t i = 0; i < LOAD_OPUS_TAPES && load->o.page_codec == &codec_opus; i++)
		tape_make(&load->opus[i], &speech, &codec_opus, rates[i]);
	if (load->o.page_codec != &codec_opus)
		tape_make(&load->page_tape, &speech, load->o.page_codec, 0);
	if (load->o.page_also)
		tape_make(&load->also_tape, &speech, load->o.page_also, 0);
	/* The phone says something else. */
	sound_free(&speech);
	speech = speech_new(load->o.seed + 1, load->o.speech_seconds);
	tape_make(&load->phone_tape, &speech, load->o.phone_codec, 0);
	sound_free(&speech);
}

static void load_open(struct load *load)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	load->random = load->o.seed;
	load->samples_left = load->o.samples;
	if (uv_loop_init(&load->loop) != 0 || dtls_certificate_new(NULL, &load->certificate) != 0 ||
	    dtls_context_new(load->certificate, load->o.srtp, &load->dtls) != 0)
		load_die("out of memory");
	dtls_certificate_fingerprint(load->certificate, &load->fingerprint);
	if (load->o.secure) { /* the gateway's certificate is its own */
		load->tls = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_verify(load->tls, SSL_VERIFY_NONE, NULL);
		SSL_CTX_set_mode(load->tls, SSL_MODE_RELEASE_BUFFERS);
	}
	load->pages = endpoint(load, &page_events);
	load->phones = endpoint(load, &phone_events);
	if (sip_udp_listen(load->phones, &load->loop, &load->o.phone, &load->udp) != 0)
		load_die("the phones' SIP port is taken");
	uv_timer_init(&load->loop, &load->sip_timer);
	uv_timer_init(&load->loop, &load->tick);
	uv_prepare_init(&load->loop, &load->prepare);
	load->sip_timer.data = load->tick.data = load->prepare.data = load;
	uv_prepare_start(&load->prepare, on_before_waiting);
	uv_timer_start(&load->tick, on_tick, TICK_MS, TICK_MS);
	load->users = calloc(load->o.users, sizeof(*load->users));
	if (!load->users)
		load_die("out of memory");
}

/* ---- phases ---- */

static unsigned users_ready(const struct load *load, unsigned n)
{
	unsigned ready = 0;

	for (unsigned i = 0; i < n; i++)
		ready += user_is_ready(&load->users[i]);
	return ready;
}

/* How many of a paced row are due. */
static unsigned due(uint64_t since_ns, double rate)
{
	return 1 + (unsigned)((double)(uv_hrtime() - since_ns) / 1e9 * rate);
}

static void connect_users(struct load *load)
{
	uint64_t start = uv_hrtime();

	for (unsigned n = 0; n < load->o.users;) {
		while (n < load->o.users && n < due(start, load->o.connect_rate)) {
			user_open(&load->users[n], load, n);
			n++;
		}
		uv_run(&load->loop, UV_RUN_ONCE);
	}
	RUN_UNTIL(load, users_ready(load, load->o.users) == load->o.users, 10000);
	if (users_ready(load, load->o.users) < load->o.users) {
		result_print(&load->result, load->o.mode, false);
		load_die("not all browsers are connected");
	}
	load->result.registered = load->result.register_requests = 0;
	series_free(&load->result.register_ms);
}

static void look(const struct load *load, double *memory, size_t *descriptors)
{
	*memory = server_memory_kib(&load->server);
	*descriptors = server_descriptors(&load->server);
}

static void measure_idle(struct load *load)
{
	double before = server_cpu_ms(&load->server);

	RUN_UNTIL(load, false, 2000);
	load->result.idle_cpu_ms = (server_cpu_ms(&load->server) - before) / 2;
	look(load, &load->result.memory_before, &load->result.descriptors_before);
}

static void end_calls(struct load *load)
{
	calls_end(load, true);
	RUN_UNTIL(load, load->n_calls == 0, END_MS);
	for (unsigned i = 0; i < load->n_calls; i++)
		result_reason(&load->result, "never over");
	RUN_UNTIL(load, false, load->o.settle * 1000);
	look(load, &load->result.memory_after, &load->result.descriptors_after);
}

/* More calls than there is room for, by browsers that are not in one, while others talk. */
static void knock(struct load *load)
{
	uint64_t start = uv_hrtime();
	unsigned most = (unsigned)(load->o.knock * load->o.seconds), next = 0;

	for (unsigned n = 0; n < most;) {
		while (n < most && n < due(start, load->o.knock)) {
			for (unsigned i = 0; i < load->o.users && load->users[next].call; i++)
				next = (next + 1) % load->o.users;
			if (!load->users[next].call)
				call_start(load, &load->users[next]);
			n++;
		}
		uv_run(&load->loop, UV_RUN_ONCE);
	}
	RUN_UNTIL(load, load->result.established + load->result.failed >= load->result.attempted,
		  2000);
}

/* So many calls at once, measured while all of them talk. */
static void mode_calls(struct load *load)
{
	struct result *r = &load->result;
	uint64_t start = uv_hrtime();

	for (unsigned n = 0; n < load->o.calls;) {
		while (n < load->o.calls && n < due(start, load->o.rate))
			call_start(load, &load->users[n++]);
		uv_run(&load->loop, UV_RUN_ONCE);
	}
	RUN_UNTIL(load, r->established + r->failed >= load->o.calls, 12000);
	RUN_UNTIL(load, false, 2000);
	double before = server_cpu_ms(&load->server);
	start = uv_hrtime();
	unsigned talking = calls_established(load);
	calls_watch(load, true);
	if (load->o.knock > 0)
		knock(load);
	else
		RUN_UNTIL(load, false, load->o.seconds * 1000);
	calls_watch(load, false);
	r->seconds = (double)(uv_hrtime() - start) / 1e9;
	r->cpu_ms = server_cpu_ms(&load->server) - before;
	r->call_seconds = r->seconds * (talking + calls_established(load)) / 2.0;
	r->loaded = talking;
	look(load, &r->memory_loaded, &r->descriptors_loaded);
	calls_count_media(load);
	end_calls(load);
}

/* Calls set up and torn down at a rate. */
static void mode_churn(struct load *load)
{
	struct result *r = &load->result;
	uint64_t start = uv_hrtime();
	unsigned n = 0, most = (unsigned)(load->o.rate * load->o.seconds), next = 0;
	double before = server_cpu_ms(&load->server);

	while (n < most) {
		while (n < most && n < due(start, load->o.rate)) {
			unsigned tried = 0;

			while (load->users[next].call && tried++ < load->o.users)
				next = (next + 1) % load->o.users;
			if (!load->users[next].call)
				call_start(load, &load->users[next]);
			else
				result_reason(r, "no idle browser left");
			next = (next + 1) % load->o.users;
			n++;
		}
		uv_run(&load->loop, UV_RUN_ONCE);
	}
	look(load, &r->memory_loaded, &r->descriptors_loaded);
	RUN_UNTIL(load, load->n_calls == 0, END_MS);
	r->seconds = (double)(uv_hrtime() - start) / 1e9;
	r->cpu_ms = server_cpu_ms(&load->server) - before;
	end_calls(load);
}

/* Every browser registers again and again. */
static void mode_register(struct load *load)
{
	struct result *r = &load->result;
	uint64_t start = uv_hrtime();
	unsigned n = 0, most = (unsigned)(load->o.rate * load->o.seconds);
	double before = server_cpu_ms(&load->server);

	while (n < most) {
		while (n < most && n < due(start, load->o.rate)) {
			struct user *user = &load->users[n++ % load->o.users];

			if (user->registering)
				result_reason(r, "the REGISTER before is not answered");
			else
				user_register(user);
		}
		uv_run(&load->loop, UV_RUN_ONCE);
	}
	RUN_UNTIL(load, r->registered + r->register_failed >= most, 5000);
	r->seconds = (double)(uv_hrtime() - start) / 1e9;
	r->cpu_ms = server_cpu_ms(&load->server) - before;
	look(load, &r->memory_after, &r->descriptors_after);
}

/* What each registered browser that does nothing costs. */
static void mode_idle(struct load *load)
{
	struct result *r = &load->result;

	look(load, &r->memory_before, &r->descriptors_before);
	connect_users(load);
	RUN_UNTIL(load, false, 3000);
	double before = server_cpu_ms(&load->server);
	uint64_t start = uv_hrtime();
	RUN_UNTIL(load, false, load->o.seconds * 1000);
	r->seconds = (double)(uv_hrtime() - start) / 1e9;
	r->cpu_ms = server_cpu_ms(&load->server) - before;
	r->idle_cpu_ms = r->cpu_ms / r->seconds;
	look(load, &r->memory_loaded, &r->descriptors_loaded);
	r->loaded = load->o.users;
}

static const struct {
	const char *name;
	void (*run)(struct load *load);
	bool connected;
} modes[] = {
	{ "calls", mode_calls, true },
	{ "churn", mode_churn, true },
	{ "register", mode_register, true },
	{ "idle", mode_idle, false },
};

int load_run(struct load *load)
{
	load_open(load);
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(modes[i].name, load->o.mode) != 0)
			continue;
		if (modes[i].run == mode_calls || modes[i].run == mode_churn)
			make_tapes(load);
		if (modes[i].connected) {
			connect_users(load);
			measure_idle(load);
		}
		load->result.has_server = load->server.n > 0;
		modes[i].run(load);
		result_print(&load->result, load->o.mode, load->o.json);
		return load->result.failed || load->result.register_failed ? 1 : 0;
	}
	load_die("modes are calls, churn, register and idle");
}
