/* invite_request.c: requests of ours within the dialog that are not INVITE. */
#include "sip/invite_inside.h"

#include <errno.h>
#include <stdlib.h>

struct sip_asked {
	struct sip_asked *next;
	struct sip_invite *invite; /* NULL: the session is over */
	void (*on_response)(void *arg, const struct sip_msg *response);
	void *arg;
};

static void unlink_asked(struct sip_asked *asked)
{
	struct sip_asked **at;

	if (!asked->invite)
		return;
	for (at = &asked->invite->asked; *at != asked; at = &(*at)->next)
		;
	*at = asked->next;
	asked->invite->n_asked--;
	asked->invite = NULL;
}

static void tell(struct sip_asked *asked, const struct sip_msg *response)
{
	struct sip_invite *iv = asked->invite;

	if (!iv)
		return;
	sip_invite_hold(iv);
	unlink_asked(asked);
	if (asked->on_response)
		asked->on_response(asked->arg, response);
	/* §12.2.1.2: the peer knows nothing of this session any more */
	if (response && response->status == 481 && iv->state == SIP_INVITE_TALKING)
		sip_invite_break(iv, SIP_END_REFUSED, 481, response);
	sip_invite_drop(iv);
}

static void on_response(void *arg, struct sip_client_tx *tx, struct sip_msg *response)
{
	(void)tx;
	if (response->status >= 200)
		tell(arg, response);
}

static void on_failed(void *arg, struct sip_client_tx *tx, enum sip_tx_failure why)
{
	(void)tx;
	(void)why;
	tell(arg, NULL);
}

static void on_over(void *arg, struct sip_client_tx *tx)
{
	(void)tx;
	unlink_asked(arg);
	free(arg);
}

static const struct sip_client_tx_user user = { on_response, on_failed, on_over };

int sip_invite_request_send(struct sip_invite *iv, enum sip_method method, struct str content_type,
			    struct str body,
			    void (*on_answer)(void *arg, const struct sip_msg *response), void *arg)
{
	char branch[SIP_BRANCH_CHARS + 1];
	struct sip_asked *asked;
	struct str text;
	int err;

	if (iv->state != SIP_INVITE_TALKING || method == SIP_INVITE || method == SIP_BYE)
		return -EINVAL;
	if (iv->n_asked >= SIP_INVITE_MAX_ASKED)
		return -EAGAIN;
	err = sip_dialog_print(&iv->dialog,
			       &(struct sip_request_parts){
				       .method = method,
				       .cseq = iv->dialog.local_cseq + 1,
				       .branch = sip_branch_make(iv->endpoint, branch),
				       .contact = str_of(iv->contact),
				       .content_type = content_type,
				       .body = body,
			       },
			       &text);
	if (err)
		return err;
	asked = malloc(sizeof(*asked));
	if (!asked)
		return -ENOMEM;
	*asked = (struct sip_asked){ iv->asked, iv, on_answer, arg };
	err = sip_client_tx_start(iv->endpoint, iv->dialog.flow, text, &user, asked, NULL);
	if (err) {
		free(asked);
		return err;
	}
	iv->dialog.local_cseq++;
	iv->asked = asked;
	iv->n_asked++;
	return 0;
}

void sip_invite_asked_done(struct sip_invite *iv, bool tell_them)
{
	while (iv->asked) {
		struct sip_asked *asked = iv->asked;

		unlink_asked(asked);
		if (tell_them && asked->on_response)
			asked->on_response(asked->arg, NULL);
	}
}
