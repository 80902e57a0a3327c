/* fake_network.c: the network of the SIP tests, for the tests of this folder. */
#include "tests/sip/fake_transport.c"
