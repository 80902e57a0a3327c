/* The built-in registrar with authentication: a real database, the real SIP
 * stack on a network in memory, and a clock of the test's (RFC 3261 §10, §22). */
#define _GNU_SOURCE /* memmem */
#include "gateway/auth.h"
#include "gateway/domains.h"
#include "gateway/locations.h"
#include "gateway/mailbox.h"
#include "gateway/registrar.h"
#include "gateway/storage.h"
#include "gateway/storage_db.h"
#include "tests/check.h"
#include "tests/sip/fake_transport.c" /* its folder's fakes are not linked here */

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#define BASE_MS 1790000000000ull /* unix time when the fake clock shows 0 */

static struct fake_net net;
static struct sip_endpoint *endpoint;
static struct fake_flow udp, udp2, ws, ws2;
static uv_loop_t loop;
static struct mailbox *box;
static struct storage *storage;
static struct sip_digest_server *digest;
static struct domains *domains;
static struct auth *auth;
static struct registrar *registrar;
static char folder[64], file[96];

static struct {
	unsigned moves;
	uint64_t moved_from, moved_to;
	unsigned opened;
	struct fake_flow *open_as; /* what open_flow gives; NULL: -ENOENT */
	unsigned invites;
	char invite_user[64];
	int loaded; /* 1: not yet */
	unsigned status;
	size_t found;
} told;

static uint64_t now_unix(void *arg)
{
	(void)arg;
	return BASE_MS + net.now_ms;
}

static void on_moved(void *arg, uint64_t from, struct sip_flow *to)
{
	(void)arg;
	told.moves++;
	told.moved_from = from;
	told.moved_to = to->id;
}

static int open_flow(void *arg, struct str transport, const struct sip_addr *local,
		     const struct sip_addr *remote, struct sip_flow **out)
{
	(void)arg;
	(void)local;
	(void)remote;
	if (!told.open_as || !str_eq(transport, STR("UDP")))
		return -ENOENT;
	told.opened++;
	*out = &told.open_as->flow;
	return 0;
}

static void on_invite_user(void *arg, struct sip_server_tx *tx, struct sip_msg *request,
			   struct str user)
{
	(void)arg;
	(void)request;
	told.invites++;
	str_copy(user, told.invite_user, sizeof(told.invite_user));
	sip_respond(tx, &(struct sip_answer){ .status = 486 });
}

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	(void)arg;
	if (request->method == SIP_REGISTER)
		registrar_request(registrar, tx, request);
	else
		auth_request(auth, tx, request, on_invite_user, NULL);
}

static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	(void)arg;
	if (registrar)
		registrar_flow_closed(registrar, flow);
	auth_flow_closed(auth, flow);
}

static const struct sip_endpoint_events events = { .on_request = on_request,
						   .on_flow_closed = on_flow_closed };

static void on_loaded(void *arg, int err)
{
	(void)arg;
	told.loaded = err;
}

/* --- the bench --- */

static void make_accounts(void)
{
	struct storage_db *db;
	char why[200];

	if (storage_db_open(file, &db, why, sizeof(why)))
		abort();
	for (unsigned i = 1000; i < 1100; i++) {
		char user[16], password[16];
		struct sip_ha1 ha1;

		snprintf(user, sizeof(user), "%u", i);
		snprintf(password, sizeof(password), "pw%u", i);
		sip_ha1_make(str_of(user), STR("hookswitch"), str_of(password), &ha1);
		storage_db_account_put(
			db, &(struct storage_account){ .user = str_of(user),
						       .ha1_md5 = str_of(ha1.hex[0]),
						       .ha1_sha256 = str_of(ha1.hex[1]) });
	}
	storage_db_close(db);
}

