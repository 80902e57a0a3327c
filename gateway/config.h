/* config.h: the configuration file, read once and then never changed.
 *
 * The keys stand in one table (config_keys): a new key is one line there, one
 * field below, and its paragraph in examples/hookswitch.conf. What is unknown,
 * repeated or out of range is an error in one line of the form
 * `FILE:LINE: [section] key: what was expected`. */
#pragma once

#include "gateway/network.h"

#define CONFIG_DEFAULT_FILE "/etc/hookswitch/hookswitch.conf"
#define CONFIG_MAX_LIST	    32	    /* values in one list */
#define CONFIG_MAX_PHONES   4096    /* [phone NAME] sections */
#define CONFIG_MAX_BYTES    1048576 /* of a configuration file */

struct config_address {
	struct sockaddr_storage addr;	 /* AF_INET or AF_INET6, port in network order */
	char text[INET6_ADDRSTRLEN + 8]; /* as numbers: "127.0.0.1:5060", "[::1]:5060"; without
	                                     port for `[media] address` and `advertise` */
};

struct config_addresses {
	struct config_address *list;
	size_t n;
	bool chosen; /* the file names them; false: our default, so an
	                             address family the machine lacks may be skipped */
};

struct config_networks {
	struct network *list;
	size_t n;
};

struct config_words {
	char **list;
	size_t n;
};

struct config_phone {
	char *name;    /* what is dialled */
	char *contact; /* a sip: URI */
};

enum config_symmetric { CONFIG_SYMMETRIC_AUTO, CONFIG_SYMMETRIC_OFF };
/* Which listeners' connections begin with the header. */
enum config_proxy_protocol {
	CONFIG_PROXY_OFF,
	CONFIG_PROXY_ON,
	CONFIG_PROXY_HTTPS,
	CONFIG_PROXY_HTTP,
};
enum config_ringback { CONFIG_RINGBACK_PAGE, CONFIG_RINGBACK_GATEWAY };
enum config_plan { CONFIG_PLAN_AUTO, CONFIG_PLAN_RELAY, CONFIG_PLAN_OPUS };
enum config_mode { CONFIG_MODE_BUILT_IN, CONFIG_MODE_CENTRAL };
enum config_digest { CONFIG_DIGEST_MD5, CONFIG_DIGEST_SHA256 };

/* Owns everything it points to. Text is NULL when empty. Times are in ms unless
 * the name says otherwise. */
struct music;

struct config {
	char *file; /* NULL when made from defaults */

	struct {
		char *state; /* folder: control socket, own certificate */
	} gateway;

	struct {
		struct config_addresses udp;
		struct config_addresses tcp;
		struct config_addresses tls;
		char *tls_ca;		     /* PEM file; NULL: the system's CAs */
		struct config_words domains; /* that mean us, besides our addresses */
	} sip;

	struct {
		struct config_addresses https;
		struct config_addresses http;
		char *certificate;	     /* PEM file; NULL: self-signed, in the state folder */
		char *key;		     /* PEM file; NULL exactly when certificate is */
		struct config_words origins; /* "https://host[:port]" */
		char *root;		     /* folder of the pages */
		enum config_proxy_protocol proxy_protocol;
		struct config_networks trusted_proxies;
		char *demo_json; /* not a key: what /demo.json answers, with --dev */
	} web;

	struct {
		struct config_addresses address;   /* none: every address of the machine */
		struct config_addresses advertise; /* none, or one for each `address`, same order */
		uint32_t port_min;		   /* UDP ports of RTP and ICE, both included */
		uint32_t port_max;
		uint32_t workers;	    /* at least 1 */
		struct config_words codecs; /* in order of preference, spelt as in rtpmap */
		enum config_plan plan;
		enum config_symmetric symmetric_rtp; /* of phones behind a NAT */
		uint32_t transcoders;	  /* calls that one worker may translate at a time */
		bool redundancy;	  /* browsers may send their Opus twice over (RFC 2198) */
		uint32_t opus_complexity; /* 1 to 10 of our encoder; 0: as little as nobody hears */
		uint32_t browser_bitrate; /* bit/s, of a browser's Opus; 0: as it likes */
	} media;

