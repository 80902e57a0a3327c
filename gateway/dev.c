/* dev.c: see dev.h. */
#define _GNU_SOURCE
#include "gateway/dev.h"

#include "gateway/account.h"
#include "gateway/own_certificate.h"
#include "gateway/storage_db.h"
#include "sdp/str.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <ftw.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define BROWSER_USER "alice"
#define PHONE_USER   "1000"

enum { PASSWORD_LENGTH = 16 };

struct dev {
	char *folder;
	char browser_password[PASSWORD_LENGTH + 1];
	char phone_password[PASSWORD_LENGTH + 1];
};

static int make_password(char *out)
{
	/* 32 letters, none of which looks like another: five bits each. */
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char bytes[PASSWORD_LENGTH];

	_Static_assert(sizeof(letters) == 33, "a byte's lowest five bits are even");
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		out[i] = letters[bytes[i] & 31];
	out[PASSWORD_LENGTH] = 0;
	return 0;
}

static int make_folder(struct dev *dev)
{
	const char *base = getenv("TMPDIR");
	const char *name = "hookswitch-dev-XXXXXX";

	if (!base || base[0] != '/')
		base = "/tmp";
	size_t room = strlen(base) + strlen(name) + 2;
	char *folder = malloc(room);
	if (!folder)
		return -ENOMEM;
	snprintf(folder, room, "%s/%s", base, name);
	if (!mkdtemp(folder)) {
		int err = -errno;

		free(folder);
		return err;
	}
	dev->folder = folder;
	return 0;
}

/* Loopback, and `extra` unless it means loopback already. */
static int listen_on(struct config_addresses *list, const char *extra, unsigned port)
{
	char text[3 * (INET6_ADDRSTRLEN + 8)];
	int n;

	if (list->chosen)
		return 0;
	const char *v4 = "127.0.0.1", *v6 = "::1", *more = extra;
	if (extra && strcmp(extra, "0.0.0.0") == 0) {
		v4 = extra;
		more = NULL;
	} else if (extra && strcmp(extra, "::") == 0) {
		v4 = "0.0.0.0";
		v6 = extra;
		more = NULL;
	} else if (extra && (strcmp(extra, v4) == 0 || strcmp(extra, v6) == 0)) {
		more = NULL;
	}
	if (port) {
		n = snprintf(text, sizeof(text), "%s:%u [%s]:%u", v4, port, v6, port);
		if (more)
			snprintf(text + n, sizeof(text) - (size_t)n,
				 strchr(more, ':') ? " [%s]:%u" : " %s:%u", more, port);
	} else if (extra && !more && (strcmp(v4, "0.0.0.0") == 0)) {
		text[0] = 0; /* media: all addresses */
	} else {
		snprintf(text, sizeof(text), "%s %s %s", v4, v6, more ? more : "");
	}
	int err = config_addresses_set(list, text, port != 0);
	/* So that a machine without IPv6 can do without it. */
	list->chosen = false;
	return err;
}

static int use_addresses(struct config *config, const char *address)
{
	struct config_address checked;
	char host[INET6_ADDRSTRLEN + 8];
	int err = 0;

	if (address) {
		if (config_address_parse(address, false, &checked))
			return -EINVAL;
		snprintf(host, sizeof(host), "%s", checked.text);
		address = host;
	}
	err = listen_on(&config->web.http, address, 8080);
	if (!err)
		err = listen_on(&config->web.https, address, 8443);
	if (!err)
		err = listen_on(&config->sip.udp, address, 5060);
	if (!err)
		err = listen_on(&config->sip.tcp, address, 5060);
	if (!err)
		err = listen_on(&config->media.address, address, 0);
	return err;
}

static int replace(char **field, const char *folder, const char *name)
{
	size_t room = strlen(folder) + strlen(name) + 1;
	char *path = malloc(room);

	if (!path)
		return -ENOMEM;
	snprintf(path, room, "%s%s", folder, name);
	free(*field);
	*field = path;
	return 0;
}

