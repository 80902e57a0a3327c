/* late.c: see late.h. */
#include "sip/late.h"
#include "sip/dialog.h"

void sip_late_2xx(struct sip_client_tx *tx, struct sip_msg *response)
{
	bool known = sip_client_tx_knows(tx, response->to_tag);
	struct sip_dialog d = { 0 };

	sip_dialog_call(&d, tx->tx.endpoint, tx->tx.flow, tx->tx.request);
	sip_dialog_learn(&d, response);
	sip_dialog_send_ack(&d, tx->tx.request);
	if (!known)
		sip_dialog_send_bye(&d, STR(""), NULL, NULL, NULL);
	sip_dialog_clear(&d);
}