static void start_again(void)
{
	struct sip_addr own[2] = { 0 };
	char why[200];

	memset(&told, 0, sizeof(told));
	fake_net_init(&net);
	endpoint = fake_endpoint(&net, &events, NULL);
	uv_loop_init(&loop);
	mailbox_new(&(struct mailbox_config){ .loop = &loop }, &box);
	if (storage_open(&(struct storage_config){ .file = file, .answers = box }, &storage, why,
			 sizeof(why)))
		abort();
	sip_addr_parse(STR("192.0.2.1:5060"), 0, &own[0]);
	sip_addr_parse(STR("127.0.0.1:5060"), 0, &own[1]);
	sip_digest_server_new(&(struct sip_digest_server_config){ .realm = STR("hookswitch"),
								  .order = { SIP_DIGEST_MD5 },
								  .n_order = 1 },
			      &digest);
	domains_new(&(struct domains_config){ .realm = STR("hookswitch"),
					      .names = (const char *[]){ "example.org" },
					      .n_names = 1,
					      .addresses = own,
					      .n_addresses = 2 },
		    &domains);
	auth_new(&(struct auth_config){ .digest = digest, .storage = storage, .unix_ms = now_unix },
		 &auth);
	registrar_new(&(struct registrar_config){ .endpoint = endpoint,
						  .storage = storage,
						  .auth = auth,
						  .domains = domains,
						  .unix_ms = now_unix,
						  .open_flow = open_flow,
						  .on_moved = on_moved },
		      &registrar);
	fake_flow_open(&udp, &net, endpoint, &fake_udp, "192.0.2.1:5060", "198.51.100.7:5062");
	fake_flow_open(&udp2, &net, endpoint, &fake_udp, "127.0.0.1:5060", "127.0.0.1:5070");
	fake_flow_open(&ws, &net, endpoint, &fake_ws, "192.0.2.1:8443", "198.51.100.8:40000");
	fake_flow_open(&ws2, &net, endpoint, &fake_ws, "192.0.2.1:8443", "198.51.100.8:40001");
	told.loaded = 1;
	CHECK_EQ(registrar_load(registrar, on_loaded, NULL), 0);
	while (told.loaded == 1)
		uv_run(&loop, UV_RUN_ONCE);
	CHECK_EQ(told.loaded, 0);
}

static void start(void)
{
	snprintf(folder, sizeof(folder), "/tmp/hookswitch-test-XXXXXX");
	if (!mkdtemp(folder))
		abort();
	snprintf(file, sizeof(file), "%s/test.db", folder);
	make_accounts();
	start_again();
}

static void stop_once(void)
{
	struct fake_flow *flows[] = { &udp, &udp2, &ws, &ws2 };

	for (size_t i = 0; i < 4; i++)
		if (flows[i]->flow.open)
			fake_flow_close(flows[i]);
	registrar_free(registrar);
	registrar = NULL;
	auth_free(auth);
	domains_free(domains);
	sip_digest_server_free(digest);
	storage_close(storage);
	sip_endpoint_free(endpoint);
	mailbox_close(box);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&loop), 0);
	mailbox_free(box);
}

static void remove_files(void)
{
	char name[128];

	unlink(file);
	snprintf(name, sizeof(name), "%s-wal", file);
	unlink(name);
	snprintf(name, sizeof(name), "%s-shm", file);
	unlink(name);
	rmdir(folder);
}

static void stop(void)
{
	stop_once();
	remove_files();
}

/* --- a client --- */

static unsigned cseq;

struct reg {
	struct fake_flow *flow;
	const char *user, *password; /* NULL: 1000 and its own */
	const char *method, *uri, *to, *call_id;
	const char *headers; /* lines ending with \n; Contact and the like */
	unsigned cseq;	     /* of the authenticated request; 0: the next */
};

static void send_request(const struct reg *r, const char *authorization, unsigned number)
{
	fake_receive(r->flow,
		     "%s %s SIP/2.0\nVia: SIP/2.0/%s 192.0.2.99;branch=z9hG4bK%u;rport\n"
		     "Max-Forwards: 70\nFrom: <sip:x@hookswitch>;tag=f%u\nTo: <%s>\n"
		     "Call-ID: %s\nCSeq: %u %s\n%s%sContent-Length: 0\n\n",
		     r->method, r->uri, r->flow->flow.transport->via,
		     number * 2 + (*authorization != 0), number, r->to, r->call_id, number,
		     r->method, r->headers, authorization);
}

/* The final answer to the last request; the caller's reference. */
static struct sip_msg *answer(struct fake_flow *flow)
{
	for (unsigned i = 0; i < 100000; i++) {
		struct sip_msg *msg;

		while ((msg = fake_take(flow))) {
			if (!msg->is_request && msg->status >= 200)
				return msg;
			sip_msg_unref(msg);
		}
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(100);
	}
	return NULL;
}

/* Registers (or whatever the method) as one does: challenged, then with
 * credentials. The final answer is the caller's; ask_only() waits
 * for none but a refusal of the first. */
static struct sip_msg *ask_only(struct reg r)
{
	char line[1024], text[1100];
	struct str authorization;
	struct sip_msg *challenge;
	struct writer w;