static int make_accounts(struct dev *dev, const struct config *config, char *why, size_t why_bytes)
{
	struct storage_db *db = NULL;
	bool changed;
	int err = storage_db_open(config->registrar.database, &db, why, why_bytes);

	if (err)
		return err;
	const struct account accounts[] = {
		{ STR(BROWSER_USER), str_of(dev->browser_password), STR("Alice") },
		{ STR(PHONE_USER), str_of(dev->phone_password), STR("Desk phone") },
	};
	for (size_t i = 0; !err && i < 2; i++)
		err = account_put(db, config->registrar.realm, &accounts[i], (uint64_t)time(NULL),
				  &changed);
	if (err)
		snprintf(why, why_bytes, "%s: %s", config->registrar.database,
			 storage_db_error(db));
	storage_db_close(db);
	return err;
}

/* What the page asks for to fill its form in. */
static int make_demo_json(const struct dev *dev, struct config *config)
{
	json_t *json = json_pack("{s:s, s:s, s:s}", "user", BROWSER_USER, "password",
				 dev->browser_password, "call", PHONE_USER);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	if (!text)
		return -ENOMEM;
	config->web.demo_json = str_dup(str_of(text));
	free(text);
	return config->web.demo_json ? 0 : -ENOMEM;
}

static int fill(struct dev *dev, struct config *config, const char *address, char *why,
		size_t why_bytes)
{
	int err = use_addresses(config, address);

	if (err) {
		if (err == -EINVAL)
			snprintf(why, why_bytes, "--address: expected an IP address");
		return err;
	}
	err = make_folder(dev);
	if (err)
		return err;
	assert(dev->folder);
	err = replace(&config->gateway.state, dev->folder, "");
	if (!err)
		err = replace(&config->registrar.database, dev->folder, "/hookswitch.db");
	if (!err)
		err = make_password(dev->browser_password);
	if (!err)
		err = make_password(dev->phone_password);
	if (!err)
		err = make_accounts(dev, config, why, why_bytes);
	if (!err)
		err = own_certificate(config, why, why_bytes);
	if (!err)
		err = make_demo_json(dev, config);
	return err;
}

int dev_new(struct config *config, const char *address, struct dev **out, char *why,
	    size_t why_bytes)
{
	struct dev *dev = calloc(1, sizeof(*dev));

	why[0] = 0;
	int err = dev ? fill(dev, config, address, why, why_bytes) : -ENOMEM;
	if (err) {
		if (!why[0])
			snprintf(why, why_bytes, "--dev: %s", strerror(-err));
		dev_free(dev);
		return err;
	}
	*out = dev;
	return 0;
}

static unsigned port_of(const struct config_address *address)
{
	/* sin_port and sin6_port are at the same place. */
	return ntohs(((const struct sockaddr_in *)&address->addr)->sin_port);
}

void dev_print(const struct dev *dev, const struct config *config, FILE *to)
{
	const struct config_addresses *lists[] = { &config->sip.udp, &config->sip.tcp };
	static const char *const names[] = { "udp", "tcp" };

	if (config->web.http.n)
		fprintf(to, "http://localhost:%u/\n", port_of(&config->web.http.list[0]));
	if (config->web.https.n)
		fprintf(to,
			"https://localhost:%u/ (the browser warns: this certificate was made just "
			"now, and nobody vouches for it)\n",
			port_of(&config->web.https.list[0]));
	/* Where others reach us: the first two are loopback. */
	for (size_t i = 2; i < config->web.https.n; i++)
		fprintf(to, "https://%s/\n", config->web.https.list[i].text);
	fprintf(to, "account browser user=%s password=%s\n", BROWSER_USER, dev->browser_password);
	fprintf(to, "account phone user=%s password=%s\n", PHONE_USER, dev->phone_password);
	for (size_t k = 0; k < 2; k++) {
		fprintf(to, "sip %s", names[k]);
		for (size_t i = 0; i < lists[k]->n; i++)
			fprintf(to, " %s", lists[k]->list[i].text);
		fputc('\n', to);
	}
	fprintf(to, "dial %s\n", PHONE_USER);
	fprintf(to, "folder %s (removed at the end)\n", dev->folder);
	fflush(to);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	remove(path);
	return 0;
}

void dev_free(struct dev *dev)
{
	if (!dev)
		return;
	/* Depth first, following no links, staying on the file system. */
	if (dev->folder)
		nftw(dev->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(dev->folder);
	explicit_bzero(dev, sizeof(*dev));
	free(dev);
}
