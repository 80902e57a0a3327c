/* own_certificate.c: see own_certificate.h. */
#include "gateway/own_certificate.h"

#include "dtls/certificate.h"
#include "sdp/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DAYS	   825
#define MOST_NAMES 16

static char *in_folder(const char *folder, const char *name)
{
	size_t room = strlen(folder) + strlen(name) + 2;
	char *path = malloc(room);

	if (path)
		snprintf(path, room, "%s/%s", folder, name);
	return path;
}

static bool is_any(const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET)
		return ((const struct sockaddr_in *)addr)->sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)addr)->sin6_addr);
}

static void print_host(const struct sockaddr_storage *addr, char *out)
{
	const void *bytes = addr->ss_family == AF_INET
				    ? (const void *)&((const struct sockaddr_in *)addr)->sin_addr
				    : (const void *)&((const struct sockaddr_in6 *)addr)->sin6_addr;

	inet_ntop(addr->ss_family, bytes, out, INET6_ADDRSTRLEN);
}

static int make(const struct config *config, const char *certificate, const char *key)
{
	char hosts[MOST_NAMES][INET6_ADDRSTRLEN], machine[256] = "";
	const char *names[MOST_NAMES] = { "localhost", "127.0.0.1", "::1" };
	struct dtls_certificate *made = NULL;
	size_t n = 3;

	if (gethostname(machine, sizeof(machine) - 1) == 0 && machine[0] &&
	    strcmp(machine, "localhost") != 0)
		names[n++] = machine;
	for (size_t i = 0; i < config->web.https.n && n < MOST_NAMES; i++) {
		const struct sockaddr_storage *addr = &config->web.https.list[i].addr;
		bool known = is_any(addr);

		if (!known)
			print_host(addr, hosts[n]);
		for (size_t k = 1; !known && k < n; k++)
			known = strcmp(names[k], hosts[n]) == 0;
		if (!known) {
			names[n] = hosts[n];
			n++;
		}
	}
	int err = dtls_certificate_new(
		&(struct dtls_certificate_config){
			.common_name = "hookswitch", .days = DAYS, .names = names, .n_names = n },
		&made);
	if (!err)
		err = dtls_certificate_save(made, certificate, key);
	dtls_certificate_free(made);
	return err;
}

int own_certificate(struct config *config, char *why, size_t why_bytes)
{
	char *certificate, *key;
	int err = 0;

	if ((!config->web.https.n && !config->sip.tls.n) || config->web.certificate)
		return 0;
	certificate = in_folder(config->gateway.state, "certificate.pem");
	key = in_folder(config->gateway.state, "key.pem");
	if (!certificate || !key)
		err = -ENOMEM;
	else if (access(certificate, F_OK) || access(key, F_OK))
		err = make(config, certificate, key);
	if (err) {
		snprintf(why, why_bytes, "%s: no certificate could be made there: %s",
			 config->gateway.state, strerror(-err));
		free(certificate);
		free(key);
		return err;
	}
	config->web.certificate = certificate;
	config->web.key = key;
	return 0;
}
