/* texts.h: descriptions the tests of this folder share, and how to read them. */
#pragma once

#include "sdp/sdp.h"

/* A file of tests/sdp/samples. The text lives until the next call. */
struct str sample(const char *name);

/* sdp_parse() of a text that must parse; prints why not and gives NULL. */
struct sdp *parsed(struct str text);

/* "192.0.2.1" to bytes; a test's own literal, so it must be one. */
struct sdp_ip ip_of(const char *text);

#define HEAD "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

/* a section as browsers offer it, from ice-ufrag to setup */
#define SHA256_HEX                                                                                 \
	"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"                                         \
	"10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F"
#define SHA384_HEX SHA256_HEX ":20:21:22:23:24:25:26:27:28:29:2A:2B:2C:2D:2E:2F"
#define UFRAG	   "a=ice-ufrag:abcd\r\n"
#define PWD	   "a=ice-pwd:0123456789abcdefghijkl\r\n"
#define PRINT	   "a=fingerprint:sha-256 " SHA256_HEX "\r\n"
#define SETUP	   "a=setup:actpass\r\n"
#define MUX	   "a=rtcp-mux\r\n"
#define OPUS	   "a=rtpmap:111 opus/48000/2\r\n"
#define WEB	   UFRAG PWD PRINT SETUP MUX
