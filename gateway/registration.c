/* registration.c: see registration.h. */
#include "gateway/registration.h"

#include "gateway/domains.h"

#define FINE		       ((struct registration_refusal){ 0 })
#define REFUSE(status, reason) ((struct registration_refusal){ status, reason })

static bool is_sip(const struct sip_uri *uri)
{
	return (str_ieq(uri->scheme, STR("sip")) || str_ieq(uri->scheme, STR("sips"))) &&
	       !str_empty(uri->host);
}

struct registration_refusal registration_domain(const struct domains *domains,
						const struct sip_msg *request)
{
	if (!is_sip(&request->uri) || !domains_have(domains, request->uri.host))
		return REFUSE(403, "Not our domain");
	if (!is_sip(&request->to.uri) || !domains_have(domains, request->to.uri.host))
		return REFUSE(404, "Not our domain");
	return FINE;
}

/* The address of record must be the account itself: no third-party registration. */
static bool is_own_record(const struct sip_msg *request, struct str user)
{
	char mem[AUTH_MAX_USER + 1];
	struct str to;

	return sip_unescape(request->to.uri.user, mem, sizeof(mem), &to) == 0 && str_eq(to, user);
}

/* A repeated or overtaken request must not undo a later one (step 7). */
static bool is_out_of_order(const struct sip_msg *request, const struct binding *known)
{
	return known && str_eq(known->at.call_id, request->call_id) &&
	       request->cseq <= known->at.cseq;
}

static struct registration_refusal read_all(struct locations *locations,
					    const struct sip_msg *request, struct str user,
					    struct registration *out)
{
	uint32_t expires;

	if (out->n > 0 || !str_to_u32(sip_msg_header(request, SIP_HEADER_EXPIRES), 0, 0, &expires))
		return REFUSE(400, "Contact * only alone and with Expires 0");
	for (const struct binding *b = locations_of(locations, user); b; b = b->next)
		if (is_out_of_order(request, b))
			return REFUSE(500, "CSeq out of order");
	out->remove_all = true;
	return FINE;
}

/* Text that can stand in a quoted string as it is. */
static struct str plain(struct str value, size_t most)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == '"' || value.p[i] == '\\')
			return STR("");
	return value.n > most ? STR("") : value;
}

static struct registration_refusal read_uri(const struct registration_rules *rules,
					    const struct sip_uri *uri, const struct sip_flow *flow,
					    struct str *out)
{
	if (!is_sip(uri))
		return REFUSE(400, "Contact is not a SIP URI");
	if (domains_is_listener(rules->domains, uri->host, uri->port))
		return REFUSE(400, "Contact is ourselves");
	if (domains_host_is_local(uri->host) && !sip_addr_is_loopback(&flow->remote))
		return REFUSE(400, "Contact is a local address");
	/* headers in it would be put into requests (RFC 3261 §19.1.5) */
	*out = uri->headers.n ? str_head(uri->text, (size_t)(uri->headers.p - uri->text.p) - 1)
			      : uri->text;
	if (out->n > REGISTRATION_MAX_URI)
		return REFUSE(400, "Contact too long");
	return FINE;
}

/* "0.5" in thousandths; 1000 for what is missing or odd (§20.10). */
static uint32_t read_q(struct str params)
{
	struct str value, whole;
	uint32_t q = 0, digits = 0;

	if (!sip_param(params, STR("q"), &value))
		return 1000;
	whole = str_cut(&value, '.');
	if (!str_to_u32(whole, 0, 1, &q) || q == 1)
		return 1000;
	if (str_empty(value) || value.n > 3 || !str_to_u32(value, 0, 999, &digits))
		return str_empty(value) ? 0 : 1000;
	return digits * (value.n == 1 ? 100 : value.n == 2 ? 10 : 1);
}

static struct registration_refusal read_contact(const struct registration_rules *rules,
						struct locations *locations,
						const struct sip_msg *request, struct str user,
						const struct sip_flow *flow,
						const struct sip_name_addr *contact,
						struct registration *out)
{
	struct location *at = &out->contacts[out->n].at;
	uint32_t expires_s = sip_contact_expires(request, contact->params, rules->max_expires_s);
	struct registration_refusal refusal = read_uri(rules, &contact->uri, flow, &at->contact);
	struct str value;

	if (refusal.status)
		return refusal;
	if (expires_s > 0 && expires_s < rules->min_expires_s)
		return REFUSE(423, NULL);
	if (expires_s > rules->max_expires_s)
		expires_s = rules->max_expires_s;
	out->contacts[out->n].expires_s = expires_s;
	if (sip_param(contact->params, STR("+sip.instance"), &value))
		at->instance = plain(value, REGISTRATION_MAX_INSTANCE);
	if (!sip_param(contact->params, STR("reg-id"), &value) ||
	    !str_to_u32(value, 1, UINT32_MAX, &at->reg_id))
		at->reg_id = 0;
	at->q = read_q(contact->params);
	at->transport = str_of(flow->transport->via);
	at->local = str_of(out->local);
	at->remote = str_of(out->remote);
	at->call_id = request->call_id;
	at->cseq = request->cseq;
	at->user_agent = str_head(sip_msg_header(request, SIP_HEADER_USER_AGENT),
				  REGISTRATION_MAX_AGENT);
	at->flow = at->last_flow = flow->id;
	at->web = flow->transport->web;
	if (is_out_of_order(request, locations_match(locations, user, at->contact, at->instance,
						     at->reg_id)))
		return REFUSE(500, "CSeq out of order");
	out->n++;
	return FINE;
}

struct registration_refusal registration_read(const struct registration_rules *rules,
					      struct locations *locations,
					      const struct sip_msg *request, struct str user,
					      const struct sip_flow *flow, struct registration *out)
{
	struct registration_refusal refusal = FINE;
	struct sip_walk walk = { 0 };
	struct str element;
	size_t added = 0;

	memset(out, 0, sizeof(*out));
	if (!is_own_record(request, user) || str_copy(user, out->user, sizeof(out->user)))
		return REFUSE(403, "Not your address of record");
	str_copy(sip_addr_print(&flow->local, out->local), out->local, sizeof(out->local));
	str_copy(sip_addr_print(&flow->remote, out->remote), out->remote, sizeof(out->remote));
	out->flow = flow->id;
	out->web = flow->transport->web;

	while (!refusal.status && sip_msg_walk(request, SIP_HEADER_CONTACT, &walk, &element)) {
		struct sip_name_addr contact;

		if (out->remove_all || out->n == SIP_MAX_CONTACTS ||
		    sip_name_addr_parse(element, &contact))
			return REFUSE(400, "Bad Contact");
		refusal = contact.star ? read_all(locations, request, user, out)
				       : read_contact(rules, locations, request, user, flow,
						      &contact, out);
	}
	if (refusal.status)
		return refusal;
	for (size_t i = 0; i < out->n; i++) {
		const struct location *at = &out->contacts[i].at;
		const struct binding *known = locations_match(locations, user, at->contact,
							      at->instance, at->reg_id);

		if (out->contacts[i].expires_s > 0 && (!known || known->ghost))
			added++;
	}
	if (added && locations_count(locations, user) + added > rules->max_contacts)
		return REFUSE(503, "Too many contacts");
	return FINE;
}
