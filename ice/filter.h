/* filter.h: what the kernel drops before a host socket's queue. */
#pragma once

/* Attaches a classic BPF program that lets pass only DTLS, RTP/RTCP (by the
 * first byte, RFC 7983) and what could be STUN (cookie, lengths), then throws
 * away what arrived before. -errno of setsockopt(). */
int ice_filter_attach(int fd);
