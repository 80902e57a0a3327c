/* jssip.test.mjs: JsSIP as it comes from npm, in Chromium. */
import { buildClients } from "./clients.mjs";
import { clientTests } from "./client_tests.mjs";
import { setScene } from "./scene.mjs";

/* with TURN their 200 to REGISTER holds a header that they do not know */
const turn = { urls: "turn:192.0.2.20", secret: "north-by-northwest" };
const scene = setScene({ config: { web: { root: await buildClients() }, turn } });

clientTests(scene, "jssip");
