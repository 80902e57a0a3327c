/* late.h: a 2xx that nobody wants: of a fork that lost, or of an attempt that
 * was given up. It gets its ACK each time and one BYE (RFC 3261 §13.2.2.4). */
#pragma once

#include "sip/transaction.h"

void sip_late_2xx(struct sip_client_tx *tx, struct sip_msg *response);