	r.user = r.user ? r.user : "1000";
	r.password = r.password ? r.password : "pw1000";
	r.method = r.method ? r.method : "REGISTER";
	r.uri = r.uri ? r.uri : "sip:hookswitch";
	r.to = r.to ? r.to : "sip:1000@hookswitch";
	r.call_id = r.call_id ? r.call_id : "call-1";
	r.headers = r.headers ? r.headers : "";
	send_request(&r, "", ++cseq);
	challenge = answer(r.flow);
	if (!challenge || challenge->status != 401)
		return challenge;
	writer_init(&w, line, sizeof(line));
	if (sip_digest_answer(challenge, str_of(r.method), str_of(r.uri), str_of(r.user),
			      str_of(r.password), STR("hookswitch"), NULL, &w) ||
	    writer_end(&w, &authorization))
		abort();
	sip_msg_unref(challenge);
	snprintf(text, sizeof(text), "%.*s\n", (int)authorization.n - 2, authorization.p);
	if (r.cseq == 0)
		r.cseq = ++cseq;
	send_request(&r, text, r.cseq);
	return NULL;
}

static struct sip_msg *ask(struct reg r)
{
	struct sip_msg *refusal = ask_only(r);

	return refusal ? refusal : answer(r.flow);
}

static unsigned status_of(struct sip_msg *msg)
{
	unsigned status = msg ? msg->status : 0;

	sip_msg_unref(msg);
	return status;
}

static unsigned contacts_in(const struct sip_msg *msg)
{
	struct sip_walk walk = { 0 };
	struct str element;
	unsigned n = 0;

	while (msg && sip_msg_walk(msg, SIP_HEADER_CONTACT, &walk, &element))
		n++;
	return n;
}

static size_t reachable(const char *user, struct registrar_binding *bindings)
{
	return registrar_lookup(registrar, str_of(user), bindings, REGISTRAR_MAX_CONTACTS);
}

#define PHONE "Contact: <sip:1000@198.51.100.7:5062>\n"
#define PAGE  "Contact: <sip:abc@x.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\";reg-id=1\n"
#define PAGE_AGAIN                                                                                 \
	"Contact: <sip:def@y.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\";reg-id=1\n"

/* --- authentication --- */

static void a_register_is_challenged_with_md5_and_then_accepted(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	struct sip_msg *msg;

	start();
	send_request(&(struct reg){ .flow = &udp,
				    .method = "REGISTER",
				    .uri = "sip:hookswitch",
				    .to = "sip:1000@hookswitch",
				    .call_id = "c",
				    .headers = PHONE },
		     "", ++cseq);
	msg = answer(&udp);
	REQUIRE(msg && msg->status == 401);
	struct str challenge = sip_msg_header(msg, SIP_HEADER_WWW_AUTHENTICATE);
	CHECK(str_starts(challenge, STR("Digest ")));
	CHECK(memmem(challenge.p, challenge.n, "realm=\"hookswitch\"", 18) != NULL);
	CHECK(memmem(challenge.p, challenge.n, "SHA-256", 7) == NULL);
	sip_msg_unref(msg);
	CHECK_EQ(reachable("1000", bindings), 0);

	msg = ask((struct reg){ .flow = &udp, .headers = PHONE "Expires: 600\n" });
	REQUIRE(msg && msg->status == 200);
	CHECK_STR(sip_msg_header(msg, SIP_HEADER_CONTACT),
		  "<sip:1000@198.51.100.7:5062>;expires=600");
	sip_msg_unref(msg);
	REQUIRE(reachable("1000", bindings) == 1);
	CHECK_STR(bindings[0].contact, "sip:1000@198.51.100.7:5062");
	CHECK(bindings[0].flow == &udp.flow && !bindings[0].web);
	stop();
}

static void the_wrong_password_and_the_unknown_user_get_the_same_answer(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .password = "no", .headers = PAGE })),
		 401);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws,
					     .user = "nobody",
					     .to = "sip:nobody@hookswitch",
					     .headers = PAGE })),
		 401);
	CHECK_EQ(reachable("1000", bindings), 0);
	CHECK(str_empty(auth_flow_user(&ws.flow)));
	stop();
}

