/** Takes OTLP/HTTP requests and throws them away: the cheapest backend there is. Argument: the port. */
import { createServer } from "node:http";

createServer((request, response) => {
  request.resume().on("end", () => response.end());
}).listen(Number(process.argv[2]), "127.0.0.1", () => process.stdout.write("listening\n"));
