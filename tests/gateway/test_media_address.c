/* Which of our addresses media uses toward whom. */
#include "gateway/media_address.h"
#include "tests/check.h"

#include <arpa/inet.h>
#include <errno.h>

static struct config *read_config(const char *text)
{
	struct config *config = NULL;
	struct config_error error;

	if (config_parse("test", ".", text, strlen(text), &config, &error) != 0)
		printf("  %s\n", error.text);
	return config;
}

static struct sdp_ip ip(const char *text)
{
	struct sdp_ip ip = { 0 };

	CHECK(sdp_ip_parse(str_of(text), &ip));
	return ip;
}

static void the_address_is_of_the_peers_family(void)
{
	struct config *config = read_config("[media]\naddress = 127.0.0.1, ::1\n");
	struct media_addresses addresses;
	struct sdp_ip v4 = ip("127.0.0.1"), v6 = ip("::1"), any = { 0 };

	REQUIRE(config);
	CHECK_EQ(media_addresses_read(config, &addresses), 0);
	CHECK_EQ(addresses.n, 2);
	CHECK_STR(str_of(media_address_for(&addresses, &v4)->text), "127.0.0.1");
	CHECK_STR(str_of(media_address_for(&addresses, &v6)->text), "::1");
	CHECK_STR(str_of(media_address_for(&addresses, &any)->text), "127.0.0.1");
	config_free(config);
}

static void the_route_decides_between_two_of_a_family(void)
{
	struct config *config = read_config("[media]\naddress = 192.0.2.1, 127.0.0.1\n");
	struct media_addresses addresses;
	struct sdp_ip peer = ip("127.0.0.1");

	REQUIRE(config);
	CHECK_EQ(media_addresses_read(config, &addresses), 0);
	CHECK_STR(str_of(media_address_for(&addresses, &peer)->text), "127.0.0.1");
	config_free(config);
}

static void no_address_of_that_family_is_said(void)
{
	struct config *config = read_config("[media]\naddress = 127.0.0.1\n");
	struct media_addresses addresses;
	struct sdp_ip peer = ip("2001:db8::1");

	REQUIRE(config);
	CHECK_EQ(media_addresses_read(config, &addresses), 0);
	CHECK(media_address_for(&addresses, &peer) == NULL);
	config_free(config);
}

/* Behind a 1:1 NAT peers are told another address than the one bound to. */
static void what_is_advertised_may_differ(void)
{
	struct config *config = read_config(
		"[media]\naddress = 127.0.0.1, 127.0.0.2\nadvertise = 203.0.113.7, 203.0.113.8\n");
	struct media_addresses addresses;
	struct sdp_ip first = ip("203.0.113.7"), second = ip("203.0.113.8");

	REQUIRE(config);
	CHECK_EQ(media_addresses_read(config, &addresses), 0);
	REQUIRE(addresses.n == 2);
	CHECK(sdp_ip_equal(&addresses.list[0].advertise, &first));
	CHECK(sdp_ip_equal(&addresses.list[1].advertise, &second));
	CHECK_STR(str_of(addresses.list[1].text), "127.0.0.2");
	CHECK_STR(str_of(addresses.list[1].advertise_text), "203.0.113.8");
	config_free(config);
}

static void without_a_choice_the_machines_own_are_taken(void)
{
	struct config *config = read_config("");
	struct media_addresses addresses;
	bool local = false, other = false;

	REQUIRE(config);
	CHECK_EQ(media_addresses_read(config, &addresses), 0);
	CHECK(addresses.n >= 1 && addresses.n <= MEDIA_MOST_ADDRESSES);
	for (size_t i = 0; i < addresses.n; i++) {
		local |= sdp_ip_is_local(&addresses.list[i].ip);
		other |= !sdp_ip_is_local(&addresses.list[i].ip);
	}
	CHECK(local != other); /* loopback only where there is nothing else */
	config_free(config);
}

static void a_socket_address_has_the_same_bytes(void)
{
	struct sockaddr_storage out;
	struct sdp_ip v4 = ip("192.0.2.7"), v6 = ip("2001:db8::7");
	char text[INET6_ADDRSTRLEN];

	media_sockaddr(&v4, 5004, &out);
	CHECK_EQ(out.ss_family, AF_INET);
	CHECK_EQ(ntohs(((struct sockaddr_in *)&out)->sin_port), 5004);
	inet_ntop(AF_INET, &((struct sockaddr_in *)&out)->sin_addr, text, sizeof(text));
	CHECK_STR(str_of(text), "192.0.2.7");
	media_sockaddr(&v6, 5006, &out);
	CHECK_EQ(out.ss_family, AF_INET6);
	CHECK_EQ(ntohs(((struct sockaddr_in6 *)&out)->sin6_port), 5006);
	inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&out)->sin6_addr, text, sizeof(text));
	CHECK_STR(str_of(text), "2001:db8::7");
}

TESTS(the_address_is_of_the_peers_family, the_route_decides_between_two_of_a_family,
      no_address_of_that_family_is_said, what_is_advertised_may_differ,
      without_a_choice_the_machines_own_are_taken, a_socket_address_has_the_same_bytes)
