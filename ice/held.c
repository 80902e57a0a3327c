/* held.c: the peer's candidates, held back while its own checks may still come.
 *
 * A browser checks our candidates itself, and libnice answers each check with one of its
 * own: that finds every path that works. The browser's candidates add those that do not:
 * addresses of its home, of a VPN, of containers. Who offered waits for the fate of each
 * of them before it nominates (libnice's regular nomination), which is seconds without
 * sound; and checks would go to hosts of our network that happen to have such an address.
 * So libnice gets them only when no check of the peer has led to a pair: it may be lite
 * (RFC 8445 §2.5), or something on the way lets in only what was asked for. */
#include "ice/private.h"

static void stop(struct ice *ice)
{
	if (!ice->held_timer)
		return;
	g_source_destroy(ice->held_timer);
	g_source_unref(ice->held_timer);
	ice->held_timer = NULL;
}

static void hand_over(struct ice *ice)
{
	GSList *list = g_slist_reverse(ice->held);

	ice->held = NULL;
	ice->held_waits = ICE_HELD_WAITS; /* what is trickled later goes on at once */
	stop(ice);
	nice_agent_set_remote_candidates(ice->agent, ice->stream, ICE_COMPONENT, list);
	g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
}

/* Who has checked is on its way, however slow it is. */
static gboolean on_wait_over(gpointer arg)
{
	struct ice *ice = arg;

	if (++ice->held_waits < ICE_HELD_WAITS && ice->senders.n > 0)
		return G_SOURCE_CONTINUE;
	hand_over(ice);
	return G_SOURCE_REMOVE;
}

void ice_hold(struct ice *ice, NiceCandidate *candidate)
{
	if (ice->found_pair) {
		nice_candidate_free(candidate);
		return;
	}
	ice->held = g_slist_prepend(ice->held, candidate);
	if (ice->patience_ms == 0 || ice->held_waits >= ICE_HELD_WAITS) {
		hand_over(ice);
		return;
	}
	if (ice->held_timer)
		return;
	ice->held_timer = g_timeout_source_new(ice->patience_ms);
	g_source_set_callback(ice->held_timer, on_wait_over, ice, NULL);
	g_source_attach(ice->held_timer, ice->context);
}

void ice_held_drop(struct ice *ice)
{
	stop(ice);
	g_slist_free_full(ice->held, (GDestroyNotify)nice_candidate_free);
	ice->held = NULL;
	ice->held_waits = 0;
}