static void malformed_credentials_are_challenged_afresh(void)
{
	static const char *const lines[] = {
		"Authorization: Digest\n",
		"Authorization: Basic MTAwMDpwdzEwMDA=\n",
		"Authorization: Digest username=\"1000\", realm=\"hookswitch\"\n",
		"Authorization: Digest username=\"1000\", realm=\"hookswitch\", nonce=\"x\", "
		"uri=\"sip:hookswitch\", response=\"00\"\n",
		"Authorization: Digest username=\"1000\", realm=\"hookswitch\", nonce=\"x\", "
		"uri=\"sip:hookswitch\", response=\"0123456789abcdef0123456789abcdef\", "
		"algorithm=SHA-512\n",
		"Authorization: Digest realm=\"elsewhere\", username=\"1000\", nonce=\"x\", "
		"uri=\"sip:hookswitch\", response=\"0123456789abcdef0123456789abcdef\"\n",
	};

	start();
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		send_request(&(struct reg){ .flow = &udp,
					    .method = "REGISTER",
					    .uri = "sip:hookswitch",
					    .to = "sip:1000@hookswitch",
					    .call_id = "c",
					    .headers = PHONE },
			     lines[i], ++cseq);
		CHECK_EQ(status_of(answer(&udp)), 401);
	}
	stop();
}

static void nobody_registers_for_another(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &udp, .to = "sip:1001@hookswitch", .headers = PHONE })),
		 403);
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .to = "sip:1001@hookswitch", .headers = PAGE })),
		 403);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws,
					     .to = "sip:1001@hookswitch",
					     .headers = "Contact: *\nExpires: 0\n" })),
		 403);
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .to = "sip:1000%00@hookswitch", .headers = PAGE })),
		 403);
	CHECK_EQ(reachable("1000", bindings) + reachable("1001", bindings), 0);
	/* the same user, escaped, is himself */
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .to = "sip:%31000@hookswitch", .headers = PAGE })),
		 200);
	stop();
}

static void only_our_domains_are_served(void)
{
	start();
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .uri = "sip:elsewhere.example", .headers = PAGE })),
		 403);
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .to = "sip:1000@elsewhere.example", .headers = PAGE })),
		 404);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws,
					     .uri = "sip:192.0.2.1:8443",
					     .to = "sip:1000@LOCALHOST",
					     .headers = PAGE })),
		 200);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws,
					     .uri = "sip:example.org",
					     .to = "sip:1000@127.0.0.1",
					     .headers = PAGE })),
		 200);
	stop();
}

/* --- contacts --- */

static void contacts_are_added_refreshed_and_removed(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	struct sip_msg *msg;

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = PHONE })), 200);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .call_id = "w", .headers = PAGE })), 200);
	REQUIRE(reachable("1000", bindings) == 2);
	CHECK(bindings[0].web && bindings[0].flow == &ws.flow); /* the newest first */
	CHECK(!bindings[1].web);
	/* a query changes nothing */
	msg = ask((struct reg){ .flow = &udp });
	CHECK_EQ(msg->status, 200);
	CHECK_EQ(contacts_in(msg), 2);
	sip_msg_unref(msg);
	/* refreshed, it is the newest */
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = PHONE })), 200);
	REQUIRE(reachable("1000", bindings) == 2);
	CHECK(!bindings[0].web);
	/* removed by expires=0 */
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &udp,
			 .headers = "Contact: <sip:1000@198.51.100.7:5062>;expires=0\n" })),
		 200);
	REQUIRE(reachable("1000", bindings) == 1);
	CHECK(bindings[0].web);
	/* all of them */
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = PHONE })), 200);
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .call_id = "w", .headers = "Contact: *\nExpires: 0\n" })),
		 200);
	CHECK_EQ(reachable("1000", bindings), 0);
	CHECK(str_empty(auth_flow_user(&ws.flow)));
	stop();
}

