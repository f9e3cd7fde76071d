/** The self-test's server process: answers one kind of request on loopback, and ends with its parent. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { becomeNobody } from "./nobody.ts";

becomeNobody();
process.on("disconnect", () => process.exit(0));
const server = createServer((_, response) => response.end("sockspan self-test\n"));
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
