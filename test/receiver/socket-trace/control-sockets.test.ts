import assert from "node:assert/strict";
import { isControlSocket } from "../../../src/receiver/socket-trace/control-sockets.ts";
import { get, Host, ok } from "../../support/host.ts";

const CLIENT = { tgid: 10, comm: "sockspan" };
const SERVER = { tgid: 20, comm: "sockspan" };

describe("the sockets by which a running sockspan is asked", () => {
  const exchange = (socketName: string) => {
    const host = new Host({ isExcluded: isControlSocket });
    host.connect({ socketName }).request(CLIENT, SERVER, get("/")).respond(SERVER, CLIENT, ok());
    return host;
  };

  it("are left alone, at both ends", () => {
    const host = exchange("/run/sockspan/4711.sock");
    assert.deepEqual(host.end(), []);
    const [bytes] = host.engine.accounts;
    assert.deepEqual([...bytes!.consumed.keys()], ["excluded"]);
    assert.equal(bytes!.lost.size, 0);
  });

  it("are no others", () => {
    for (const name of ["/run/sockspan/other.sock", "/srv/run/sockspan/1.sock"]) {
      assert.equal(exchange(name).end().length, 2, name);
    }
  });
});