static void bad_contacts_are_refused(void)
{
	static const struct {
		const char *headers;
		unsigned status;
	} cases[] = {
		{ "Contact: *\n", 400 },
		{ "Contact: *\nExpires: 60\n", 400 },
		{ "Contact: *, <sip:1000@198.51.100.7>\nExpires: 0\n", 400 },
		{ "Contact: <sip:1000@198.51.100.7>, *\nExpires: 0\n", 400 },
		{ "Contact: <tel:+123>\n", 400 },
		{ "Contact: <https://evil.example/>\n", 400 },
		{ "Contact: <sip:1000@192.0.2.1:5060>\n", 400 }, /* ourselves */
		{ "Contact: <sip:1000@192.0.2.1>\n", 400 },
		{ "Contact: <sip:1000@hookswitch>\n", 400 },
		{ "Contact: <sip:1000@127.0.0.1:5070>\n", 400 }, /* not from there */
		{ "Contact: <sip:1000@[::1]:5070>\n", 400 },
		{ "Contact: <sip:1000@169.254.1.1>\n", 400 },
		{ "Contact: <sip:1000@localhost:5070>\n", 400 },
		{ PHONE "Expires: 30\n", 423 },
		{ "Contact: <sip:1000@198.51.100.7>;expires=59\n", 423 },
	};
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_msg *msg = ask(
			(struct reg){ .flow = &udp, .headers = cases[i].headers });

		if (!msg || msg->status != cases[i].status) {
			printf("  gave %u, not %u: %s", msg ? msg->status : 0, cases[i].status,
			       cases[i].headers);
			check_failures++;
		}
		if (cases[i].status == 423 && msg)
			CHECK_STR(sip_msg_header(msg, SIP_HEADER_MIN_EXPIRES), "60");
		sip_msg_unref(msg);
	}
	CHECK_EQ(reachable("1000", bindings), 0);
	/* a phone on this machine may say so */
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp2,
					     .headers = "Contact: <sip:1000@127.0.0.1:5070>\n" })),
		 200);
	stop();
}

static void headers_in_a_contact_are_stripped_and_expiry_is_bounded(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	struct sip_msg *msg;

	start();
	msg = ask(
		(struct reg){ .flow = &udp,
			      .headers = "Contact: <sip:1000@198.51.100.7;x=y?Route=%3Csip:evil%3E>"
					 ";expires=4294967295\n" });
	REQUIRE(msg && msg->status == 200);
	CHECK_STR(sip_msg_header(msg, SIP_HEADER_CONTACT),
		  "<sip:1000@198.51.100.7;x=y>;expires=3600");
	sip_msg_unref(msg);
	REQUIRE(reachable("1000", bindings) == 1);
	CHECK_STR(bindings[0].contact, "sip:1000@198.51.100.7;x=y");
	stop();
}

static void ten_contacts_are_enough(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	char contact[128];

	start();
	for (unsigned i = 0; i <= REGISTRAR_MAX_CONTACTS; i++) {
		snprintf(contact, sizeof(contact), "Contact: <sip:1000@198.51.100.%u>\n", i + 10);
		CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = contact })),
			 i < REGISTRAR_MAX_CONTACTS ? 200 : 503);
	}
	CHECK_EQ(reachable("1000", bindings), REGISTRAR_MAX_CONTACTS);
	/* a known one can still be refreshed */
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp,
					     .headers = "Contact: <sip:1000@198.51.100.10>\n" })),
		 200);
	stop();
}

static void an_overtaken_register_changes_nothing(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	cseq += 100;
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE, .cseq = cseq + 50 })),
		 200);
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .headers = PAGE "Expires: 0\n", .cseq = cseq + 40 })),
		 500);
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .headers = "Contact: *\nExpires: 0\n", .cseq = cseq + 40 })),
		 500);
	CHECK_EQ(reachable("1000", bindings), 1);
	cseq += 100;
	stop();
}

static void contacts_expire(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = PHONE "Expires: 60\n" })),
		 200);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE "Expires: 120\n" })),
		 200);
	fake_advance(&net, 59000);
	CHECK_EQ(reachable("1000", bindings), 2);
	fake_advance(&net, 2000);
	CHECK_EQ(reachable("1000", bindings), 1);
	fake_advance(&net, 60000);
	CHECK_EQ(reachable("1000", bindings), 0);
	stop();
}

/* --- flows --- */

static void a_closed_websocket_takes_its_contact_along(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	struct sip_msg *msg;

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE })), 200);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .call_id = "p", .headers = PHONE })),
		 200);
	fake_flow_close(&ws);
	REQUIRE(reachable("1000", bindings) == 1);
	CHECK(!bindings[0].web);
	msg = ask((struct reg){ .flow = &udp, .call_id = "p" });
	CHECK_EQ(contacts_in(msg), 1);
	sip_msg_unref(msg);
	stop();
}

