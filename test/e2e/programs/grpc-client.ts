/** `grpc-client ADDRESS`: 100 calls of Get at once, then 5 of List and 5 of Fail one after the other. */
import { Client, credentials } from "@grpc/grpc-js";
import { CARTS } from "./grpc-service.ts";

const client = new Client(process.argv[2] ?? "", credentials.createInsecure());

function unary({ path, requestSerialize, responseDeserialize }: typeof CARTS.get, body: string): Promise<boolean> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, Buffer.from(body), (error) =>
      resolve(error === null),
    );
  });
}

function list(): Promise<void> {
  const { path, requestSerialize, responseDeserialize } = CARTS.list;
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, Buffer.from("all"));
  return new Promise((resolve, reject) => {
    call.on("data", () => {});
    call.on("error", reject);
    call.on("end", resolve);
  });
}

const answered = await Promise.all(Array.from({ length: 100 }, (_, number) => unary(CARTS.get, `cart ${number}`)));
if (answered.includes(false)) throw new Error("a call of Get failed");
for (let number = 0; number < 5; number++) await list();
for (let number = 0; number < 5; number++) {
  if (await unary(CARTS.fail, "none")) throw new Error("Fail did not fail");
}
client.close();
