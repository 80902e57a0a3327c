/* The strict reader in front of libnice, with the vectors of RFC 5769. */
#include "tests/check.h"

#include "ice/stun.h"

#include <errno.h>

/* RFC 5769 §2.1 */
static const uint8_t sample_request[] = {
	0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
	0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e,
	0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24,
	0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1,
	0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68,
	0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c,
	0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5,
	0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
};

/* RFC 5769 §2.2 */
static const uint8_t sample_response[] = {
	0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
	0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74,
	0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01,
	0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, 0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99,
	0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b,
	0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
};

#define KEY STR("VOkJxbRl1RmTxUk/WvJxBt")

static void the_rfcs_request_is_read(void)
{
	struct ice_stun_message m;

	REQUIRE(ice_stun_parse(sample_request, sizeof(sample_request), &m) == 0);
	CHECK_EQ(m.class, ICE_STUN_REQUEST);
	CHECK_EQ(m.method, 1);
	CHECK_STR(m.username, "evtj:h6vY");
	CHECK(m.has_fingerprint);
	CHECK(!m.use_candidate);
	CHECK(ice_stun_verify(sample_request, &m, KEY));
	CHECK(!ice_stun_verify(sample_request, &m, STR("VOkJxbRl1RmTxUk/WvJxBs")));
	CHECK(!ice_stun_verify(sample_request, &m, STR("")));
}

static void the_rfcs_response_is_read(void)
{
	struct ice_stun_message m;

	REQUIRE(ice_stun_parse(sample_response, sizeof(sample_response), &m) == 0);
	CHECK_EQ(m.class, ICE_STUN_SUCCESS);
	CHECK(!m.has_username);
	CHECK(ice_stun_verify(sample_response, &m, KEY));
}

/* No flipped bit goes unnoticed: the fingerprint covers all but itself, and its
 * value is compared. */
static void every_flipped_bit_is_noticed(void)
{
	for (size_t i = 0; i < sizeof(sample_request) * 8; i++) {
		uint8_t bytes[sizeof(sample_request)];
		struct ice_stun_message m;

		memcpy(bytes, sample_request, sizeof(bytes));
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		if (ice_stun_parse(bytes, sizeof(bytes), &m) == 0 && m.has_fingerprint)
			CHECK_EQ(i, -1);
	}
}

static void every_truncation_is_refused(void)
{
	struct ice_stun_message m;

	for (size_t n = 0; n < sizeof(sample_request); n++) {
		uint8_t *bytes = malloc(n ? n : 1);

		memcpy(bytes, sample_request, n);
		CHECK_EQ(ice_stun_parse(bytes, n, &m), -EBADMSG);
		if (n >= 4) {
			/* also when the header agrees with the shorter length */
			bytes[2] = 0;
			bytes[3] = (uint8_t)(n - 20);
			if (n >= 20 && ice_stun_parse(bytes, n, &m) == 0)
				CHECK(!m.has_fingerprint);
		}
		free(bytes);
	}
}

/* A message of only a header and the attributes given. */
static int parse_attributes(const uint8_t *attributes, size_t n, struct ice_stun_message *m)
{
	static uint8_t bytes[2000];

	memcpy(bytes, sample_request, 20);
	bytes[2] = (uint8_t)(n >> 8);
	bytes[3] = (uint8_t)n;
	memcpy(bytes + 20, attributes, n);
	return ice_stun_parse(bytes, 20 + n, m);
}

static void a_username_has_a_longest_length(void)
{
	uint8_t attributes[520] = { 0x00, 0x06, 0x02, 0x01 }; /* 513 */
	struct ice_stun_message m;

	CHECK_EQ(parse_attributes(attributes, 4 + 516, &m), 0);
	CHECK_EQ(m.username.n, 513);
	attributes[3] = 0x02;
	CHECK_EQ(parse_attributes(attributes, 4 + 516, &m), -EBADMSG);
}

static void nothing_follows_the_integrity_but_the_fingerprint(void)
{
	uint8_t attributes[28] = { 0x00, 0x08, 0x00, 0x14 };
	struct ice_stun_message m;

	attributes[24] = 0x00;
	attributes[25] = 0x25;
	CHECK_EQ(parse_attributes(attributes, 24, &m), 0);
	CHECK_EQ(m.integrity_at, 20);
	CHECK_EQ(parse_attributes(attributes, 28, &m), -EBADMSG);
}

static void an_attribute_may_not_run_over_the_end(void)
{
	static const uint8_t attributes[] = { 0x80, 0x22, 0x00, 0x05, 1, 2, 3, 4 };
	struct ice_stun_message m;

	CHECK_EQ(parse_attributes(attributes, sizeof(attributes), &m), -EBADMSG);
}

static void attributes_are_counted(void)
{
	uint8_t attributes[4 * 33];
	struct ice_stun_message m;

	for (size_t i = 0; i < 33; i++)
		memcpy(attributes + 4 * i, (uint8_t[]){ 0x80, 0x22, 0, 0 }, 4);
	CHECK_EQ(parse_attributes(attributes, 4 * 32, &m), 0);
	CHECK_EQ(parse_attributes(attributes, 4 * 33, &m), -EBADMSG);
}

static void a_long_message_is_refused(void)
{
	static uint8_t attributes[600] = { 0x80, 0x22, 0x02, 0x10 }; /* 528 */
	struct ice_stun_message m;

	CHECK_EQ(parse_attributes(attributes, 532, &m), -EMSGSIZE);
}

TESTS(the_rfcs_request_is_read, the_rfcs_response_is_read, every_flipped_bit_is_noticed,
      every_truncation_is_refused, a_username_has_a_longest_length,
      nothing_follows_the_integrity_but_the_fingerprint, an_attribute_may_not_run_over_the_end,
      attributes_are_counted, a_long_message_is_refused)