static void a_page_that_comes_back_moves_its_dialogs(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	uint64_t first;

	for (int closed_before = 0; closed_before < 2; closed_before++) {
		start();
		CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE })), 200);
		CHECK_EQ(told.moves, 0);
		first = ws.flow.id;
		if (closed_before)
			fake_flow_close(&ws);
		fake_advance(&net, 100000);
		CHECK_EQ(status_of(ask((struct reg){
				 .flow = &ws2, .call_id = "again", .headers = PAGE_AGAIN })),
			 200);
		CHECK_EQ(told.moves, 1);
		CHECK_EQ(told.moved_from, first);
		CHECK_EQ(told.moved_to, ws2.flow.id);
		REQUIRE(reachable("1000", bindings) == 1);
		CHECK(bindings[0].flow == &ws2.flow);
		CHECK_STR(bindings[0].contact, "sip:def@y.invalid;transport=ws");
		stop();
	}
}

static void another_page_moves_nothing(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE })), 200);
	CHECK_EQ(status_of(ask(
			 (struct reg){ .flow = &ws2,
				       .call_id = "other",
				       .headers = "Contact: <sip:q@z.invalid;transport=ws>;"
						  "+sip.instance=\"<urn:uuid:2>\";reg-id=1\n" })),
		 200);
	/* nor the same page as another user */
	fake_flow_close(&ws);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws2,
					     .user = "1001",
					     .password = "pw1001",
					     .to = "sip:1001@hookswitch",
					     .call_id = "third",
					     .headers = PAGE })),
		 200);
	CHECK_EQ(told.moves, 0);
	CHECK_EQ(reachable("1000", bindings), 1);
	CHECK_EQ(reachable("1001", bindings), 1);
	stop();
}

static void a_ghost_is_forgotten_after_a_while(void)
{
	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE })), 200);
	fake_flow_close(&ws);
	fake_advance(&net, LOCATIONS_GHOST_MS + 1000);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws2, .headers = PAGE_AGAIN })), 200);
	CHECK_EQ(told.moves, 0);
	stop();
}

static void a_registered_page_is_not_challenged_again_but_a_phone_is(void)
{
	struct reg invite = { .method = "INVITE",
			      .uri = "sip:1001@hookswitch",
			      .to = "sip:1001@hookswitch",
			      .call_id = "i",
			      .headers = "" };

	start();
	invite.flow = &ws;
	send_request(&invite, "", ++cseq);
	CHECK_EQ(status_of(answer(&ws)), 401);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE })), 200);
	CHECK_STR(auth_flow_user(&ws.flow), "1000");
	send_request(&invite, "", ++cseq);
	CHECK_EQ(status_of(answer(&ws)), 486);
	CHECK_EQ(told.invites, 1);
	CHECK_STR(str_of(told.invite_user), "1000");
	/* not on another connection */
	invite.flow = &ws2;
	send_request(&invite, "", ++cseq);
	CHECK_EQ(status_of(answer(&ws2)), 401);
	/* signed out, it is challenged again */
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE "Expires: 0\n" })), 200);
	invite.flow = &ws;
	send_request(&invite, "", ++cseq);
	CHECK_EQ(status_of(answer(&ws)), 401);
	/* a phone always */
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .call_id = "p", .headers = PHONE })),
		 200);
	invite.flow = &udp;
	send_request(&invite, "", ++cseq);
	CHECK_EQ(status_of(answer(&udp)), 401);
	invite.call_id = "i2";
	CHECK_EQ(status_of(ask(invite)), 486);
	CHECK_EQ(told.invites, 2);
	stop();
}

static void udp_phones_get_keepalives(void)
{
	size_t before;

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = PHONE "Expires: 600\n" })),
		 200);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE })), 200);
	fake_advance(&net, 5000);
	before = udp.n_sent;
	size_t page_before = ws.n_sent;
	fake_advance(&net, 3 * REGISTRAR_KEEPALIVE_MS);
	CHECK_EQ(udp.n_sent - before, 3);
	CHECK_STR(fake_text(&udp, udp.n_sent - 1), "\r\n\r\n");
	CHECK_EQ(ws.n_sent, page_before);
	fake_advance(&net, 600000);
	before = udp.n_sent;
	fake_advance(&net, 60000);
	CHECK_EQ(udp.n_sent, before); /* expired */
	stop();
}

/* --- the database --- */

