/* core.c: see core.h. Put together as in gateway/gateway.c. */
#include "core.h"

#include "gateway/storage_db.h"
#include "sip/digest.h"
#include "tests/gateway/need.h"
#include "tests/sip/fake_transport.c" /* its folder's fakes are not linked here */

#include <unistd.h>

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct core *core = arg;

	if (request->method == SIP_INVITE)
		calls_invite(core->calls, tx, request);
	else
		registrar_request(core->registrar, tx, request);
}

static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	struct core *core = arg;

	calls_flow_closed(core->calls, flow);
	registrar_flow_closed(core->registrar, flow);
	auth_flow_closed(core->auth, flow);
}

static void on_wire(void *arg, const struct sip_flow *flow, bool sent, struct str text,
		    struct str call_id)
{
	struct core *core = arg;

	traces_wire_of(core->traces, call_id, flow, sent, text);
}

static const struct sip_endpoint_events endpoint_events = {
	.on_request = on_request,
	.on_flow_closed = on_flow_closed,
	.on_wire = on_wire,
};

static int open_flow(void *arg, const struct sip_uri *contact, struct sip_flow **out)
{
	(void)arg, (void)contact, (void)out;
	return -EBADMSG;
}

static uint64_t unix_ms(void *arg)
{
	struct core *core = arg;

	return 1790000000000u + core->net->now_ms;
}

static void put_account(struct storage_db *db, const char *user, const char *password)
{
	struct sip_ha1 ha1;

	sip_ha1_make(str_of(user), STR("hookswitch"), str_of(password), &ha1);
	NEED(storage_db_account_put(db, &(struct storage_account){
						.user = str_of(user),
						.ha1_md5 = str_of(ha1.hex[SIP_DIGEST_MD5]),
						.ha1_sha256 = str_of(ha1.hex[SIP_DIGEST_SHA256]),
					}) == 0);
}

static void on_loaded(void *arg, int err)
{
	struct core *core = arg;

	core->loaded = err;
}

static void open_storage(struct core *core)
{
	struct storage_db *db;
	char why[256];

	snprintf(core->folder, sizeof(core->folder), "/tmp/hookswitch-test-XXXXXX");
	NEED(mkdtemp(core->folder));
	snprintf(core->file, sizeof(core->file), "%s/test.db", core->folder);
	NEED(storage_db_open(core->file, &db, why, sizeof(why)) == 0);
	put_account(db, "1000", "pw1000");
	put_account(db, "2000", "pw2000");
	storage_db_close(db);
	NEED(mailbox_new(&(struct mailbox_config){ .loop = &core->stage.loop }, &core->answers) ==
	     0);
	NEED(storage_open(&(struct storage_config){ .file = core->file, .answers = core->answers },
			  &core->storage, why, sizeof(why)) == 0);
}

static void open_registrar(struct core *core)
{
	struct sip_addr own = { 0 };

	sip_addr_parse(STR("127.0.0.1:5060"), 0, &own);
	NEED(sip_digest_server_new(&(struct sip_digest_server_config){ .realm = STR("hookswitch"),
								       .order = { SIP_DIGEST_MD5 },
								       .n_order = 1 },
				   &core->digest) == 0);
	NEED(domains_new(&(struct domains_config){ .realm = STR("hookswitch"),
						   .addresses = &own,
						   .n_addresses = 1 },
			 &core->domains) == 0);
	NEED(auth_new(&(struct auth_config){ .digest = core->digest,
					     .storage = core->storage,
					     .unix_ms = unix_ms,
					     .unix_arg = core },
		      &core->auth) == 0);
	NEED(registrar_new(&(struct registrar_config){ .endpoint = core->endpoint,
						       .storage = core->storage,
						       .auth = core->auth,
						       .domains = core->domains,
						       .unix_ms = unix_ms,
						       .arg = core },
			   &core->registrar) == 0);
}

void core_open(struct core *core, struct fake_net *net)
{
	static struct sdp_own own = { .first = 5060, .last = 5060 };

	*core = (struct core){ .net = net, .loaded = 1 };
	stage_open(&core->stage, &(struct stage_config){ .workers = 2,
							 .quiet_ms = 300,
							 .more = "[calls]\npage_timeout = 1\n" });
	core->started_ms = uv_now(&core->stage.loop);
	fake_net_init(net);
	core->endpoint = fake_endpoint(net, &endpoint_events, core);
	NEED(core->endpoint);
	open_storage(core);
	open_registrar(core);
	sdp_ip_parse(STR("127.0.0.1"), &own.ip);
	NEED(traces_new(unix_ms, core, &core->traces) == 0);
	NEED(calls_new(&(struct calls_config){ .endpoint = core->endpoint,
					       .workers = core->stage.workers,
					       .registrar = core->registrar,
					       .auth = core->auth,
					       .domains = core->domains,
					       .config = core->stage.config,
					       .traces = core->traces,
					       .own = &own,
					       .n_own = 1,
					       .open_flow = open_flow,
					       .arg = core },
		       &core->calls) == 0);
	NEED(registrar_load(core->registrar, on_loaded, core) == 0);
	while (core->loaded == 1)
		core_turn(core);
	NEED(core->loaded == 0);
}

static void remove_files(struct core *core)
{
	static const char *const endings[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < 3; i++) {
		char name[128];

		snprintf(name, sizeof(name), "%s%s", core->file, endings[i]);
		unlink(name);
	}
	rmdir(core->folder);
}

void core_close(struct core *core)
{
	calls_free(core->calls);
	registrar_free(core->registrar);
	auth_free(core->auth);
	domains_free(core->domains);
	sip_digest_server_free(core->digest);
	storage_close(core->storage);
	sip_endpoint_free(core->endpoint);
	traces_free(core->traces);
	mailbox_close(core->answers);
	stage_close(&core->stage);
	mailbox_free(core->answers);
	remove_files(core);
}

uint64_t core_turn(struct core *core)
{
	uint64_t now = stage_turn(&core->stage);

	fake_run(core->net, 1000000 + now - core->started_ms);
	return now;
}

void core_run(struct core *core, unsigned ms)
{
	uint64_t end = core_turn(core) + ms;

	while (core_turn(core) < end)
		;
}
