/* A connection's first octets: the header of the PROXY protocol. And, behind a line feed,
 * X-Forwarded-For. */
#include "gateway/forwarded.h"
#include "gateway/proxy_protocol.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>

static void forwarded(struct str list)
{
	static const struct network loopback = { .prefix = { [10] = 0xff, 0xff, 127 },
						 .bits = 104 };
	struct sip_addr peer = { 0 }, client;

	/* from a stranger it is not even read */
	sip_addr_parse(STR("192.0.2.7:9"), 0, &peer);
	client = forwarded_client(&peer, list, &loopback, 1);
	MUST(sip_addr_eq(&client, &peer));
	/* where nobody but a proxy is named, the client is a proxy */
	sip_addr_parse(STR("127.0.0.1:9"), 0, &peer);
	client = forwarded_client(&peer, list, &loopback, 1);
	MUST(client.sa.any.sa_family == AF_INET || client.sa.any.sa_family == AF_INET6);
	if (!str_empty(list) && str_find(list, '.') == list.n && str_find(list, ':') == list.n)
		MUST(sip_addr_eq(&client, &peer));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str in = fuzz_text(bytes, n), list = in;
	struct proxy_header header, again;
	int err = proxy_header_parse(in, &header);

	MUST(err == 0 || err == -EAGAIN || err == -EBADMSG);
	MUST(err != -EAGAIN || n < PROXY_V2_MOST);
	if (err == 0) {
		MUST(header.bytes > 0 && header.bytes <= n && header.bytes <= PROXY_V2_MOST);
		/* what follows does not change it, and less is not enough */
		MUST(proxy_header_parse(str_head(in, header.bytes), &again) == 0);
		MUST(sip_addr_eq(&header.client, &again.client));
		for (size_t i = 0; i < header.bytes; i++)
			MUST(proxy_header_parse(str_head(in, i), &again) == -EAGAIN);
	}
	str_cut(&list, '\n');
	forwarded(list);
	return 0;
}