static void phones_survive_a_restart_and_pages_do_not(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = PHONE "Expires: 600\n" })),
		 200);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE "Expires: 600\n" })),
		 200);
	stop_once();
	start_again();
	CHECK_EQ(reachable("1000", bindings), 0); /* no flow can be opened */
	told.open_as = &udp;
	REQUIRE(reachable("1000", bindings) == 1);
	CHECK_STR(bindings[0].contact, "sip:1000@198.51.100.7:5062");
	CHECK(bindings[0].flow == &udp.flow);
	CHECK_EQ(reachable("1000", bindings), 1);
	CHECK_EQ(told.opened, 1); /* once is enough */
	/* a removed one does not come back */
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = PHONE "Expires: 0\n" })),
		 200);
	stop_once();
	start_again();
	told.open_as = &udp;
	CHECK_EQ(reachable("1000", bindings), 0);
	stop();
}

static void a_moved_phone_leaves_no_old_contact_behind(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp,
					     .headers = "Contact: <sip:1000@198.51.100.7:1>;"
							"+sip.instance=\"<urn:uuid:9>\"\n" })),
		 200);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp,
					     .headers = "Contact: <sip:1000@198.51.100.7:2>;"
							"+sip.instance=\"<urn:uuid:9>\"\n" })),
		 200);
	stop_once();
	start_again();
	told.open_as = &udp;
	REQUIRE(reachable("1000", bindings) == 1);
	CHECK_STR(bindings[0].contact, "sip:1000@198.51.100.7:2");
	stop();
}

/* Somebody else holds the database: there is no 200 before it is written. */
static void a_phone_is_answered_after_the_commit(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	struct storage_db *db;
	char why[200];

	start();
	REQUIRE(storage_db_open(file, &db, why, sizeof(why)) == 0);
	CHECK_EQ(storage_db_begin(db), 0);
	CHECK(!ask_only((struct reg){ .flow = &udp, .headers = PHONE }));
	for (unsigned i = 0; i < 200; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
	CHECK_EQ(fake_count(&udp, "SIP/2.0 200"), 0);
	CHECK_EQ(reachable("1000", bindings), 0);
	storage_db_rollback(db);
	storage_db_close(db);
	CHECK_EQ(status_of(answer(&udp)), 200);
	CHECK_EQ(reachable("1000", bindings), 1);
	stop();
}

/* kill -9 right after the 200 of the last of 100 REGISTERs: all are there. */
static void what_was_answered_survives_kill_9(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	int pipes[2], status = 0;
	unsigned done = 0;
	char byte;

	snprintf(folder, sizeof(folder), "/tmp/hookswitch-test-XXXXXX");
	REQUIRE(mkdtemp(folder) && pipe(pipes) == 0);
	snprintf(file, sizeof(file), "%s/test.db", folder);
	make_accounts();
	fflush(stdout);

	pid_t pid = fork();

	if (pid == 0) {
		char contact[128], user[16], password[16], to[64];

		start_again();
		for (unsigned i = 0; i < 100; i++) {
			unsigned number = 1000 + i;

			snprintf(user, sizeof(user), "%u", number);
			snprintf(password, sizeof(password), "pw%u", number);
			snprintf(to, sizeof(to), "sip:%u@hookswitch", number);
			snprintf(contact, sizeof(contact),
				 "Contact: <sip:%u@198.51.100.7>\nExpires: 3600\n", number);
			if (status_of(ask((struct reg){ .flow = &udp,
							.user = user,
							.password = password,
							.to = to,
							.headers = contact })) != 200)
				_exit(1);
			if (write(pipes[1], "x", 1) != 1)
				_exit(1);
		}
		pause();
		_exit(1);
	}
	close(pipes[1]);
	while (done < 100 && read(pipes[0], &byte, 1) == 1)
		done++;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(pipes[0]);
	CHECK_EQ(done, 100);
	CHECK(WIFSIGNALED(status));
	start_again();
	told.open_as = &udp;
	for (unsigned number = 1000; number < 1100; number++) {
		char user[16];

		snprintf(user, sizeof(user), "%u", number);
		CHECK_EQ(reachable(user, bindings), 1);
	}
	stop();
}

/* --- finding --- */

static void on_found(void *arg, unsigned status, const struct registrar_binding *bindings, size_t n)
{
	(void)arg;
	(void)bindings;
	told.status = status;
	told.found = n;
}

static unsigned find(const char *user)
{
	struct registrar_find *pending = NULL;

	told.status = 0;
	CHECK_EQ(registrar_find(registrar, str_of(user), on_found, NULL, &pending), 0);
	while (told.status == 0)
		uv_run(&loop, UV_RUN_ONCE);
	return told.status;
}

static void known_and_unknown_users_are_told_apart(void)
{
	struct registrar_find *pending = NULL;

	start();
	CHECK_EQ(find("1000"), 480);
	CHECK_EQ(find("4711"), 404);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE })), 200);
	CHECK_EQ(find("1000"), 200);
	CHECK_EQ(told.found, 1);
	/* cancelled: nothing comes */
	told.status = 0;
	CHECK_EQ(registrar_find(registrar, STR("1001"), on_found, NULL, &pending), 0);
	registrar_find_cancel(pending);
	CHECK_EQ(find("1002"), 480);
	/* left open at the end */
	CHECK_EQ(registrar_find(registrar, STR("1001"), on_found, NULL, &pending), 0);
	stop();
}

