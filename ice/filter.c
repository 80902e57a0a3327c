/* filter.c: see filter.h.
 *
 * libnice drains its socket by itself, so a datagram behind the one we looked at
 * reaches it unseen; this program is what every datagram has passed in any case. */
#include "ice/filter.h"

#include "ice/stun.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

enum { UDP_HEADER = 8, STUN_HEADER = 20 }; /* a UDP socket's filter sees its UDP header */

int ice_filter_attach(int fd)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, UDP_HEADER),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 3, 0, 4),	 /* STUN: to 6 */
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 192, 13, 0), /* drop */
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 128, 11, 0), /* RTP, RTCP: pass */
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 64, 11, 0),	 /* drop */
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 20, 9, 10),	 /* DTLS: pass */
		/* 6: the cookie */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, UDP_HEADER + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x2112A442, 0, 8),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, UDP_HEADER + 2),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 3, 6, 0),
		/* the length in the message and both headers are the whole datagram */
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, UDP_HEADER + STUN_HEADER),
		BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, UDP_HEADER + ICE_STUN_MOST_BYTES, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFF), /* 15: pass */
		BPF_STMT(BPF_RET | BPF_K, 0),	       /* 16: drop */
	};
	struct sock_fprog fprog = { sizeof(program) / sizeof(program[0]), program };
	char byte;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof(fprog)) < 0)
		return -errno;
	while (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
		;
	return 0;
}
