/* config_value.c: see config_value.h. */
#include "gateway/config_value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_separator(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

bool config_value_next(struct str *rest, struct str *value)
{
	size_t n = 0;

	while (rest->n && is_separator(rest->p[0]))
		*rest = str_skip(*rest, 1);
	while (n < rest->n && !is_separator(rest->p[n]))
		n++;
	*value = str_head(*rest, n);
	*rest = str_skip(*rest, n);
	return n > 0;
}

static int address_parse(struct str text, bool with_port, struct config_address *out)
{
	struct config_address a = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a.addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a.addr;
	char host[INET6_ADDRSTRLEN];
	struct str name = text, port_text = { 0 };
	uint32_t port = 0;

	if (with_port) {
		size_t colon = text.n;

		while (colon && text.p[colon - 1] != ':')
			colon--;
		if (!colon)
			return -EBADMSG;
		name = str_head(text, colon - 1);
		port_text = str_skip(text, colon);
		if (!str_to_u32(port_text, 1, 65535, &port))
			return -EBADMSG;
	}
	bool brackets = str_starts(name, STR("[")) && str_ends(name, STR("]"));
	if (brackets)
		name = str_head(str_skip(name, 1), name.n - 2);
	if (str_copy(name, host, sizeof(host)))
		return -EBADMSG;
	if (!brackets && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
	} else if ((brackets || !with_port) && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
	} else {
		return -EBADMSG;
	}
	if (!with_port)
		snprintf(a.text, sizeof(a.text), "%s", host);
	else
		snprintf(a.text, sizeof(a.text), brackets ? "[%s]:%u" : "%s:%u", host, port);
	*out = a;
	return 0;
}

int config_address_parse(const char *text, bool with_port, struct config_address *out)
{
	return address_parse(str_of(text), with_port, out);
}

static int addresses_set(struct config_addresses *out, struct str text, bool with_port)
{
	struct config_address *list = calloc(CONFIG_MAX_LIST, sizeof(*list));
	struct str one;
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	while (config_value_next(&text, &one)) {
		if (n == CONFIG_MAX_LIST || address_parse(one, with_port, &list[n])) {
			free(list);
			return -EBADMSG;
		}
		for (size_t i = 0; i < n; i++) {
			if (strcmp(list[i].text, list[n].text) == 0) {
				free(list);
				return -EBADMSG;
			}
		}
		n++;
	}
	free(out->list);
	out->list = list;
	out->n = n;
	out->chosen = true;
	return 0;
}

int config_addresses_set(struct config_addresses *list, const char *text, bool with_port)
{
	return addresses_set(list, str_of(text), with_port);
}

static int networks_set(struct config_networks *out, struct str text)
{
	struct str one;

	out->list = calloc(CONFIG_MAX_LIST, sizeof(*out->list));
	if (!out->list)
		return -ENOMEM;
	for (; config_value_next(&text, &one); out->n++)
		if (out->n == CONFIG_MAX_LIST || network_parse(one, &out->list[out->n]))
			return -EBADMSG;
	return 0;
}

/* Gives the word as it is to be kept, or nothing when it is not one of them. */
typedef struct str accept_word(struct str word);

static struct str host_name(struct str word)
{
	for (size_t i = 0; i < word.n; i++) {
		char c = word.p[i];

		if (!isalnum((unsigned char)c) && !strchr(".-_:[]", c))
			return STR("");
	}
	return word;
}

static struct str origin(struct str word)
{
	size_t scheme = str_istarts(word, STR("https://"))  ? 8
			: str_istarts(word, STR("http://")) ? 7
							    : 0;

	return scheme ? (str_empty(host_name(str_skip(word, scheme))) ? STR("") : word) : STR("");
}

static bool is_name(struct str host)
{
	bool letters = false;

	for (size_t i = 0; i < host.n; i++) {
		if (!isalnum((unsigned char)host.p[i]) && !strchr(".-", host.p[i]))
			return false;
		letters |= isalpha((unsigned char)host.p[i]) != 0;
	}
	return letters && host.n <= 253; /* digits alone are an address that is none */
}

static bool is_port_or_none(struct str text)
{
	uint32_t port;

	return str_empty(text) || str_to_u32(text, 1, 65535, &port);
}

/* sip:ADDRESS[:PORT][;transport=udp|tcp|tls], or a name instead of the address */
static struct str target(struct str word)
{
	struct str rest = word, params, where;
	char with_port[INET6_ADDRSTRLEN + 16];
	struct config_address address;