static void a_flow_that_closes_during_the_question_is_no_trouble(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	for (unsigned i = 0; i < 2; i++) {
		struct fake_flow *flow = i ? &udp : &ws;
		struct sip_msg *challenge;
		char line[1024], text[1100];
		struct str authorization;
		struct writer w;
		struct reg r = { .flow = flow,
				 .method = "REGISTER",
				 .uri = "sip:hookswitch",
				 .to = "sip:1000@hookswitch",
				 .call_id = "q",
				 .headers = i ? PHONE : PAGE };

		send_request(&r, "", ++cseq);
		challenge = answer(flow);
		writer_init(&w, line, sizeof(line));
		CHECK_EQ(sip_digest_answer(challenge, STR("REGISTER"), STR("sip:hookswitch"),
					   STR("1000"), STR("pw1000"), STR("hookswitch"), NULL, &w),
			 0);
		sip_msg_unref(challenge);
		CHECK_EQ(writer_end(&w, &authorization), 0);
		snprintf(text, sizeof(text), "%.*s\n", (int)authorization.n - 2, authorization.p);
		send_request(&r, text, ++cseq);
		fake_flow_close(flow);
		for (unsigned k = 0; k < 50; k++) {
			uv_run(&loop, UV_RUN_NOWAIT);
			usleep(1000);
		}
	}
	CHECK_EQ(reachable("1000", bindings), 0);
	stop();
}

static void hosts_that_mean_us(void)
{
	start();
	CHECK(domains_have(domains, STR("hookswitch")));
	CHECK(domains_have(domains, STR("HookSwitch")));
	CHECK(domains_have(domains, STR("example.org.")));
	CHECK(domains_have(domains, STR("localhost")));
	CHECK(domains_have(domains, STR("192.0.2.1")));
	CHECK(!domains_have(domains, STR("192.0.2.2")));
	CHECK(!domains_have(domains, STR("192.0.2.1.")));
	CHECK(!domains_have(domains, STR("")));
	CHECK(!domains_have(domains, STR("sub.example.org")));
	CHECK(!domains_have(domains, STR("::1")));
	CHECK(domains_is_listener(domains, STR("127.0.0.1"), 5060));
	CHECK(domains_is_listener(domains, STR("127.0.0.1"), 0));
	CHECK(!domains_is_listener(domains, STR("127.0.0.1"), 5070));
	CHECK(domains_host_is_local(STR("fe80::1")));
	CHECK(domains_host_is_local(STR("127.3.2.1")));
	CHECK(!domains_host_is_local(STR("10.0.0.1")));
	stop();
}

TESTS(a_register_is_challenged_with_md5_and_then_accepted,
      the_wrong_password_and_the_unknown_user_get_the_same_answer,
      malformed_credentials_are_challenged_afresh, nobody_registers_for_another,
      only_our_domains_are_served, contacts_are_added_refreshed_and_removed,
      bad_contacts_are_refused, headers_in_a_contact_are_stripped_and_expiry_is_bounded,
      ten_contacts_are_enough, an_overtaken_register_changes_nothing, contacts_expire,
      a_closed_websocket_takes_its_contact_along, a_page_that_comes_back_moves_its_dialogs,
      another_page_moves_nothing, a_ghost_is_forgotten_after_a_while,
      a_registered_page_is_not_challenged_again_but_a_phone_is, udp_phones_get_keepalives,
      phones_survive_a_restart_and_pages_do_not, a_moved_phone_leaves_no_old_contact_behind,
      a_phone_is_answered_after_the_commit, what_was_answered_survives_kill_9,
      known_and_unknown_users_are_told_apart, a_flow_that_closes_during_the_question_is_no_trouble,
      hosts_that_mean_us)
