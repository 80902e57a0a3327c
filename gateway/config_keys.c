/* config_keys.c: every key of the configuration file, in the order of
 * examples/hookswitch.conf, which explains them. */
#include "gateway/config.h"

#include "gateway/log.h"

#define FIELD(name) offsetof(struct config, name)

const struct config_key config_keys[] = {
	/* section, key, type, min, max, default, field, expected, choices */
	{ "gateway", "state", CONFIG_PATH, 1, 0, "/var/lib/hookswitch", FIELD(gateway.state),
	  "a folder", NULL },

	{ "sip", "udp", CONFIG_ADDRESS_PORTS, 0, 0, "0.0.0.0:5060, [::]:5060", FIELD(sip.udp),
	  "a list of ADDRESS:PORT", NULL },
	{ "sip", "tcp", CONFIG_ADDRESS_PORTS, 0, 0, "0.0.0.0:5060, [::]:5060", FIELD(sip.tcp),
	  "a list of ADDRESS:PORT", NULL },
	{ "sip", "domains", CONFIG_WORDS, 0, 0, "", FIELD(sip.domains), "a list of host names",
	  NULL },

	{ "web", "https", CONFIG_ADDRESS_PORTS, 0, 0, "0.0.0.0:8443, [::]:8443", FIELD(web.https),
	  "a list of ADDRESS:PORT", NULL },
	{ "web", "http", CONFIG_ADDRESS_PORTS, 0, 0, "127.0.0.1:8080, [::1]:8080", FIELD(web.http),
	  "a list of ADDRESS:PORT", NULL },
	{ "web", "certificate", CONFIG_PATH, 0, 0, "", FIELD(web.certificate), "a PEM file", NULL },
	{ "web", "key", CONFIG_PATH, 0, 0, "", FIELD(web.key), "a PEM file", NULL },
	{ "web", "origins", CONFIG_ORIGINS, 0, 0, "", FIELD(web.origins),
	  "a list of https://HOST[:PORT]", NULL },
	{ "web", "root", CONFIG_PATH, 1, 0, HOOKSWITCH_WEB_ROOT, FIELD(web.root), "a folder",
	  NULL },
	{ "web", "trusted_proxies", CONFIG_NETWORKS, 0, 0, "", FIELD(web.trusted_proxies),
	  "a list of ADDRESS or ADDRESS/BITS", NULL },
	{ "web", "proxy_protocol", CONFIG_CHOICE, 0, 0, "off", FIELD(web.proxy_protocol),
	  "off, on, https or http", "off|on|https|http" },

	{ "media", "address", CONFIG_ADDRESSES, 0, 0, "", FIELD(media.address),
	  "a list of this machine's addresses, without ports", NULL },
	{ "media", "advertise", CONFIG_ADDRESSES, 0, 0, "", FIELD(media.advertise),
	  "a list of addresses, without ports", NULL },
	{ "media", "ports", CONFIG_PORT_RANGE, 1024, 65535, "20000-29999", FIELD(media.port_min),
	  "FIRST-LAST, within 1024 to 65535, at least 4 ports", NULL },
	{ "media", "workers", CONFIG_NUMBER, 0, 64, "0", FIELD(media.workers),
	  "a number from 0 to 64", NULL },
	{ "media", "codecs", CONFIG_CODECS, 0, 0, "opus, G722, PCMA, PCMU", FIELD(media.codecs),
	  "a list of opus, G722, PCMA, PCMU, each once", NULL },
	{ "media", "plan", CONFIG_CHOICE, 0, 0, "auto", FIELD(media.plan), "auto, relay or opus",
	  "auto|relay|opus" },
	{ "media", "symmetric_rtp", CONFIG_CHOICE, 0, 0, "auto", FIELD(media.symmetric_rtp),
	  "auto or off", "auto|off" },
	{ "media", "transcoders", CONFIG_NUMBER, 0, 10000, "200", FIELD(media.transcoders),
	  "a number from 0 to 10000", NULL },
	{ "media", "redundancy", CONFIG_SWITCH, 0, 0, "on", FIELD(media.redundancy), "off or on",
	  "off|on" },
	{ "media", "browser_bitrate", CONFIG_NUMBER, 0, 510000, "0", FIELD(media.browser_bitrate),
	  "0, or a number from 6000 to 510000", NULL },

	{ "registrar", "mode", CONFIG_CHOICE, 0, 0, "built-in", FIELD(registrar.mode),
	  "built-in or central", "built-in|central" },
	{ "registrar", "realm", CONFIG_TEXT, 1, 0, "hookswitch", FIELD(registrar.realm),
	  "a word without quotes, blanks or colons", NULL },
	{ "registrar", "digest", CONFIG_DIGESTS, 0, 0, "MD5", FIELD(registrar.digest),
	  "MD5, SHA-256 or both, each once", NULL },
	{ "registrar", "database", CONFIG_PATH, 0, 0, "", FIELD(registrar.database), "a file",
	  NULL },
	{ "registrar", "min_expires", CONFIG_SECONDS, 10, 86400, "60",
	  FIELD(registrar.min_expires_s), "10 to 86400 seconds", NULL },
	{ "registrar", "max_expires", CONFIG_SECONDS, 10, 86400, "3600",
	  FIELD(registrar.max_expires_s), "10 to 86400 seconds, not below min_expires", NULL },
	{ "registrar", "targets", CONFIG_TARGETS, 0, 0, "", FIELD(registrar.targets),
	  "up to 8 of sip:HOST[:PORT][;transport=udp or tcp]", NULL },
	{ "registrar", "realms", CONFIG_WORDS, 0, 0, "", FIELD(registrar.realms),
	  "a list of realms", NULL },

	{ "calls", "ring_timeout", CONFIG_DURATION, 1, 3600, "60", FIELD(calls.ring_timeout_ms),
	  "1 to 3600 seconds", NULL },
	{ "calls", "ringback", CONFIG_CHOICE, 0, 0, "page", FIELD(calls.ringback),
	  "page or gateway", "page|gateway" },
	{ "calls", "hold_music", CONFIG_PATH, 0, 0, "", FIELD(calls.hold_music),
	  "a WAV file: PCM of 16 bit, 8 kHz, mono", NULL },
	{ "calls", "reconnect_timeout", CONFIG_DURATION, 0, 3600, "120",
	  FIELD(calls.reconnect_timeout_ms), "0 to 3600 seconds", NULL },
	{ "calls", "page_timeout", CONFIG_DURATION, 1, 3600, "15", FIELD(calls.page_timeout_ms),
	  "1 to 3600 seconds", NULL },
	{ "calls", "phone_timeout", CONFIG_DURATION, 0, 86400, "60", FIELD(calls.phone_timeout_ms),
	  "0 to 86400 seconds", NULL },
	{ "calls", "drain_delay", CONFIG_DURATION, 0, 3600, "0", FIELD(calls.drain_delay_ms),
	  "0 to 3600 seconds", NULL },
	{ "calls", "drain_timeout", CONFIG_DURATION, 0, 86400, "0", FIELD(calls.drain_timeout_ms),
	  "0 to 86400 seconds", NULL },
	{ "calls", "max", CONFIG_NUMBER, 1, 20000, "1000", FIELD(calls.max),
	  "a number from 1 to 20000", NULL },

	{ "turn", "urls", CONFIG_TURN_URLS, 0, 0, "", FIELD(turn.urls),
	  "a list of turn:HOST[:PORT][?transport=udp or tcp] and turns:...", NULL },
	{ "turn", "secret", CONFIG_SECRET, 16, 256, "", FIELD(turn.secret),
	  "16 to 256 letters, digits or signs without blanks, quotes and backslashes", NULL },
	{ "turn", "ttl", CONFIG_SECONDS, 60, 86400, "3600", FIELD(turn.ttl_s),
	  "60 to 86400 seconds", NULL },

	{ "log", "level", CONFIG_CHOICE, 0, 0, "info", FIELD(log.level),
	  "error, warn, info or debug", "error|warn|info|debug" },
	{ "log", "format", CONFIG_SWITCH, 0, 0, "text", FIELD(log.json), "text or json",
	  "text|json" },

	{ NULL, NULL, CONFIG_TEXT, 0, 0, NULL, 0, NULL, NULL },
};

_Static_assert(LOG_LEVEL_ERROR == 0 && LOG_LEVEL_DEBUG == 3, "log.level's choices");
