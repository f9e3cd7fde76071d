import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Server } from "node:net";
import { PipelinedConnection } from "./pipelined-connection.ts";

describe("a pipelined connection", () => {
  let server: Server;
  afterEach(() => server.close());

  /** Answers when it has as many requests as there are answers, all in one write. */
  async function serve(answers: readonly string[]): Promise<number> {
    server = createServer((socket) => {
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk;
        if (text.split("\r\n\r\n").length - 1 === answers.length) socket.end(answers.join(""));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  }

  it("sends before it has an answer, and tells answers apart by their length", async () => {
    const port = await serve([
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n",
      "HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n3\r\nno\n\r\n0\r\n\r\n",
      "HTTP/1.1 204 No Content\r\n\r\n",
    ]);
    const connection = new PipelinedConnection(port);
    const statuses = await Promise.all(["/a", "/b", "/c"].map((path) => connection.get(path)));
    assert.deepEqual(statuses, [200, 404, 204]);
    connection.close();
  });

  it("says of requests whose connection ended that there was no answer", async () => {
    const port = await serve(["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""]);
    const connection = new PipelinedConnection(port);
    assert.deepEqual(await Promise.all(["/a", "/b"].map((path) => connection.get(path))), [200, 0]);
  });
});
