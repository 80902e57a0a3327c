/* stun.c: see stun.h. */
#include "ice/stun.h"

#include <errno.h>
#include <glib.h>

enum {
	HEADER = 20,
	COOKIE = 0x2112A442,
	TAG_BYTES = 20,
	FINGERPRINT_MASK = 0x5354554E,

	USERNAME = 0x0006,
	MESSAGE_INTEGRITY = 0x0008,
	USE_CANDIDATE = 0x0025,
	FINGERPRINT = 0x8028,
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* CRC-32 of ISO 3309, one bit at a time: a check is at most 548 bytes, a few a second. */
static uint32_t crc32(const uint8_t *bytes, size_t n)
{
	uint32_t crc = 0xFFFFFFFF;

	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xEDB88320 & (0 - (crc & 1)));
	}
	return ~crc;
}

/* Takes in one attribute whose value of `n` bytes stands at `at`. */
static int attribute(const uint8_t *bytes, size_t at, uint16_t type, size_t n,
		     struct ice_stun_message *m)
{
	switch (type) {
	case USERNAME:
		if (m->has_username || n > ICE_STUN_MOST_USERNAME)
			return -EBADMSG;
		m->has_username = true;
		m->username = (struct str){ (const char *)bytes + at, n };
		break;
	case MESSAGE_INTEGRITY:
		if (n != TAG_BYTES)
			return -EBADMSG;
		m->integrity_at = at - 4;
		break;
	case FINGERPRINT:
		if (n != 4 || get32(bytes + at) != (crc32(bytes, at - 4) ^ FINGERPRINT_MASK))
			return -EBADMSG;
		m->has_fingerprint = true;
		break;
	case USE_CANDIDATE:
		if (n != 0)
			return -EBADMSG;
		m->use_candidate = true;
		break;
	}
	return 0;
}

int ice_stun_parse(const uint8_t *bytes, size_t n, struct ice_stun_message *message)
{
	struct ice_stun_message m = { 0 };
	size_t attributes = 0;

	if (n > ICE_STUN_MOST_BYTES)
		return -EMSGSIZE;
	if (n < HEADER || bytes[0] > 3 || n % 4 != 0 || get32(bytes + 4) != COOKIE ||
	    get16(bytes + 2) != n - HEADER)
		return -EBADMSG;

	uint16_t type = get16(bytes);

	/* RFC 8489 §5: the class is two bits between those of the method. */
	m.class = (enum ice_stun_class)((type >> 4 & 1) | (type >> 7 & 2));
	m.method = (type & 0x000F) | (type >> 1 & 0x0070) | (type >> 2 & 0x0F80);

	for (size_t at = HEADER; at < n;) {
		uint16_t kind = get16(bytes + at);
		size_t length = get16(bytes + at + 2);
		size_t padded = (length + 3) & ~(size_t)3;

		at += 4;
		if (padded > n - at || ++attributes > ICE_STUN_MOST_ATTRIBUTES)
			return -EBADMSG;
		/* §14.5, §14.7: behind MESSAGE-INTEGRITY only FINGERPRINT, and that is the last. */
		if (m.has_fingerprint || (m.integrity_at && kind != FINGERPRINT))
			return -EBADMSG;
		int err = attribute(bytes, at, kind, length, &m);
		if (err)
			return err;
		at += padded;
	}
	*message = m;
	return 0;
}

bool ice_stun_verify(const uint8_t *bytes, const struct ice_stun_message *message, struct str key)
{
	uint8_t header[HEADER];
	uint8_t tag[TAG_BYTES];
	gsize n = sizeof(tag);
	size_t at = message->integrity_at;

	if (at == 0 || key.n == 0)
		return false;

	/* §14.5: the length counts up to and with MESSAGE-INTEGRITY. */
	memcpy(header, bytes, HEADER);
	header[2] = (uint8_t)((at + 4 + TAG_BYTES - HEADER) >> 8);
	header[3] = (uint8_t)(at + 4 + TAG_BYTES - HEADER);

	GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA1, (const guchar *)key.p, key.n);
	g_hmac_update(hmac, header, HEADER);
	g_hmac_update(hmac, bytes + HEADER, (gssize)(at - HEADER));
	g_hmac_get_digest(hmac, tag, &n);
	g_hmac_unref(hmac);

	uint8_t difference = 0;
	for (size_t i = 0; i < TAG_BYTES; i++)
		difference |= tag[i] ^ bytes[at + 4 + i];
	return difference == 0;
}
