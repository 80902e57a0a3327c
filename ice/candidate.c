/* candidate.c: candidates in libnice's form and in ours, and a pair as text. */
#include "ice/private.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

static enum ice_type type_of(NiceCandidateType type)
{
	switch (type) {
	case NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE:
		return ICE_SRFLX;
	case NICE_CANDIDATE_TYPE_PEER_REFLEXIVE:
		return ICE_PRFLX;
	case NICE_CANDIDATE_TYPE_RELAYED:
		return ICE_RELAY;
	case NICE_CANDIDATE_TYPE_HOST:
		break;
	}
	return ICE_HOST;
}

static NiceCandidateType nice_type_of(enum ice_type type)
{
	switch (type) {
	case ICE_SRFLX:
		return NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE;
	case ICE_PRFLX:
		return NICE_CANDIDATE_TYPE_PEER_REFLEXIVE;
	case ICE_RELAY:
		return NICE_CANDIDATE_TYPE_RELAYED;
	case ICE_HOST:
		break;
	}
	return NICE_CANDIDATE_TYPE_HOST;
}

void ice_candidate_from_nice(const struct ice *ice, const NiceCandidate *from,
			     struct ice_candidate *to)
{
	union ice_address address;

	memset(to, 0, sizeof(*to));
	memset(&address, 0, sizeof(address));
	snprintf(to->foundation, sizeof(to->foundation), "%s", from->foundation);
	to->component = from->component_id;
	to->priority = from->priority;
	to->type = type_of(from->type);
	to->port = (uint16_t)nice_address_get_port(&from->addr);
	nice_address_copy_to_sockaddr(&from->addr, &address.sa);
	if (ice->advertises && ice->advertise.sa.sa_family == address.sa.sa_family)
		address = ice->advertise;
	getnameinfo(&address.sa, ice_address_size(&address), to->address, sizeof(to->address), NULL,
		    0, NI_NUMERICHOST);
}

NiceCandidate *ice_candidate_to_nice(const struct ice *ice, const struct ice_candidate *from,
				     const union ice_address *address)
{
	NiceCandidate *c = nice_candidate_new(nice_type_of(from->type));

	c->transport = NICE_CANDIDATE_TRANSPORT_UDP;
	c->stream_id = ice->stream;
	c->component_id = ICE_COMPONENT;
	c->priority = from->priority;
	snprintf(c->foundation, sizeof(c->foundation), "%s", from->foundation);
	nice_address_set_from_sockaddr(&c->addr, &address->sa);
	c->base_addr = c->addr;
	return c;
}

static const char *type_name(NiceCandidateType type)
{
	static const char *const names[] = { "host", "srflx", "prflx", "relay" };

	return names[type_of(type)];
}

void ice_print_pair(const struct ice *ice, char *text, size_t size)
{
	NiceCandidate *local, *remote;
	union ice_address ends[2];
	char from[64], to[64];

	if (size > 0)
		text[0] = '\0';
	if (!ice->has_selected ||
	    !nice_agent_get_selected_pair(ice->agent, ice->stream, ICE_COMPONENT, &local, &remote))
		return;
	memset(ends, 0, sizeof(ends));
	nice_address_copy_to_sockaddr(&local->addr, &ends[0].sa);
	nice_address_copy_to_sockaddr(&remote->addr, &ends[1].sa);
	ice_address_print(&ends[0], from, sizeof(from));
	ice_address_print(&ends[1], to, sizeof(to));
	snprintf(text, size, "%s %s -> %s %s", from, type_name(local->type), to,
		 type_name(remote->type));
}