	if (!str_starts(word, STR("sip:")))
		return STR("");
	params = str_skip(rest, str_find(rest, ';'));
	where = str_skip(str_head(rest, rest.n - params.n), 4);
	if (!str_empty(params) && !str_eq(params, STR(";transport=udp")) &&
	    !str_eq(params, STR(";transport=tcp")) && !str_eq(params, STR(";transport=tls")))
		return STR("");
	if (address_parse(where, true, &address) == 0)
		return word;
	if (where.n <= INET6_ADDRSTRLEN + 2) {
		snprintf(with_port, sizeof(with_port), "%.*s:5060", STR_ARG(where));
		if (address_parse(str_of(with_port), true, &address) == 0)
			return word;
	}
	return is_name(str_cut(&where, ':')) && is_port_or_none(where) ? word : STR("");
}

/* turn:HOST[:PORT][?transport=udp|tcp] and turns: (RFC 7065 §3.1) */
static struct str turn_url(struct str word)
{
	struct str rest = word, where;

	if (!str_starts(word, STR("turn:")) && !str_starts(word, STR("turns:")))
		return STR("");
	str_cut(&rest, ':');
	where = str_cut(&rest, '?');
	if (!str_empty(rest) && !str_eq(rest, STR("transport=udp")) &&
	    !str_eq(rest, STR("transport=tcp")))
		return STR("");
	return str_empty(host_name(where)) ? STR("") : word;
}

static struct str codec(struct str word)
{
	static const char *const names[] = { "opus", "G722", "PCMA", "PCMU" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (str_ieq(word, str_of(names[i])))
			return str_of(names[i]);
	}
	return STR("");
}

static int words_set(struct config_words *out, struct str text, accept_word *accept)
{
	struct str one;

	out->list = calloc(CONFIG_MAX_LIST, sizeof(*out->list));
	if (!out->list)
		return -ENOMEM;
	while (config_value_next(&text, &one)) {
		one = accept(one);
		if (str_empty(one) || out->n == CONFIG_MAX_LIST)
			return -EBADMSG;
		for (size_t i = 0; i < out->n; i++) {
			if (str_ieq(str_of(out->list[i]), one))
				return -EBADMSG;
		}
		out->list[out->n] = str_dup(one);
		if (!out->list[out->n])
			return -ENOMEM;
		out->n++;
	}
	return 0;
}

/* "90", "90s", "90 s", "2m", "1h". */
static bool seconds(struct str text, uint32_t min, uint32_t max, uint32_t *out)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 } };
	uint32_t factor = 1, n;

	for (size_t i = 0; i < 3; i++) {
		if (text.n && text.p[text.n - 1] == units[i].unit) {
			factor = units[i].seconds;
			text = str_trim(str_head(text, text.n - 1));
			break;
		}
	}
	if (!str_to_u32(text, 0, UINT32_MAX / 3600, &n) || n * factor < min || n * factor > max)
		return false;
	*out = n * factor;
	return true;
}

static bool choice(const char *choices, struct str text, int *out)
{
	struct str rest = str_of(choices);

	for (int i = 0; !str_empty(rest); i++) {
		if (str_eq(str_cut(&rest, '|'), text)) {
			*out = i;
			return true;
		}
	}
	return false;
}

static int path_set(char **out, struct str text, const char *folder)
{
	struct str base = str_of(folder);
	size_t room = base.n + text.n + 2;

	if (str_empty(text))
		return 0;
	*out = malloc(room);
	if (!*out)
		return -ENOMEM;
	if (text.p[0] == '/' || str_empty(base))
		snprintf(*out, room, "%.*s", STR_ARG(text));
	else
		snprintf(*out, room, "%.*s/%.*s", STR_ARG(base), STR_ARG(text));
	return 0;
}

static int text_set(char **out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (!isgraph((unsigned char)text.p[i]) || strchr("\"\\:", text.p[i]))
			return -EBADMSG;
	}
	if (str_empty(text))
		return 0;
	*out = str_dup(text);
	return *out ? 0 : -ENOMEM;
}

static int secret_set(char **out, struct str text, uint32_t min, uint32_t max)
{
	if (str_empty(text))
		return 0;
	for (size_t i = 0; i < text.n; i++) {
		if (!isgraph((unsigned char)text.p[i]) || strchr("\"'\\", text.p[i]))
			return -EBADMSG;
	}
	if (text.n < min || text.n > max)
		return -EBADMSG;
	*out = str_dup(text);
	return *out ? 0 : -ENOMEM;
}