	struct {
		enum config_mode mode;
		char *realm;
		enum config_digest digest[2]; /* in order of preference */
		size_t digest_n;
		char *database; /* file */
		uint32_t min_expires_s;
		uint32_t max_expires_s;
		struct config_words targets; /* mode central: sip: URIs */
		struct config_words realms;  /* mode central: whose challenges pages may answer */
	} registrar;

	struct {
		uint64_t ring_timeout_ms;
		char *hold_music;	       /* WAV file; NULL: silence */
		struct music *music;	       /* not a key: what is in it */
		enum config_ringback ringback; /* who makes a calling page's ringback tone */
		uint64_t reconnect_timeout_ms;
		uint64_t page_timeout_ms;
		uint64_t phone_timeout_ms; /* 0: for ever */
		uint64_t drain_delay_ms;
		uint64_t drain_timeout_ms;
		uint32_t max; /* calls at a time */
	} calls;

	struct {
		struct config_phone *list;
		size_t n;
	} phones;

	struct {
		struct config_words urls; /* turn: and turns:, for pages; none: no TURN */
		char *secret;		  /* NULL exactly when there are no urls */
		uint32_t ttl_s;		  /* of the credentials */
	} turn;

	struct {
		int level; /* enum log_level */
		bool json;
	} log;
};

enum config_type {
	CONFIG_TEXT,
	CONFIG_PATH, /* relative to the file's folder */
	CONFIG_WORDS,
	CONFIG_ORIGINS,
	CONFIG_ADDRESS_PORTS, /* list of ADDRESS:PORT */
	CONFIG_ADDRESSES,     /* list of ADDRESS */
	CONFIG_NETWORKS,      /* list of ADDRESS[/BITS] */
	CONFIG_PORT_RANGE,    /* two consecutive uint32_t */
	CONFIG_NUMBER,	      /* uint32_t */
	CONFIG_SECONDS,	      /* uint32_t, seconds */
	CONFIG_DURATION,      /* seconds in the file, uint64_t ms in the struct */
	CONFIG_CODECS,
	CONFIG_CHOICE, /* one of `choices`, into an int or enum: its index */
	CONFIG_SWITCH, /* two choices, into a bool */
	CONFIG_DIGESTS,
	CONFIG_TARGETS, /* list of sip:HOST[:PORT][;transport=udp|tcp|tls] */
	CONFIG_TURN_URLS,
	CONFIG_SECRET, /* never shown, not in errors either */
};

struct config_key {
	const char *section, *key;
	enum config_type type;
	uint32_t min, max;    /* of numbers, in the file's unit */
	const char *initial;  /* the default as one would write it; "" for none */
	size_t offset;	      /* of the field in struct config */
	const char *expected; /* ends the sentence "expected ..." */
	const char *choices;  /* "first|second" */
};

/* Every key but those of [phone NAME]; ends with an entry whose section is NULL. */
extern const struct config_key config_keys[];

/* What went wrong, in one line without a newline. */
struct config_error {
	char text[512];
};

/* Reads and checks the file. The caller frees *out. -ENOENT and other errors of
 * opening it, -EBADMSG for its contents, -ENOMEM; error->text says it in words. */
int config_load(const char *file, struct config **out, struct config_error *error);

/* The same from memory: `name` stands in errors, `folder` is what relative paths
 * are relative to. */
int config_parse(const char *name, const char *folder, const char *text, size_t n,
		 struct config **out, struct config_error *error);

void config_free(struct config *config);

/* "127.0.0.1:5060" or "[::1]:5060" (with_port), or without the port. 0 or -EBADMSG. */
int config_address_parse(const char *text, bool with_port, struct config_address *out);

/* Replaces the list by `text`, which is parsed as a value of the configuration
 * file would be. 0, -EBADMSG or -ENOMEM; on failure the list is unchanged. */
int config_addresses_set(struct config_addresses *list, const char *text, bool with_port);
