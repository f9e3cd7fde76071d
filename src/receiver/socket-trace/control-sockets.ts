/** `watch`, `stat` and `explain` ask over AF_UNIX: that is our own traffic, at the end of who asks too. */
import { CONTROL_FOLDER, CONTROL_NAME } from "../../ipc/control.ts";
import type { Endpoint } from "../../mapping/protocols/protocol.ts";

export function isControlSocket({ local, remote }: { readonly local: Endpoint; readonly remote: Endpoint }): boolean {
  return isControlPath(local.address) || isControlPath(remote.address);
}

function isControlPath(address: string): boolean {
  const folder = `${CONTROL_FOLDER}/`;
  return address.startsWith(folder) && CONTROL_NAME.test(address.slice(folder.length));
}
