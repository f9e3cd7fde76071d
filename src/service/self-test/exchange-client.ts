/** The self-test's client process: makes a request when it is told to, and ends with its parent. */
import { get } from "node:http";
import { becomeNobody } from "./nobody.ts";

becomeNobody();
process.on("disconnect", () => process.exit(0));
process.on("message", (message) => {
  const { port } = message as { port: number };
  const request = get({ host: "127.0.0.1", port, path: "/self-test", agent: false }, (response) => {
    response.resume().on("end", () => process.send?.({ status: response.statusCode }));
  });
  request.on("error", (error) => process.send?.({ error: String(error) }));
});