static int digests_set(struct config *config, struct str text)
{
	struct str one;
	int which;

	while (config_value_next(&text, &one)) {
		if (config->registrar.digest_n == 2 || !choice("MD5|SHA-256", one, &which))
			return -EBADMSG;
		if (config->registrar.digest_n == 1 &&
		    config->registrar.digest[0] == (enum config_digest)which)
			return -EBADMSG;
		config->registrar.digest[config->registrar.digest_n++] = (enum config_digest)which;
	}
	return config->registrar.digest_n ? 0 : -EBADMSG;
}

static int port_range_set(uint32_t *ports, struct str text, uint32_t min, uint32_t max)
{
	struct str first = str_trim(str_cut(&text, '-'));
	uint32_t from, to;

	if (!str_to_u32(first, min, max, &from) || !str_to_u32(str_trim(text), min, max, &to) ||
	    to < from + 3)
		return -EBADMSG;
	ports[0] = from;
	ports[1] = to;
	return 0;
}

int config_value_set(struct config *config, const struct config_key *key, struct str text,
		     const char *folder)
{
	void *field = (char *)config + key->offset;
	uint32_t n = 0;
	int which = 0, err = 0;

	if (key->min && str_empty(text) && key->type != CONFIG_SECRET)
		return -EBADMSG;
	switch (key->type) {
	case CONFIG_TEXT:
		return text_set(field, text);
	case CONFIG_PATH:
		return path_set(field, text, folder);
	case CONFIG_WORDS:
		return words_set(field, text, host_name);
	case CONFIG_ORIGINS:
		return words_set(field, text, origin);
	case CONFIG_TARGETS:
		return words_set(field, text, target);
	case CONFIG_TURN_URLS:
		return words_set(field, text, turn_url);
	case CONFIG_SECRET:
		return secret_set(field, text, key->min, key->max);
	case CONFIG_CODECS:
		err = words_set(field, text, codec);
		return err ? err : ((struct config_words *)field)->n ? 0 : -EBADMSG;
	case CONFIG_ADDRESS_PORTS:
		return addresses_set(field, text, true);
	case CONFIG_ADDRESSES:
		return addresses_set(field, text, false);
	case CONFIG_NETWORKS:
		return networks_set(field, text);
	case CONFIG_PORT_RANGE:
		return port_range_set(field, text, key->min, key->max);
	case CONFIG_NUMBER:
		return str_to_u32(text, key->min, key->max, field) ? 0 : -EBADMSG;
	case CONFIG_SECONDS:
		return seconds(text, key->min, key->max, field) ? 0 : -EBADMSG;
	case CONFIG_DURATION:
		if (!seconds(text, key->min, key->max, &n))
			return -EBADMSG;
		*(uint64_t *)field = (uint64_t)n * 1000;
		return 0;
	case CONFIG_CHOICE:
		return choice(key->choices, text, field) ? 0 : -EBADMSG;
	case CONFIG_SWITCH:
		if (!choice(key->choices, text, &which))
			return -EBADMSG;
		*(bool *)field = which == 1;
		return 0;
	case CONFIG_DIGESTS:
		return digests_set(config, text);
	}
	return -EINVAL;
}

static void words_free(struct config_words *words)
{
	for (size_t i = 0; i < words->n; i++)
		free(words->list[i]);
	free(words->list);
	*words = (struct config_words){ 0 };
}

void config_value_free(struct config *config, const struct config_key *key)
{
	void *field = (char *)config + key->offset;

	switch (key->type) {
	case CONFIG_TEXT:
	case CONFIG_PATH:
	case CONFIG_SECRET:
		free(*(char **)field);
		*(char **)field = NULL;
		break;
	case CONFIG_WORDS:
	case CONFIG_ORIGINS:
	case CONFIG_CODECS:
	case CONFIG_TARGETS:
	case CONFIG_TURN_URLS:
		words_free(field);
		break;
	case CONFIG_ADDRESS_PORTS:
	case CONFIG_ADDRESSES:
		free(((struct config_addresses *)field)->list);
		*(struct config_addresses *)field = (struct config_addresses){ 0 };
		break;
	case CONFIG_NETWORKS:
		free(((struct config_networks *)field)->list);
		*(struct config_networks *)field = (struct config_networks){ 0 };
		break;
	case CONFIG_PORT_RANGE:
	case CONFIG_NUMBER:
	case CONFIG_SECONDS:
	case CONFIG_DURATION:
	case CONFIG_CHOICE:
	case CONFIG_SWITCH:
	case CONFIG_DIGESTS:
		break;
	}
}
