/* Every allocation of ours fails in turn. */
#include "tests/check.h"
#include "tests/dtls/pair.h"
#include "tests/oom.h"

#include "dtls/srtp.h"

static void nothing(void *arg, const uint8_t *bytes, size_t n)
{
	(void)arg, (void)bytes, (void)n;
}

static const struct dtls_events events = { .send = nothing };

/* certificate, context, association, SRTP: what one web leg needs */
static int make_all(void)
{
	struct dtls_certificate *certificate = NULL;
	struct dtls_context *context = NULL;
	struct dtls *dtls = NULL;
	struct dtls_srtp *srtp = NULL;
	struct dtls_keys keys = { .profile = DTLS_AEAD_AES_128_GCM, .n = 28 };
	int err = dtls_certificate_new(NULL, &certificate);

	if (!err)
		err = dtls_context_new(certificate, DTLS_OFFER_ALL, &context);
	if (!err)
		err = dtls_new(&(struct dtls_config){ .context = context,
						      .role = DTLS_CLIENT,
						      .events = &events },
			       &dtls);
	if (!err)
		err = dtls_start(dtls, clock_ms);
	if (!err)
		err = dtls_srtp_new(&keys, 1, &srtp);
	dtls_srtp_free(srtp);
	dtls_free(dtls);
	dtls_context_free(context);
	dtls_certificate_free(certificate);
	return err;
}

static void a_web_leg_survives_any_failing_allocation(void)
{
	CHECK(oom_sweep("make_all", make_all) > 4);
}

TESTS(a_web_leg_survives_any_failing_allocation)
