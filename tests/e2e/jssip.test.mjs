/* jssip.test.mjs: JsSIP as it comes from npm, in Chromium. */
import { buildClients } from "./clients.mjs";
import { clientTests } from "./client_tests.mjs";
import { setScene } from "./scene.mjs";

const scene = setScene({ config: { web: { root: await buildClients() } } });

clientTests(scene, "jssip");
