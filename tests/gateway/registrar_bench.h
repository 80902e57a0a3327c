/* registrar_bench.h: registrar and authentication with a real database, the real SIP
 * stack on a network in memory, and a clock of the test's. Included by one test
 * file per program. */
#pragma once

#include "gateway/auth.h"
#include "gateway/domains.h"
#include "gateway/mailbox.h"
#include "gateway/registrar.h"
#include "gateway/storage.h"
#include "gateway/storage_db.h"
#include "tests/check.h"
#include "tests/sip/fake_transport.c" /* its folder's fakes are not linked here */

#include <errno.h>
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

static inline uint64_t now_unix(void *arg)
{
	(void)arg;
	return BASE_MS + net.now_ms;
}

static inline void on_moved(void *arg, uint64_t from, struct sip_flow *to)
{
	(void)arg;
	told.moves++;
	told.moved_from = from;
	told.moved_to = to->id;
}

static inline int open_flow(void *arg, struct str transport, const struct sip_addr *local,
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

static inline void on_invite_user(void *arg, struct sip_server_tx *tx, struct sip_msg *request,
				  struct str user)
{
	(void)arg;
	(void)request;
	told.invites++;
	str_copy(user, told.invite_user, sizeof(told.invite_user));
	sip_respond(tx, &(struct sip_answer){ .status = 486 });
}

/* A page is told a word with its 200, as it is told its token. */
static inline void put_headers(void *arg, const struct sip_flow *flow, struct str user,
			       uint32_t expires_s, struct writer *headers)
{
	(void)arg;
	writer_printf(headers, "X-Told: %.*s %u %u\r\n", STR_ARG(user), (unsigned)flow->id,
		      expires_s);
}

static inline void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	(void)arg;
	if (request->method == SIP_REGISTER)
		registrar_request(registrar, tx, request);
	else
		auth_request(auth, tx, request, on_invite_user, NULL);
}

static inline void on_flow_closed(void *arg, struct sip_flow *flow)
{
	(void)arg;
	if (registrar)
		registrar_flow_closed(registrar, flow);
	auth_flow_closed(auth, flow);
}

static const struct sip_endpoint_events events = { .on_request = on_request,
						   .on_flow_closed = on_flow_closed };

static inline void on_loaded(void *arg, int err)
{
	(void)arg;
	told.loaded = err;
}

/* --- the bench --- */

static inline void make_accounts(void)
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

static inline void start_again(void)
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
						  .on_moved = on_moved,
						  .put_headers = put_headers },
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

static inline void start(void)
{
	snprintf(folder, sizeof(folder), "/tmp/hookswitch-test-XXXXXX");
	if (!mkdtemp(folder))
		abort();
	snprintf(file, sizeof(file), "%s/test.db", folder);
	make_accounts();
	start_again();
}

static inline void stop_once(void)
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

static inline void remove_files(void)
{
	char name[128];

	unlink(file);
	snprintf(name, sizeof(name), "%s-wal", file);
	unlink(name);
	snprintf(name, sizeof(name), "%s-shm", file);
	unlink(name);
	rmdir(folder);
}

static inline void stop(void)
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

static inline void send_request(const struct reg *r, const char *authorization, unsigned number)
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
static inline struct sip_msg *answer(struct fake_flow *flow)
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
static inline struct sip_msg *ask_only(struct reg r)
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

static inline struct sip_msg *ask(struct reg r)
{
	struct sip_msg *refusal = ask_only(r);

	return refusal ? refusal : answer(r.flow);
}

static inline unsigned status_of(struct sip_msg *msg)
{
	unsigned status = msg ? msg->status : 0;

	sip_msg_unref(msg);
	return status;
}

static inline unsigned contacts_in(const struct sip_msg *msg)
{
	struct sip_walk walk = { 0 };
	struct str element;
	unsigned n = 0;

	while (msg && sip_msg_walk(msg, SIP_HEADER_CONTACT, &walk, &element))
		n++;
	return n;
}

static inline size_t reachable(const char *user, struct registrar_binding *bindings)
{
	return registrar_lookup(registrar, str_of(user), bindings, REGISTRAR_MAX_CONTACTS);
}

#define PHONE "Contact: <sip:1000@198.51.100.7:5062>\n"
#define PAGE  "Contact: <sip:abc@x.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\";reg-id=1\n"
#define PAGE_AGAIN                                                                                 \
	"Contact: <sip:def@y.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\";reg-id=1\n"
