/* transaction.c: the engine that all four machines share; see transaction.h. */
#include "sip/transaction.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static const struct sip_tx_rule *rule_for(const struct sip_tx *tx, enum sip_tx_event on)
{
	for (size_t i = 0; i < tx->machine->n_rules; i++) {
		const struct sip_tx_rule *r = &tx->machine->rules[i];

		if (r->in == tx->state && r->on == on)
			return r;
	}
	return NULL;
}

static const struct sip_tx_pace *pace_for(const struct sip_tx *tx)
{
	for (size_t i = 0; i < tx->machine->n_paces; i++) {
		if (tx->machine->paces[i].state == tx->state)
			return &tx->machine->paces[i];
	}
	return NULL;
}

static void on_deadline(void *arg)
{
	sip_tx_fire(arg, SIP_TX_DEADLINE, NULL);
}

static void on_retransmit(void *arg)
{
	struct sip_tx *tx = arg;

	if (tx->most_ms != SIP_TX_ONCE) {
		tx->interval_ms = tx->interval_ms > tx->most_ms / 2 ? tx->most_ms
								    : tx->interval_ms * 2;
		timer_start(&tx->retransmit, &tx->endpoint->timers, tx->interval_ms, on_retransmit,
			    tx);
	}
	sip_tx_fire(tx, SIP_TX_RETRANSMIT, NULL);
}

void sip_tx_start_deadline(struct sip_tx *tx, uint32_t in_ms)
{
	timer_start(&tx->deadline, &tx->endpoint->timers, in_ms, on_deadline, tx);
}

static void leave_flow(struct sip_tx *tx)
{
	if (!tx->flow)
		return;
	if (tx->prev)
		tx->prev->next = tx->next;
	else
		tx->flow->transactions = tx->next;
	if (tx->next)
		tx->next->prev = tx->prev;
	tx->flow = NULL;
}

/* Nothing finds it and nothing happens to it any more. */
static void retire(struct sip_tx *tx)
{
	timer_stop(&tx->retransmit);
	timer_stop(&tx->deadline);
	leave_flow(tx);
	tx->machine->forget(tx);
}

static void start_timers(struct sip_tx *tx)
{
	const struct sip_tx_pace *pace = pace_for(tx);
	struct timers *timers = &tx->endpoint->timers;
	bool reliable = tx->flow && tx->flow->transport->reliable;

	timer_stop(&tx->retransmit);
	if (!pace || pace->give_up_ms != SIP_TX_KEEP)
		timer_stop(&tx->deadline);
	if (!pace)
		return;

	if (pace->resend_ms > 0 && (!reliable || pace->most_ms == SIP_TX_ONCE)) {
		tx->interval_ms = pace->resend_ms;
		tx->most_ms = pace->most_ms;
		timer_start(&tx->retransmit, timers, tx->interval_ms, on_retransmit, tx);
	}
	if (pace->give_up_ms > 0 && pace->give_up_ms != SIP_TX_KEEP)
		sip_tx_start_deadline(tx,
				      reliable && pace->at_once_if_reliable ? 0 : pace->give_up_ms);
}

static void enter(struct sip_tx *tx, enum sip_tx_state next)
{
	tx->state = next;
	if (next == SIP_TX_TERMINATED)
		retire(tx);
	else
		start_timers(tx);
}

/* The state changes before the action runs: an action may call the user, and
 * the user may call us again. The transaction is freed once nobody is inside. */
void sip_tx_fire(struct sip_tx *tx, enum sip_tx_event on, struct sip_msg *msg)
{
	const struct sip_tx_rule *r = rule_for(tx, on);

	if (!r)
		return;

	tx->depth++;
	if (r->next != tx->state)
		enter(tx, r->next);
	if (r->act)
		r->act(tx, msg);
	tx->depth--;
	sip_tx_release(tx);
}

bool sip_tx_reacts(const struct sip_tx *tx, enum sip_tx_event on)
{
	return rule_for(tx, on) != NULL;
}

void sip_tx_flow_closed(struct sip_tx *tx)
{
	leave_flow(tx);
	sip_tx_fire(tx, SIP_TX_TRANSPORT_FAILED, NULL);
}

int sip_tx_init(struct sip_tx *tx, const struct sip_tx_machine *machine, enum sip_tx_state state,
		struct sip_endpoint *endpoint, struct sip_flow *flow, struct sip_msg *request)
{
	if (timer_reserve(&tx->retransmit, &endpoint->timers))
		return -ENOMEM;
	if (timer_reserve(&tx->deadline, &endpoint->timers)) {
		timer_release(&tx->retransmit, &endpoint->timers);
		return -ENOMEM;
	}
	tx->machine = machine;
	tx->endpoint = endpoint;
	tx->request = sip_msg_ref(request);

	tx->flow = flow;
	tx->next = flow->transactions;
	if (tx->next)
		tx->next->prev = tx;
	flow->transactions = tx;

	tx->all_next = endpoint->transactions;
	if (tx->all_next)
		tx->all_next->all_prev = tx;
	endpoint->transactions = tx;
	endpoint->n_transactions++;
	enter(tx, state);
	return 0;
}

void sip_tx_release(struct sip_tx *tx)
{
	if (tx->state == SIP_TX_TERMINATED && tx->depth == 0 && !tx->owed)
		sip_tx_free(tx);
}

void sip_tx_free(struct sip_tx *tx)
{
	struct sip_endpoint *endpoint = tx->endpoint;

	assert(tx->depth == 0);
	retire(tx);
	timer_release(&tx->retransmit, &endpoint->timers);
	timer_release(&tx->deadline, &endpoint->timers);
	if (tx->all_prev)
		tx->all_prev->all_next = tx->all_next;
	else
		endpoint->transactions = tx->all_next;
	if (tx->all_next)
		tx->all_next->all_prev = tx->all_prev;
	endpoint->n_transactions--;
	sip_msg_unref(tx->request);
	tx->machine->destroy(tx);
}
